"""What a change sets in a live model, one place each, and how it is set again; `surgery.changes` makes and undoes them.

A kind of change that needs more than another forward or another attention is one class more here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch.nn import Module

from embedgrad.model import hooks

Forward = Callable[..., Any]
Undo = Callable[[], None]  # may be called twice


class Cut(Protocol):
    """One place of a model, and what is set there."""

    def undo(self) -> Undo:
        """How to set again what is there now."""

    def make(self) -> None:
        """Set it."""


@dataclass(frozen=True)
class Wrapped:
    """A part's forward inside another one: `around` is given the forward that is there, and returns what is called in
    its place."""

    part: Module
    around: Callable[[Forward], Forward]

    def undo(self) -> Undo:
        own, had = vars(self.part), "forward" in vars(self.part)
        before = own.get("forward")

        def set_again() -> None:
            if had:
                own["forward"] = before
            else:
                own.pop("forward", None)

        return set_again

    def make(self) -> None:
        vars(self.part)["forward"] = self.around(self.part.forward)


@dataclass(frozen=True)
class Attending:
    """The attention by which the layers of `config` attend, by its registered name."""

    config: Any
    name: str

    def undo(self) -> Undo:
        before = hooks.attention_name(self.config)
        return lambda: hooks.set_attention_name(self.config, before)

    def make(self) -> None:
        hooks.set_attention_name(self.config, self.name)


def take_off(copied: Module) -> None:
    """Leave a copied model as transformers made it: changes are copied with its parts, and bound to the original's."""
    for part in copied.modules():
        vars(part).pop("forward", None)
