"""A starting prompt on labeled rows, before it is tuned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import Field

from embedgrad.composed import Composed
from embedgrad.jobs.judging_settings import JudgingSettings
from embedgrad.jobs.model_settings import ModelSettings, TemplateSettings, required
from embedgrad.jobs.row_settings import RowSettings, load_rows, shown_columns
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.settings import BATCH_TOKENS, BatchTokens
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.analysis.diagnosis.record import Diagnosis


class DiagnosisRows(RowSettings):
    data: str | None = Field(
        None, description="With --diagnose: labeled rows as JSONL, CSV, Parquet, or - for JSONL on stdin."
    )


class DiagnosisJudging(JudgingSettings):
    batch_tokens: BatchTokens = BATCH_TOKENS


class DiagnoseSettings(Composed):
    """What a diagnosis needs; a run has all of it in its settings."""

    prompt: str | None = Field(None, description="With --diagnose: the prompt to start from.")
    model: ModelSettings = Field(default_factory=ModelSettings)
    rows: DiagnosisRows = Field(default_factory=DiagnosisRows)
    template: TemplateSettings = Field(default_factory=TemplateSettings)
    judging: DiagnosisJudging = Field(default_factory=DiagnosisJudging)


@dataclass(frozen=True)
class DiagnoseJob:
    """A prompt's diagnosis on at most `rows` of its rows."""

    settings: DiagnoseSettings
    rows: int

    def run(self, watch: Watch = Watch()) -> Diagnosis:
        """Raises SettingsError, DataError and its kin, and what `eg.evaluate` raises."""
        settings, judging, where = self.settings, self.settings.judging, self.settings.template
        required(settings, "model", "prompt", "data")
        prompt = settings.prompt or ""
        columns, task_name = shown_columns(where, [prompt]), judging.task
        examples = load_rows(
            settings.rows.data or "", settings.rows, columns, judging.labels, task=task_name, say=watch.note
        )
        task = judging.task_for(examples)
        if task.has_metric:
            check_special_tokens(examples, stored_special_tokens(settings.model.model or "", settings.model.revision))

        from embedgrad.analysis.diagnosis.measure import diagnosis
        from embedgrad.analysis.study import spread

        model = settings.model.loaded(watch)
        placed = where.place(model, prompt, watch.note)
        with watch.stage("diagnosis", 100) as update:
            told = replace(watch, progress=lambda done, total: update(100 * done // max(total, 1)))
            asked = judging.judging(task, judging.batch_tokens)
            return diagnosis(model, placed, spread(examples, self.rows), asked, told)
