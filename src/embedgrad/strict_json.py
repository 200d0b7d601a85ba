"""JSON that embedgrad wrote, read back without trust: no duplicate keys, no NaN, no value changed unnoticed.

The objects in a run folder carry `content_sha256`, the SHA-256 of what they say without it: of the same JSON with
sorted keys and no spaces, in UTF-8. How a file is laid out does not matter, what it says does. It tells damage, not who
made the file. One without that key was written by an earlier embedgrad, or by hand, and is taken as it is.
"""

from __future__ import annotations

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

DIGEST = "content_sha256"
_shorten = reprlib.Repr()
_shorten.maxstring = _shorten.maxother = _shorten.maxlong = 60


class MalformedError(Exception):
    """What was found and what was expected; the reader adds the file's name and what to do."""


@dataclass(frozen=True)
class MostOf:
    """What one JSON text may hold at most: values in all, and objects with their keys, which take longest to check."""

    values: int
    keys: int


def strict_json(data: bytes | str, what: str, most: MostOf | None = None) -> Any:
    """JSON without duplicate keys, NaN or infinities, and no more than `most`. Raises MalformedError naming `what`."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise MalformedError(f"{what} is nested too deep") from None
    except ValueError as error:
        raise MalformedError(f"{what} is not valid JSON: {error}") from None
    if most is not None:
        _check_amount(value, what, most)
    return value


def sealed_json(value: Mapping[str, Any]) -> bytes:
    """The bytes of a JSON file that says `value`, with its `content_sha256` in front."""
    sealed = {DIGEST: hashlib.sha256(_canonical(value)).hexdigest(), **value}
    return (json.dumps(sealed, indent=2, ensure_ascii=False) + "\n").encode()


def unsealed_json(data: bytes) -> tuple[bytes, bool]:
    """What a JSON file says, in canonical form and without its `content_sha256`, and whether it had one, which then
    fits. Raises MalformedError."""
    value = strict_json(data, "it")
    if not isinstance(value, dict) or DIGEST not in value:
        return _canonical(value), False
    stored = value.pop(DIGEST)
    content = _canonical(value)
    found = hashlib.sha256(content).hexdigest()
    if stored != found:
        raise MalformedError(
            f"its {DIGEST} is {shown(stored)}, but what it says gives {shown(found)}: it is damaged or altered"
        )
    return content, True


def shown(value: object) -> str:
    """`value` as it is quoted in a message: short, on one line, whatever it is."""
    return _shorten.repr(value)


def legible(text: str) -> str:
    """A message made elsewhere, which may quote the file: quoted and cut unless short and printable."""
    return text if len(text) <= 200 and text.isprintable() else f"{text[:200]!r}..."


def _canonical(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedError(f"it holds {shown(error.object[error.start])}, which is no character") from None
    except RecursionError:
        raise MalformedError("it is nested too deep") from None


def _check_amount(value: Any, what: str, most: MostOf) -> None:
    stack, seen, keys = [value], 0, 0
    while stack:
        seen += 1
        top = stack.pop()
        if isinstance(top, dict):
            keys += 1 + len(top)
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)
        if seen + len(stack) > most.values:
            raise MalformedError(f"{what} holds more than {most.values:,} values")
        if keys > most.keys:
            raise MalformedError(f"{what} holds more than {most.keys:,} objects and keys")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} occurs twice")
        found[key] = value
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{shown(digits)} is too large")
    return number
