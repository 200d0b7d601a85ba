"""What a right answer is: the kind of a task, and how it is told from the targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from embedgrad.errors import SettingsError
from embedgrad.tasks.numbers import ends_in_number, last_number

Kind = Literal["label", "number", "exact", "regex", "text"]

_SHORT = 40  # characters of a label or an exact answer


@dataclass(frozen=True)
class Task:
    """How outputs are read and compared with targets.

    label    the output is one of `labels`
    number   the last number of the output is the target's
    exact    the output is the target, surrounding whitespace aside
    regex    what the last match of `pattern` holds (group 1, else all of it) is the target
    text     free text: no metric, only the loss

    Raises SettingsError for labels or a pattern that cannot work or do not belong to the kind.
    """

    kind: Kind
    labels: tuple[str, ...] = ()
    pattern: str | None = None

    def __post_init__(self) -> None:
        given: object = self.labels
        if isinstance(given, str):
            raise SettingsError(f"Labels are a sequence of texts; got the single text {self.labels!r}.")
        object.__setattr__(self, "labels", tuple(self.labels))
        if (self.kind == "label") != bool(self.labels) or (self.kind == "regex") != (self.pattern is not None):
            raise SettingsError(
                'A task of kind "label" needs labels, one of kind "regex" a pattern, others neither; got '
                f"kind {self.kind!r}, {len(self.labels)} labels, pattern {self.pattern!r}."
            )
        for label in self.labels:
            if not label or label != label.strip() or self.labels.count(label) > 1:
                raise SettingsError(
                    f"The label {label!r} cannot be used: labels must be distinct, not empty and without "
                    "whitespace around them."
                )
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise SettingsError(f"The pattern {self.pattern!r} is no regular expression: {error}.") from error

    @property
    def has_metric(self) -> bool:
        """Whether an output can be right or wrong."""
        return self.kind != "text"

    @property
    def has_meaning(self) -> bool:
        """Whether outputs can also be read by meaning (`read_by_meaning`): labels only."""
        return self.kind == "label"


def infer_task(targets: Sequence[str]) -> Task:
    """The kind that fits all `targets`, surrounding whitespace aside; the first that holds:

    label    2 to 20 distinct targets of at most 40 characters, on average at least 5 rows each
    number   every target has a number, and at least 95 % of them end in it (`72`, `... #### 72`)
    exact    all targets have at most 40 characters
    text     otherwise

    Labels come sorted. Raises ValueError without targets.
    """
    if not targets:
        raise ValueError("a task cannot be inferred from no targets")
    stripped = [target.strip() for target in targets]
    distinct = sorted(set(stripped))
    is_short = all(len(target) <= _SHORT for target in distinct)
    if 2 <= len(distinct) <= 20 and is_short and all(distinct) and len(stripped) >= 5 * len(distinct):
        return Task("label", labels=tuple(distinct))
    ends = sum(map(ends_in_number, stripped))
    if ends >= 0.95 * len(stripped) and all(last_number(target) is not None for target in distinct):
        return Task("number")
    return Task("exact" if is_short else "text")
