"""What a prompt's own file says, read without a model."""

from __future__ import annotations

import os
from pathlib import Path

from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.file import PromptRecord
from embedgrad.prompt.naming import ENDING, names_a_path
from embedgrad.run.names import PROMPT_FILE


def prompt_path(path: Path) -> Path:
    """The prompt file that `path` names: itself, or the one in a run folder."""
    is_run = os.path.exists(path / PROMPT_FILE)  # noqa: PTH110 (exists raises for a name that is too long)
    return path / PROMPT_FILE if is_run else path


def stored_record(prompt: str) -> PromptRecord | None:
    """The record of the prompt file or run folder that `prompt` names; None for a text, a PEFT folder and what is not
    there. Raises BadPromptFile, UnknownVersion."""
    if not names_a_path(prompt):
        return None
    file = prompt_path(Path(prompt))
    return prompt_file.read(file).record if file.suffix == ENDING and file.exists() else None
