"""A grid of learning rates and numbers of epochs, one tuning per rate: how sensitive the gain is (the paper's 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from embedgrad.data.sources import nobody
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.placement import PromptLike
from embedgrad.settings import checked
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template
from embedgrad.tuning.events import Listener
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Rows, Say, Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.trials import Cell, Trials, choose_cell, try_rate


def sweep(
    model: FrozenModel,
    prompt: PromptLike,
    examples: Rows,
    rates: Sequence[str],
    epochs: Sequence[float],
    *,
    validation: Rows | None = None,
    template: Template | None = None,
    task: Task | None = None,
    score_by: ScoreBy = "generation",
    max_new_tokens: int | None = None,
    overlong: Overlong = "error",
    folder: Path | None = None,
    depends_on: str = "",
    stage: Callable[[int, str], None] = lambda number, rate: None,
    listen: Listener = lambda event: None,
    say: Say = nobody,
    **settings: Any,
) -> Trials:
    """Tune at each of `rates` ("0.5rms" or "0.01") for the most of `epochs`; a Cell for each rate and each number of
    epochs, rates in the order given, epochs from few to many. See `try_rate` for why one tuning per rate will do.

    folder     where each rate's checkpoint is kept; with those that are there it goes on
    stage      told the number of each rate, from 0, before it begins
    settings   fields of TuningSettings but rate and epochs; `min_steps` is 0 where it is not given, so that few epochs
               are few steps

    The rest is as `tune` takes it. Raises what `tune` raises; a rate whose loss becomes NaN or infinite only fails its
    own cells, unless all fail.
    """
    given = {"min_steps": 0, **settings, "epochs": max(epochs), "learning_rate": None}
    options = checked(TuningSettings, given, "sweep")
    setup = Setup.prepare(
        model,
        prompt,
        examples,
        options,
        validation=validation,
        template=template,
        task=task,
        score_by=score_by,
        max_new_tokens=max_new_tokens,
        overlong=overlong,
        depends_on=depends_on,
        say=say,
    )
    cells: list[Cell] = []
    seconds = 0.0
    for number, rate in enumerate(rates):
        stage(number, rate)
        absolute = resolve_learning_rate(rate, model.parameters, model.table_rms)
        checkpoint = None if folder is None else folder / f"rate-{number + 1}.safetensors"
        end, found = try_rate(setup, options, absolute, sorted(epochs), checkpoint=checkpoint, listen=listen)
        cells.extend(found)
        seconds += end.seconds
    total = len(setup.judge.rows)
    return Trials(tuple(cells), choose_cell(cells, total), total, model.table_rms, seconds)
