"""One labeled row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedgrad.data.target_form import target_form


@dataclass(frozen=True)
class Example:
    """A row as the user wrote it, the target in its one form.

    input    what fills the `{input}` slot
    target   the wanted answer in the form of `target_form`; None where only an answer is asked for
    columns  further columns by name, as texts, for `{name}` slots; numbers and booleans as JSON writes them
    history  earlier chat turns as (role, content), kept in front of the input
    line     line in its file, counting from 1 as an editor does; 0 for rows made in Python
    row      the whole row as it stood in its file, each value of its own type, to be written out again
    """

    input: str
    target: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    history: tuple[tuple[str, str], ...] = ()
    line: int = 0
    row: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.target, str):
            object.__setattr__(self, "target", target_form(self.target))
