"""Reading by linear artificial tomography (LAT): how strongly a concept shows in the hidden states, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embedgrad.analysis.reading.contrast import Concept, shipped_concepts
from embedgrad.analysis.reading.record import LayerReading, Reading, Readings
from embedgrad.analysis.reading.states import row_states, text_rows
from embedgrad.analysis.study import Study
from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import paired_mean, proportion
from embedgrad.json_shape import Interval
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.rows import lay_out_rows, template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.watch import Watch, counted_up

Floats = NDArray[np.float64]
States = NDArray[np.float32]

SHUFFLES = 200
MOVES, MOVED_ROWS = 10, 40


@dataclass(frozen=True)
class Chance:
    """What is left to chance: how many random moves are the control (0: none), and the seed of these and their rows, of
    which half of the pairs fits, and of the shuffled labels."""

    moves: int = MOVES
    seed: int = 0


def measure(study: Study, watch: Watch) -> Readings:
    """The study's concepts, else those that ship."""
    return read_concepts(
        study.model, study.text, study.tuned, study.rows, study.judging, watch, concepts=study.concepts
    )


def read_concepts(
    model: FrozenModel,
    before: SoftPrompt,
    after: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
    *,
    concepts: Sequence[Concept] | None = None,
    chance: Chance = Chance(),
) -> Readings:
    """How strongly each concept shows, in each layer, where the answers to `examples` begin, under two placed prompts.

    For each layer a direction is fitted on half of a concept's contrast pairs (`direction`) and tested on the other
    half: how often the positive text's state lies further along it than the negative one's. The readings are the rows'
    hidden states projected onto it, in standard deviations of the contrast texts' projections, 0 in their middle.

    As a control, `before` is moved at random, as far as tuning moved it (`random_moves`); the mean differences of the
    moved prompts from `before`, on at most MOVED_ROWS of the rows drawn by chance, give each layer's range.

    concepts  default: the three that ship
    judging   only `overlong` and `batch_tokens` matter: no answer is asked for. "skip" leaves a row out under both

    Raises DataError where no row is left, OverlongRows, TemplateError. Memory: rows * L * D numbers for each prompt.
    Time: 2 * rows + moves * min(rows, MOVED_ROWS) forwards of a row, and one of each text of the pairs.

    **Source** Zou et al. 2023, arXiv 2310.01405, section 3.1; the paper's section 5.3 and Figure 3.
    """
    concepts = shipped_concepts() if concepts is None else concepts
    seed, overlong, batch_tokens = chance.seed, judging.overlong, judging.batch_tokens
    sides = [lay_out_rows(model, p, examples, with_target=False, overlong=overlong) for p in (before, after)]
    kept = [(one, two) for one, two in zip(*sides, strict=True) if one is not None and two is not None]
    if not kept:
        raise DataError("There is no row to read the concepts on. Give at least one that fits.")
    is_chat = template_of(after).source.is_chat
    moved = random_moves(before.embeddings, after.embeddings, chance.moves, seed)
    drawn = Random(f"moves:{seed}").sample(range(len(kept)), min(MOVED_ROWS, len(kept)))
    total = 2 * (len(kept) + sum(len(concept.pairs) for concept in concepts)) + len(moved) * len(drawn)
    count = counted_up(watch.progress, total)
    rows_before = row_states(model, before.embeddings, [one for one, _ in kept], batch_tokens, count).numpy()
    rows_after = row_states(model, after.embeddings, [two for _, two in kept], batch_tokens, count).numpy()
    start = rows_before[drawn].mean(axis=0)
    shifts = np.zeros((len(moved), *start.shape))
    for number, embeddings in enumerate(moved):
        states = row_states(model, embeddings, [kept[row][0] for row in drawn], batch_tokens, count).numpy()
        shifts[number] = states.mean(axis=0) - start
    found = []
    for concept in concepts:
        texts = [text for pair in concept.pairs for text in (pair.positive, pair.negative)]
        states = row_states(model, None, text_rows(model, texts, is_chat=is_chat), batch_tokens, count).numpy()
        layers = [
            _read_layer(layer + 1, *(side[:, layer] for side in (states, rows_before, rows_after, shifts)), seed=seed)
            for layer in range(states.shape[1])
        ]
        pairs = len(concept.pairs)
        found.append(Reading(concept=concept.name, pairs=pairs, rows=len(kept), moves=len(moved), layers=tuple(layers)))
    return Readings(concepts=tuple(found))


def random_moves(before: Tensor, after: Tensor, count: int, seed: int = 0) -> list[Tensor]:
    """`count` times `before` [P, D], each vector moved in a random direction by its L2 distance from `after`'s.

    What did not move (a frozen token) stays. None at all where nothing moved, or the prompts differ in length.
    """
    if before.shape != after.shape or torch.equal(before, after):
        return []
    distances = (after - before).norm(dim=1, keepdim=True)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, *before.shape, generator=generator, dtype=torch.float32)
    return list(before + distances * torch.nn.functional.normalize(noise, dim=2))


def direction(differences: Floats) -> Floats:
    """[D] the reading vector of `differences` [pairs, D], positive minus negative texts: their mean, of length 1.

    **Source** Zou et al. 2023 take the differences' first principal component. On held-out pairs the mean was better
    in nearly every layer (docs/methods/reading.md): the component with the most variance may be one of wording. Its
    sign needs no rule, and it cannot be found without the labels, so that shuffling them is a control.
    """
    mean = differences.mean(axis=0)
    return np.asarray(mean / (np.linalg.norm(mean) or 1.0))  # all alike: no direction, and nothing is told apart


def _read_layer(layer: int, texts: States, before: States, after: States, shifts: Floats, *, seed: int) -> LayerReading:
    """One layer's reading from its states [2 * pairs, D] of positive and negative texts by turns, [rows, D] of rows,
    and the rows' mean change [moves, D] under each random move."""
    differences = texts[::2].astype(np.float64) - texts[1::2]
    pairs = len(differences)
    order = Random(f"contrast:{seed}").sample(range(pairs), pairs)
    fitted, held_out = differences[order[: pairs // 2]], differences[order[pairs // 2 :]]
    vector = direction(fitted)
    along = texts @ vector
    spread = along.std() or 1.0  # all alike: a window that does not reach back to the instruction
    first, second = ((rows @ vector - along.mean()) / spread for rows in (before, after))
    compared = paired_mean(first.tolist(), second.tolist())
    random = shifts @ vector / spread
    return LayerReading(
        layer=layer,
        held_out=proportion(int((held_out @ vector > 0).sum()), len(held_out)),
        shuffled=_shuffled(fitted, held_out, seed),
        before=float(first.mean()),
        after=float(second.mean()),
        difference=compared.difference,
        interval=compared.interval,
        random=(float(random.min()), float(random.max())) if len(random) else None,
    )


def _shuffled(fitted: Floats, held_out: Floats, seed: int) -> Interval:
    """95 % range of the held-out accuracy when chance says which text of a pair is the positive one."""
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(SHUFFLES):
        signs = rng.choice([-1.0, 1.0], size=len(fitted) + len(held_out))[:, None]
        vector = direction(fitted * signs[: len(fitted)])
        shares.append(float(((held_out * signs[len(fitted) :]) @ vector > 0).mean()))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
