"""Each figure: an image with its finding, units on the axes, the same bytes for the same data, texts as text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest
from payloads import PAYLOADS

import made_up_analyses as made_up
from embedgrad.analysis.anchoring.record import Anchoring
from embedgrad.analysis.anchoring.shown import anchoring_figure
from embedgrad.analysis.blend.record import Blend
from embedgrad.analysis.blend.shown import blend_figure
from embedgrad.analysis.entropy.record import Entropy
from embedgrad.analysis.entropy.shown import entropy_figure
from embedgrad.analysis.position_sensitivity.record import PositionSensitivity
from embedgrad.analysis.position_sensitivity.shown import position_figure
from embedgrad.analysis.read_back.record import ReadBack
from embedgrad.analysis.read_back.shown import read_back_figure
from embedgrad.analysis.reading.record import Readings
from embedgrad.analysis.reading.shown import reading_figure
from embedgrad.drawing import drawn, with_own_ids
from embedgrad.json_shape import Shape
from embedgrad.report import figures
from embedgrad.report.groups import Group
from embedgrad.report.labels import Confusion
from embedgrad.run.grid import Grid
from embedgrad.run.score import Comparison, Proportion


def of(kind: type[Shape], found: dict[str, Any]) -> Any:
    return kind.model_validate_json(json.dumps(found))


def group(name: str, before: int, after: int) -> Group:
    return Group(
        name,
        Proportion(correct=before, total=20, interval=(before / 20, before / 20 + 0.1)),
        Proportion(correct=after, total=20, interval=(after / 20, after / 20 + 0.1)),
    )


GAIN = Comparison(difference=0.1, interval=(0.05, 0.15), p_value=0.01)
FIGURES: dict[str, tuple[Callable[[], str], list[str]]] = {
    "anchoring": (
        lambda: anchoring_figure(of(Anchoring, made_up.anchoring())),
        ["(own lengths)", "original (Eq. 10)", "nearest (%)", "step", "emotion", "0.95 (paper)"],
    ),
    "entropy": (
        lambda: entropy_figure(of(Entropy, made_up.entropy())),
        ["mean entropy of the answer's steps (bits)", "answers", "before", "after", "ends in a loop", "mean 0.237"],
    ),
    "reading": (
        lambda: reading_figure(of(Readings, made_up.reading()).concepts[0]),
        ["layer", "told apart (%)", "(standard deviations)", "emotion", "shuffled (95 %)", "random moves (range)"],
    ),
    "position": (
        lambda: position_figure(of(PositionSensitivity, made_up.position_sensitivity())),
        ["(nats per target token)", "token of the prompt", "emotion"],
    ),
    "blend": (
        lambda: blend_figure(of(Blend, made_up.blend())),
        ["accuracy (%)", "target token)", "(bits)", "weight (0: prompt text; 1: tuned)"],
    ),
    "read back": (
        lambda: read_back_figure(of(ReadBack, made_up.read_back())),
        ["prompt text", "tuned prompt", "read back", "strict accuracy (%)"],
    ),
    "heat map": (
        lambda: figures.heat_map(of(Grid, made_up.grid())),
        ["epochs", "(RMS of the table)", "failed", "validation accuracy (%); framed: chosen", "60.0"],
    ),
    "groups": (
        lambda: figures.group_bars([group("level 1", 4, 15), group("level 2", 10, 9)]),
        ["strict accuracy (%)", "level 1 (20)", "before", "after"],
    ),
    "confusion": (
        lambda: figures.confusion(
            Confusion(2, ("a", "b"), ("a", "b", "(unreadable)"), ((5, 2, 1), (0, 7, 0))), "after"
        ),
        ["answer (rows)", "target", "after", "(unreadable)", "5", "7"],
    ),
    "gains": (
        lambda: figures.gains(["desk", "reviews"], [GAIN, GAIN]),
        ["gain in strict accuracy (points)", "desk", "reviews"],
    ),
}


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure(name: str) -> None:
    draw, words = FIGURES[name]
    svg = draw()
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert re.search(r"[0-9]", root.get("aria-label") or "")
    for word in words:
        assert word in texts(svg), word
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert "#ffffff" not in svg
    assert "<metadata" not in svg
    assert draw() == svg


def test_colours_are_seen_on_both_grounds() -> None:
    from embedgrad import drawing

    def luminance(color: str) -> float:
        """Source: WCAG 2.2, relative luminance."""
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color in (drawing.FAINT, drawing.BLUE, drawing.AMBER):
        for ground in ("#ffffff", "#15181c"):
            light, dark = sorted((luminance(color), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3


def test_own_ids_are_given_to_tags_and_not_to_texts() -> None:
    svg = (
        '<svg><defs><path id="m1"/></defs><use xlink:href="#m1" style="fill: url(#h)"/>'
        '<text>id="m1" url(#h)</text></svg>'
    )
    assert with_own_ids(svg, "f7-") == (
        '<svg><defs><path id="f7-m1"/></defs><use xlink:href="#f7-m1" style="fill: url(#f7-h)"/>'
        '<text>id="m1" url(#h)</text></svg>'
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_texts_from_outside_stay_text(payload: str) -> None:
    svg = drawn(payload, 3, 1, lambda figure: figure.text(0, 0, payload))
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == payload
    assert texts(svg) == [payload]
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "defs", "style", "g", "path", "text"}


def test_a_missing_glyph_is_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    assert "词语" in texts(figures.gains(["词语", "b"], [GAIN, GAIN]))
    assert not recwarn.list


def test_many_positions_are_numbered() -> None:
    tokens = tuple(f" t{number}" for number in range(200))
    svg = position_figure(of(PositionSensitivity, made_up.position_sensitivity(tokens)))
    assert "position in the prompt" in texts(svg)
    assert "t3" not in texts(svg)


def test_without_a_metric_losses_are_drawn() -> None:
    found = made_up.blend()
    for point in found["points"]:
        point |= {"accuracy": None, "interval": None}
    assert "accuracy (%)" not in texts(blend_figure(of(Blend, found)))
    back = made_up.read_back()
    for side in ("before", "after", "read_back"):
        back[side] |= {"accuracy": None, "correct": None, "interval": None}
    assert "loss (nats per target token)" in texts(read_back_figure(of(ReadBack, back)))
    grid = made_up.grid()
    for cell in grid["cells"]:
        cell |= {"accuracy": None, "interval": None}
    drawn = texts(figures.heat_map(of(Grid, grid)))
    assert "validation loss (nats per target token); framed: chosen" in drawn
    assert "0.980" in drawn
    assert "failed" in drawn


def test_a_failed_cell_is_no_loss() -> None:
    """The others' losses alone make the scale: the lowest of them is the strongest."""
    grid = made_up.grid()
    for cell in grid["cells"]:
        cell |= {"accuracy": None, "interval": None}
    losses = [cell["loss"] for cell in grid["cells"]]
    assert losses.pop() is None
    svg = figures.heat_map(of(Grid, grid))
    opacities = [float(found) for found in re.findall(r"fill: #2f7fd6; opacity: ([0-9.]+)", svg)]
    least, most = min(losses), max(losses)
    assert opacities == pytest.approx([0.08 + 0.62 * (most - loss) / (most - least) for loss in losses], abs=1e-3)


def test_the_best_cell_is_the_strongest() -> None:
    svg = figures.heat_map(of(Grid, made_up.grid()))
    opacities = [float(found) for found in re.findall(r"fill: #2f7fd6; opacity: ([0-9.]+)", svg)]
    values = [0.5 + 0.1 * rate + 0.01 * epochs for rate in (0.1, 0.5, 1.0) for epochs in (1, 2, 5)][:-1]
    assert len(opacities) == len(values)
    assert sorted(range(8), key=opacities.__getitem__) == sorted(range(8), key=values.__getitem__)
