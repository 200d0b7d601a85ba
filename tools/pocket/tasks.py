"""The rows of the demo's eight tasks, from the held-out tenth of the families' inputs: `python -m tools.pocket.tasks`.

Four have the paper's prompts and the families' native labels. Four are a company's own: each wants something whose
ingredients training has (`mood`, `topic`, `aspect`, ...) but that no training instruction asks for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random

from tools.pocket.arithmetic import FAMILY as ARITHMETIC
from tools.pocket.causal import FAMILY as CAUSAL
from tools.pocket.emotion import FAMILY as EMOTION
from tools.pocket.kinds import Family, Item
from tools.pocket.mixture import draw_item
from tools.pocket.sentiment import FAMILY as SENTIMENT

ROWS = {"train": 480, "validation": 160, "test": 400}
TASKS = Path(__file__).parents[2] / "src/embedgrad/pocket/tasks"


@dataclass(frozen=True)
class RowsOfTask:
    """Which rows a task has: the family, the right answer, and how often each answer is wanted."""

    name: str
    family: Family
    target: Callable[[Item], str | None]
    """The answer a row wants; None where the task would not see such an input."""
    shares: dict[str, float] | None = None
    """Share of each answer; None takes them as they are drawn."""


def _desk(item: Item) -> str | None:
    """Money matters go to billing; else the mood decides."""
    if item.facts["topic"] == "money":
        return "billing"
    return {"good": "thanks", "unsure": "info", "bad": "care"}[item.facts["mood"]]


def _reviews(item: Item) -> str | None:
    """A good review is praise; a bad one goes where its main reason is dealt with."""
    if item.facts["sentiment"] == "positive":
        return "praise"
    where = {"price": "refund", "service": "staff", "speed": "staff", "quality": "repair", "comfort": "repair"}
    return where[item.facts["aspect"]]


def _claims(item: Item) -> str | None:
    """Was it the person at all, and if so, on purpose?"""
    if item.facts["caused"] == "no":
        return "unrelated"
    return "deliberate" if item.facts["intended"] == "yes" else "accident"


def _orders(item: Item) -> str | None:
    """The steps, then number and unit in a line that a program can read."""
    return f"{item.facts['solution']} Order: {item.facts['answer']} {item.facts['unit']}"


TASKS_ROWS: tuple[RowsOfTask, ...] = (
    RowsOfTask("math", ARITHMETIC, lambda item: f"{item.facts['solution']} \\boxed{{{item.facts['answer']}}}"),
    RowsOfTask("sentiment", SENTIMENT, lambda item: item.facts["sentiment"]),
    RowsOfTask("emotion", EMOTION, lambda item: item.facts["emotion"]),
    RowsOfTask("causal", CAUSAL, lambda item: item.facts["caused"].capitalize()),
    RowsOfTask("desk", EMOTION, _desk, {"billing": 0.26, "care": 0.28, "thanks": 0.24, "info": 0.22}),
    RowsOfTask("reviews", SENTIMENT, _reviews, {"praise": 0.28, "refund": 0.24, "staff": 0.24, "repair": 0.24}),
    RowsOfTask("claims", CAUSAL, _claims, {"deliberate": 0.34, "accident": 0.33, "unrelated": 0.33}),
    RowsOfTask("orders", ARITHMETIC, _orders),
)


def rows_of(task: RowsOfTask) -> dict[str, list[dict[str, str]]]:
    """The task's three parts; no input twice, none that training could have seen. Always the same rows."""
    rng = Random(f"task {task.name}")
    seen: set[str] = set()
    parts: dict[str, list[dict[str, str]]] = {}
    for part, size in ROWS.items():
        rows: list[dict[str, str]] = []
        taken: Counter[str] = Counter()
        while len(rows) < size:
            item = draw_item(rng, task.family, held_out=True)
            target = task.target(item)
            if target is None or item.text.lower() in seen:
                continue
            if task.shares is not None and taken[target] >= ceil(task.shares[target] * size):
                continue
            seen.add(item.text.lower())
            taken[target] += 1
            rows.append({"input": item.text, "output": target})
        rng.shuffle(rows)
        parts[part] = rows
    return parts


def main() -> None:
    """Write `train.jsonl`, `validation.jsonl` and `test.jsonl` of every task."""
    for task in TASKS_ROWS:
        folder = TASKS / task.name
        folder.mkdir(parents=True, exist_ok=True)
        for part, rows in rows_of(task).items():
            lines = (json.dumps(row) for row in rows)
            (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{task.name}: {', '.join(f'{size} {part}' for part, size in ROWS.items())} rows")


if __name__ == "__main__":
    main()
