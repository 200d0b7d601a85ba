"""What analyses found, in whole sentences: those that the terminal and the page show."""

from __future__ import annotations

import json
from typing import Any

import pytest

import made_up_analyses as made_up
from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.anchoring import ANCHORING
from embedgrad.analysis.blend import BLEND
from embedgrad.analysis.diagnosis import DIAGNOSIS
from embedgrad.analysis.entropy import ENTROPY
from embedgrad.analysis.position_sensitivity import POSITION_SENSITIVITY
from embedgrad.analysis.read_back import READ_BACK
from embedgrad.analysis.reading import READING
from embedgrad.analysis.reading.record import LayerReading, Reading
from embedgrad.analysis.reading.shown import concept_sentences
from embedgrad.json_shape import Interval
from embedgrad.run.score import Proportion


def told(analysis: Analysis[Any], found: dict[str, Any]) -> list[str]:
    return analysis.sentences(analysis.record.model_validate_json(json.dumps(found)))


@pytest.mark.parametrize("name", ANALYSES)
def test_each_has_sentences(name: str) -> None:
    for sentence in told(ANALYSES[name], made_up.analyses()[name]):
        assert sentence == sentence.strip() != ""


def test_anchoring() -> None:
    found = made_up.anchoring()
    expected = [
        "The original token is still the nearest at 2 of 4 positions by inner product, 4 by cosine, 2 by L2 distance.",
        "Its probability (Eq. 10) is 0.970 at the start and 0.515 now on average, above 0.95 at 4 of 4 positions at "
        "the start and 1 now.",
        "The vectors moved by 0.68 of their length in the median, furthest 'the' at position 1, by 0.82; nearest to it "
        "now: 'the', 'mood'.",
        "Along the run, step 0 to 40: cosine 1.00 to 0.90, nearest by cosine 100.0 % to 100.0 % (means over the "
        "positions that may move).",
    ]
    assert told(ANCHORING, found) == expected
    course = "The run kept no prompts along the way, so there is nothing to say of its course."
    assert told(ANCHORING, found | {"along": []}) == [*expected[:3], course]
    assert told(ANCHORING, found | {"tokens": []}) == ["The prompt has no tokens that it started from."]


def test_the_median_is_that_of_the_result() -> None:
    """The page shows `result.json`'s drift too: torch's median, the lower of the two in the middle."""
    import torch

    found = made_up.anchoring()
    median = torch.tensor([token["drift"] for token in found["tokens"]]).median().item()
    assert f"The vectors moved by {median:.2f} of their length in the median" in told(ANCHORING, found)[2]


def test_entropy() -> None:
    found = made_up.entropy()
    mean = (
        "The mean entropy of an answer's steps is 0.237 bits before and 0.120 after (-0.117, 95 % interval -0.137 to "
        "-0.087, p < 0.001); 40 rows."
    )
    loops = "Answers that end in a loop: 9 of 40 before, 0 after."
    without = " Without them: 0.257 and 0.140 bits"
    both = "; on rows that loop under neither prompt -0.100, 95 % interval -0.120 to -0.070, p < 0.001"
    assert told(ENTROPY, found) == [mean, f"{loops}{without}{both}."]
    found["difference_without_loops"] = None
    assert told(ENTROPY, found) == [mean, f"{loops}{without}."]
    found["before"]["mean_bits_without_loops"] = None
    assert told(ENTROPY, found) == [mean, loops]


def reading(*random: Interval | None, shuffled: Interval | None = None, moves: int = 0) -> Reading:
    layers = (
        LayerReading(
            layer=number,
            held_out=Proportion(correct=20, total=24, interval=(0.64, 0.93)),
            before=0.1,
            after=0.5,
            difference=0.4,
            interval=(0.35, 0.45),
            shuffled=shuffled,
            random=bounds,
        )
        for number, bounds in enumerate(random, start=1)
    )
    return Reading(concept="emotion", pairs=48, rows=100, moves=moves, layers=tuple(layers))


def test_reading() -> None:
    apart = (
        "emotion: the direction tells held-out pairs apart best at layer 1 (20 of 24: 83.3 %, 95 % interval 64.0 to "
        "93.0{})"
    )
    picked = apart.format("; picked on these pairs, so rather too high")
    moved = "There the tuned prompt moves the activation by +0.40 standard deviations (0.35 to 0.45"
    alone = "; 95 % intervals over 100 rows alone."
    assert concept_sentences(reading(None, None)) == [f"{picked}.", f"{moved}){alone}"]
    assert concept_sentences(reading(None))[0] == f"{apart.format('')}.", "nothing to pick from"
    four = (-0.5, 0.41), (-0.5, 0.39), (0.42, 0.9), (0.4, 0.4)
    assert concept_sentences(reading(*four, moves=19)) == [
        f"{picked}.",
        f"{moved}; random moves: -0.50 to 0.41){alone}",
        "At 2 of 4 layers the change goes beyond that of 19 random moves of the same length; one more random move "
        "would in 2 of 20 cases per layer.",
    ]
    unknown = "At 2 of 4 layers the change goes beyond that of random moves of the same length."
    assert concept_sentences(reading(*four))[2] == unknown
    shuffled = f"{picked}, and above the 95 % range of shuffled pairs at {{}} of 2 layers."
    assert concept_sentences(reading(None, None, shuffled=(0.2, 0.8)))[0] == shuffled.format(2)
    assert concept_sentences(reading(None, None, shuffled=(0.2, 0.9)))[0] == shuffled.format(0)
    assert concept_sentences(reading()) == ["emotion: no layers were read."]


