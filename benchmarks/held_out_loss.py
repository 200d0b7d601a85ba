"""The main job on real input: does a tuned prompt lower the loss on real sentences it has not seen?

Each row is a sentence cut in half: the first half is the input, the second the target. A text prompt is tuned on
the sentences of `train.jsonl` and compared with itself on those of `test.jsonl` (fields: text), by
`embedgrad tune --task text`. Writes a run folder like any other.

    python benchmarks/held_out_loss.py --model ../shared/models/stories260K --sentences ../shared/data/sst2 \
        --output runs/held-out-loss
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from embedgrad.cli.main import main

PROMPT = "Here is how a sentence about a film begins. Go on with it."
LEAST_WORDS = 8


def halves(path: Path, most: int) -> list[dict[str, str]]:
    """The first `most` sentences of at least 8 words, each once, cut in half."""
    found: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = json.loads(line)["text"].split()
        if len(words) >= LEAST_WORDS and len(found) < most:
            middle = len(words) // 2
            first = " ".join(words[:middle])
            found.setdefault(first, {"input": first, "output": " ".join(words[middle:])})
    return list(found.values())


def run(arguments: argparse.Namespace, further: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        for part, most in (("train", arguments.train_rows), ("test", arguments.test_rows)):
            rows = halves(arguments.sentences / f"{part}.jsonl", most)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (Path(folder) / f"{part}.jsonl").write_text(text, encoding="utf-8")
        command = ["tune", "--model", arguments.model, "--prompt", PROMPT, "--task", "text", "--overlong", "skip"]
        files = ["--train", f"{folder}/train.jsonl", "--test", f"{folder}/test.jsonl", "--output", arguments.output]
        return main([*command, *files, *further])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--train-rows", type=int, default=2000)
    parser.add_argument("--test-rows", type=int, default=600)
    parser.add_argument("--output", default="runs/held-out-loss")
    known, further = parser.parse_known_args()  # further arguments go to `embedgrad tune`
    sys.exit(run(known, further))
