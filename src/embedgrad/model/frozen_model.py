"""The base model as the rest of the project sees it: frozen, with its tokenizer and its identity."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor

from embedgrad.errors import ModelError
from embedgrad.model import anatomy, hooks
from embedgrad.model.cache import problem_of
from embedgrad.model.families import attends_in_chunks, has_sliding_window, rope_switch_tokens
from embedgrad.model.fingerprint import chat_template_digest
from embedgrad.model.identity import BaseIdentity
from embedgrad.model.surgery.changes import Surgery
from embedgrad.model.turns import Turns
from embedgrad.template.chat_templates import DEFAULT
from embedgrad.template.template import Template

_ROWS_PER_CHUNK = 16384


@dataclass(frozen=True, eq=False)
class FrozenModel:
    """A causal language model none of whose weights will ever change, in eval mode.

    lm              the transformers model
    tokenizer       its fast tokenizer
    identity        which base this is, as stored with every prompt
    context_tokens  longest row it takes, prompt, input and answer together
    chat_template, template_arguments   as chosen when it was loaded, for templates that do not choose themselves
    source          what it was loaded by: the absolute path of a folder, or a name
    surgery         what is changed in it for now, and the only way to change it (`model.surgery`)
    """

    lm: Any
    tokenizer: Any
    identity: BaseIdentity
    context_tokens: int
    chat_template: str | None = None
    template_arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    source: str | None = None
    surgery: Surgery = field(default_factory=Surgery, repr=False)

    def __repr__(self) -> str:
        return f"FrozenModel({self.identity.name!r}, {self.parameters:,} parameters, {self.dtype} on {self.device})"

    @property
    def turns(self) -> Turns:
        """Of the threads that run it (model/turns.py)."""
        return self.surgery.turns

    @property
    def device(self) -> torch.device:
        return self.lm.get_input_embeddings().weight.device  # type: ignore[no-any-return]

    @property
    def dtype(self) -> torch.dtype:
        return self.lm.get_input_embeddings().weight.dtype  # type: ignore[no-any-return]

    @property
    def dtype_name(self) -> str:
        """float32, bfloat16 or float16."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def width(self) -> int:
        """D, the length of one embedding row."""
        return int(self.lm.get_input_embeddings().weight.shape[1])

    @property
    def vocabulary(self) -> int:
        """V, the rows of the embedding table that the tokenizer can name."""
        return min(len(self.tokenizer), int(self.lm.get_input_embeddings().weight.shape[0]))

    @cached_property
    def token_rows(self) -> int:
        """Token ids below this have an embedding and a logit; a tokenizer can have tokens beyond it."""
        return min(int(self.lm.get_input_embeddings().weight.shape[0]), self.head_rows)

    def check_ids(self, ids: Sequence[int], where: str, advice: str) -> None:
        """Raises ModelError, which says `where`, for the first of `ids` that the model has no embedding for."""
        if not ids or (min(ids) >= 0 and max(ids) < self.token_rows):
            return
        beyond = next(i for i in ids if not 0 <= i < self.token_rows)
        raise ModelError(
            f"{where} holds {self._token_words(beyond)}, for which {self.identity.name} has no embedding: its table "
            f"has {self.token_rows:,} rows. {advice}"
        )

    def _token_words(self, i: int) -> str:
        token = self.tokenizer.convert_ids_to_tokens(i) if 0 <= i < 2**31 else None
        return f"the token id {i}" if token is None else f"the token {token!r} (id {i})"

    def identity_under(self, template: Template | None) -> BaseIdentity:
        """The base as a prompt with this template names it: with the digest of its chat template."""
        name = template.chat_template if template else None
        if name in (None, DEFAULT):
            return self.identity
        return self.identity.model_copy(update={"chat_template": chat_template_digest(self.tokenizer, name)})

    @cached_property
    def switch_tokens(self) -> int:
        """Rows up to this long may share a batch; longer ones change what the others' positions mean. The context where
        there are none."""
        return rope_switch_tokens(self.lm.config) or self.context_tokens

    @cached_property
    def has_windows(self) -> bool:
        """Whether some layer sees only the last tokens, or its chunk of the row."""
        return has_sliding_window(self.lm.config) or attends_in_chunks(self.lm.config)

    @property
    def padded_tokens(self) -> int:
        """Up to which length rows may be padded."""
        return min(self.context_tokens, self.switch_tokens)

    @cached_property
    def layers(self) -> torch.nn.ModuleList:
        """First to last. Raises AttributeError where there is no one list of them."""
        return anatomy.decoder_layers(self.lm)

    @cached_property
    def body_parameters(self) -> int:
        """Weights that every token meets: those of the layers."""
        try:
            return sum(parameter.numel() for parameter in self.layers.parameters())
        except AttributeError:
            return self.parameters

    @cached_property
    def head_rows(self) -> int:
        """How many logits the model gives per position: V, and rows that no token has."""
        return int(self.lm.config.get_text_config().vocab_size)

    @cached_property
    def output_head(self) -> Callable[[Tensor], Tensor] | None:
        """[N, D] last hidden states -> [N, V] logits, where the head can be taken by itself."""
        with self.turns:
            return anatomy.output_head(self.lm, self.embed(range(min(16, self.head_rows)))[None])

    @property
    def has_chat_template(self) -> bool:
        return bool(getattr(self.tokenizer, "chat_template", None))

    @cached_property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.lm.parameters())

    def embed(self, ids: Sequence[int] | Tensor) -> Tensor:
        """[..., D] rows that the model takes as `inputs_embeds` for these ids: its input embedding's output,
        scaling included (Gemma multiplies by sqrt(D) in that module), in the model's dtype. Raises ModelError for an
        id without a row, where `ids` are numbers; those of a tensor are not looked at."""
        if not isinstance(ids, Tensor):  # on an accelerator, a look at a tensor's values would wait for it
            ids = torch.as_tensor(ids, dtype=torch.long)
            self.check_ids(ids.flatten().tolist(), "The text to embed", "Leave it out.")
        tensor = torch.as_tensor(ids, dtype=torch.long, device=self.device)
        with torch.no_grad():
            return self.lm.get_input_embeddings()(tensor)  # type: ignore[no-any-return]

    @property
    def table(self) -> Tensor:
        """[V, D] float32 on the CPU: every row the tokenizer can name, as `embed` gives it. Made anew each time: it
        is as large as the model's own table in float32."""
        return torch.cat([chunk.cpu() for chunk in self._table_chunks()])

    def _table_chunks(self) -> Iterator[Tensor]:
        chunks = torch.split(torch.arange(self.vocabulary), _ROWS_PER_CHUNK)
        return (self.embed(chunk).float() for chunk in chunks)

    @cached_property
    def table_rms(self) -> float:
        """Root mean square of the table's entries, the unit of relative learning rates."""
        total = sum(float(chunk.double().square().sum()) for chunk in self._table_chunks())
        return math.sqrt(total / (self.vocabulary * self.width))

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer: the EOS of the generation settings and of the tokenizer."""
        stored = getattr(self.lm.generation_config, "eos_token_id", None)
        found = stored if isinstance(stored, list) else [stored]
        return frozenset(i for i in [*found, self.tokenizer.eos_token_id] if i is not None)

    @cached_property
    def forward_arguments(self) -> frozenset[str]:
        """Names that the model's forward accepts; families differ (BLOOM takes no `position_ids`)."""
        return frozenset(inspect.signature(self.lm.forward).parameters)

    @cached_property
    def takes_logit_mask(self) -> bool:
        """Whether `logits_to_keep` may be a [B, T] mask: only in the newest transformers, family by family."""
        return hooks.takes_logit_mask(self.lm)

    @cached_property
    def cache_problem(self) -> str:
        """Why an answer cannot be generated from the model's cache, "" where it can; tried at first use."""
        ids = [(self.vocabulary // 2 + step) % self.vocabulary for step in range(6)]
        return problem_of(self.lm, self.embed(ids)[None], self.forward_arguments)
