"""What a run folder keeps, as tests look at it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def kept_settings(folder: Path) -> dict[str, Any]:
    """Every setting of the folder's `settings.toml` by its name, whatever table it stands in."""
    found: dict[str, Any] = {}
    for name, value in tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8")).items():
        found |= value if isinstance(value, dict) else {name: value}
    return found
