"""All of a tuning but its learning rate and its length: rows laid out, method prepared, judge and engine chosen.

One Setup serves one run, or the several of a calibration or a sweep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples, nobody
from embedgrad.data.splits import Parts, split
from embedgrad.engine.forecast import dear_fallback, fitted, naive_flops
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.whole_rows import whole_rows_words
from embedgrad.errors import CannotResume, DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.verdicts import verdicts_of
from embedgrad.events import Say, Validating
from embedgrad.methods.embeddings import Embeddings
from embedgrad.methods.method import Method, Point, Prepare, Tensors
from embedgrad.methods.optimizers import OPTIMIZERS
from embedgrad.model.compiled import is_worth_it
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.special_tokens import special_tokens_of
from embedgrad.prompt.rows import lay_out_rows, seam_report, special_tokens_report, template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.targets import check_special_tokens, settled
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Layout
from embedgrad.tuning.batches import Batches
from embedgrad.tuning.choice import Validation
from embedgrad.tuning.loop import tune_prompt
from embedgrad.tuning.settings import BEFORE, TuningSettings
from embedgrad.tuning.state import State, kinds, load_state, save_state
from embedgrad.units import counted
from embedgrad.watch import Watch

Rows = Sequence[Example] | str | Path


@dataclass(frozen=True, eq=False)
class Setup:
    """A tuning that is ready to run. `layouts` are the tuning rows that fit, `skipped` how many do not, `labels` those
    of `layouts` where the task has any."""

    model: FrozenModel
    start: SoftPrompt
    task: Task
    layouts: tuple[Layout, ...]
    labels: tuple[str, ...] | None
    skipped: int
    judge: Judge
    engine: Engine
    method: Method
    prepare_method: Prepare
    depends_on: str

    @classmethod
    def prepare(
        cls,
        model: FrozenModel,
        placed: SoftPrompt,
        parts: Parts,
        options: TuningSettings,
        judging: Judging = Judging(),
        depends_on: str = "",
        watch: Watch = Watch(),
        method: Prepare | None = None,
    ) -> Setup:
        """Lay out the rows of `parts` behind `placed`, choose judge and engine. `depends_on` is a further text that a
        resumed tuning must agree in; without a `method` the embeddings of `placed` are tuned, as `options` say.
        Raises DataError, OverlongRows, PromptError, NotEnoughMemory."""
        task = judging.task or settled(None, (*parts.train, *parts.validation))
        if task.has_metric or not template_of(placed).special_tokens_in_rows:
            check_special_tokens((*parts.train, *parts.validation), special_tokens_of(model.tokenizer))
        laid = lay_out_rows(model, placed, parts.train, overlong=judging.overlong)
        fitting = [(row, layout) for row, layout in zip(parts.train, laid, strict=True) if layout is not None]
        layouts = tuple(layout for _, layout in fitting)
        labels = tuple(row.target or "" for row, _ in fitting) if task.labels else None
        if not layouts:
            raise DataError("Every tuning row is longer than the model's context: there is nothing to tune on.")
        prepare_method = method or _embeddings(options)
        prepared = prepare_method(model, placed)
        judge = Judge.prepare(placed.bind(model), parts.validation, replace(judging, task=task))
        told = (
            _removed_words(parts),
            special_tokens_report(model, placed, (*parts.train, *parts.validation)),
            seam_report(model, placed, parts.train),
            *_fitting_words(laid, judge),
            whole_rows_words(model) if judge.generates else None,
            _batch_words(options.batch_size, len(layouts)),
        )
        for sentence in told:
            if sentence:
                watch.note(sentence)
        engine = _engine(model, placed.embeddings.to(model.device), layouts, options, watch.note)
        skipped = len(laid) - len(layouts)
        return cls(model, placed, task, layouts, labels, skipped, judge, engine, prepared, prepare_method, depends_on)

    def beginning_at(self, placed: SoftPrompt) -> Setup:
        """The same from another start, which is as long and placed alike: rows are laid out behind both the same."""
        return replace(self, start=placed, method=self.prepare_method(self.model, placed))

    def run(
        self,
        options: TuningSettings,
        learning_rate: float,
        *,
        begun: State | None = None,
        until: int | None = None,
        checkpoint: Path | None = None,
        watch: Watch = Watch(),
    ) -> State:
        """Tune from the checkpoint where there is one, else from `begun`, else from the start, to the end, or `until`
        so many steps are done. `options` differ from those of `prepare` in rate, length and seeds only. Raises what
        `tune_prompt` and `load_state` raise."""
        identity = self._inputs_sha256(options, learning_rate)
        first = self.method.begin()
        state = begun or State.start(first)
        if checkpoint is not None and checkpoint.exists():
            state = load_state(checkpoint, identity, self.model.device)
            _check_fit(state, first, checkpoint)

        def save(current: State) -> None:
            if checkpoint is not None:
                watch.before_save()
                save_state(checkpoint, current, identity)

        def validate(tensors: Tensors, step: int) -> Validation:
            def count(done: int, total: int) -> None:
                watch.event(Validating(step, done, total))

            bound = self.method.artifact(tensors).bind(self.model)
            found = verdicts_of(self.judge, bound, self.start.name, count)
            watch.snapshot(step, bound.embeddings)
            return Validation(found.loss, found.accuracy, len(self.judge.rows))

        size = options.rows_per_step(len(self.layouts))
        labels = self.labels if options.batch_order == "stratified" else None
        batches = Batches(self.layouts, self.engine, learning_rate, size, options.seed_of_run, labels)
        return tune_prompt(self.method, batches, validate, state, options, until=until, watch=watch, save=save)

    def _inputs_sha256(self, options: TuningSettings, learning_rate: float) -> str:
        """Digest of all that a checkpoint depends on; how often it is saved is not part of it."""
        task = self.task
        parts: list[Any] = [
            [layout.ids for layout in self.layouts],
            [layout.ids for layout in self.judge.targets],
            self.model.identity.model_dump(mode="json", exclude={"name", "revision"}),
            str(self.model.dtype),
            self.start.trainable,
            _that_matter(options) | {"learning_rate": learning_rate},
            [task.kind, task.labels, task.pattern, self.judge.score_by, self.judge.max_new_tokens],
            [],  # steps that earlier versions validated out of turn
            self.depends_on,
            *self.method.depends_on,
        ]
        if options.batch_size > len(self.layouts):  # earlier versions repeated rows within a step
            parts.append(["rows per step", options.rows_per_step(len(self.layouts))])
        digest = hashlib.sha256(json.dumps(parts).encode())
        digest.update(self.start.embeddings.numpy().tobytes())
        return digest.hexdigest()


def _embeddings(options: TuningSettings) -> Prepare:
    """The published method with the settings that it takes."""
    return partial(
        Embeddings.prepare,
        clip_norm=options.clip_norm,
        radius=options.radius,
        distance_penalty=options.distance_penalty,
        keep_nearest=options.keep_nearest,
        optimizer=OPTIMIZERS[options.optimizer],
    )


def _that_matter(options: TuningSettings) -> dict[str, Any]:
    """Of `options` what a checkpoint depends on; without those that there were not yet, where they are as it was
    then."""
    matter = options.model_dump(mode="json", exclude={"checkpoint_seconds"})
    return {name: value for name, value in matter.items() if name not in BEFORE or value != BEFORE[name]}


def _check_fit(state: State, first: Point, checkpoint: Path) -> None:
    """Raises CannotResume where a checkpoint's tensors are not those of the method at this start."""
    if kinds(state) != kinds(first):
        raise CannotResume(f"The checkpoint {checkpoint} holds tensors of another shape or kind. Start the run anew.")


