"""The paper's prompts on real labeled rows: text against tuned, with any model; the bundled one by default.

    python benchmarks/labeled_rows.py medd ../shared/data/medd/medd_traditional.jsonl --output runs/medd
    python benchmarks/labeled_rows.py sst2 ../shared/data/sst2 --output runs/sst2

medd   one file of rows {text, emotion}, labels in Traditional Chinese, mapped to the paper's eight; split by seed
sst2   a folder with train.jsonl and test.jsonl of rows {text, label}, 1 is positive
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from embedgrad.cli.main import main
from embedgrad.pocket.tasks import load_task

EMOTIONS = {
    "平淡語氣": "calm",
    "開心語調": "happy",
    "關切語調": "concerned",
    "憤怒語調": "angry",
    "驚奇語調": "surprised",
    "悲傷語調": "sad",
    "厭惡語調": "disgusted",
    "疑問語調": "doubtful",
}
"""The labels of Johnson8187/Chinese_Multi-Emotion_Dialogue_Dataset -> those of the paper's prompt (Table 1)."""


def _read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def medd(path: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(tuning rows, 800 test rows), each text once."""
    once = {str(row["text"]): EMOTIONS[str(row["emotion"])] for row in _read(path)}
    rows = [{"input": text, "output": label} for text, label in once.items()]
    random.Random("medd").shuffle(rows)
    return rows[800:], rows[:800]


def sst2(path: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(2,000 tuning rows, all test rows)."""
    parts = [
        [
            {"input": str(row["text"]), "output": "positive" if row["label"] else "negative"}
            for row in _read(path / name)
        ]
        for name in ("train.jsonl", "test.jsonl")
    ]
    random.Random("sst2").shuffle(parts[0])
    return parts[0][:2000], parts[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("medd", "sst2"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--output", required=True)
    known, further = parser.parse_known_args()  # further arguments go to `embedgrad tune`
    train, test = medd(known.path) if known.data == "medd" else sst2(known.path)
    task = load_task("emotion" if known.data == "medd" else "sentiment")
    with tempfile.TemporaryDirectory() as folder:
        for part, rows in (("train", train), ("test", test)):
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (Path(folder) / f"{part}.jsonl").write_text(text, encoding="utf-8")
        command = ["tune", "--model", known.model, "--prompt", task.prompts[0], "--labels", ",".join(task.task.labels)]
        files = ["--train", f"{folder}/train.jsonl", "--test", f"{folder}/test.jsonl", "--output", known.output]
        sys.exit(main([*command, *files, "--score-by", "both", *further]))
