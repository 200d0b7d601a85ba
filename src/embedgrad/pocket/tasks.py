"""The eight tasks that ship with the pocket model: rows, prompts and what a right answer is. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.data.splits import Parts, split
from embedgrad.settings import Settings, checked, read_toml
from embedgrad.tasks.task import Task

Block = Literal["paper", "own"]
NAMES = ("math", "sentiment", "emotion", "causal", "desk", "reviews", "claims", "orders")
_FOLDER = Path(__file__).parent / "tasks"


class TaskFile(Settings):
    """`task.toml`: `accepted` maps each label to other forms of it; `pattern` reads an answer that is no label.

    `prompts` are written ones: of a paper task the paper's, of an own task five, the first being the shortest.
    `steps` is how many tuning takes in the demo, chosen on validation rows.
    """

    about: str
    block: Block
    kind: Literal["label", "regex"]
    prompts: tuple[str, ...]
    steps: PositiveInt
    pattern: str | None = None
    by_meaning: Literal["number"] | None = None
    accepted: dict[str, tuple[str, ...]] = Field(default_factory=dict)


@dataclass(frozen=True)
class PocketTask:
    """One task of the demo; its rows lie in `folder` as `train.jsonl`, `validation.jsonl` and `test.jsonl`."""

    name: str
    block: Block
    about: str
    task: Task
    prompts: tuple[str, ...]
    steps: int
    folder: Path

    def path(self, part: str) -> Path:
        """The file of a part: train, validation or test."""
        return self.folder / f"{part}.jsonl"

    def rows(self, part: str) -> list[Example]:
        """The rows of a part."""
        return load_examples(self.path(part))

    def parts(self) -> Parts:
        """All rows."""
        return split(self.rows("train"), validation=self.rows("validation"), test=self.rows("test"), seed=0)


def load_task(name: str) -> PocketTask:
    """The task of that name, one of NAMES. Raises FileMissing, SettingsError."""
    folder = _FOLDER / name
    path = folder / "task.toml"
    file = checked(TaskFile, read_toml(path), str(path))
    task = Task(
        file.kind,
        labels=tuple(file.accepted),
        pattern=file.pattern,
        accepted=file.accepted,
        by_number=file.by_meaning == "number",
    )
    return PocketTask(name, file.block, file.about, task, file.prompts, file.steps, folder)
