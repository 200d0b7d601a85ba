"""The words and sentences of `data/`: TOML files, in which a text over several lines is a pool, an entry a line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def table(name: str) -> dict[str, Any]:
    """What `data/{name}.toml` says, pools and lists as tuples. Entries are drawn by their place: order counts."""
    return {key: _held(value) for key, value in tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")).items()}


def _held(value: Any) -> Any:
    if isinstance(value, str) and "\n" in value:
        return tuple(value.splitlines())
    if isinstance(value, list):
        return tuple(map(_held, value))
    return {key: _held(held) for key, held in value.items()} if isinstance(value, dict) else value
