"""Changes of a live model: named, nested, undone exactly, under the model's lock.

What the engine sets in a loaded model for one forward (its own attention, a last layer in part, layers that are run
again in the backward), for a run (compiled parts), and what an adapter or a steering vector would set, is a change that
is made here. Nothing else assigns a part's `forward` or a config (tests/invariants/test_only_surgery.py).

    with model.surgery.change("steering", Wrapped(layer, adds_a_vector)):
        ...  # this thread alone has its turn, until the change has ended

Changes nest: the last one made ends first. When one has ended, the model is what it was before, bit for bit, whatever
came in between (an exception, Ctrl-C, a generator that is closed): what was made over it and is still there is undone
with it. That is an error, NotNested, unless another one is on its way.
"""

from __future__ import annotations

import math

from embedgrad.model.surgery.cuts import Cut, Undo
from embedgrad.model.turns import Turns


class NotNested(Exception):
    """A change ends out of order, in another thread, or was undone before its end: a mistake in the calling code."""


class Surgery:
    """What is changed in one model now, oldest first, and the turns of the threads that run it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.made: list[Change] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Of the changes that are there now, oldest first."""
        return tuple(change.name for change in self.made)

    def change(self, name: str, *cuts: Cut) -> Change:
        """For a `with`, in a turn of this thread, which ends with it."""
        return Change(self, name, cuts, self.turns)

    def again(self, name: str, *cuts: Cut) -> Change:
        """As `change`, within a backward. Trap: on a GPU, autograd runs layers again in a thread of its own while the
        one that has the turn waits for it; asking for a turn there would never end."""
        return Change(self, name, cuts)

    def keep(self, name: str, *cuts: Cut) -> None:
        """Make a change that stays, for all threads, until it is undone by its name. Raises NotNested where one that
        ends sooner would be under it."""
        with self.turns:
            if passing := [change.name for change in self.made if not change.stays]:
                raise NotNested(f"{name!r} is to stay, and {passing[-1]!r}, which would be under it, is not.")
            Change(self, name, cuts, stays=True).__enter__()

    def undo(self, name: str) -> None:
        """Undo what was kept under this name. Raises NotNested unless that is the last change."""
        with self.turns:
            last = self.made[-1] if self.made else None
            if last is None or not last.stays or last.name != name:
                raise NotNested(f"{name!r} is not the last change that is kept; there are {list(self.names)}.")
            last.__exit__(None)

    def __reduce__(self) -> tuple[type[Surgery], tuple[()]]:
        """A copy of a model is another model, with turns and changes of its own."""
        return Surgery, ()


class Change:
    """One change of a model, for one `with`.

    Trap: Python looks for Ctrl-C when it calls a function, also before the first line of `__exit__`. What is left by
    that is undone with the change that it was made over.

    turns  those of which it takes one, None where the caller has seen to that
    stays  until it is undone by its name
    """

    def __init__(
        self, surgery: Surgery, name: str, cuts: tuple[Cut, ...], turns: Turns | None = None, *, stays: bool = False
    ) -> None:
        self.name, self.stays = name, stays
        self._made, self._cuts, self._turns = surgery.made, cuts, turns
        self._depth = math.inf  # of this thread's turns, that of this change counted in
        self._undo: list[Undo] = []
        self._ended: list[Change] = []  # what was made over this change and is undone with it

    def __enter__(self) -> None:
        try:
            if self._turns is not None:
                self._depth = self._turns.depth + 1
                self._turns.__enter__()
            self._made.append(self)
            for cut in self._cuts:
                self._undo.append(cut.undo())  # known before anything is set
                cut.make()
        except BaseException:
            self._end()
            raise

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        try:
            problem = self._problem()
            self._end()
        except NotNested:
            raise
        except BaseException:  # Ctrl-C: the rest is undone, too
            self._end()
            raise
        if problem and kind is None:
            raise NotNested(problem)

    def _problem(self) -> str | None:
        """What is wrong with an end now. Raises NotNested where it must not be."""
        if self not in self._made:
            return f"{self.name!r} was undone before its end, with a change that it was made over."
        if self._turns is not None and not self._turns.depth:
            raise NotNested(f"{self.name!r} ends in a thread that did not make it.")
        over = self._made[-1]
        return None if over is self else f"{self.name!r} ends before {over.name!r}, which was made over it."

    def _end(self) -> None:
        """Undo all from the top down to this change. Called again, it goes on where it was broken off."""
        while self in self._made:
            over = self._made[-1]
            over._set_again()
            if over is not self:
                self._ended.append(over)
            self._made.pop()
        for change in (*self._ended, self):
            change._leave_turn()

    def _set_again(self) -> None:
        while self._undo:
            self._undo[-1]()
            self._undo.pop()

    def _leave_turn(self) -> None:
        if self._turns is not None and self._turns.depth >= self._depth:
            self._turns.__exit__()
