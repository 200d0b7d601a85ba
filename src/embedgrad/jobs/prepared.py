"""A run's model, loaded, and its prompts, placed: what tuning, sweeping and analyzing have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from embedgrad.data.splits import Parts
from embedgrad.datasets.data_set import LARGE
from embedgrad.evaluation.judge import ROOM_FOR_WORDS, longest_target
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.task_record import task_words
from embedgrad.faces import setting
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import check_lengths, lay_out_rows
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.tasks.task import Task
from embedgrad.tuning.learning_rate import AUTO, resolve_learning_rate
from embedgrad.units import counted
from embedgrad.watch import Watch


@dataclass(frozen=True)
class Prepared:
    """The settings with every default resolved, the model, the prompt as it starts, the text prompt that it will be
    compared with, and what a right answer is."""

    settings: TuneSettings
    model: FrozenModel
    start: SoftPrompt
    baseline: SoftPrompt
    task: Task
    tuned_rows: int

    @property
    def judging(self) -> Judging:
        """How this run is judged, on validation and on test rows alike."""
        return self.settings.judging.judging(self.task, self.settings.tuning.batch_tokens)

    @property
    def starts(self) -> Callable[[int], SoftPrompt] | None:
        """The start that belongs to a seed, where the start is drawn."""
        settings, model = self.settings, self.model
        if settings.method.start == "text":
            return None
        return lambda seed: _first(settings.changed(run_seed=seed), model, Watch())

    @property
    def steps(self) -> int:
        """How many steps tuning takes if nothing stops it before."""
        return self.settings.tuning.total_steps(self.tuned_rows)


def prepare(settings: TuneSettings, parts: Parts, watch: Watch, loaded: FrozenModel | None = None) -> Prepared:
    """The model, loaded unless it is `loaded` already, and the prompt, placed. Whatever could fail at the end is tried
    here: every row must fit."""
    everything = (*parts.train, *parts.validation, *parts.test)  # a label may occur among the test rows alone
    task = settings.judging.task_for(everything)
    if task.has_metric:
        check_special_tokens(everything, stored_special_tokens(settings.model.model or "", settings.model.revision))
    model = loaded or settings.model.loaded(watch)
    first, text = _placed(settings, model, watch)
    limit = settings.judging.max_new_tokens or longest_target(model, first, everything) + ROOM_FOR_WORDS
    tuned_rows = len(parts.train)
    if settings.judging.overlong == "skip":
        tuned_rows -= lay_out_rows(model, first, parts.train, overlong="skip").count(None)
    if settings.judging.overlong == "error":
        for prompt in dict.fromkeys((text, first)):
            check_lengths(model, prompt, {"tuning": parts.train, "validation": parts.validation, "test": parts.test})
            check_lengths(model, prompt, {"validation": parts.validation, "test": parts.test}, answer_tokens=limit)
    # Labels that were inferred from the rows are inferred again: as a setting they would refuse removed duplicates.
    found = {"task": task.kind, "pattern": task.pattern, "decimal_mark": task.decimal_mark, "max_new_tokens": limit}
    found |= {"revision": model.identity.revision, "dtype": model.dtype_name}
    return Prepared(settings.changed(**found, **_rate(settings, model)), model, first, text, task, tuned_rows)


def _placed(settings: TuneSettings, model: FrozenModel, watch: Watch) -> tuple[SoftPrompt, SoftPrompt]:
    """The prompt as it starts, and as its text."""
    first, template = _first(settings, model, watch), settings.template.named_template(model.has_chat_template)
    if settings.method.start == "text":
        return first, first
    special = settings.template.special_tokens_in_rows
    return first, start(model, settings.prompt or "", template, special_tokens_in_rows=special)


def _first(settings: TuneSettings, model: FrozenModel, watch: Watch) -> SoftPrompt:
    """The prompt as it starts."""
    method = settings.method
    return start(
        model,
        settings.prompt or "",
        settings.template.named_template(model.has_chat_template),
        kind=method.start,
        tokens=method.tokens,
        seed=settings.tuning.seed_of_run,
        frozen=method.frozen_positions(),
        special_tokens_in_rows=settings.template.special_tokens_in_rows,
        allow_mismatch=settings.template.allow_mismatch,
        say=watch.note,
    )


def _rate(settings: TuneSettings, model: FrozenModel) -> dict[str, str | None]:
    """The learning rate as a number, unless short runs will choose it, and how it was asked for."""
    given, asked = settings.tuning.learning_rate, settings.learning_rate_asked

    def resolved(text: str | None) -> str:
        optimizer = settings.tuning.optimizer
        return repr(resolve_learning_rate(text, model.parameters, model.table_rms, optimizer))

    rate = AUTO if given == AUTO else resolved(given)
    if given and given.endswith("rms"):
        asked = given
    if asked and rate != resolved(asked):
        asked = None  # of settings whose rate another has replaced since
    return {"learning_rate": rate, "learning_rate_asked": asked}


def opening(prepared: Prepared, parts: Parts) -> Iterator[str]:
    """What is about to be tuned, in a few lines."""
    model, settings = prepared.model, prepared.settings
    removed = parts.removed_train + parts.removed_validation
    if found := settings.rows.named_data_set():
        split = settings.rows.split or LARGE
        yield f"{found.title}, target {settings.rows.target}, split {split}: {found.split_of(split).words}"
    yield (
        f"{counted(len(parts.train), 'row')} to tune on, {len(parts.validation):,} for validation, "
        f"{len(parts.test):,} for the test"
        + (f" ({parts.drawn})" if parts.drawn else "")
        + (f"; {removed:,} removed because a later part has their input too" if removed else "")
    )
    if settings.rows.split is None and parts.drawn and len(parts.train) < len(parts.validation) + len(parts.test):
        yield f"to tune on more of them, choose other shares, such as {setting('split', '70/15/15')}"
    yield f"task: {task_words(prepared.task)}"
    yield (
        f"{model.identity.name}: {model.parameters:,} parameters, frozen, {model.dtype_name} on {model.device}; "
        f"prompt of {counted(len(prepared.start), 'token')}"
    )
