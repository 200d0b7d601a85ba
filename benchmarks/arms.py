"""The two arms of a comparison, one optimizer step each: PEFT as its documentation shows it, and our engine.

Both start from the same rows, in the same dtype, and end each step with AdamW.
Source of the PEFT arm: https://huggingface.co/docs/peft/en/package_reference/prompt_tuning and the causal language
modeling example there: labels of -100 on the input, an attention mask, a padding collator.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from peft import PeftModel, PromptTuningConfig, TaskType, get_peft_model
from torch import Tensor

from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import choose
from embedgrad.methods.method import Point
from embedgrad.methods.optimizers import ADAM_W
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.in_float32 import InFloat32
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Layout
from models import with_shared_weights

RATE = 1e-4
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
"""How much further than PEFT's our loss and gradient may be from float32, relative. In a deep model both are further
from it than that, each in its own way."""


class Arm(Protocol):
    """One way of tuning on a fixed list of batches."""

    def loss_and_gradient(self, batch: int) -> tuple[float, Tensor]:
        """Nats per target token and [P, D] gradient of batch number `batch` at the arm's prompt."""
        ...

    def step(self, batch: int) -> None:
        """Loss, gradient and optimizer step."""
        ...

    def forget(self) -> None:
        """Drop what was kept from earlier steps, so that the next one is a first one again."""
        ...


class OurArm:
    """The engine as `embedgrad.tune` uses it: chosen once for all rows, then a batch per step.

    Assumes that an engine fresh from `choose` has cached nothing of the rows yet. `path` says in words which path it
    took.
    """

    def __init__(
        self, model: FrozenModel, start: Tensor, batches: Sequence[Sequence[Layout]], *, compiled: bool = False
    ) -> None:
        self._model = FrozenModel(with_shared_weights(model.lm), model.tokenizer, model.identity, model.context_tokens)
        self._batches, self._compiled = batches, compiled
        tensors = {"prompt": start.detach().float().clone()}
        self._at = Point(0, tensors, ADAM_W.begin(tensors))
        self.forget()

    def forget(self) -> None:
        rows = [row for batch in self._batches for row in batch]
        options: dict[str, Any] = {"compiled": True} if self._compiled else {}
        if not options.keys() <= inspect.signature(choose).parameters.keys():
            raise SystemExit("--compile: this version of the engine cannot compile yet.")
        self._engine = choose(self._model, self._at.tensors["prompt"], rows, BATCH_TOKENS, **options)
        used = self._engine.used
        self.path = "; ".join([used.reason, *used.techniques])

    def loss_and_gradient(self, batch: int) -> tuple[float, Tensor]:
        found = self._engine.loss_and_gradient(self._at.tensors["prompt"], self._batches[batch])
        return found.loss, found.gradient

    def exactly(self, batch: int) -> tuple[float, Tensor]:
        """Loss and gradient without rounding: the plain path in float32."""
        half = self._model.dtype != torch.float32
        wide = InFloat32(self._model) if half else None
        with wide.differentiable() if wide else nullcontext():
            path = Plain(wide.model if wide else self._model)
            found = loss_and_gradient(path, self._at.tensors["prompt"], [self._batches[batch]])
        return found.loss, found.gradient

    def step(self, batch: int) -> None:
        _, gradient = self.loss_and_gradient(batch)
        self._at = ADAM_W.step(self._at, {"prompt": gradient}, RATE)


class PeftArm:
    """PEFT PromptTuning on the same rows, which must have the prompt first; padded and masked ahead of time."""

    def __init__(
        self, model: FrozenModel, start: Tensor, batches: Sequence[Sequence[Layout]], *, compiled: bool = False
    ) -> None:
        self._model = peft_model(with_shared_weights(model.lm), start).train()  # as HF Trainer has it
        self._weight = prompt_weight(self._model)
        self._run = torch.compile(self._model) if compiled else self._model
        self._batches = [collated(batch, model.device) for batch in batches]
        self._optimizer = torch.optim.AdamW([self._weight], lr=RATE, weight_decay=0.0)

    def forget(self) -> None:
        """Nothing is kept."""

    def loss_and_gradient(self, batch: int) -> tuple[float, Tensor]:
        self._optimizer.zero_grad()
        loss = self._run(**self._batches[batch]).loss
        loss.backward()
        assert self._weight.grad is not None
        return float(loss.detach()), self._weight.grad.float()

    def step(self, batch: int) -> None:
        self._run(**self._batches[batch]).loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad()


def peft_model(lm: Any, start: Tensor) -> PeftModel:
    """PEFT PromptTuning around `lm`, with `start` [k, D] as its virtual tokens: its own text start cuts or repeats
    the text."""
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=len(start))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = get_peft_model(lm, config)
    with torch.no_grad():
        prompt_weight(wrapped).copy_(start)
    return wrapped


def prompt_weight(wrapped: PeftModel) -> Tensor:
    """[k, D] the virtual tokens, the only weight that has a gradient."""
    return wrapped.prompt_encoder["default"].embedding.weight  # type: ignore[no-any-return]


def collated(layouts: Sequence[Layout], device: torch.device) -> dict[str, Tensor]:
    """Rows behind the prompt as HF Trainer's collator gives them: right padding to the longest, mask, labels."""
    rows = [features(layout) for layout in layouts]
    return {name: tensor.to(device) for name, tensor in collate(rows).items()}


def features(layout: Layout) -> dict[str, list[int]]:
    """One row as PEFT takes it: the ids behind the prompt; labels of -100 on the input."""
    if layout.prompt.start != 0:
        raise ValueError("PEFT can only put its virtual tokens first.")
    answer_at = layout.target.start
    ids = layout.ids[layout.prompt.stop :]
    labels = [-100] * (answer_at - layout.prompt.stop) + [*layout.ids[answer_at:]]
    return {"input_ids": [*ids], "labels": labels}


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, Tensor]:
    """`features` of several rows as padded tensors."""
    width = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, filler: int) -> Tensor:
        return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows])

    mask = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows]
    return {"input_ids": padded("input_ids", 0), "attention_mask": torch.tensor(mask), "labels": padded("labels", -100)}


def check_equal(ours: OurArm, peft: Arm, dtype: torch.dtype, batch: int = 0) -> None:
    """Both arms at their start must compute the same function: neither further from float32 than the other and a
    little. Exits with a message where they do not."""
    exact = ours.exactly(batch)
    our_loss, our_gradient = _off(ours.loss_and_gradient(batch), exact)
    peft_loss, peft_gradient = _off(peft.loss_and_gradient(batch), exact)
    if not max(abs(our_loss - peft_loss), abs(our_gradient - peft_gradient)) <= TOLERANCE[dtype]:
        raise SystemExit(
            f"The arms compute different things: relative to float32 our loss is off by {our_loss:.1e}, PEFT's by "
            f"{peft_loss:.1e}, our gradient by {our_gradient:.1e}, PEFT's by {peft_gradient:.1e}; a difference of "
            f"{TOLERANCE[dtype]:.0e} is allowed. Nothing was timed."
        )


def _off(found: tuple[float, Tensor], exact: tuple[float, Tensor]) -> tuple[float, float]:
    """Relative errors of loss and gradient."""
    return abs(found[0] - exact[0]) / abs(exact[0]), float((found[1] - exact[1]).norm() / exact[1].norm())
