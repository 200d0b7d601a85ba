"""Chooses the path for rows, and checks it against the plain one before it is relied on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from embedgrad.data.batches import length_buckets, micro_batches
from embedgrad.engine import cached_input, plain, shared_prefix
from embedgrad.engine.attention import CannotAttend
from embedgrad.engine.behind import PLAIN_MEANS, Means, checkpointed
from embedgrad.engine.cached_input import InputCache
from embedgrad.engine.compiled import compile_parts, uncompile
from embedgrad.engine.past import CannotShare, KeysValues
from embedgrad.engine.rows import LossAndGradient
from embedgrad.engine.self_check import Kind, Measured, Path, SelfCheck
from embedgrad.errors import NotEnoughMemory
from embedgrad.model import hooks
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.memory import free_bytes
from embedgrad.model.turns import in_turn
from embedgrad.settings import BATCH_TOKENS
from embedgrad.shapes import EngineUsed
from embedgrad.template.layout import Layout

Cut = Callable[[Sequence[int], int], list[list[int]]]

_WHY = {
    "shared prefix": "the prompt goes through the model once a step",
    "cached input": "what stands before the prompt goes through the model once",
}


@dataclass(frozen=True)
class Engine:
    """Loss and gradient of rows through a frozen model.

    path          how rows go through it (those that cannot still take the plain path)
    reason        in one line, why
    batch_tokens  upper bound of rows x longest row in one forward pass
    means         how the fast paths run the model
    inputs        what the cached-input path keeps
    refused       the faster path that these rows allow and that does not fit the model, if any
    """

    model: FrozenModel
    path: Path
    reason: str = ""
    batch_tokens: int = BATCH_TOKENS
    means: Means = PLAIN_MEANS
    inputs: InputCache = field(default_factory=lambda: InputCache(0))
    refused: Path | None = None
    heads: dict[tuple[int, ...], KeysValues] = field(default_factory=dict)

    @property
    def used(self) -> EngineUsed:
        """Path, means and reason, as `result.json` has them."""
        return EngineUsed(path=self.path, means=self.means.in_words, reason=self.reason)

    @property
    def shares(self) -> bool:
        """Whether keys and values up to the prompt's end may be computed once for all rows."""
        return self.path == "shared prefix"

    def loss_and_gradient(self, prompt: Tensor, layouts: Sequence[Layout]) -> LossAndGradient:
        """Over all `layouts`, in micro-batches of similar length; `row_nats` in the order of `layouts`."""
        path = self._path_of(layouts)
        order = self._pieces(partial(length_buckets, piece_tokens=_piece_tokens(self.model)), path, layouts)
        batches = [[layouts[i] for i in indices] for indices in order]
        with memory_told(self.batch_tokens):
            if path == "shared prefix":
                head = self._head(layouts[0].head_ids)
                found = shared_prefix.loss_and_gradient(self.model, prompt, batches, self.means, head)
            elif path == "cached input":
                found = cached_input.loss_and_gradient(self.model, prompt, batches, self.inputs, self.means)
            else:
                with checkpointed(self.model, PLAIN_MEANS) if self.means.checkpoints else nullcontext():
                    found = plain.loss_and_gradient(self.model, prompt, batches)
        nats = torch.empty_like(found.row_nats)
        nats[torch.tensor([i for indices in order for i in indices])] = found.row_nats
        return LossAndGradient(found.loss, found.gradient, nats, found.tokens)

    def row_nats(
        self, prompt: Tensor, layouts: Sequence[Layout], progress: Callable[[int], None] = lambda rows: None
    ) -> Tensor:
        """[rows] float64 on the CPU: each row's loss in nats, summed over its targets, without gradient. `progress`
        is told how many rows each micro-batch had."""
        nats = torch.empty(len(layouts), dtype=torch.float64)
        with torch.no_grad(), memory_told(self.batch_tokens):
            path = self._path_of(layouts)
            prefix: KeysValues = []
            if path == "shared prefix":
                head_ids = layouts[0].head_ids
                prefix = shared_prefix.prefill(self.model, prompt, head_ids, self._head(head_ids))
            for indices in self._pieces(micro_batches, path, layouts):
                rows = [layouts[i] for i in indices]
                if path == "shared prefix":
                    found = shared_prefix.row_nats(self.model, prefix, rows, self.means)
                elif path == "cached input":
                    found = cached_input.row_nats(self.model, prompt, rows, self.inputs, self.means, self.batch_tokens)
                else:
                    found = plain.row_nats(self.model, prompt, rows)
                nats[torch.tensor(indices)] = found.double().cpu()
                progress(len(indices))
        return nats

    def lengths(self, layouts: Sequence[Layout]) -> list[int]:
        """Tokens of each row that go through the model in one forward, a shared prefix counted in."""
        return _lengths(self.path, layouts)

    def inputs_bytes(self, prompt: Tensor, layouts: Sequence[Layout]) -> int:
        """What keys and values of all distinct inputs of `layouts` take; 0 where none are kept."""
        if self.path != "cached input":
            return 0
        heads = {layout.head_ids for layout in layouts}
        return cached_input.bytes_per_token(self.model, prompt) * sum(map(len, heads))

    def _path_of(self, layouts: Sequence[Layout]) -> Path:
        if self.path == "plain" or any(len(layout) > self.model.switch_tokens for layout in layouts):
            return "plain"
        if self.path == "cached input":
            return self.path if all(layout.prompt.start for layout in layouts) else "plain"
        try:
            return "shared prefix" if _path(layouts) == "shared prefix" else "plain"
        except CannotShare:
            return "plain"

    def _pieces(self, cut: Cut, path: Path, layouts: Sequence[Layout]) -> list[list[int]]:
        """Micro-batches by `cut`; rows on both sides of the model's rotary switch do not meet."""
        lengths = _lengths(path, layouts)
        sides: dict[bool, list[int]] = {}
        for number, layout in enumerate(layouts):
            sides.setdefault(len(layout) > self.model.switch_tokens, []).append(number)
        return [
            [side[i] for i in piece]
            for side in sides.values()
            for piece in cut([lengths[i] for i in side], self.batch_tokens)
        ]

    def _head(self, head_ids: tuple[int, ...]) -> KeysValues:
        """Keys and values of the constant text before the prompt, once per run."""
        if head_ids not in self.heads:
            self.heads[head_ids] = shared_prefix.head_keys_values(self.model, head_ids)
        return self.heads[head_ids]


