"""The recipes that ship: a settings file each, and what is known about its run. Needs no torch."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt

from embedgrad.errors import SettingsError, did_you_mean
from embedgrad.settings import Settings, checked

_FOLDER = Path(__file__).parent


class Accuracy(Settings):
    """Of the prompt text and of the tuned prompt, as fractions of `rows`, None where their number is not known."""

    before: float = Field(ge=0, le=1)
    after: float = Field(ge=0, le=1)
    rows: PositiveInt | None = None


class GroupAccuracy(Accuracy):
    """The same on the test rows of one group, such as a problem's level."""

    group: str


class About(Settings):
    """`[recipe]` of a recipe.

    paper          what Table 2 of the paper reports, its test rows told from the fractions; `levels` are its lines for
                   groups of the same run
    memory_tokens  most tokens in one forward and backward, for which `memory_gb` (10^9 bytes) is computed
    memory_from    how `memory_gb` was got
    """

    title: str
    task: str
    paper: Accuracy
    levels: tuple[GroupAccuracy, ...] = ()
    memory_gb: PositiveFloat
    memory_tokens: PositiveInt
    memory_from: str
    hardware: str


class _File(Settings):
    recipe: About
    settings: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A settings file that ships. `settings` are those of `embedgrad tune`, which checks them."""

    name: str
    about: About
    settings: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.settings["model"])


def recipe_names() -> tuple[str, ...]:
    """Such as `table2/medd-qwen2.5-0.5b`; numbers in names in order of their size."""
    found = (f"{path.parent.name}/{path.name.removesuffix('.toml')}" for path in _FOLDER.glob("*/*.toml"))
    return tuple(sorted(found, key=_natural))


def recipe_text(name: str) -> str:
    """The recipe's TOML. Raises SettingsError for a name that is none."""
    if name not in recipe_names():
        raise SettingsError(
            f"There is no recipe {name!r}.{did_you_mean(name, recipe_names())} `embedgrad recipes` lists them."
        )
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


@cache
def load_recipe(name: str) -> Recipe:
    """Raises SettingsError for a name that is none."""
    found = checked(_File, tomllib.loads(recipe_text(name)), name)
    return Recipe(name, found.recipe, found.settings)


def all_recipes() -> tuple[Recipe, ...]:
    return tuple(map(load_recipe, recipe_names()))


def _natural(name: str) -> list[str | float]:
    parts = re.split(r"([0-9]+(?:\.[0-9]+)?)", name)
    return [float(part) if number % 2 else part for number, part in enumerate(parts)]