def _engine(
    model: FrozenModel, embeddings: Tensor, layouts: Sequence[Layout], options: TuningSettings, say: Say
) -> Engine:
    """The engine of the whole run, which says how it goes about it and what that takes."""
    batch = options.rows_per_step(len(layouts))
    run_flops = options.total_steps(len(layouts)) * naive_flops(model, layouts, batch)
    compiled = is_worth_it(options.compile, run_flops, model)
    engine = choose(model, embeddings, layouts, options.batch_tokens, say, compiled=compiled)
    limit = options.memory_limit_bytes
    engine, expected = fitted(engine, embeddings, layouts, batch, limit, say)
    techniques = engine.used.techniques
    say("; ".join([engine.reason, expected.arithmetic()] + ([f"with {', '.join(techniques)}"] if techniques else [])))
    if warning := dear_fallback(engine, layouts, batch):
        say(warning)
    say(expected.memory())
    return engine


def tuning_parts(
    examples: Rows, validation: Rows | None, seed: int, columns: Sequence[str], say: Say = nobody
) -> Parts:
    """Rows, or the rows of files, split for a tuning without a test. Raises DataError and its kin."""
    rows = load_examples(examples, columns=columns, say=say) if isinstance(examples, str | Path) else examples
    if any(example.target is None for example in rows):
        raise DataError("Tuning needs a target in every row.")
    held_out = load_examples(validation, columns=columns, say=say) if isinstance(validation, str | Path) else validation
    return split(rows, validation=held_out, test=(), seed=seed, columns=columns)


def _removed_words(parts: Parts) -> str | None:
    removed = parts.removed_train
    if not removed:
        return None
    rows, their = ("row is", "its") if removed == 1 else ("rows are", "their")
    return f"{removed:,} tuning {rows} left out because validation has {their} input too."


def _batch_words(batch_size: int, rows: int) -> str | None:
    if batch_size <= rows:
        return None
    return f"A batch of {batch_size:,} rows is more than there are: every step takes all {counted(rows, 'tuning row')}."


def _fitting_words(laid: Sequence[Layout | None], judge: Judge) -> Iterator[str]:
    """How many rows were left out or shortened to fit the model's context."""
    skipped = sum(layout is None for layout in laid)
    if skipped or judge.skipped:
        yield (
            f"Left out because they are longer than the model's context: {counted(skipped, 'tuning row')}, "
            f"{counted(judge.skipped, 'validation row')}."
        )
    shortened = sum(layout is not None and layout.cut_tokens > 0 for layout in laid)
    if shortened or judge.shortened:
        yield (
            f"Inputs whose end was cut to fit the model's context: {counted(shortened, 'tuning row')}, "
            f"{counted(judge.shortened, 'validation row')}."
        )
