"""Greedy generation from joined embeddings: our own loop over the model's forward and its cache.

Equals `transformers`' generate(inputs_embeds=..., do_sample=False) token for token in float32, alone or in a
batch, whatever the padding and under whichever prompts (tests/equivalence). Ties of floating-point sums can differ
between batch sizes in lower precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from embedgrad.engine.entropy import entropy_bits
from embedgrad.engine.plan import memory_told
from embedgrad.engine.read_inputs import Padding, ReadInputs, forward, read_inputs
from embedgrad.engine.requests import Request
from embedgrad.engine.whole_rows import WholeRows
from embedgrad.errors import ModelError, NonFiniteLoss
from embedgrad.faces import setting
from embedgrad.model.families import has_sliding_window, keeps_a_state, keeps_state_in_modules
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.settings import BATCH_TOKENS
from embedgrad.units import line_words

End = Literal["stop token", "told", "limit"]  # `told` by the request's `ends`


@dataclass(frozen=True)
class Step:
    """One token that one row of a batch chose, the stop token included; `end` says why it is the row's last."""

    row: int
    token: int
    entropy_bits: float | None
    end: End | None


@dataclass(frozen=True)
class GeneratedIds:
    """One answer.

    ids             its tokens, without what its request had of it and the stop token that ended it
    truncated       whether the token limit came first
    entropies_bits  of each step's next-token distribution, the stop token's step included; empty if not asked for
    """

    ids: tuple[int, ...]
    truncated: bool
    entropies_bits: tuple[float, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[Step]) -> GeneratedIds:
        """The answer that one row's steps make."""
        return cls(
            ids=tuple(step.token for step in steps if step.end != "stop token"),
            truncated=steps[-1].end == "limit",
            entropies_bits=tuple(step.entropy_bits for step in steps if step.entropy_bits is not None),
        )


def generate_ids(
    model: FrozenModel,
    requests: Sequence[Request],
    max_new_tokens: int,
    padding: Padding = "left",
    batch_tokens: int = BATCH_TOKENS,
    *,
    with_entropies: bool = False,
) -> Iterator[tuple[int, GeneratedIds]]:
    """(row number, answer) for each request as it ends, batch by batch; rows of similar length go together. An answer
    that has begun goes on, and what was there of it counts among its `max_new_tokens`, which must leave room for one.

    padding  left: `[pad][prompt][input]` with positions that do not count the padding; right: the padding lies
             between row and answer and is masked (not with sliding windows, which count it);
             none: only rows of equal length share a batch, as always in models that keep a state

    Raises ModelError where the model takes no such padding, NonFiniteLoss for logits that choose no token,
    NotEnoughMemory.
    """
    padding = checked_padding(
        model, padding, max((r.layout.target.start for r in requests), default=0) + max_new_tokens
    )
    for indices in _batches(model, requests, max_new_tokens, padding, batch_tokens):
        rows = [requests[i] for i in indices]
        taken: list[list[Step]] = [[] for _ in indices]
        for step in steps(model, rows, max_new_tokens, padding, batch_tokens, with_entropies=with_entropies):
            taken[step.row].append(step)
            if step.end:
                yield indices[step.row], GeneratedIds.of(taken[step.row])


def checked_padding(model: FrozenModel, padding: Padding = "left", tokens: int = 0) -> Padding:
    """The padding that the model can take, in rows of up to `tokens` with their answers.

    Raises ModelError where it takes no right padding."""
    if padding == "right" and has_sliding_window(model.lm.config):
        raise ModelError(f"{model.identity.name} has sliding windows, which right padding would use up; pad left.")
    if tokens > model.switch_tokens:
        return "none"  # the switch depends on the longest row
    return "none" if keeps_a_state(model.lm.config) else padding  # the padding would run into the state


