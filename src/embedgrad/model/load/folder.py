"""What lies in a model folder, by the names of its files and its small JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG = "config.json"


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as it is written; empty where it is missing or no JSON object, which is told elsewhere."""
    return json_object(folder / CONFIG)


def json_object(path: Path) -> dict[str, Any]:
    """What `path` holds; empty where that is no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def names(folder: Path, suffix: str) -> list[str]:
    """Of the files that end in `suffix`, sorted."""
    return sorted(path.name for path in folder.glob("*") if path.suffix.lower() == suffix)
