"""A run under study: every analysis by name, on rows that are spread over the test."""

from __future__ import annotations

from dataclasses import replace

import pytest
from studied import EXAMPLES, LABELS, TEXT, moved

import embedgrad as eg
from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.reading.contrast import Concept, Pair
from embedgrad.analysis.study import Study, spread
from embedgrad.evaluation.judging import Judging
from embedgrad.watch import Watch


@pytest.fixture(scope="module")
def study(tiny_model):
    model = tiny_model("qwen2")
    start = eg.start(model, TEXT)
    pairs = tuple(Pair(f"I am happy about {n}", f"I am sad about {n}") for n in range(10))
    return Study(
        model=model,
        text=start,
        start=start,
        tuned=moved(start),
        rows=tuple(EXAMPLES),
        judging=Judging(LABELS, max_new_tokens=4),
        concepts=(Concept("mood", pairs),),
    )


@pytest.mark.parametrize("name", ANALYSES)
def test_each_gives_its_record(study, name):
    told: list[tuple[int, int]] = []
    found = study.analyze(name, Watch(progress=lambda done, total: told.append((done, total))))
    record = ANALYSES[name].record
    assert type(found) is record
    assert record.model_validate_json(found.model_dump_json()) == found
    assert all(0 < done <= total for done, total in told)


def test_accuracies_are_scored_as_the_run_was(study):
    by_likelihood = replace(study, judging=replace(study.judging, score_by="likelihood"))
    rows = list(study.rows)
    score = eg.evaluate(study.model, study.tuned, rows, LABELS, score_by="likelihood", max_new_tokens=4).score
    found = by_likelihood.analyze("read_back")
    assert found.after == score.model_copy(update={"prompt": "tuned"})
    assert by_likelihood.analyze("blend").points[-1].accuracy == score.accuracy > 0
    assert study.analyze("read_back").after.accuracy == study.analyze("blend").points[-1].accuracy == 0


def test_no_such_analysis(study):
    with pytest.raises(KeyError):
        study.analyze("entropie")


def test_rows_are_spread_evenly():
    assert spread(range(10), 10) == list(range(10))
    assert spread(range(10), 20) == list(range(10))
    assert spread(range(11), 3) == [0, 5, 10]
    assert spread(range(10), 1) == [0]
    assert len(set(spread(range(1000), 400))) == 400
