"""`eg.evaluate`: how well a prompt does on labeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples, nobody
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation, undecided_words
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.evaluation.task_record import own_task, task_words
from embedgrad.events import Progress, Say
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.place import Placing, PromptLike
from embedgrad.prompt.public import public
from embedgrad.prompt.rows import special_tokens_report, template_of
from embedgrad.settings import BATCH_TOKENS
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template
from embedgrad.watch import Watch


@public()
def evaluate(
    model: FrozenModel,
    prompt: PromptLike,
    examples: Sequence[Example] | str | Path,
    task: Task | None = None,
    *,
    template: Template | None = None,
    score_by: ScoreBy = "generation",
    max_new_tokens: int | None = None,
    overlong: Overlong = "error",
    batch_tokens: int = BATCH_TOKENS,
    special_tokens_in_rows: bool | None = None,
    allow_mismatch: bool = False,
    progress: Progress = lambda done, total: None,
    say: Say = nobody,
) -> Evaluation:
    """How well `prompt` (a text, a file or a SoftPrompt) does on `examples` (rows or their file).

    task            default: the one the prompt was tuned with, else told from the targets (tasks.infer_task)
    score_by        "generation": greedy answers; "likelihood": the label of highest likelihood; or "both"
    max_new_tokens  longest answer; default the longest target and 16 more. Prompts to be compared need the same.
    special_tokens_in_rows  as `start` takes it

    Raises what `start`, `load_examples` and `Judge.prepare` raise.
    """
    placed = Placing(template, special_tokens_in_rows, allow_mismatch).place(model, prompt, say)
    columns = template_of(placed).source.columns[1:]
    rows = load_examples(examples, columns=columns, say=say) if isinstance(examples, str | Path) else examples
    if task is None and (task := own_task(placed.settings)) is not None:
        say(f"task: {task_words(task)}, as the prompt was tuned")
    judging = Judging(task, score_by, max_new_tokens, overlong, batch_tokens)
    bound = placed.bind(model)
    judge = Judge.prepare(bound, rows, judging, Watch(note=say))
    if sentence := special_tokens_report(model, placed, rows):
        say(sentence)
    found = judge.judge(bound, placed.name, progress)
    if sentence := undecided_words([found]):
        say(sentence)
    return found
