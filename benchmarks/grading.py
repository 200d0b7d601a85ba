"""How right and how fast mathematical answers are graded, on the 500 problems of MATH-500.

    python benchmarks/grading.py ../shared/data/math500/test.jsonl

reference       the answer in each reference solution's box, against the problem's answer
written anew    the answer in other LaTeX, against itself
another's       the next problem's answer, against the answer
math-verify     the answers of `reference`, each asked of math-verify's process without a look before
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from embedgrad.tasks import math_answer
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tasks.math_process import MATH
from embedgrad.tasks.task import Task

TASK = Task("math")
Row = dict[str, Any]


def main(words: Sequence[str] | None = None) -> int:
    """Print the table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="test.jsonl of MATH-500: rows {solution, answer, unique_id}")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of the table")
    flags = parser.parse_args(words)
    problems = [json.loads(line) for line in flags.data.read_text(encoding="utf-8").splitlines()]
    answers = [str(problem["answer"]) for problem in problems]
    start = time.perf_counter()
    MATH.are_equal("x", "x")
    start_seconds = time.perf_counter() - start

    references = [read_strict(TASK, problem["solution"]) for problem in problems]
    rows = [
        measured("reference", references, answers, grade),
        measured("written anew", [anew(answer) for answer in answers], answers, grade),
        measured("another's", [*answers[1:], answers[0]], answers, grade),
        measured("math-verify", references, answers, ask),
    ]
    missed = [
        {"id": problem["unique_id"], "read": read, "answer": answer, "reason": reason(read)}
        for problem, read, answer in zip(problems, references, answers, strict=True)
        if not grade(read, answer)
    ]
    counts = {"start_seconds": start_seconds, "timed_out": MATH.timed_out, "died": MATH.died}
    if flags.json:
        print(json.dumps({"rows": rows, "missed": missed, **counts}))
        return 0
    print(f"{'pairs':14}{'same':>6}{'of':>6}{'median ms':>11}{'95 % ms':>9}{'longest ms':>12}")
    for row in rows:
        times = f"{row['median_ms']:11.2f}{row['p95_ms']:9.2f}{row['longest_ms']:12.1f}"
        print(f"{row['pairs']:14}{row['same']:6}{row['total']:6}{times}")
    print(f"missed: {missed or 'none'}")
    print(f"process started in {start_seconds:.1f} s; {MATH.timed_out} pairs timed out, {MATH.died} ended it")
    return 0


def measured(
    name: str, given: Sequence[str | None], wanted: Sequence[str], same: Callable[[str | None, str], bool]
) -> Row:
    """How many pairs are the same, and how long one takes, nothing remembered from the others."""
    times, found = [], 0
    for answer, target in zip(given, wanted, strict=True):
        math_answer._verified.cache_clear()
        start = time.perf_counter()
        found += same(answer, target)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "pairs": name,
        "same": found,
        "total": len(times),
        "median_ms": statistics.median(times),
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "longest_ms": max(times),
    }


def grade(answer: str | None, target: str) -> bool:
    return is_correct(TASK, answer, target)


def ask(answer: str | None, target: str) -> bool:
    return answer is not None and MATH.are_equal(answer, target)


def anew(answer: str) -> str:
    """`answer` as another hand might write it: `a/b` for fractions of numbers, other spaces, sums turned round."""
    text = re.sub(r"(?<![0-9])(?<![0-9] )\\[dt]?frac\{(\d+)\}\{(\d+)\}", r"\1/\2", answer)
    text = text.replace(r"\left", "").replace(r"\right", "")
    text = re.sub(r"^(\d+) ?\+ ?(\d*\\sqrt\{?\d+\}?)$", r"\2 + \1", text)
    return f"${text.replace(', ', ',').replace('^2', '^{2}')}$"


def reason(read: str | None) -> str:
    return "no closed box in the solution" if read is None else "not found the same"


if __name__ == "__main__":
    sys.exit(main())
