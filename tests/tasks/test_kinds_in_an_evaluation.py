"""The kinds math, json and short from settings to the Score of a model's answers."""

import pytest

import embedgrad as eg
from embedgrad.errors import DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import EvaluationSettings

TARGETS = {
    "math": (r"\boxed{x+1}", r"It is $\boxed{1+x}$", "The answer is $1 + x$."),
    "json": ('{"a": 1, "b": null}', '{"b": null, "a": 1.0}', 'It is\n```\n{"a":1,"b":null}\n```'),
    "short": ("Denver Broncos", "Denver Broncos", "The answer is the Broncos."),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_right_and_a_meant_answer(kind, tiny_model, monkeypatch):
    """The model's own words are replaced: row by row the target, one right by meaning alone, and one wrong."""
    target, right, meant = TARGETS[kind]
    accepted = {"Denver Broncos": ("Broncos",)} if kind == "short" else None
    task = EvaluationSettings(task=kind, accepted=accepted).resolved_task([target])
    model = tiny_model("qwen2")
    said = iter([right, meant, "nothing"])
    monkeypatch.setattr("embedgrad.evaluation.judge.decode", lambda model, ids: next(said))
    rows = [eg.Example(input=text, target=target) for text in ("one", "one", "one")]
    judged = eg.evaluate(model, "Answer.", rows, task=task, max_new_tokens=4)
    assert [p.correct for p in judged.predictions] == [True, False, False]
    assert [p.meant_correct for p in judged.predictions] == [True, True, False]
    assert (judged.score.correct, judged.score.by_meaning.correct) == (1, 2)
    assert judged.score.macro_f1 is None


def test_targets_that_are_no_json(tiny_model):
    rows = [eg.Example(input="a", target="{}", line=1), eg.Example(input="b", target="{a}", line=2)]
    task = EvaluationSettings(task="json").resolved_task(["{}"])
    with pytest.raises(DataError) as error:
        Judge.prepare(eg.start(tiny_model("qwen2"), "Answer.").bind(tiny_model("qwen2")), rows, Judging(task))
    assert str(error.value) == (
        "1 of 2 rows has a target that is no JSON value; the first is '{a}' at line 2. "
        "Correct the rows, or use another task."
    )