def choose(
    model: FrozenModel,
    prompt: Tensor,
    layouts: Sequence[Layout],
    batch_tokens: int = BATCH_TOKENS,
    say: Callable[[str], None] = lambda message: None,
    *,
    with_gradient: bool = True,
    compiled: bool = False,
) -> Engine:
    """The engine for `layouts`: the shared prefix where the prompt comes before everything that varies, the cached
    input where something stands before the prompt, if two rows give the plain path's loss and gradient; else the
    plain path. A model whose fast path fails is told to `say`, once. Rows that are only to be judged need no gradient,
    nor its memory. With `compiled`, norms and MLPs of the model are compiled first, and stay so unless that fails.
    Raises NotEnoughMemory."""
    problem = ""
    if compiled:
        _compile(model, prompt, layouts, say)
    try:
        path = _path(layouts)
        with memory_told(batch_tokens):
            check = _self_check(model, prompt, layouts, batch_tokens, with_gradient)
            for means in _means(model):
                engine = Engine(model, path, f"{path}: {_WHY[path]}", batch_tokens, means, _input_cache(model))
                try:
                    problem = check.problem(path, means) or ""
                except CannotAttend:
                    continue
                except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
                    # Whatever a model does that is not made for this: the plain path stays right.
                    problem = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"
                    continue
                if not problem:
                    return engine
    except CannotShare as error:
        return Engine(model, "plain", f"plain path: {error}", batch_tokens)
    reason = f"plain path: the {path} does not fit this model ({problem})"
    say(reason)
    return Engine(model, "plain", reason, batch_tokens, refused=path)


