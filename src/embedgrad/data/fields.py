"""Which two fields of a file hold the input and the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.data.json_rows import CHATS
from embedgrad.errors import DataError, did_you_mean
from embedgrad.faces import setting

PAIRS = {"input": "output", "prompt": "completion", "question": "answer", "text": "label"}
INSTRUCTION, INPUT, OUTPUT = "instruction", "input", "output"
_KNOWN = ", ".join(
    [*(f"{first}/{second}" for first, second in PAIRS.items()), "instruction/input/output", " or ".join(CHATS)]
)
_KNOWN_INPUTS = ", ".join([*PAIRS, INSTRUCTION, " or ".join(CHATS)])


@dataclass(frozen=True)
class Fields:
    """Names of the fields; `target` is None for chat rows and where there is no target.

    In rows of instruction, input and output the input may be empty, or missing. `instruction` is then the column that
    stands above it; None where the template has a place for that column.
    """

    input: str
    target: str | None
    instruction: str | None = None
    input_may_be_empty: bool = False

    @property
    def is_chat(self) -> bool:
        return self.input in CHATS


def choose_fields(
    name: str,
    found: Sequence[str],
    *,
    input_field: str | None = None,
    target_field: str | None = None,
    needs_target: bool = True,
    columns: Sequence[str] = (),
) -> Fields:
    """The fields that are named, else the only known pair among the fields `found` in the file `name`; `columns`
    are those that the template has slots for.

    With one named the other field is its known partner, or the only known one that is left. Raises DataError
    where a named field is in no row, and where no pair or several are there.
    """
    for which, field in (("input_field", input_field), ("target_field", target_field)):
        if field is not None and field not in found:
            raise DataError(
                f'{name} has no field "{field}" ({setting(which)}).{did_you_mean(field, found)}\n{_list(found)}'
            )
    if input_field is not None and input_field == target_field:
        raise DataError(f'{setting("input_field")} and {setting("target_field")} both name "{input_field}" of {name}.')
    if input_field in CHATS:
        return Fields(input_field, target_field)
    candidates = _candidates(found, input_field, target_field, needs_target)
    if input_field is None and INSTRUCTION in found:
        target = target_field or (OUTPUT if OUTPUT in found else None)
        others = [way for way in candidates if way.input != INPUT]
        if target or (not needs_target and len(others) == 0):
            above = None if INSTRUCTION in columns else INSTRUCTION
            candidates = [Fields(INPUT, target, above, input_may_be_empty=True), *others]
    if len(candidates) == 1:
        return candidates[0]
    if not found:
        raise DataError(f'The rows of {name} have no fields. Expected some like {{"input": "...", "output": "..."}}.')
    if candidates:
        ways = ", ".join(map(_words, candidates))
        problem = f"{name} can be read in several ways: {ways}."
    else:
        known, them = (_KNOWN, "fields") if needs_target else (_KNOWN_INPUTS, "input")
        problem = f"{name} has no {them} known without being named: {known}."
    if needs_target:
        how = f"Name them with {setting('input_field')} and {setting('target_field', of='load_examples')}"
    else:
        how = f"Name the input with {setting('input_field', of='load_examples')}"
    raise DataError(f"{problem}\n{_list(found)} {how}.")


def _candidates(
    found: Sequence[str], input_field: str | None, target_field: str | None, needs_target: bool
) -> list[Fields]:
    inputs = [input_field] if input_field else [field for field in PAIRS if field in found]
    targets = [target_field] if target_field else [field for field in PAIRS.values() if field in found]
    if input_field and target_field:
        return [Fields(input_field, target_field)]
    pairs = [Fields(first, PAIRS[first]) for first in inputs if PAIRS.get(first) in targets]
    if not input_field and not target_field:
        pairs += [Fields(chat, None) for chat in CHATS if chat in found]
    elif not pairs:
        pairs = [Fields(first, second) for first in inputs for second in targets if first != second]
    if not needs_target and (not pairs or (input_field and len(pairs) > 1)):
        return [Fields(first, None) for first in inputs]
    return pairs


def _words(way: Fields) -> str:
    names = [INSTRUCTION, way.input, way.target] if way.input_may_be_empty else [way.input, way.target]
    return "/".join(name for name in names if name)


def _list(found: Sequence[str], most: int = 20) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"Columns found: {', '.join(found[:most])}{more}."
