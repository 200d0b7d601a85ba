"""What the page counts itself: labels taken for others, groups, words by how far they moved."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from embedgrad.analysis.anchoring.record import Anchoring
from embedgrad.report.drift import drifted_prompt
from embedgrad.report.groups import groups, groups_finding, largest
from embedgrad.report.labels import confusion_finding, confusions
from embedgrad.run.record import RunRecord, read_run
from embedgrad.words import token_words
from made_up_analyses import anchoring
from made_up_run import SETTINGS, answer, row, write_predictions, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def record_of(folder: Path, rows: list[dict[str, Any]], settings: str = SETTINGS) -> RunRecord:
    write_predictions(folder, rows)
    (folder / "settings.toml").write_text(settings, encoding="utf-8")
    return read_run(folder)


def read_as(target: str, before: str | None, after: str | None, line: int = 1) -> dict[str, Any]:
    sides = {
        name: answer(text or "?", text == target) | {"prediction": text}
        for name, text in (("before", before), ("after", after))
    }
    return row(line, sides["before"], sides["after"]) | {"target": target}


def test_confusion_counts(run_folder: Path) -> None:
    rows = [
        read_as("joy", None, "joy"),
        read_as("joy ", "anger", "joy"),  # targets are compared without the space around them
        read_as("anger", "joy", "fear"),
        read_as("anger", None, "fear"),
        read_as("fear", "fear", "fear"),
    ]
    pair = confusions(record_of(run_folder, rows))
    assert pair is not None
    before, after = pair
    assert before.targets == after.targets == ("joy", "anger", "fear")
    assert before.answers == after.answers == ("joy", "anger", "fear", "(unreadable)")
    assert before.counts == ((0, 1, 0, 1), (1, 0, 0, 1), (0, 0, 1, 0))
    assert after.counts == ((2, 0, 0, 0), (0, 0, 2, 0), (0, 0, 1, 0))
    assert (before.right, after.right) == (1, 3)
    assert confusion_finding(before, after) == (
        "Answers that are no label: 2 before, 0 after. "
        "The most frequent wrong answer after: 'fear' for 'anger', 2 rows."
    )
    assert confusion_finding(after, after) == confusion_finding(before, after).replace("2 before", "0 before")


def test_labels_that_the_settings_do_not_name_are_told_from_the_rows(run_folder: Path) -> None:
    pair = confusions(record_of(run_folder, [read_as("b", "c", "a"), read_as("a", None, "a")], 'task = "label"\n'))
    assert pair is not None
    assert pair[0].targets == ("a", "b", "c")


def test_of_many_labels_the_most_frequent_are_shown(run_folder: Path) -> None:
    rows = [read_as(f"l{number:02}", None, "l00") for number in range(20) for _ in range(1 + (number > 8))]
    pair = confusions(record_of(run_folder, rows, 'task = "label"\n'))
    assert pair is not None
    before, after = pair
    assert after.targets == (*(f"l{number:02}" for number in range(9, 20)), "(other)")
    assert after.counts[-1][-2] == 9  # l00 to l08, all answered l00
    assert sum(map(sum, before.counts)) == sum(map(sum, after.counts)) == len(rows)
    assert after.right == 0


def test_only_label_tasks_have_a_confusion_matrix(run_folder: Path) -> None:
    assert confusions(record_of(run_folder, [read_as("1", "2", "1")], 'task = "number"\n')) is None
    assert confusions(record_of(run_folder, [])) is None


def test_groups_in_natural_order_with_wilson_intervals(run_folder: Path) -> None:
    rows = [read_as("joy", None, "joy") | {"group": f"level {level}"} for level in (10, 2, 2, 1)]
    found = groups(record_of(run_folder, [*rows, read_as("joy", "joy", "joy")]))
    assert [group.name for group in found] == ["level 1", "level 2", "level 10"]
    assert groups_finding(found) == ("Strict accuracy rose in 3 of 3 groups. In brackets: test rows of the group.")
    assert (found[1].before.correct, found[1].after.correct, found[1].after.total) == (0, 2, 2)
    z = 1.959963984540054  # Wilson 1927 for 2 of 2: from n / (n + z^2) to 1
    assert found[1].after.interval == pytest.approx((2 / (2 + z**2), 1.0))


def test_of_many_groups_the_largest_are_drawn(run_folder: Path) -> None:
    rows = [
        read_as("joy", None, "joy") | {"group": str(number)} for number in range(25) for _ in range(1 + number // 5)
    ]
    found = groups(record_of(run_folder, rows))
    assert len(found) == 25
    assert [group.name for group in largest(found)] == [str(number) for number in range(5, 25)]


def test_groups_without_a_metric_are_left_out(run_folder: Path) -> None:
    free = read_as("x", None, None) | {"group": "1"}
    for side in ("before", "after"):
        free[side] |= {"correct": None}
    assert groups(record_of(run_folder, [free])) == ()


def moved(tokens: tuple[str, ...], drifts: list[float], text: str | None) -> Any:
    found = anchoring(tokens)
    for token, drift in zip(found["tokens"], drifts, strict=True):
        token["drift"] = drift
    return drifted_prompt(Anchoring.model_validate_json(json.dumps(found)), text)


def test_words_by_how_far_they_moved() -> None:
    found = moved(("Name", " the", " mood", "."), [0.0, 0.19, 0.21, 1.0], None)
    assert "".join(word.space + word.text for word in found.words) == "Name the mood."
    assert [word.strength for word in found.words] == [0, 0, 1, 4]
    assert found.legend == ("0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1")
    assert found.words[2].hint == "position 2, drift 0.21; nearest: mood, mood"
    assert [line[0] for line in found.table] == ["token", ". (frozen)", "mood", "the", "Name"]
    assert found.table[1][1:4] == ["3", "1.00", "0.87"]


def test_a_prompt_that_did_not_move() -> None:
    found = moved(("a", " b"), [0.0, 0.0], "a b")
    assert [word.strength for word in found.words] == [0, 0]


def test_the_classes_cover_every_drift() -> None:
    for exponent in range(-40, 41):
        most = math.exp(exponent / 4)
        found = moved(("a", " b", " c"), [0.0, most / 2, most], None)
        assert found.words[2].strength >= 2
        assert found.words[0].strength == 0


def test_spaces_that_a_tokenizer_drops_are_those_of_the_text() -> None:
    text = "Name the\n mood."
    found = moved(("Name", "the", "mo", "od", "."), [0.1] * 5, text)
    assert "".join(word.space + word.text for word in found.words) == text
    elsewhere = moved(("Name", "the", "mo", "od", "."), [0.1] * 5, "Another text")
    assert "".join(word.space + word.text for word in elsewhere.words) == "Namethemood."


def test_tokens_can_be_seen() -> None:
    shown = {
        " the": "the",
        "\n\n": "⏎⏎",
        "  ": "␣␣",
        "": "(empty)",
        "a\tb": "a⇥b",
        "\x00": "␀",
        "x" * 30: "x" * 23 + "…",
    }
    assert {token: token_words(token) for token in shown} == shown
