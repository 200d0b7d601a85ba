"""A user's pattern has 2 seconds a text, wherever it is looked for."""

from __future__ import annotations

import time

import pytest

from embedgrad.evaluation.result import undecided_words
from embedgrad.tasks import regex_answer
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct, is_undecided
from embedgrad.tasks.task import Task
from embedgrad.tasks.worker_process import WorkerProcess

ENDLESS = "some words and words and more words and still more of these words here and there and everywhere"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    process = WorkerProcess("embedgrad.tasks.regex_worker", "looks for patterns", seconds=0.3)
    monkeypatch.setattr(regex_answer, "REGEX", process)
    regex_answer._reply.cache_clear()
    yield process
    process.close()
    regex_answer._reply.cache_clear()


@pytest.mark.parametrize("pattern", [r"(\w+\s?)+:", r"(\w|\s|\w\w)+:", r"^(([a-z])+.)+[A-Z]$"])
def test_a_pattern_that_takes_for_ever_is_ended(quick, pattern):
    task = Task("regex", pattern=pattern)
    began = time.monotonic()
    assert read_strict(task, ENDLESS) is None
    assert time.monotonic() - began < 20
    assert is_undecided(task, None, "x", ENDLESS)
    assert quick.timed_out == 1
    assert read_strict(Task("regex", pattern=r"is (\w+)"), "it is red") == "red"


def test_a_target_that_takes_for_ever_is_undecided():
    task = Task("regex", pattern=r"(\w+\s?)+:")
    assert not is_correct(task, "there", ENDLESS)
    assert is_undecided(task, "there", ENDLESS, "over there:")
    assert not is_undecided(task, "there", "here:", "over there:")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\d+", "1, then 23", "23"),
        (r"= (\d+)|none", "none", None),
        (r"(é+)", "caféé ", "éé"),
        (r"x", "no", None),
        (r"(\s)x", "a x", ""),
        ("\ud800", "\ud800", "\ud800"),
    ],
)
def test_what_is_found(pattern, text, found):
    assert regex_answer.last_capture(pattern, text) == found
    assert not regex_answer.took_too_long(pattern, text)


def test_only_the_end_of_a_long_text_is_looked_at():
    assert regex_answer.last_capture(r"\d", "1" + "x" * 20_000) is None


def test_it_is_said_how_many_answers_took_too_long(undecided):
    assert undecided_words([undecided]) == (
        "1 answer could not be compared with its target within 2 s and counts as wrong."
    )


@pytest.fixture
def undecided():
    from types import SimpleNamespace

    return SimpleNamespace(predictions=[SimpleNamespace(undecided=True), SimpleNamespace(undecided=False)])
