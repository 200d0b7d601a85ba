"""What is judged: an artifact on a model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import Cut

if TYPE_CHECKING:  # a SoftPrompt binds itself
    from embedgrad.prompt.soft_prompt import SoftPrompt


@dataclass(frozen=True, eq=False)
class Bound:
    """All that judging an artifact takes, whatever its kind: a prompt, and what of the model is otherwise meanwhile.

    prompt  placed on the model: rows are laid out behind it
    cuts    what is set in the model while it is in use (`model.surgery`): the weights of an adapter, a layer that adds
            a vector, one that gives the prompt's positions keys and values of their own; nothing for a mere prompt
    """

    model: FrozenModel
    prompt: SoftPrompt
    cuts: tuple[Cut, ...] = ()

    @cached_property
    def embeddings(self) -> Tensor:
        """[P, D] float32 on the model's device: what stands in the prompt's span."""
        return self.prompt.embeddings.to(self.model.device)

    def in_use(self) -> AbstractContextManager[object]:
        """For a `with`, in which losses are read and answers generated."""
        return self.model.surgery.change("an artifact in use", *self.cuts) if self.cuts else nullcontext()
