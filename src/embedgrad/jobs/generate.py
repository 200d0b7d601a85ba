"""Answers under a prompt, or several: the inputs, their prompts, and the model that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from embedgrad.arguments import absolute
from embedgrad.composed import Composed
from embedgrad.data.example import Example
from embedgrad.data.sources import load_lines
from embedgrad.errors import BadRows, DataError, did_you_mean
from embedgrad.events import Say
from embedgrad.faces import setting
from embedgrad.jobs.model_settings import ModelSettings, TemplateSettings
from embedgrad.jobs.row_settings import RowSettings, load_rows, shown_columns
from embedgrad.prompt.naming import names_a_path
from embedgrad.settings import BATCH_TOKENS, BatchTokens, PositiveCount, Settings
from embedgrad.template.layout import Overlong
from embedgrad.units import counted
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.evaluation.answering import Answering


class GenerationSettings(Settings):
    max_new_tokens: PositiveCount = Field(128, description="Maximum tokens per answer.")
    stop: tuple[str, ...] = Field(
        (), description=r"End the answer before this text (\n is a newline); repeat for several."
    )
    batch_tokens: BatchTokens = BATCH_TOKENS
    overlong: Overlong = Field("error", description="What to do with rows longer than the model's context.")


class GenerateSettings(Composed):
    """What inputs are answered with."""

    prompt: str | None = Field(
        None, description="The prompt: a text, @FILE with a text, a prompt file, a run folder or a PEFT folder."
    )
    prompt_field: str | None = Field(
        None, description="Column in which a row on stdin may name its own prompt file; other rows use --prompt."
    )
    lines: bool = Field(False, description="Treat each line on stdin as one input, not as JSON.")
    model: ModelSettings = Field(default_factory=ModelSettings)
    rows: RowSettings = Field(default_factory=RowSettings)
    template: TemplateSettings = Field(default_factory=TemplateSettings)
    generation: GenerationSettings = Field(default_factory=GenerationSettings)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the template shows besides the input."""
        return () if self.lines else shown_columns(self.template, [self.prompt or ""])


@dataclass(frozen=True)
class GenerateJob:
    """Rows to be answered, each with its prompt."""

    settings: GenerateSettings
    rows: Sequence[Example]
    prompts: Sequence[str]

    @classmethod
    def of(cls, settings: GenerateSettings, inputs: Sequence[str], watch: Watch = Watch()) -> GenerateJob:
        """For `inputs`, or for what comes through stdin where there are none. Raises DataError and its kin."""
        if inputs:
            rows = [Example(text, line=number, row={"input": text}) for number, text in enumerate(inputs, start=1)]
        else:
            rows = _rows(settings, watch.note)
        return cls(settings, rows, _prompts(rows, settings))

    def answering(self, watch: Watch = Watch()) -> Answering:
        """The model, loaded, with all rows laid out: ready to answer. Raises what `eg.generate` raises."""
        from embedgrad.evaluation.answering import Answering, Asking
        from embedgrad.prompt.place import Placing

        settings, how, where = self.settings, self.settings.generation, self.settings.template
        model = settings.model.loaded(watch)
        template = where.named_template(model.has_chat_template)
        asking = Asking(how.max_new_tokens, how.stop, how.overlong, how.batch_tokens)
        placing = Placing(template, where.special_tokens_in_rows, where.allow_mismatch)
        return Answering.prepare(model, self.prompts, self.rows, asking, placing, watch)


def _rows(settings: GenerateSettings, say: Say) -> list[Example]:
    source = settings.rows
    if settings.lines:
        return load_lines("-", encoding=source.encoding, limits=source.limits, say=say)
    aside = (settings.prompt_field,) if settings.prompt_field else ()
    try:
        return load_rows("-", source, settings.columns, labels=None, needs_target=False, aside=aside, say=say)
    except BadRows as error:
        if not error.problems[0].problem.startswith("not JSON"):
            raise
        raise DataError(f"{error} If each line is an input by itself, add {setting('lines')}.") from error


def _prompts(rows: Sequence[Example], settings: GenerateSettings) -> list[str]:
    """Each row's prompt. Raises DataError naming the lines that have none, or name no file."""
    field = settings.prompt_field
    if field is None:
        return [settings.prompt or ""] * len(rows)
    known = sorted({name for row in rows for name in row.columns})
    if field not in known:
        flag = setting("prompt_field")
        raise DataError(
            f'No row has a text in a column "{field}" ({flag}) besides its input and its target.'
            f"{did_you_mean(field, known)}"
        )
    named = [row.columns.get(field) or None for row in rows]
    strange = [row for row, name in zip(rows, named, strict=True) if name is not None and not names_a_path(name)]
    if strange:
        raise DataError(
            f'{len(strange)} of {counted(len(rows), "row")} {"has" if len(strange) == 1 else "have"} a "{field}" where '
            f"there is no file, the first at line {strange[0].line}: {strange[0].columns[field]!r}. Name a prompt "
            "file, a run folder or a PEFT folder."
        )
    without = [row for row, name in zip(rows, named, strict=True) if name is None]
    if without and not settings.prompt:
        raise DataError(
            f"{len(without)} of {counted(len(rows), 'row')} {'names' if len(without) == 1 else 'name'} no prompt in "
            f'"{field}", the first at line {without[0].line}. '
            f"Give {setting('prompt')} for these."
        )
    return [absolute(name) if name is not None else settings.prompt or "" for name in named]
