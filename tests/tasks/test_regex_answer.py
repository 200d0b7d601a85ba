"""A user's pattern has 2 seconds a text, wherever it is looked for."""

from __future__ import annotations

import time

import pytest

from embedgrad.errors import SettingsError
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
    monkeypatch.setattr(regex_answer, "ANSWER_SECONDS", 0.3)
    regex_answer._reply.cache_clear()
    regex_answer._ended.clear()
    yield process
    process.close()
    regex_answer._reply.cache_clear()
    regex_answer._ended.clear()


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


def test_a_pattern_that_takes_too_long_again_and_again_ends_the_work(quick):
    quick.ask = lambda request: None
    texts = [f"{number} {ENDLESS}" for number in range(10)]
    assert [regex_answer.last_capture(r"(\w+\s?)+:", text) for text in texts[:9]] == [None] * 9
    with pytest.raises(SettingsError) as told:
        regex_answer.last_capture(r"(\w+\s?)+:", texts[9])
    assert str(told.value) == (
        r"pattern '(\\w+\\s?)+:' took longer than 0.3 s on 10 texts, the last one '9 some words and words and more "
        r"words and still more of ...'. Repetitions within repetitions, as in (\w+\s?)+, can take for ever on a text "
        r"that they do not match; write them so that a text can be matched in one way only, as in (\w+\s)*\w+."
    )
    assert regex_answer.last_capture(r"\w+:", texts[0]) is None


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
