"""Whether a prompt that is given as a string is a text or names a file."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

ENDING = ".safetensors"


def names_a_path(prompt: str) -> bool:
    """Whether something of this name is there, or it ends like a prompt file, a mistyped one included: a file that is
    not found must not be tuned as words."""
    if prompt.endswith(ENDING):
        return True
    if len(prompt.split()) == 1 and get_close_matches(Path(prompt).suffix, [ENDING], cutoff=0.8):
        return True
    try:
        return bool(prompt.strip()) and Path(prompt).exists()
    except (OSError, ValueError):  # longer than a name can be, or with a zero byte: words
        return False
