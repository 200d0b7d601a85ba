"""Chooses the path for rows, and checks it against the plain one before it is relied on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from embedgrad.engine.after_prefix import Techniques, usable_techniques
from embedgrad.engine.cached_input import CachedInput
from embedgrad.engine.losses import loss_and_gradient, row_losses
from embedgrad.engine.objective import CROSS_ENTROPY, Objective
from embedgrad.engine.padded_rows import LossAndGradient
from embedgrad.engine.passes import reading_passes, step_passes
from embedgrad.engine.plain import Plain
from embedgrad.engine.prefix_cache import CannotShare
from embedgrad.engine.row_path import RowPath
from embedgrad.engine.self_check import Kind, Measured, SelfCheck
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.errors import NotEnoughMemory
from embedgrad.faces import setting
from embedgrad.model.attention import CannotAttend
from embedgrad.model.compiled import compile_parts, uncompile
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.hooks import cpu_multiplies_bfloat16
from embedgrad.model.in_float32 import InFloat32, extra_bytes
from embedgrad.model.memory import free_bytes
from embedgrad.model.turns import in_turn
from embedgrad.run.result import EngineUsed
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Layout

FASTER: tuple[type[RowPath], ...] = (SharedPrefix, CachedInput)
"""Paths that are tried before the plain one, fastest first."""

SMALL_PASS = 2e7
"""Weights times tokens up to which the calls of a pass cost more than its arithmetic, and the plain path, which has
fewest, is the fastest (docs/performance.md): 1,000 tokens of a model of 20 thousand weights, 5 of one of 4 million."""

EMULATED_PASS = 1e9
"""Weights times tokens of all rows from which a model whose dtype the processor only emulates is computed in float32.
That is faster below, too (docs/performance.md), but by milliseconds; so small models run the same code everywhere."""


@dataclass(frozen=True)
class Engine:
    """Loss and gradient of rows through a frozen model.

    path          how rows go through it (those that cannot still take the plain path)
    reason        in one line, why
    batch_tokens  upper bound of rows x longest row in one forward pass
    objective     what is a row's loss
    refused       the faster path that these rows allow and that does not fit the model, if any
    wide          the model in float32, where the path runs that one: its weights are widened as they are used
    whatever_size whether passes that are too small to gain by it take the path, too: it is being checked
    """

    path: RowPath
    reason: str = ""
    batch_tokens: int = BATCH_TOKENS
    objective: Objective = CROSS_ENTROPY
    refused: type[RowPath] | None = None
    wide: InFloat32 | None = None
    whatever_size: bool = False

    @property
    def model(self) -> FrozenModel:
        return self.path.model

    @property
    def techniques(self) -> Techniques:
        """How the path runs the model."""
        return self.path.techniques

    @property
    def used(self) -> EngineUsed:
        """Path, techniques and reason, as `result.json` has them."""
        widened = ["weights widened to float32"] if self.wide else []
        return EngineUsed(path=self.path.name, techniques=[*self.techniques.in_words, *widened], reason=self.reason)

    @property
    def shares(self) -> bool:
        """Whether keys and values up to the prompt's end may be computed once for all rows."""
        return self.path.shares

    def through(self, path: type[RowPath], techniques: Techniques, budget_bytes: int = 0) -> Engine:
        """The same by another path or other techniques; nothing that was kept goes along."""
        return replace(self, path=path(self.model, techniques, budget_bytes))

    def afresh(self) -> Engine:
        """The same, with nothing kept of the model as it was before: for one in which something is set meanwhile."""
        return self.through(type(self.path), self.techniques)

    def loss_and_gradient(self, prompt: Tensor, layouts: Sequence[Layout]) -> LossAndGradient:
        """Over all `layouts`, in micro-batches of similar length; `row_nats` in the order of `layouts`."""
        path = self._path_of(layouts)
        order = step_passes(path, layouts, self.batch_tokens)
        batches = [[layouts[i] for i in indices] for indices in order]
        with memory_told(self.batch_tokens), self.wide.differentiable() if self.wide else nullcontext():
            found = loss_and_gradient(path, prompt, batches, self.objective)
        nats = torch.empty_like(found.row_nats)
        nats[torch.tensor([i for indices in order for i in indices])] = found.row_nats
        return replace(found, row_nats=nats)

    def row_nats(
        self, prompt: Tensor, layouts: Sequence[Layout], progress: Callable[[int], None] = lambda rows: None
    ) -> Tensor:
        """[rows] float64 on the CPU: each row's loss (in nats, where the objective is cross-entropy), summed over its
        targets, without gradient. `progress` is told how many rows each micro-batch had."""
        nats = torch.empty(len(layouts), dtype=torch.float64)
        with torch.no_grad(), memory_told(self.batch_tokens):
            path = self._path_of(layouts)
            once = path.once(prompt, layouts)
            for indices in reading_passes(path, layouts, self.batch_tokens):
                rows = [layouts[i] for i in indices]
                found = row_losses(path, once, rows, self.objective, self.batch_tokens)
                nats[torch.tensor(indices)] = found.double().cpu()
                progress(len(indices))
        return nats

    def _path_of(self, layouts: Sequence[Layout]) -> RowPath:
        is_long = any(len(layout) > self.model.switch_tokens for layout in layouts)
        is_small = self.model.body_parameters * sum(map(len, layouts)) < SMALL_PASS
        plain = is_long or (is_small and not self.whatever_size) or self.path.problem(layouts)
        return Plain(self.model, self.techniques) if plain else self.path


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
    nor its memory. With `compiled`, norms and MLPs of the model are compiled first, and stay so unless that fails. A
    half-precision model on a processor that only emulates its dtype takes its steps in float32, which is faster there
    and rounds less. Raises NotEnoughMemory."""
    check, problem = _self_check(model, prompt, layouts, batch_tokens, with_gradient), ""
    wide = check.wide if with_gradient and _is_emulated(model, layouts) else None
    if compiled and wide:
        say("not compiled: this processor only emulates the model's dtype, so steps are computed in float32")
    elif compiled:
        _compile(model, prompt, layouts, say)
    path = next((path for path in FASTER if path.problem(layouts) is None), None)
    if path is None:
        return _on(wide, Engine(Plain(model), f"plain path: {FASTER[0].problem(layouts)}", batch_tokens))
    try:
        with memory_told(batch_tokens):
            for techniques in usable_techniques(model, packs=path.shares and with_gradient):
                rows_through = path(model, techniques, free_bytes(model.device) // 4)
                engine = Engine(rows_through, f"{path.name}: {path.saves}", batch_tokens)
                try:
                    problem = check.problem(path, techniques) or ""
                except CannotAttend:
                    continue
                except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
                    # Whatever a model does that is not made for this: the plain path stays right.
                    problem = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"
                    continue
                if not problem:
                    return _on(wide, engine)
    except CannotShare as error:
        return _on(wide, Engine(Plain(model), f"plain path: {error}", batch_tokens))
    reason = f"plain path: the {path.name} does not fit this model ({problem})"
    say(reason)
    return _on(wide, Engine(Plain(model), reason, batch_tokens, refused=path))


def _is_emulated(model: FrozenModel, layouts: Sequence[Layout]) -> bool:
    """Whether steps on `layouts` are faster in float32, and there is memory for it."""
    is_half = model.dtype in (torch.bfloat16, torch.float16) and model.device.type == "cpu"
    if not is_half or cpu_multiplies_bfloat16() or model.body_parameters * sum(map(len, layouts)) < EMULATED_PASS:
        return False
    return extra_bytes(model) <= free_bytes(model.device) // 2


def _on(wide: InFloat32 | None, engine: Engine) -> Engine:
    """The same on the model in float32, where there is one."""
    if wide is None:
        return engine
    path = type(engine.path)(wide.model, engine.techniques, free_bytes(engine.model.device) // 4)
    return replace(engine, path=path, wide=wide)


@in_turn
def _compile(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], say: Callable[[str], None]) -> None:
    rows = _shortest_and_longest(layouts)
    compile_parts(model)
    try:
        loss_and_gradient(Plain(model), prompt, [rows])
    except Exception as error:  # torch.compile's errors share no base class that is public
        uncompile(model)
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        say(
            f"not compiled: {type(error).__name__}: {first_line}. Install a C++ compiler, or pass "
            f"{setting('compile', 'off')}."
        )


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

    def measure(at: FrozenModel, path: type[RowPath], techniques: Techniques, nudge: float) -> Measured:
        engine = Engine(path(at, techniques), batch_tokens=batch_tokens, whatever_size=True)
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
            f"{setting('batch_tokens')}, for example {max(256, batch_tokens // 4)}; results stay the same."
        ) from error
