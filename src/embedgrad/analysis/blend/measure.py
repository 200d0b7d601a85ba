"""The straight line between two prompts: whether they lie in one valley or a ridge is between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from embedgrad.analysis.blend.record import Blend, BlendPoint
from embedgrad.analysis.entropy.measure import bits
from embedgrad.analysis.study import Study
from embedgrad.data.example import Example
from embedgrad.errors import DataError, PromptError
from embedgrad.evaluation.answering import Answering, Asking
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import proportion
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.rows import lay_out_rows, template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.template.layout import Overlong
from embedgrad.template.template import FixedText
from embedgrad.watch import Watch

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def measure(study: Study, watch: Watch) -> Blend:
    """From the start, or from the prompt that the study names instead."""
    name, first = study.other or ("start", study.start)
    return blend(study.model, first, study.tuned, study.rows, study.judging, watch, names=(name, "tuned"))


def blend(
    model: FrozenModel,
    first: SoftPrompt,
    second: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
    *,
    weights: Sequence[float] = WEIGHTS,
    names: tuple[str, str] | None = None,
) -> Blend:
    """Accuracy, loss and trajectory entropy of (1 - w) * first + w * second for each w of `weights`.

    The two have equal length and stand in the same place; at w = 0 and w = 1 they are the prompts themselves, bit for
    bit. Entropy in bits: the mean over answers of an answer's mean over its steps (Eq. 11 of arXiv 2508.03533), of
    answers up to `max_new_tokens` (default: the longest target and 16 more), which are generated even where accuracy
    is that of the likeliest labels (`score_by="likelihood"`). All three are of the rows that have room for such an
    answer. `names` are what the record calls the two, by default their own names.

    Raises PromptError where the prompts do not fit each other, DataError, OverlongRows.
    """
    check_fit(first, second)
    judge = Judge.prepare(first.bind(model), examples, judging, watch)
    overlong, limit = judging.overlong, judge.max_new_tokens
    laid = lay_out_rows(model, first, judge.examples, with_target=False, answer_tokens=limit, overlong=overlong)
    if None in laid:  # where no answer is generated, a judge leaves room for the target alone
        kept = [example for example, row in zip(judge.examples, laid, strict=True) if row is not None]
        if not kept:
            raise DataError(
                f"No row leaves room in the model's context for an answer of {limit} tokens: there is nothing to "
                "measure the blend on. Give shorter rows or a lower max_new_tokens."
            )
        same = replace(judging, task=judge.task, max_new_tokens=limit)
        judge = Judge.prepare(first.bind(model), kept, same, watch)
    points: list[BlendPoint] = []
    for weight in weights:
        at = first.moved((1 - weight) * first.embeddings + weight * second.embeddings)
        points.append(_point(judge, at, weight, overlong))
        watch.progress(len(points), len(weights))
    return Blend(
        first=names[0] if names else first.name,
        second=names[1] if names else second.name,
        rows=len(judge.rows),
        points=tuple(points),
    )


def _point(judge: Judge, at: SoftPrompt, weight: float, overlong: Overlong) -> BlendPoint:
    """Losses from the engine, and answers with their entropies, which say accuracy too (each row is answered once)
    unless that is of likelihoods."""
    rows = len(judge.rows)
    nats = judge.engine.row_nats(at.embeddings.to(judge.model.device), judge.targets)
    asking = Asking(judge.max_new_tokens, overlong=overlong, batch_tokens=judge.engine.batch_tokens)
    answers = Answering.prepare(judge.model, at, judge.examples, asking).answers(0, rows)
    share = None
    if judge.score_by == "likelihood":
        score = judge.judge(at.bind(judge.model), at.name).score
        share = proportion(score.correct or 0, rows)
    elif judge.task.has_metric:
        right = [
            answer is not None and is_correct(judge.task, read_strict(judge.task, answer.text), example.target or "")
            for answer, example in zip(answers, judge.examples, strict=True)
        ]
        share = proportion(sum(right), rows)
    return BlendPoint(
        weight=weight,
        accuracy=share.correct / share.total if share else None,
        interval=share.interval if share else None,
        loss=float(nats.sum()) / sum(len(row.target) for row in judge.targets),
        entropy_bits=fmean(bits(answer) for answer in answers if answer is not None),
    )


def check_fit(first: SoftPrompt, second: SoftPrompt) -> None:
    """Raises PromptError unless the two have equal length and stand in the same place."""
    if first.embeddings.shape != second.embeddings.shape:
        raise PromptError(
            f"A blend needs two prompts of equal length on one model: these have {len(first)} and {len(second)} tokens "
            f"of width {first.width} and {second.width}. Give a prompt tuned from a text of the same length."
        )
    places = [[s.ids if isinstance(s, FixedText) else s.name for s in template_of(p).segments] for p in (first, second)]
    if places[0] != places[1]:
        raise PromptError(
            "A blend needs two prompts that stand in the same place: the fixed text around these differs "
            f"({template_of(first).source.written()!r} and {template_of(second).source.written()!r}). Place both with "
            "one template."
        )
