"""Whole sentences, as a user reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedgrad.report.sentences import outcome, verdict
from embedgrad.report.tables import score_table
from embedgrad.run.result import Result
from embedgrad.run.score import Comparison, Score
from made_up_run import result, score


def of(**changes: Any) -> Result:
    return Result.model_validate_json(json.dumps(result() | changes))


def compared(difference: float, low: float, high: float, p: float) -> dict[str, Any]:
    return {"difference": difference, "interval": [low, high], "p_value": p}


def test_a_gain() -> None:
    assert verdict(of()) == (
        "42.1 % -> 71.3 % on 1,240 unseen rows, +29.2 points, 95 % interval 26.4 to 32.0, p < 0.001"
    )


def test_a_gain_that_the_majority_label_has_too() -> None:
    majority = {"majority_label": "Billing", "majority": {"correct": 870, "total": 1240, "interval": [0.675, 0.726]}}
    assert verdict(of(baselines=majority | {"bag_of_words": None})) == (
        "42.1 % -> 71.3 % on 1,240 unseen rows, +29.2 points, 95 % interval 26.4 to 32.0, p < 0.001; always 'Billing' "
        "is right on 70.2 %"
    )
    majority["majority"]["correct"] = 700
    assert verdict(of(baselines=majority | {"bag_of_words": None})) == verdict(of())


def test_a_loss_of_accuracy_is_called_worse() -> None:
    run = of(
        before=score("a", 884, 1240, 1.0),
        after=score("b", 522, 1240, 1.0),
        comparison=compared(-0.292, -0.32, -0.264, 0.0123),
    )
    assert verdict(run) == (
        "worse: 71.3 % -> 42.1 % on 1,240 unseen rows, -29.2 points, 95 % interval -32.0 to -26.4, p = 0.012"
    )
    assert outcome(run) == "worse"


def test_an_interval_around_zero_is_no_difference() -> None:
    run = of(
        before=score("a", 40, 95, 1.0),
        after=score("b", 42, 95, 1.0),
        comparison=compared(2 / 95, -0.03, 0.072, 0.41),
    )
    assert verdict(run) == (
        "no difference that these 95 rows can show: "
        "42.1 % -> 44.2 % on 95 unseen rows, +2.1 points, 95 % interval -3.0 to 7.2, p = 0.41"
    )


def test_interval_and_p_must_agree() -> None:
    assert outcome(of(comparison=compared(0.05, 0.001, 0.1, 0.06))) == "unclear"
    assert outcome(of(comparison=compared(0.05, -0.001, 0.1, 0.04))) == "unclear"
    assert outcome(of(comparison=compared(0.05, 0.001, 0.1, 0.04))) == "better"


def test_one_row_and_no_change() -> None:
    run = of(before=score("a", 1, 1, 1.0), after=score("b", 1, 1, 1.0), comparison=compared(-0.0, -0.0, 0.0, 1.0))
    assert verdict(run) == (
        "no difference that this 1 row can show: "
        "100.0 % -> 100.0 % on 1 unseen row, 0.0 points, 95 % interval 0.0 to 0.0, p = 1.00"
    )


def test_without_a_metric_the_loss_speaks() -> None:
    run = of(comparison=None)
    assert verdict(run) == (
        "loss 1.791 -> 0.512 nats per target token on 1,240 unseen rows, "
        "-1.279, 95 % interval -1.400 to -1.100, p < 0.001"
    )
    assert outcome(run) == "better"
    risen = of(comparison=None, loss_comparison=compared(0.2, 0.1, 0.3, 0.01))
    assert verdict(risen) == (
        "worse: loss 1.791 -> 0.512 nats per target token on 1,240 unseen rows, "
        "+0.200, 95 % interval 0.100 to 0.300, p = 0.010"
    )


def test_score_table_leaves_out_what_no_prompt_has() -> None:
    run = of()
    assert score_table([run.before, run.after], [run.comparison]) == [
        ["prompt", "strict accuracy", "loss", "truncated", "difference"],
        ["Name the emotion.", "42.1 % (40.1 to 45.1)", "1.791", "0", "-"],
        ["prompt.safetensors", "71.3 % (69.3 to 74.3)", "0.512", "0", "+29.2 (26.4 to 32.0), p < 0.001"],
    ]


def test_score_table_with_all_columns() -> None:
    proportion = {"correct": 900, "total": 1240, "interval": [0.70, 0.75]}
    full = score("words\n  on two lines and more " + "x" * 60, 884, 1240, 0.5) | {
        "truncated": 1200,
        "macro_f1": {"value": 0.7, "interval": [0.68, 0.72]},
        "by_meaning": proportion,
        "by_likelihood": proportion,
    }
    bare = score("bare", 1, 2, 1.0) | {"accuracy": None, "correct": None, "interval": None}
    scores = [Score.model_validate_json(json.dumps(one)) for one in (full, bare)]
    assert score_table(scores) == [
        ["prompt", "strict accuracy", "by meaning", "macro-F1", "by likelihood", "loss", "truncated"],
        [
            "words on two lines and more " + "x" * 32 + " … [28 more characters]",
            "71.3 % (69.3 to 74.3)",
            "72.6 % (70.0 to 75.0)",
            "0.700 (0.680 to 0.720)",
            "72.6 % (70.0 to 75.0)",
            "0.500",
            "1,200",
        ],
        ["bare", "-", "-", "-", "-", "1.000", "0"],
    ]


def test_score_table_wants_one_comparison_per_further_score() -> None:
    run = of()
    with pytest.raises(ValueError, match=r"^2 scores need 1 comparisons, got 2$"):
        score_table([run.before, run.after], [None, Comparison(difference=0, interval=(0, 0), p_value=1)])