def test_the_layer_that_moved_most_is_named_where_it_is_another() -> None:
    words = told(READING, made_up.reading())
    assert [sentence.partition(":")[0] for sentence in words] == ["emotion", "sentiment"]
    assert words[0] == (
        "emotion: the direction tells held-out pairs apart best at layer 5 (15 of 16: 93.8 %, 95 % interval 88.8 to "
        "93.8; picked on these pairs, so rather too high), and above the 95 % range of shuffled pairs at 4 of 6 "
        "layers. There the tuned prompt moves the activation by +0.05 standard deviations (-0.05 to 0.17; random "
        "moves: -0.12 to 0.09), most at layer 0, by +0.30 (0.20 to 0.42; random moves: -0.12 to 0.09); 95 % intervals "
        "over 40 rows alone. At 3 of 6 layers the change goes beyond that of 10 random moves of the same length; one "
        "more random move would in 2 of 11 cases per layer."
    )


def test_position_sensitivity() -> None:
    found = made_up.position_sensitivity()
    most = (
        "Most depends on position 2, 'emotion': as it was at the start, the loss changes by +0.091 nats per target "
        "token (95 % interval 0.071 to 0.121)."
    )
    loss = "With all as at the start the loss is 1.790, tuned 0.510; 40 rows."
    assert told(POSITION_SENSITIVITY, found) == [
        most,
        "Next: 'the' at 1, +0.084 (0.064 to 0.114); '.' at 3, +0.014 (-0.006 to 0.044).",
        "At 2 of 4 positions the 95 % interval, of that position alone, lies above zero.",
        loss,
    ]
    assert told(POSITION_SENSITIVITY, found | {"positions": found["positions"][2:3]}) == [
        most,
        "At 1 of 1 positions the 95 % interval, of that position alone, lies above zero.",
        loss,
    ]
    assert told(POSITION_SENSITIVITY, found | {"positions": []}) == ["No position of this prompt moved."]


def test_blend() -> None:
    found = made_up.blend()
    assert told(BLEND, found) == [
        "From prompt text to tuned on 40 rows, the loss is lowest at weight 1 (0.500 nats per target token), strict "
        "accuracy highest at 1: 70.0 % (95 % interval 60.0 to 85.0).",
        "The loss is at none of these points above the higher end: no sign of a ridge.",
        "By weight: 0: 40.0 %, loss 1.800, 0.237 bits; 0.25: 47.5 %, loss 1.475, 0.212 bits; 0.5: 55.0 %, loss 1.150, "
        "0.187 bits; 0.75: 62.5 %, loss 0.825, 0.162 bits; 1: 70.0 %, loss 0.500, 0.137 bits.",
    ]
    found["points"] = [point | {"accuracy": None, "interval": None} for point in found["points"][::2]]
    found["points"][1]["loss"] = 1.9
    assert told(BLEND, found) == [
        "From prompt text to tuned on 40 rows, the loss is lowest at weight 1 (0.500 nats per target token).",
        "The loss is highest at weight 0.5, 0.100 above the higher end: a point figure without an interval, so it may "
        "be chance and no ridge.",
        "By weight: 0: loss 1.800, 0.237 bits; 0.5: loss 1.900, 0.187 bits; 1: loss 0.500, 0.137 bits.",
    ]


def test_read_back() -> None:
    found = made_up.read_back()
    text = "The nearest tokens read: Name the mood ."
    assert told(READ_BACK, found) == [
        "On 40 rows: prompt text 42.5 % (95 % interval 40.5 to 45.5), loss 1.790; tuned prompt 72.5 % (95 % interval "
        "70.5 to 75.5), loss 0.510; its nearest tokens as a text 50.0 % (95 % interval 48.0 to 53.0), loss 1.500.",
        text,
        "Moved most: 'emotion' towards 'mood', 'joy'.",
    ]
    for side in ("before", "after", "read_back"):
        found[side] |= {"accuracy": None, "correct": None, "interval": None}
    assert told(READ_BACK, found | {"hints": []}) == [
        "On 40 rows: prompt text loss 1.790; tuned prompt loss 0.510; its nearest tokens as a text loss 1.500.",
        text,
    ]


def test_diagnosis() -> None:
    assert told(DIAGNOSIS, made_up.diagnosis()) == [
        "Few answers are in the form that the task asks for.",
        "readable answers: 0.300 (bad; bound 0.500). answers with a label",
        "loss against no prompt: -0.400 (good; bound 0.000). nats",
    ]
