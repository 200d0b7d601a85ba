"""From a model's name or folder to a FrozenModel: no remote code, every weight frozen.

What every base model has to be stands here; how one is stored is for its loader to know (`load.stored`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import JsonValue

from embedgrad.arguments import checked, path, text
from embedgrad.errors import ModelError
from embedgrad.events import Say
from embedgrad.model import hooks
from embedgrad.model.families import check_causal, check_forward
from embedgrad.model.fingerprint import identify
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load.by_transformers import quiet, told
from embedgrad.model.load.loaders import recognised
from embedgrad.model.load.locate import located
from embedgrad.model.load.place import Dtype, check_memory, device_of, dtype_of
from embedgrad.model.shipped import POCKET, found_again, other_of_that_name
from embedgrad.template.chat_templates import check_arguments

__all__ = ["POCKET", "load_model"]

_UNLIMITED_TOKENS = 2**31


@checked(name=path, dtype=text, device=text, revision=text)
@torch.inference_mode(False)
def load_model(
    name: str | Path,
    dtype: Dtype = "auto",
    device: str = "auto",
    revision: str | None = None,
    *,
    chat_template: str | None = None,
    template_arguments: Mapping[str, JsonValue] | None = None,
    say: Say = lambda message: None,
) -> FrozenModel:
    """The frozen base model in folder `name`, or of that name on the Hugging Face Hub; "pocket" is the small one
    that ships with the package (docs/pocket.md), "smollm2" one that `embedgrad fetch smollm2` gets (docs/models.md). A
    GGUF file, or a folder with one, is converted into the user's cache when it is first loaded.

    `dtype` auto is bfloat16 where GPU or processor computes it natively (`fastest_dtype`), else float32; `device` auto
    is the first GPU, else the CPU. Of a model with several chat templates, `chat_template` names the one that prompts
    are placed with (else its default), and `template_arguments` are handed to it (`{"enable_thinking": False}`).
    Warnings go to `say`.
    Raises ModelNotFound, NoSafetensors, NotCausal, NotEnoughMemory, or ModelError where transformers refuses, and
    OutputError where a conversion cannot be kept.
    """
    place = device_of(device)
    torch_dtype = dtype_of(dtype, place)
    stored = recognised(located(name, revision))
    label, revision = stored.source.label, stored.source.revision
    if sentence := other_of_that_name(name):
        say(sentence)
    with quiet():
        stored.prepare(say)
        config = stored.config()
        check_causal(config, label)
        stored.check()
        check_memory(label, stored.bytes_in(torch_dtype), torch_dtype, place)
        tokenizer = stored.tokenizer()
        if not tokenizer.is_fast:
            raise ModelError(f"{label} has no fast tokenizer (tokenizer.json), which placing a prompt needs.")
        if chat_template is not None or template_arguments:
            check_arguments(tokenizer, chat_template, template_arguments or {})
        lm = stored.weights(torch_dtype, place, say)
    # Said once by transformers of a text longer than the context; our own error names the rows (prompt/rows.py).
    hooks.silence_long_texts(tokenizer)
    lm.requires_grad_(False)
    lm.eval()
    told(label, lambda: check_forward(lm, label))
    context = getattr(config.get_text_config(), "max_position_embeddings", None) or 0
    identity = identify(label, revision, stored.digest(), lm.config, tokenizer)
    tokens = int(context) if context > 0 else _UNLIMITED_TOKENS
    arguments = dict(template_arguments or {})
    model = FrozenModel(lm, tokenizer, identity, tokens, chat_template, arguments, found_again(name))
    if sentence := _without_embedding(model):
        say(sentence)
    return model


def _without_embedding(model: FrozenModel) -> str | None:
    """Tokens that were added to the tokenizer and never to the model, in a sentence: harmless until a text has one.
    The padding token, often the only one, is in none of our rows."""
    vocabulary, padding = model.tokenizer.get_vocab(), model.tokenizer.pad_token_id
    beyond = {i: token for token, i in vocabulary.items() if i >= model.token_rows and i != padding}
    if not beyond:
        return None
    some = ", ".join(f"{beyond[i]!r} (id {i})" for i in sorted(beyond)[:3]) + (" ..." if len(beyond) > 3 else "")
    return (
        f"The tokenizer of {model.identity.name} has tokens that the model has no embedding for, as its table has "
        f"{model.token_rows:,} rows: {some}. A text that holds one is refused."
    )
