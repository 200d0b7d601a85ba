"""What `learning.py` compares: tasks, the pocket model's own and real data sets on SmolLM2, and arms."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import embedgrad as eg
from embedgrad.data.example import Example
from embedgrad.methods.embeddings import Embeddings
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from embedgrad.pocket.tasks import NAMES, load_task
from embedgrad.pocket.trial import best_prompt
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.targets import settled
from embedgrad.tasks.task import Task
from embedgrad.tuning.prepare import Setup
from real_rows import DATA

TUNING, VALIDATION, TEST = 800, 200, 500  # rows of a real data set
WORDS = 60  # of a long input
_TEST_FILES = {"sst2": "sst2/test.jsonl", "trec": "trec/test.jsonl", "imdb": "imdb/test_sample_5000.jsonl"}
REAL = tuple(DATA)


@dataclass(frozen=True)
class LearningTask:
    """A start and three parts of rows, none of which shares an input with another."""

    name: str
    model: FrozenModel
    start: SoftPrompt
    task: Task
    train: list[Example]
    validation: list[Example]
    test: list[Example]

    def of_rows(self, most: int | None) -> LearningTask:
        """With at most so many tuning rows, and a quarter as many for validation."""
        if most is None:
            return self
        return replace(self, train=self.train[:most], validation=self.validation[: max(most // 4, 8)])


@dataclass(frozen=True)
class Arm:
    """What differs from the default: settings, the optimizer, what is put around the method, the start."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Any = None
    around: Callable[[Embeddings], Any] = lambda method: method
    start: Callable[[LearningTask], SoftPrompt] = lambda task: task.start

    def applied(self, setup: Setup) -> Setup:
        """A tuning prepared with `settings` from `start`, with the rest."""
        method: Any = setup.method
        if self.optimizer is not None:
            method = replace(method, descent=replace(method.descent, optimizer=self.optimizer))
        return replace(setup, method=self.around(method))


@cache
def learning_task(
    name: str, shared: Path, dtype: str = "float32", device: str = "cpu", smollm2: str = "smollm2"
) -> LearningTask:
    """One of the pocket's NAMES, from the best of its written prompts, or of REAL, from its written prompt, on the
    model that `smollm2` names. `shared` has data/sst2, data/trec ..."""
    if name in NAMES:
        model, pocket = load_model("pocket", dtype, device), load_task(name)
        train, validation, test = (pocket.rows(part) for part in ("train", "validation", "test"))
        return LearningTask(
            name, model, best_prompt(model, pocket, validation)[0], pocket.task, train, validation, test
        )
    file, read, text = DATA[name]
    rows, own = _once(read(shared / "data" / file)), _TEST_FILES.get(name)
    random.Random(name).shuffle(rows)
    test = _once(read(shared / "data" / own))[:TEST] if own else rows[:TEST]
    tested = {row.input for row in test}
    rows = [row for row in rows if row.input not in tested][: TUNING + VALIDATION]
    model = load_model(smollm2, dtype, device)
    task = settled(None, rows)
    return LearningTask(name, model, eg.start(model, text), task, rows[:TUNING], rows[TUNING:], test)


def _once(rows: list[Example]) -> list[Example]:
    """Each input once, long ones shortened."""
    short = [replace(row, input=" ".join(row.input.split()[:WORDS])) for row in rows]
    return list({row.input: row for row in short}.values())
