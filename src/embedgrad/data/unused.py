"""What a file of rows holds that the model would not see, in words, with the template that would show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from embedgrad.data.example import Example
from embedgrad.data.fields import Fields
from embedgrad.data.records import Number, Records
from embedgrad.faces import template
from embedgrad.units import counted

_MOST_NAMED = 10
_SAMPLE_ROWS = 200
_WORDS_OF_A_TEXT = 3  # on average; names, dates and categories have fewer


def unused_words(records: Records, fields: Fields, columns: Sequence[str], aside: Sequence[str]) -> Iterator[str]:
    """A sentence for the columns with texts that are neither input, target, in the template's `columns`, nor set
    `aside` for another purpose; and one for instructions that are put above their inputs."""
    if fields.instruction is not None:
        yield (
            f'Each input is the row\'s "{fields.instruction}", then a blank line and its "{fields.input}" where it has '
            f"one. To place them yourself: {_template([fields.instruction])}"
        )
    used = {fields.input, fields.target, fields.instruction, *columns, *aside}
    unused = [name for name in records.columns if name not in used and _is_text(records, name)]
    if unused:
        named, more = unused[:_MOST_NAMED], len(unused) - _MOST_NAMED
        names = " and ".join([*(f'"{name}"' for name in named), *([f"{more:,} more columns"] if more > 0 else [])])
        slots = [name for name in named if name.isidentifier()]
        shown = f" To show them to the model: {_template(slots)}" if slots else ""
        yield f"The texts in {names} are not used.{shown}"


def space_words(examples: Sequence[Example], fields: Fields) -> str | None:
    """A sentence for white space before targets, which their one form (`target_form`) leaves out; None without any."""
    spaced = [row for row in examples if isinstance(raw := row.row.get(fields.target or ""), str) and raw[:1].isspace()]
    if not spaced:
        return None
    return (
        f"The white space before {len(spaced)} of {counted(len(examples), 'target')} is left out (the first in line "
        f"{spaced[0].line}): what stands before an answer is the template's to say."
    )


def _is_text(records: Records, name: str) -> bool:
    values = [row.get(name) for _, row in records.rows[:_SAMPLE_ROWS]]
    texts = [value for value in values if isinstance(value, str) and not isinstance(value, Number) and value.strip()]
    return bool(texts) and sum(len(text.split()) for text in texts) >= _WORDS_OF_A_TEXT * len(texts)


def _template(slots: Sequence[str]) -> str:
    return template("\n\n".join(f"{{{name}}}" for name in ("prompt", *slots, "input")))
