"""Predictions as lines for files, and the versions behind a result."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from embedgrad.evaluation.result import Evaluation, Prediction
from embedgrad.run.predictions import Answer, PredictedRow


def answer(prediction: Prediction) -> Answer:
    """What one prompt made of one row."""
    return Answer(
        output=prediction.output or "",
        prediction=prediction.prediction,
        correct=prediction.correct,
        meant=prediction.meant,
        likeliest=prediction.likeliest,
        truncated=prediction.truncated,
        loss=prediction.loss,
    )


def predictions_side_by_side(
    before: Evaluation, after: Evaluation, groups: Mapping[tuple[int, str, str], str]
) -> Iterator[PredictedRow]:
    """The lines of `predictions.jsonl`; `groups` is what rows are counted under, by line, input and target."""
    for first, second in zip(before.predictions, after.predictions, strict=True):
        yield PredictedRow(
            line=first.line,
            input=first.input,
            target=first.target,
            group=groups.get((first.line, first.input, first.target)),
            before=answer(first),
            after=answer(second),
        )


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    names = ("embedgrad", "torch", "transformers", "tokenizers", "safetensors")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
