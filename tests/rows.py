"""Small made-up rows for tests that tune."""

from __future__ import annotations

import json
from pathlib import Path

from embedgrad.strict_json import unsealed_json

_GOOD = ("I loved it", "a joy to watch", "what a happy day", "great fun", "it worked so well", "we laughed a lot")
_BAD = ("I hated it", "a pain to watch", "what a sad day", "no fun", "it broke again", "we cried a lot")


def sentiment(count: int, first: int = 0) -> list[dict[str, str]]:
    """`count` rows with distinct inputs, labels in turn."""
    rows = []
    for number in range(first, first + count):
        is_good = number % 2 == 0
        words = (_GOOD if is_good else _BAD)[number // 2 % 6]
        rows.append({"text": f"{words}, number {number}", "label": "positive" if is_good else "negative"})
    return rows


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sentiment_files(folder: Path, train: int) -> list[str]:
    """`train` rows to tune on, 10 for validation and 20 for the test, as a command's flags."""
    parts = {"train": (train, 0), "validation": (10, 300), "test": (20, 500)}
    return [
        word
        for name, (count, first) in parts.items()
        for word in (f"--{name}", str(write_jsonl(folder / f"{name}.jsonl", sentiment(count, first))))
    ]


def said(path: Path) -> bytes:
    """What a JSON file of a run folder says, its `content_sha256` checked and left out."""
    content, is_sealed = unsealed_json(path.read_bytes())
    assert is_sealed
    return content
