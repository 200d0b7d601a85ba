"""What a person sees: notes and progress on stderr, results on stdout, little when nobody watches.

The one door to the terminal: text from files, keys, models and names passes `visible` on its way.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from embedgrad.data.records import written
from embedgrad.watch import Update, Watch

# What a terminal obeys instead of showing it: C0 (but tab and newline), DEL, C1, line separators, marks that turn the
# direction of what follows (as in "Trojan Source", https://trojansource.codes), and half surrogates.
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOW_AFTER_SECONDS = 2.0
_PLAIN_EVERY_SECONDS = 10.0


def visible(text: str) -> str:
    """`text` with what a terminal would obey written out: an escape is `\\x1b`."""
    return _OBEYED.sub(lambda found: ascii(found.group())[1:-1], text)


class Terminal:
    """The two streams of one command, and how talkative it may be on them."""

    def __init__(self, as_json: bool, quiet: bool, *, says_result: bool = False) -> None:
        """`says_result`: the result is shown even if quiet, because it is all that there is."""
        self.as_json = as_json
        self.quiet = quiet
        self._says = not as_json and (says_result or not quiet)
        self._out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
        self._err = Console(stderr=True, highlight=False)

    def note(self, sentence: str) -> None:
        """Something worth knowing on the way. A warning, so not silenced by --json."""
        if not self.quiet:
            self._err.print(_shown(sentence), soft_wrap=True)

    def say(self, text: str = "") -> None:
        """Part of the result, for people."""
        if self._says:
            self._out.print(_shown(text), soft_wrap=True)

    def section(self, title: str, lines: Sequence[str]) -> None:
        """Part of the result, for people: a heading and the lines under it."""
        self.say("\n" + "\n  ".join([title, *lines]))

    def result(self, value: Any) -> None:
        """The result, for machines; printed only with --json, on one line."""
        if self.as_json:
            self.line(value)
            sys.stdout.flush()

    def line(self, value: Any) -> None:
        """One line of JSON, which holds no character that a terminal obeys."""
        print(_OBEYED.sub(lambda found: f"\\u{ord(found.group()):04x}", written(value)))

    def answer(self, text: str, end: str = "\n") -> None:
        """What a model answered: as it is for a pipe or a file, made visible on a terminal."""
        print(visible(text) if sys.stdout.isatty() else text, end=end)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A header row and the rows under it."""
        if not self._says:
            return
        header, *body = rows
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, title in enumerate(header):
            table.add_column(_shown(title), justify="left" if number == 0 else "right", overflow="fold")
        for row in body:
            table.add_row(*(_shown(cell) for cell in row))
        self._out.print(table)

    @property
    def watch(self) -> Watch:
        """What a job tells, shown here."""
        return Watch(note=self.note, stage=self._stage)

    @contextmanager
    def _stage(self, what: str, total: int = 0, done: int = 0) -> Iterator[Update]:
        if total:
            with self.progress(what, total, done) as line:
                yield line.update
        else:
            with self.working(what):
                yield lambda done, detail="": None

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """A turning wheel for something whose end cannot be foreseen; only on a terminal."""
        if self.quiet or not self._err.is_terminal:
            yield
        else:
            with self._err.status(_shown(what)):
                yield

    @contextmanager
    def progress(self, what: str, total: int, done: int = 0) -> Iterator[ProgressLine]:
        """A bar with time left on a terminal, a plain line now and then elsewhere, nothing with --quiet."""
        if self.quiet:
            yield ProgressLine(None, None, what, total, done)
        elif self._err.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self._err, transient=True) as bar:
                yield ProgressLine(bar, None, what, total, done)
        else:
            yield ProgressLine(None, self._err, what, total, done)


def _shown(text: str) -> Text:
    return Text(visible(text))  # a Text knows no markup


class ProgressLine:
    """Progress of one long thing; `update` as often as you like."""

    def __init__(self, bar: Progress | None, plain: Console | None, what: str, total: int, done: int) -> None:
        self._bar, self._plain, self._what, self._total, self._first = bar, plain, what, total, done
        self._task = bar.add_task(visible(what), total=total, completed=done) if bar else None
        self._started, self._is_moving = time.monotonic(), False
        self._next = self._started + _SHOW_AFTER_SECONDS

    def part(self, done: int, total: int) -> None:
        """`update` for what does not know the line's total: `done` of `total` parts of it."""
        self.update(self._total * done // max(total, 1))

    def update(self, done: int, detail: str = "") -> None:
        if self._bar is not None and self._task is not None:
            described = f"{self._what}  {detail}" if detail else self._what
            self._bar.update(self._task, completed=done, description=visible(described))
            return
        if done > self._first and not self._is_moving:  # what came before the first step says nothing of the pace
            self._is_moving, self._first, self._started = True, done, time.monotonic()
        if self._plain is not None and time.monotonic() >= self._next and done < self._total:
            passed = time.monotonic() - self._started
            self._next = time.monotonic() + _PLAIN_EVERY_SECONDS
            words = [f"{self._what} {done}/{self._total}"]
            if done > self._first:
                words.append(f"about {passed / (done - self._first) * (self._total - done):.0f} s left")
            self._plain.print(_shown(", ".join([*words, detail] if detail else words)), soft_wrap=True)