def _batches(
    model: FrozenModel, requests: Sequence[Request], max_new_tokens: int, padding: Padding, batch_tokens: int
) -> list[list[int]]:
    """Row numbers, shortest first, in pieces of at most `batch_tokens` with their padding and answers, and no wider
    than the model's context; a row longer than that has a piece of its own. Rows with and without a prefix do not mix.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, request in enumerate(requests):
        key = (request.prefix_tokens, len(request.layout)) if padding == "none" else (request.prefix is None,)
        groups.setdefault(key, []).append(number)
    pieces: list[list[int]] = []
    for members in groups.values():
        longest_prefix = 0
        pieces.append([])
        for number in sorted(members, key=lambda n: len(requests[n].layout) - requests[n].prefix_tokens):
            row = requests[number]
            longest_prefix = max(longest_prefix, row.prefix_tokens)
            width = longest_prefix + len(row.layout) - row.prefix_tokens + max_new_tokens  # or less, of answers begun
            is_full = width * (len(pieces[-1]) + 1) > batch_tokens or width > model.context_tokens
            if pieces[-1] and is_full:
                pieces.append([])
                longest_prefix = row.prefix_tokens
            pieces[-1].append(number)
    return pieces


def steps(
    model: FrozenModel,
    requests: Sequence[Request],
    max_new_tokens: int,
    padding: Padding = "left",
    batch_tokens: int = BATCH_TOKENS,
    *,
    with_entropies: bool = False,
) -> Iterator[Step]:
    """Every token of every row of one batch, as they come; where a model keeps its state in its modules, all at the
    end, since no other call may come between."""
    found = _steps(model, requests, max_new_tokens, padding, batch_tokens, with_entropies)
    if not keeps_state_in_modules(model.lm.config):
        return found
    with model.turns:
        return iter(list(found))


def _steps(
    model: FrozenModel,
    requests: Sequence[Request],
    max_new_tokens: int,
    padding: Padding,
    batch_tokens: int,
    with_entropies: bool,
) -> Iterator[Step]:
    with torch.no_grad(), memory_told(batch_tokens):
        batch: _Batch | WholeRows
        if model.cache_problem:
            batch = WholeRows(model, requests, padding)
        else:
            batch = _Batch(model, read_inputs(model, requests, padding), max_new_tokens)
    # Trap: RecurrentGemma keeps its state in its modules, where no row can be taken out.
    may_leave = isinstance(batch, WholeRows) or not keeps_a_state(model.lm.config)
    going: list[int | None] = list(range(len(requests)))  # by place in the batch; None where the answer has ended
    for produced in range(1, max_new_tokens + 1):
        with torch.no_grad(), memory_told(batch_tokens):
            logits = batch.logits.float()  # also for the argmax: on a CPU it takes five times as long in bfloat16
            tokens = logits.argmax(-1)
            _check_finite(logits.gather(1, tokens[:, None])[:, 0], going, requests, produced)
            entropies = entropy_bits(logits).tolist() if with_entropies else [None] * len(going)
        for place, token in enumerate(tokens.tolist()):
            row = going[place]
            if row is not None:
                end = _end(requests[row], token, requests[row].begun_tokens + produced == max_new_tokens)
                going[place] = None if end else row
                yield Step(row, token, entropies[place], end)
        kept = [place for place, row in enumerate(going) if row is not None]
        if not kept:
            return
        with torch.no_grad(), memory_told(batch_tokens):
            if may_leave and len(kept) < len(going):  # at once, since that is as quick as later
                going = [going[place] for place in kept]
                tokens = batch.keep(kept, tokens)
            batch.advance(tokens)


def _check_finite(best: Tensor, going: Sequence[int | None], requests: Sequence[Request], produced: int) -> None:
    """Raises NonFiniteLoss where the highest logit of a row, one of `best` [B], is NaN or infinite: the argmax finds
    either, and a row of nothing but -inf, so all others need no look."""
    strange = zip(going, best.isfinite().tolist(), strict=True)
    rows = sorted(row for row, is_finite in strange if row is not None and not is_finite)
    if rows:
        token = requests[rows[0]].begun_tokens + produced
        raise NonFiniteLoss(
            f"The model's logits are NaN or infinite at token {token} of the answer, "
            f"at {line_words([requests[row].layout.line for row in rows])}. Look at the prompt's learning rate, or use "
            f"{setting('dtype', 'float32', of='load_model')}."
        )


def _end(request: Request, token: int, is_limit: bool) -> End | None:
    if token in request.stop_ids:
        return "stop token"
    if request.ends(token):
        return "told"
    return "limit" if is_limit else None


class _Batch:
    """Rows in the middle of their answers: the model's cache of them, and the logits of the next token [B, V]."""

    def __init__(self, model: FrozenModel, inputs: ReadInputs, max_new_tokens: int) -> None:
        self.logits = inputs.logits
        self._model, self._cache, self._paddings = model, inputs.cache, inputs.paddings
        self._columns = inputs.mask.shape[1]
        room = inputs.mask.new_ones(len(inputs.mask), max_new_tokens)
        self._mask = torch.cat([inputs.mask, room], dim=1)  # only columns so far are shown to the model
        self._positions = inputs.mask.sum(1)[:, None]  # of the next token

    def keep(self, places: Sequence[int], tokens: Tensor) -> Tensor:
        """Only the rows at these places go on; returns their `tokens`."""
        kept = torch.tensor(places, device=tokens.device)
        self._cache.reorder_cache(kept)
        self._mask, self._positions = self._mask[kept], self._positions[kept]
        self._paddings = [self._paddings[place] for place in places]
        return tokens[kept]

    def advance(self, tokens: Tensor) -> None:
        """One step on, behind `tokens` [B]."""
        self._columns += 1
        mask = self._mask[:, : self._columns] if any(self._paddings) else None
        embeds = self._model.embed(tokens[:, None])
        self.logits = forward(self._model, self._cache, mask, self._positions, embeds)[:, 0]
        self._positions = self._positions + 1
