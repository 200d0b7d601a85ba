"""`eg.evaluate` and `eg.generate`: a prompt at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.plan import BATCH_TOKENS
from embedgrad.errors import UsageError
from embedgrad.evaluation.judge import Judge, Progress, decode
from embedgrad.evaluation.result import Evaluation
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.layouts import lay_out_rows, stop_ids
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.placement import PromptLike, start
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template

Say = Callable[[str], None]


@dataclass(frozen=True)
class Generation:
    """One answer: its text without special tokens, its token ids, and whether the token limit cut it."""

    text: str
    tokens: tuple[int, ...]
    truncated: bool


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
    allow_mismatch: bool = False,
    progress: Progress = lambda done, total: None,
    say: Say = lambda message: None,
) -> Evaluation:
    """How well `prompt` (a text, a file or a SoftPrompt) does on `examples` (rows or their file).

    task            default: told from the targets (tasks.infer_task)
    score_by        "generation": greedy answers; "likelihood": the label of highest likelihood; or "both"
    max_new_tokens  longest answer; default the longest target and 16 more. Prompts to be compared need the same.

    Raises what `start`, `load_examples` and `Judge.prepare` raise.
    """
    placed = start(model, prompt, template, allow_mismatch=allow_mismatch, say=say)
    rows = load_examples(examples) if isinstance(examples, str | Path) else examples
    judge = Judge.prepare(
        model,
        placed,
        rows,
        task,
        score_by=score_by,
        max_new_tokens=max_new_tokens,
        overlong=overlong,
        batch_tokens=batch_tokens,
        say=say,
    )
    return judge.judge(placed.embeddings, placed.name, progress)


def generate(
    model: FrozenModel,
    prompt: PromptLike,
    inputs: Sequence[str | Example],
    *,
    max_new_tokens: int = 128,
    template: Template | None = None,
    allow_mismatch: bool = False,
    overlong: Overlong = "error",
    batch_tokens: int = BATCH_TOKENS,
    say: Say = lambda message: None,
) -> list[Generation | None]:
    """Greedy answers to `inputs` under `prompt`, in order; None for a row that `overlong="skip"` leaves out.

    An input is a text, or an Example where the template has further columns or the row has earlier turns.
    """
    if isinstance(inputs, str):
        raise UsageError("generate takes a list of inputs; put the one text into brackets: [text].")
    placed = start(model, prompt, template, allow_mismatch=allow_mismatch, say=say)
    examples = [Example(row, line=n) if isinstance(row, str) else row for n, row in enumerate(inputs, start=1)]
    laid = lay_out_rows(model, placed, examples, with_target=False, answer_tokens=max_new_tokens, overlong=overlong)
    for example, layout in zip(examples, laid, strict=True):
        if layout is not None and layout.cut_tokens:
            say(f"line {example.line}: the last {layout.cut_tokens} tokens of the input are cut to fit the context")
    numbers = [number for number, layout in enumerate(laid) if layout is not None]
    rows = [layout for layout in laid if layout is not None]
    answers: list[Generation | None] = [None] * len(laid)
    embeddings = placed.embeddings.to(model.device)
    for index, answer in generate_ids(
        model, embeddings, rows, max_new_tokens, stop_ids(model, placed), batch_tokens=batch_tokens
    ):
        answers[numbers[index]] = Generation(decode(model, answer.ids), answer.ids, answer.truncated)
    return answers
