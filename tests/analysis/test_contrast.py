"""Contrast pairs: the ones that ship, and files of one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import pytest

from embedgrad.analysis.reading.contrast import LEAST_PAIRS, SHIPPED, Pair, load_concept, shipped_concepts
from embedgrad.errors import BadRows, DataError, FileMissing


def write(path: Path, lines: Sequence[object]) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def pair(number: int) -> dict[str, str]:
    return {"positive": f"How does he feel?\nText {number}", "negative": f"Who is it?\nText {number}"}


@pytest.mark.parametrize("concept", shipped_concepts(), ids=SHIPPED)
def test_shipped_pairs_differ_in_the_instruction_alone(concept) -> None:
    assert len(concept.pairs) >= 40
    asked = [tuple(side.split("\n") for side in (pair.positive, pair.negative)) for pair in concept.pairs]
    assert all(len(positive) == len(negative) == 2 for positive, negative in asked)
    assert all(positive[1] == negative[1] for positive, negative in asked)
    wordings = [side[0] for both in asked for side in both]
    assert len(set(wordings)) == len(wordings)  # so that a held-out pair's wording was never fitted on
    assert len({positive[1] for positive, _ in asked}) == len(asked)
    longer = [len(positive[0].split()) - len(negative[0].split()) for positive, negative in asked]
    assert abs(fmean(longer)) < 0.25  # words: length tells the sides apart in no concept
    assert abs(sum(difference > 0 for difference in longer) - sum(difference < 0 for difference in longer)) <= 5


def test_a_file_is_a_concept_of_its_name(tmp_path: Path) -> None:
    concept = load_concept(write(tmp_path / "feeling.jsonl", [pair(n) for n in range(8)]))
    assert concept.name == "feeling"
    assert len(concept.pairs) == 8
    assert concept.pairs[1] == Pair("How does he feel?\nText 1", "Who is it?\nText 1")


def test_bad_lines_are_all_named(tmp_path: Path) -> None:
    lines = [
        pair(1),
        {"positive": "a"},
        {"positive": "a", "negative": "b", "label": "c"},
        {"positve": "a", "negative": "b"},
        {"positive": " ", "negative": "b"},
        {"positive": ["a"], "negative": "b"},
        {"positive": "a", "negative": "a"},
        pair(1),
        "{",
    ]
    path = write(tmp_path / "bad.jsonl", lines)
    with pytest.raises(BadRows) as caught:
        load_concept(path)
    assert str(caught.value) == (
        f"{path}: 8 rows cannot be used.\n"
        '  line 2: no field "negative"\n'
        '  line 3: unknown field "label".\n'
        '  line 4: unknown field "positve". Did you mean "positive"?\n'
        '  line 5: "positive" is no text, or an empty one\n'
        '  line 6: "positive" is no text, or an empty one\n'
        "  line 7: both sides are the same text\n"
        "  line 8: the same pair as in line 1\n"
        "  line 9: not JSON: Expecting property name enclosed in double quotes at column 2\n"
        'Each line is {"positive": "...", "negative": "..."}: with the concept, and without it.'
    )


def test_too_few_pairs_or_no_file(tmp_path: Path) -> None:
    path = write(tmp_path / "few.jsonl", [pair(n) for n in range(LEAST_PAIRS - 1)])
    with pytest.raises(DataError) as caught:
        load_concept(path)
    assert str(caught.value) == (
        f"{path} has 7 contrast pairs; expected at least 8: half of them fit the direction, the other half tests it."
    )
    with pytest.raises(FileMissing) as missing:
        load_concept(tmp_path / "none.jsonl")
    assert str(missing.value) == f"{tmp_path / 'none.jsonl'} is not there. Expected a JSONL file of contrast pairs."
    with pytest.raises(DataError) as folder:
        load_concept(tmp_path)
    assert str(folder.value) == f"{tmp_path} cannot be read: it is a folder, not a file."
