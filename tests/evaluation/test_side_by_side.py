"""Several prompts on the same rows: what does not fit behind one of them is left out for all."""

from __future__ import annotations

import pytest

import embedgrad as eg
from embedgrad.errors import DataError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.side_by_side import judges_side_by_side
from embedgrad.watch import Watch

SHORT, LONG = "Good?", "Is it good or is it bad, all in all? " * 3
ROWS = [eg.Example("fine " * count, "yes", line=line) for line, count in enumerate((1, 2, 16, 40), start=1)]
TASK = eg.Task("label", labels=("yes", "no"))


@pytest.fixture
def model(tiny_model):
    return tiny_model("gpt2", n_positions=110)


def judged(model, rows, **options):
    prompts = [eg.start(model, text).bind(model) for text in (SHORT, LONG)]
    said: list[str] = []
    judging = Judging(TASK, max_new_tokens=4, **options)
    judges = judges_side_by_side(prompts, rows, judging, Watch(note=said.append))
    return judges, said


def test_rows_that_do_not_fit_behind_one_prompt_are_left_out_for_all(model):
    judges, said = judged(model, ROWS, overlong="skip")
    lines = [[example.line for example in judge.examples] for judge in judges]
    assert lines[0] == lines[1]
    assert 0 < len(lines[0]) < len(ROWS)
    left_out = len(ROWS) - len(lines[0])
    assert said == [f"{left_out} rows are longer than the model's context and left out for every prompt"]
    prompts = [eg.start(model, text) for text in (SHORT, LONG)]
    found = [judge.judge(prompt.bind(model), "p") for judge, prompt in zip(judges, prompts, strict=True)]
    assert [evaluation.skipped for evaluation in found] == [left_out, left_out]
    alone = eg.evaluate(model, prompts[1], list(judges[1].examples), TASK, max_new_tokens=4)
    assert found[1].predictions == alone.predictions


def test_rows_that_are_shortened_are_counted(model):
    judges, said = judged(model, ROWS, overlong="truncate-input")
    assert [len(judge.rows) for judge in judges] == [4, 4]
    most = max(judge.shortened for judge in judges)
    assert most > 0
    assert said == [f"{most} inputs are cut at their end to fit the model's context"]


def test_no_row_that_fits_behind_all(model):
    """Each prompt takes one of the rows, and none takes both."""
    long, short = "fine " * 40, "fine"
    rows = [
        eg.Example("so", "yes", columns={"title": long, "author": short}, line=1),
        eg.Example("so", "yes", columns={"title": short, "author": long}, line=2),
    ]
    templates = [eg.Template.text(f"{{prompt}}\n{{input}}\n{{{column}}}\n") for column in ("title", "author")]
    prompts = [eg.start(model, SHORT, template).bind(model) for template in templates]
    with pytest.raises(DataError) as caught:
        judges_side_by_side(prompts, rows, Judging(TASK, max_new_tokens=4, overlong="skip"))
    assert str(caught.value) == "Every row is longer than the model's context behind one of the prompts."
