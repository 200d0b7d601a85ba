"""Rows in the layout in which each data set of Table 2 was published; every text is made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

_MOODS = ("悲傷語調", "憤怒語調", "關切語調", "驚奇語調", "開心語調", "平淡語氣", "厭惡語調", "疑問語調")
Row = dict[str, object]


def _problem(number: int) -> Row:
    total = f"${number} + 1 = \\boxed{{{number + 1}}}$"
    return {
        "problem": f"What is ${number} + 1$?",
        "solution": f"We add: {total}.",
        "answer": str(number + 1),
        "subject": "Algebra",
        "level": 1 + number % 5,
        "unique_id": f"test/algebra/{number}.json",
    }


def _review(number: int) -> Row:
    return {"text": f"Film {number} was {'dull' if number % 2 else 'a joy'}.<br />Really.", "label": 1 - number % 2}


def _sentence(number: int) -> Row:
    return {"text": f"今天是第{number}天", "emotion": _MOODS[number % 8]}


def _story(number: int) -> Row:
    scores = {"Yes": number % 2, "No": 1 - number % 2}
    return {
        "input": f"Ann pushed door {number}. Did Ann open door {number}?",
        "target_scores": scores,
        "comment": f"story {number}",
    }


_FILES: dict[str, dict[str, Callable[[int], Row]]] = {
    "math500": {"test.jsonl": _problem},
    "imdb": {"train.jsonl": _review, "test.jsonl": _review},
    "medd": {"medd.jsonl": _sentence},
    "causal_judgement": {"bigbench_190.jsonl": _story},
}


def write_rows(folder: Path, dataset: str, count: int) -> Path:
    """`count` rows in each of the data set's files; no row is in two of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, (name, row) in enumerate(_FILES[dataset].items()):
        rows = [row(number) for number in range(part * count, (part + 1) * count)]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
