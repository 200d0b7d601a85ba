"""What every JSON object of the project is made of: frozen, strict, without keys that it does not know."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast

Interval = tuple[float, float]  # low, high; 95 % unless said otherwise


class Shape(BaseModel):
    """A frozen JSON object that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _HashableFailFast(FailFast):
    """Trap: `Annotated[..., FailFast()] | None` hashes it, which pydantic's own refuses."""

    __hash__ = object.__hash__


Many = TypeVar("Many")
FirstError = Annotated[Many, _HashableFailFast()]
"""`FirstError[tuple[int, ...]]`: checked up to the first wrong entry, however many are wrong."""


def _hex_digest(value: str) -> str:
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError("expected 64 lower-case hex digits")
    return value


Sha256 = Annotated[str, AfterValidator(_hex_digest)]