@in_turn
def _compile(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], say: Callable[[str], None]) -> None:
    rows = _shortest_and_longest(layouts)
    compile_parts(model)
    try:
        plain.loss_and_gradient(model, prompt, [rows])
    except Exception as error:  # torch.compile's errors share no base class that is public
        uncompile(model)
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        say(f"not compiled: {type(error).__name__}: {first_line}. Install a C++ compiler, or pass --compile off.")


def _path(layouts: Sequence[Layout]) -> Path:
    """The fastest path that these rows allow. Raises CannotShare where that is the plain one."""
    try:
        shared_prefix.shared_head(layouts)
    except CannotShare as error:
        if all(layout.prompt.start for layout in layouts):
            return "cached input"
        raise error
    return "shared prefix"


def _means(model: FrozenModel) -> list[Means]:
    """How to run the model, fastest first."""
    if not hooks.takes_own_attention(model.lm):
        return [PLAIN_MEANS]  # its layers take masks of their own kind
    stock = [Means(trims=True), PLAIN_MEANS]
    if model.device.type != "cpu":
        return stock  # flash attention on a GPU needs no help
    return [Means(own_attention=True, trims=True), Means(own_attention=True), *stock]


def _lengths(path: Path, layouts: Sequence[Layout]) -> list[int]:
    """Tokens of each row that go through the model together. A kept one takes about a 16th of another's memory."""
    if path != "cached input":
        return [len(layout) for layout in layouts]
    return [len(layout) - layout.prompt.start + layout.prompt.start // 16 for layout in layouts]


def _piece_tokens(model: FrozenModel) -> int:
    """What one more forward and backward costs, in tokens: the smaller the layers, the more of a pass is overhead.
    The constant is a fit to two models on 2 CPU cores: of 256 to 2048 tokens, 256 was best at 3.8 million weights a
    layer, and 512 and more at 0.9 million."""
    layers = int(model.lm.config.get_text_config().num_hidden_layers)
    return max(128, 1_000_000_000 * layers // model.body_parameters)


def _input_cache(model: FrozenModel) -> InputCache:
    return InputCache(free_bytes(model.device) // 4)


def _shortest_and_longest(layouts: Sequence[Layout]) -> list[Layout]:
    """Two rows of unequal length where there are any, so that padding is part of the check; with a target."""
    ordered = sorted(layouts, key=len)
    return [row if row.target else row.with_target((0,)) for row in (ordered[0], ordered[-1])]


def _self_check(
    model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], batch_tokens: int, with_gradient: bool
) -> SelfCheck:
    """On the shortest and the longest of `layouts` that share a batch, at `prompt` [P, D]."""
    rows = _shortest_and_longest([row for row in layouts if len(row) <= model.switch_tokens] or layouts)
    noise = torch.randn(prompt.shape, generator=torch.Generator().manual_seed(0)).to(prompt)

    def measure(at: FrozenModel, path: Path, means: Means, nudge: float) -> Measured:
        engine = Engine(at, path, batch_tokens=batch_tokens, means=means)
        start = prompt * (1 + nudge * noise) if nudge else prompt
        if not with_gradient:
            return Measured(engine.row_nats(start, rows), torch.zeros(0))
        found = engine.loss_and_gradient(start, rows)
        return Measured(found.row_nats, found.gradient)

    lengths = {(row.prompt.start, len(row)) for row in rows}
    return SelfCheck(model, Kind(max(map(len, rows)), len(lengths) > 1, with_gradient), measure)


@contextmanager
def memory_told(batch_tokens: int) -> Iterator[None]:
    """The GPU's out-of-memory error as a NotEnoughMemory that says what to change."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(
            f"A forward pass of up to {batch_tokens} tokens does not fit the GPU's memory. Pass a smaller "
            f"--batch-tokens, for example {max(256, batch_tokens // 4)}; results stay the same."
        ) from error
