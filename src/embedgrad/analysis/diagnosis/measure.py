"""Signs, before any tuning, that tuning will not help from this start (section 5.5)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from embedgrad.analysis.diagnosis.record import Diagnosis, Sign
from embedgrad.analysis.study import Study
from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation
from embedgrad.evaluation.statistics import proportion
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.score import Proportion
from embedgrad.watch import Watch

_CHANCE = 0.5
# From 11 pairs on, the 95 % Wilson interval of a share of 0.8 lies above chance;
# six of the eight starts called "fit" had more.
LEAST_PAIRS = 11
# The counts: 34 starts on the pocket model, each on so many rows; docs/methods/diagnosis.md.
_ROWS_OF_COUNTS = 100
_SENTENCES: dict[Literal["fit", "doubtful", "poor"], str] = {
    "fit": (
        "Nothing measured here speaks against this start; tuning helped from 8 of 8 such starts on the pocket model."
    ),
    "doubtful": (
        "One sign speaks against this start; tuning helped from 6 of 10 such starts on the pocket model. Measure "
        "another wording beside it."
    ),
    "poor": (
        "The signs speak against this start; tuning helped from 4 of 16 such starts on the pocket model. Measure "
        "another wording, or ask whether this model can do the task at all, before tuning for long."
    ),
}


def measure(study: Study, watch: Watch) -> Diagnosis:
    """Of the prompt that tuning started from."""
    return diagnosis(study.model, study.start, study.rows, study.judging, watch)


def diagnosis(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
) -> Diagnosis:
    """What speaks against starting from `prompt`, from labeled `examples` alone: no tuning, no gradient.

    Two signs, each with its bound (`_signs`); "poor" where all that the task has are bad, "doubtful" where one of two
    is. How well they foretell what tuning reaches, and which other signs do not, was tried out on the pocket model
    (docs/methods/diagnosis.md, benchmarks/diagnosis.py). **Source** of the question: arXiv 2508.03533, section 5.5,
    which names no sign. Answers are generated, whatever the judging's `score_by`.

    Raises what `Judge.prepare` raises, and DataError for fewer than `LEAST_PAIRS` pairs of rows with different targets.
    """
    generated = replace(judging, score_by="generation")
    bound = prompt.bind(model)
    judge = Judge.prepare(bound, examples, generated, watch)
    _check_pairs(judge.examples)
    found = judge.judge(bound, prompt.name, lambda done, _: watch.progress(done, judge.work + 1))
    signs = tuple(_signs(found, told_apart(judge, prompt, found), majority(judge.examples)))
    watch.progress(judge.work + 1, judge.work + 1)
    bad = sum(sign.is_bad for sign in signs)
    verdict: Literal["fit", "doubtful", "poor"] = "fit" if not bad else "poor" if bad == len(signs) else "doubtful"
    sentence = _SENTENCES[verdict]
    if len(judge.rows) < _ROWS_OF_COUNTS:
        sentence += (
            f" Those starts were measured on {_ROWS_OF_COUNTS} rows, this one on {len(judge.rows)}: on fewer rows a "
            "sign is bad more easily."
        )
    return Diagnosis(verdict=verdict, sentence=sentence, rows=len(judge.rows), signs=signs)


def told_apart(judge: Judge, prompt: SoftPrompt, found: Evaluation, seed: int = 0) -> Proportion | None:
    """Pairs of rows i, j with different targets for which these are likelier as they are than exchanged:
    nats(i, t_i) + nats(j, t_j) < nats(i, t_j) + nats(j, t_i). None without such a pair.

    Chance is one half, whatever form the prompt asks for and however much the model likes single targets: both stand
    on both sides. Each row is in up to two random pairs.
    """
    pairs = _pairs(judge.examples, seed)
    if not pairs:
        return None
    ids = [row.ids[row.target.start :] for row in judge.targets]
    exchanged = [judge.rows[a].with_target(ids[b]) for i, j in pairs for a, b in ((i, j), (j, i))]
    nats = judge.engine.row_nats(prompt.embeddings.to(judge.model.device), exchanged).reshape(-1, 2).sum(1).tolist()
    own = [prediction.nats for prediction in found.predictions]
    right = sum(own[i] + own[j] < other for (i, j), other in zip(pairs, nats, strict=True))
    return proportion(right, len(pairs))


def _pairs(examples: Sequence[Example], seed: int = 0) -> list[tuple[int, int]]:
    """Random pairs of rows with different targets; each row is in at most two."""
    rows, drawn = list(range(len(examples))), dict[tuple[int, int], None]()
    for turn in range(2):
        random.Random(f"pairs:{seed}:{turn}").shuffle(rows)
        half = len(rows) // 2
        drawn |= {(min(pair), max(pair)): None for pair in zip(rows[:half], rows[half:], strict=False)}
    return [(i, j) for i, j in drawn if examples[i].target != examples[j].target]


def _check_pairs(examples: Sequence[Example]) -> None:
    pairs = len(_pairs(examples))
    if pairs < LEAST_PAIRS:
        raise DataError(
            "Whether this start is worth tuning cannot be judged: that takes at least "
            f"{LEAST_PAIRS} pairs of rows with different targets, and {len(examples)} "
            f"{'row gives' if len(examples) == 1 else 'rows give'} {pairs}. Give more rows, of more than one target."
        )


def majority(examples: Sequence[Example]) -> float:
    """The most frequent target's share of the rows."""
    return Counter((example.target or "").strip() for example in examples).most_common(1)[0][1] / len(examples)


def _signs(found: Evaluation, pairs: Proportion | None, usual: float) -> Iterator[Sign]:
    if pairs is not None:
        yield Sign(
            name="targets told apart",
            value=pairs.interval[0],
            bound=_CHANCE,
            is_bad=pairs.interval[0] <= _CHANCE,
            meaning=(
                f"In {pairs.correct} of {pairs.total} pairs of rows the targets are likelier as they are than "
                "exchanged; the value is the low end of the 95 % interval, chance is 0.5."
            ),
        )
    if found.score.by_meaning is not None:
        right = found.score.by_meaning
        yield Sign(
            name="right by meaning",
            value=right.correct / right.total,
            bound=usual,
            is_bad=right.correct / right.total <= usual,
            meaning="Share of answers that a person would call right; the bound is the most frequent target's share.",
        )
