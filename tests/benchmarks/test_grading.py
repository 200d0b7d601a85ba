import importlib
import json
from pathlib import Path

import pytest

PROBLEMS = [
    {"solution": r"So it is $\boxed{\frac{1}{2}}$.", "answer": r"\frac{1}{2}", "unique_id": "a"},
    {"solution": r"So it is $\boxed{x+1}$.", "answer": "1+x", "unique_id": "b"},
    {"solution": "So it is 3.", "answer": "3", "unique_id": "c"},
    {"solution": r"\boxed{4}", "answer": "5", "unique_id": "d"},
]


@pytest.fixture
def grading(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("grading")


def test_pairs_are_counted_and_misses_told(grading, tmp_path, capsys):
    data = tmp_path / "test.jsonl"
    data.write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))
    assert grading.main([str(data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    same = {row["pairs"]: (row["same"], row["total"]) for row in found["rows"]}
    assert same == {"reference": (2, 4), "written anew": (4, 4), "another's": (0, 4), "math-verify": (2, 4)}
    assert [(missed["id"], missed["reason"]) for missed in found["missed"]] == [
        ("c", "no closed box in the solution"),
        ("d", "not found the same"),
    ]
    assert grading.main([str(data)]) == 0
    assert capsys.readouterr().out.count("\n") == 7


def test_another_hand(grading):
    assert grading.anew(r"\left(\dfrac{1}{2}, x^2\right)") == "$(1/2,x^{2})$"
    assert grading.anew(r"1\frac{4}{5}") == r"$1\frac{4}{5}$"
