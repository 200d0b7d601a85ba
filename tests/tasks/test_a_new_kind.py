"""A kind of task of one's own: a class in one file and its place among the kinds. Here it stands in this file, and all
that scores, settles and keeps a task takes it as it is."""

import re
from pathlib import Path
from typing import get_args

import pytest

import embedgrad
from embedgrad.data.example import Example
from embedgrad.errors import DataError, SettingsError, UsageError
from embedgrad.evaluation.settings import EvaluationSettings, check_score_by
from embedgrad.evaluation.task_record import own_task, task_record, task_words
from embedgrad.tasks import task as task_module
from embedgrad.tasks.grade import grade, is_correct
from embedgrad.tasks.kind import TaskKind
from embedgrad.tasks.kinds import INFERRED, KINDS, KindName
from embedgrad.tasks.refusals import refuse
from embedgrad.tasks.targets import settled
from embedgrad.tasks.task import Task, infer_task


class Listed(TaskKind):
    """Words with commas between them, in any order; by meaning, those of the last line."""

    name = "listed"

    def has_meaning(self, task):
        return True

    def read_strict(self, task, output):
        return output.strip() if "," in output and "\n" not in output.strip() else None

    def read_by_meaning(self, task, output):
        return output.strip().rpartition("\n")[2] or None

    def same(self, task, read, target):
        return self._words(read) == self._words(target)

    def check_targets(self, task, examples):
        refuse(examples, lambda target: "," in target, "is no list", "Write one.")

    def told_by(self, targets):
        return {} if all("," in target for target in targets) else None

    def _words(self, text):
        return sorted(word.strip() for word in text.split(","))


@pytest.fixture
def listed(monkeypatch):
    kind = Listed()
    monkeypatch.setitem(KINDS, kind.name, kind)
    monkeypatch.setattr(task_module, "INFERRED", (kind, *INFERRED))
    return Task("listed")


@pytest.mark.parametrize(
    ("output", "read", "correct", "meant", "meant_correct"),
    [
        ("b, a", "b, a", True, "b, a", True),
        ("Sure:\na,b", None, False, "a,b", True),
        ("a, c", "a, c", False, "a, c", False),
        ("", None, False, None, False),
    ],
)
def test_it_is_read_and_graded(listed, output, read, correct, meant, meant_correct):
    found = grade(listed, output, "a, b")
    assert (found.read, found.correct, found.meant, found.meant_correct) == (read, correct, meant, meant_correct)
    assert not found.undecided


def test_what_is_strictly_right_is_right_by_meaning_whatever_the_kind_says(listed, monkeypatch):
    monkeypatch.setattr(Listed, "read_by_meaning", lambda self, task, output: None)
    found = grade(listed, "b, a", "a, b")
    assert (found.meant, found.meant_correct) == ("b, a", True)


def test_it_is_inferred_settled_and_kept_with_a_prompt(listed):
    rows = [Example("x", "a, b", line=1), Example("y", "c, d", line=2)]
    assert infer_task([row.target for row in rows]) == listed == settled(None, rows)
    assert EvaluationSettings().task_for(rows) == listed
    with pytest.raises(DataError, match=r"^1 of 3 rows has a target that is no list; the first"):
        settled(listed, [*rows, Example("z", "c", line=3)])
    assert own_task(task_record(listed)) == listed
    assert task_words(listed) == "listed"


def test_what_belongs_to_other_kinds_is_refused(listed):
    with pytest.raises(SettingsError, match="needs labels"):
        Task("listed", labels=("a",))
    with pytest.raises(SettingsError, match=r"^Only exact and regex answers can be read by_number; got kind 'listed'"):
        Task("listed", by_number=True)
    with pytest.raises(SettingsError, match="none of the labels"):
        Task("listed", accepted={"a": ("b",)})
    with pytest.raises(UsageError, match="chooses among labels"):
        check_score_by(listed, "likelihood")


def test_without_its_place_there_it_is_unknown():
    with pytest.raises(UsageError, match="kind is the text 'listed'; expected one of 'label', 'number'"):
        Task("listed")
    assert own_task({"task": "listed"}) is None
    assert own_task({"task": ["listed"]}) is None


def test_the_kinds_and_their_names_agree():
    assert get_args(KindName) == tuple(KINDS)
    assert [kind.name for kind in KINDS.values()] == list(KINDS)
    fields = {"labels", "pattern", "accepted", "by_number", "decimal_mark"}
    assert all(kind.takes <= fields for kind in KINDS.values())
    assert set(INFERRED) < set(KINDS.values())
    assert not is_correct(Task("exact"), None, "a")


def test_no_file_tells_kinds_apart_by_their_names():
    """Else a new kind would have to be added there, too."""
    names = "|".join(get_args(KindName))
    asked = r"""(?:\w\.kind|\btask|get\("task"\))\s*(?:[!=]=|(?:not )?in \()\s*["']"""
    compared = re.compile(rf"{asked}(?:{names})[\"']|match \w*\.kind\b")
    package = Path(embedgrad.__file__).parent
    places = [path.name for path in package.rglob("*.py") if compared.search(path.read_text(encoding="utf-8"))]
    assert places == []
