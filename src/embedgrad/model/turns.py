"""Turns of threads at one model, in the order in which they asked.

What is changed in a model for one forward (`model.surgery`) and what transformers keeps in one (rotary factors,
attention's name in the config) is there for every thread of the process. So whoever runs a model, or
its tokenizer, has its turn: for one forward, or one forward and its backward, never for a whole answer or tuning, so
that calls beside each other interleave, and never while a caller holds a half-read stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import wraps
from threading import Lock, get_ident
from typing import Any, ParamSpec, TypeVar


class Turns:
    """A lock that a thread may take again while it has it, and that goes to whoever has waited longest.

    Trap: a `threading.RLock` is often taken again by the thread that has just left it, and a tuning would keep all
    others waiting. Trap: an autograd thread that runs layers again (checkpointing on a GPU) is not the one that has the
    turn, and must not ask for one.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._owner: int | None = None
        self._depth = 0
        self._waiting: deque[tuple[int, Lock]] = deque()

    @property
    def depth(self) -> int:
        """How many times this thread has it now; 0 where another one or none has."""
        return self._depth if self._owner == get_ident() else 0

    def __enter__(self) -> None:
        me = get_ident()
        if self._owner == me:  # nobody but this thread sets it to this thread, or from it
            self._depth += 1
            return
        mine = Lock()
        with self._guard:
            if self._owner is None:
                self._owner, self._depth = me, 1
                return
            mine.acquire()
            self._waiting.append((me, mine))
        try:
            mine.acquire()  # until the turn is handed on
        except BaseException:  # Ctrl-C
            with self._guard:
                if self._owner == me:
                    self._hand_on()
                else:
                    self._waiting.remove((me, mine))
            raise

    def __exit__(self, *failure: object) -> None:
        with self._guard:
            self._depth -= 1
            if not self._depth:
                self._hand_on()

    def __reduce__(self) -> tuple[type[Turns], tuple[()]]:
        """A copy of a model is another model, with turns of its own."""
        return Turns, ()

    def _hand_on(self) -> None:
        self._owner, self._depth = None, 0
        if self._waiting:
            self._owner, theirs = self._waiting.popleft()
            self._depth = 1
            theirs.release()


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_turn(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """`function`, whose first argument `model` is a FrozenModel, in a turn of its own at that model."""

    @wraps(function)
    def taking_a_turn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        model: Any = args[0] if args else kwargs["model"]
        with model.turns:
            return function(*args, **kwargs)

    return taking_a_turn
