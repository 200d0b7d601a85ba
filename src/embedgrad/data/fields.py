"""Which two fields of a file hold the input and the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.errors import DataError, did_you_mean

PAIRS = {"input": "output", "prompt": "completion", "question": "answer", "text": "label"}
MESSAGES = "messages"
_KNOWN = ", ".join(f"{first}/{second}" for first, second in PAIRS.items()) + f" or {MESSAGES}"


@dataclass(frozen=True)
class Fields:
    """Names of the fields; `target` is None for chat rows (`messages`) and where there is no target."""

    input: str
    target: str | None


def choose_fields(
    name: str,
    found: Sequence[str],
    *,
    input_field: str | None = None,
    target_field: str | None = None,
    needs_target: bool = True,
) -> Fields:
    """The fields named by the flags, else the only known pair among the fields `found` in the file `name`.

    With one flag the other field is its known partner, or the only known one that is left. Raises DataError
    where a named field is in no row, and where no pair or several are there.
    """
    for flag, field in (("--input-field", input_field), ("--target-field", target_field)):
        if field is not None and field not in found:
            raise DataError(f'{name} has no field "{field}" ({flag}).{did_you_mean(field, found)}\n{_list(found)}')
    if input_field is not None and input_field == target_field:
        raise DataError(f'--input-field and --target-field both name "{input_field}" of {name}.')
    if input_field == MESSAGES:
        return Fields(MESSAGES, target_field)
    candidates = _candidates(found, input_field, target_field, needs_target)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ways = ", ".join(f"{way.input}/{way.target}" if way.target else way.input for way in candidates)
        problem = f"{name} can be read in several ways: {ways}."
    else:
        problem = f"{name} has no fields known without being named: {_KNOWN}."
    raise DataError(f"{problem}\n{_list(found)} Name them with --input-field and --target-field.")


def _candidates(
    found: Sequence[str], input_field: str | None, target_field: str | None, needs_target: bool
) -> list[Fields]:
    inputs = [input_field] if input_field else [field for field in PAIRS if field in found]
    targets = [target_field] if target_field else [field for field in PAIRS.values() if field in found]
    if input_field and target_field:
        return [Fields(input_field, target_field)]
    pairs = [Fields(first, PAIRS[first]) for first in inputs if PAIRS.get(first) in targets]
    if not input_field and not target_field:
        pairs += [Fields(MESSAGES, None)] if MESSAGES in found else []
    elif not pairs:
        pairs = [Fields(first, second) for first in inputs for second in targets if first != second]
    if not needs_target and (not pairs or (input_field and len(pairs) > 1)):
        return [Fields(first, None) for first in inputs]
    return pairs


def _list(found: Sequence[str], most: int = 20) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"Columns found: {', '.join(found[:most])}{more}."
