"""Where a model, a template and a prompt meet: `start` makes the soft prompt, placed and ready."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch

from embedgrad.arguments import home_path
from embedgrad.errors import BadPromptFile, PromptError, UsageError
from embedgrad.events import Say
from embedgrad.faces import by_face, setting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.prompt.exchange import read_peft, write_peft
from embedgrad.prompt.naming import ENDING, names_a_path, prompt_text
from embedgrad.prompt.public import public, soft_prompt
from embedgrad.prompt.rows import template_of
from embedgrad.prompt.soft_prompt import SoftPrompt, check_base
from embedgrad.prompt.start import random_rows, vocabulary_ids
from embedgrad.run.names import PROMPT_FILE
from embedgrad.template.chat import as_rendered, render
from embedgrad.template.chat_templates import DEFAULT, default_of_several
from embedgrad.template.layout import RenderedTemplate, fit
from embedgrad.template.template import CHAT_DEFAULT, TEXT_DEFAULT, FixedText, Template, choice_words
from embedgrad.units import counted

PromptLike = str | Path | SoftPrompt
Start = Literal["text", "random", "vocabulary"]

_ITS_OWN_BASE = "Give the model it was tuned on."


@dataclass(frozen=True)
class Placing:
    """Where prompts are put, as `start` takes it: the template that they stand in, whether special tokens that rows
    write out are these tokens for the model, and whether a prompt of another base is let through."""

    template: Template | None = None
    special_tokens_in_rows: bool | None = None
    allow_mismatch: bool = False

    def place(self, model: FrozenModel, prompt: PromptLike, say: Say) -> SoftPrompt:
        """`prompt` on `model`. Raises what `start` raises."""
        special, allow = self.special_tokens_in_rows, self.allow_mismatch
        return start(model, prompt, self.template, special_tokens_in_rows=special, allow_mismatch=allow, say=say)


def default_template(model: FrozenModel) -> Template:
    """`{prompt}`, a blank line and `{input}` in one user message; in plain text where there is no chat template."""
    return _chosen(model, CHAT_DEFAULT if model.has_chat_template else TEXT_DEFAULT)


@public()
@in_turn
def start(
    model: FrozenModel,
    prompt: PromptLike,
    template: Template | None = None,
    *,
    kind: Start = "text",
    tokens: int | None = None,
    seed: int = 0,
    frozen: Sequence[int] = (),
    special_tokens_in_rows: bool | None = None,
    allow_mismatch: bool = False,
    say: Say = lambda message: None,
) -> SoftPrompt:
    """The soft prompt that `prompt` stands for on `model`, placed and ready, without tuning.

    prompt    a text, a prompt file (`*.safetensors`), a run folder, a PEFT folder, or a SoftPrompt
    template  where it stands; default: the prompt's own, else `default_template`
    kind      for a text: its own rows (exact), random rows, or sampled vocabulary rows of the same length
    tokens    length for the random and vocabulary kinds, if not the text's
    frozen    positions that tuning must not move, from 0; negative ones count from the end
    special_tokens_in_rows  whether special tokens that rows write out (`<|im_end|>`) are these tokens for the model;
              default: the prompt's own, else False: they are text. In the prompt's text and the template, which are
              yours, they always are

    Raises PromptError, WrongBase, TemplateError, FileMissing. Warnings go to `say`.
    """
    found = _read(prompt)
    if kind not in get_args(Start):
        raise UsageError(f"There is no start {kind!r}; write {', '.join(get_args(Start))}.")
    if isinstance(found, SoftPrompt):
        if kind != "text":
            raise UsageError(f"A prompt file is its own start; {setting('start', kind)} needs a text prompt.")
        placed = _placed(model, found, template, allow_mismatch, say)
    else:
        chosen = _chosen(model, template, say=say) if template else default_template(model)
        placed = _from_text(model, found, chosen, kind, tokens, seed)
    if special_tokens_in_rows is not None and placed.template is not None:
        changed = {"special_tokens_in_rows": special_tokens_in_rows}
        placed = replace(placed, template=placed.template.model_copy(update=changed))
    return _freeze(placed, frozen) if frozen else placed


@public(prompt=soft_prompt)
def save_peft(model: FrozenModel, prompt: SoftPrompt, folder: str | Path) -> None:
    """Write `prompt` as a PEFT PROMPT_TUNING folder. PEFT can only put virtual tokens first, so the fixed tokens in
    front of the prompt (BOS, a chat header) are folded into them; the folder's README says what must follow.
    Raises PromptError where a varying slot stands before the prompt, FolderExists, OutputError."""
    header: list[int] = []
    for segment in template_of(prompt).segments:
        if not isinstance(segment, FixedText):
            break
        header.extend(segment.ids)
    config = model.lm.config.get_text_config()
    rows = model.embed(header).float().cpu().numpy()
    write_peft(Path(folder), prompt.content(), rows, config.num_hidden_layers, config.num_attention_heads)


def _read(prompt: PromptLike) -> str | SoftPrompt:
    if isinstance(prompt, SoftPrompt):
        return prompt
    if isinstance(prompt, str) and not names_a_path(prompt):
        return prompt_text(prompt)
    path = home_path(prompt)
    if os.path.isdir(path):  # noqa: PTH112 (is_dir raises where a folder above cannot be searched)
        if (path / PROMPT_FILE).exists():
            return SoftPrompt.load(path / PROMPT_FILE)
        if (path / "adapter_config.json").exists():
            return SoftPrompt.from_content(read_peft(path))
        raise UsageError(
            f"The prompt {str(prompt)!r} names a folder, which holds neither {PROMPT_FILE} (a run) nor "
            "adapter_config.json (PEFT). Give the prompt file, or a text of more than one word."
        )
    try:
        return SoftPrompt.load(path)
    except BadPromptFile as error:
        if path.suffix == ENDING:
            raise
        way = by_face("read it, and give the text itself", f"write @{path}")
        raise BadPromptFile(f"{error} If it holds the prompt as a text, {way}.") from error


def _from_text(
    model: FrozenModel, text: str, template: Template, kind: Start, tokens: int | None, seed: int
) -> SoftPrompt:
    if not text.strip():
        raise PromptError("The prompt text is empty. Write the instruction that the model should follow.")
    if kind == "text" and tokens is not None:
        others = " or ".join(setting("start", other) for other in ("random", "vocabulary"))
        raise UsageError(f"A text start has the text's own length; {setting('tokens')} goes with {others}.")
    if tokens is not None and tokens < 1:
        raise UsageError(f"{setting('tokens')} {tokens}: a prompt has at least one token.")
    rendering = render(template, model.tokenizer)
    text = as_rendered(template, model.tokenizer, text)
    ids, segments = fit(rendering, text, model.tokenizer)
    placed = RenderedTemplate(source=template, segments=segments, target_end_ids=rendering.target_end_ids)
    base = model.identity_under(template)
    model.check_ids(ids, f"The prompt {text!r}", "Write it without that token.")
    _check_ids(model, placed, "Use another, or the tokenizer that the model was made with.")
    if kind == "text":
        rows = model.embed(ids).float().cpu()  # the text's own: at step 0 the soft prompt is the text, exactly
        return SoftPrompt(rows, text=text, initial_ids=ids, template=placed, base=base)
    # Not the text's: no token is shared with its neighbours.
    _, segments = fit(rendering, None, model.tokenizer)
    placed = placed.model_copy(update={"segments": segments})
    length = tokens or len(ids)
    if length >= model.context_tokens:
        room = f"the {counted(model.context_tokens, 'token')} that {model.identity.name} takes"
        raise UsageError(f"{setting('tokens')} {length:,}: a prompt must leave room for a row in {room}.")
    generator = torch.Generator().manual_seed(seed)
    if kind == "random":
        rows = random_rows(length, model.table, generator)
        return SoftPrompt(rows, template=placed, base=base)
    added = model.tokenizer.added_tokens_decoder  # all_special_ids leaves out most of a chat model's own
    special = frozenset(model.tokenizer.all_special_ids) | {i for i, token in added.items() if token.special}
    try:
        sampled = vocabulary_ids(length, model.vocabulary, special, generator)
    except ValueError as error:
        raise UsageError(f"{setting('tokens')}: {error}.") from error
    rows = model.embed(sampled).float().cpu()
    return SoftPrompt(rows, initial_ids=tuple(sampled), template=placed, base=base)


def _placed(
    model: FrozenModel, prompt: SoftPrompt, template: Template | None, allow_mismatch: bool, say: Say
) -> SoftPrompt:
    if prompt.width != model.width:
        other = prompt.base.name if prompt.base else "another model, which it does not name"
        raise PromptError(
            f"This prompt has {counted(prompt.width, 'number')} per token, {model.identity.name} takes "
            f"{model.width:,}: it was tuned on {other}."
        )
    stored = prompt.template.source if prompt.template else None
    if prompt.base != (base := model.identity_under(stored)):
        for warning in check_base(prompt, base, allow_mismatch):
            say(warning)
        prompt = replace(prompt, base=base)  # from here on it is used, and perhaps tuned, on this one
    model.check_ids(prompt.initial_ids or (), "The text this prompt started from", _ITS_OWN_BASE)
    chosen = default_template(model) if template is None else _chosen(model, template, stored, say)
    if prompt.template is not None and (template is None or chosen == stored):
        _tell_choice_kept(model, prompt.template.source, say)
        _check_ids(model, prompt.template, f"Place it anew with {setting('template')}. {_ITS_OWN_BASE}")
        return prompt
    if template is None:
        say(f"The prompt does not say where it stands; it is placed as {chosen.written()!r}.")
    elif prompt.template is not None:
        say(f"The prompt is placed as {chosen.written()!r}, otherwise than where it was tuned.")
    rendering = render(chosen, model.tokenizer)
    _, segments = fit(rendering, None, model.tokenizer)
    placed = RenderedTemplate(
        source=chosen,
        segments=segments,
        target_end_ids=rendering.target_end_ids,
        special_tokens_in_rows=prompt.template is not None and prompt.template.special_tokens_in_rows,
    )
    _check_ids(model, placed, "Use another, or the tokenizer that the model was made with.")
    return replace(prompt, template=placed, base=model.identity_under(chosen))


def _chosen(
    model: FrozenModel, template: Template, stored: Template | None = None, say: Say = lambda message: None
) -> Template:
    """`template` with the chat template and the arguments that it names, else the model's choice, else those it is
    `stored` with. Where the model has several chat templates the default is named, too: the prompt keeps it."""
    if not template.is_chat:
        if words := choice_words(model.chat_template, model.template_arguments):
            say(f"Plain text is written by no chat template: {words} is not used for it.")
        return template
    before = stored if stored is not None and stored.is_chat else template
    name = template.chat_template or model.chat_template or before.chat_template
    arguments = template.template_arguments or model.template_arguments or before.template_arguments
    return template.spoken_by(name or default_of_several(model.tokenizer), arguments)


def _tell_choice_kept(model: FrozenModel, stored: Template, say: Say) -> None:
    """Says so where the model was loaded with another choice of chat template than the prompt's own, which stays."""
    name, arguments = model.chat_template, model.template_arguments
    differs = name not in (None, stored.chat_template or DEFAULT) or arguments not in ({}, stored.template_arguments)
    if not differs:
        return
    kept = choice_words(stored.chat_template, stored.template_arguments) if stored.is_chat else "plain text"
    say(
        f"This prompt keeps what it was tuned with ({kept or 'the default chat template'}) instead of "
        f"{choice_words(name, arguments)}. To place it anew, give {setting('template')} too."
    )


def _check_ids(model: FrozenModel, placed: RenderedTemplate, advice: str) -> None:
    for segment in placed.segments:
        if isinstance(segment, FixedText):
            where = "The template" if segment.text else "What the tokenizer puts in front of every text"
            model.check_ids(segment.ids, where, advice)
    model.check_ids(placed.target_end_ids, "The end of an answer", advice)


def _freeze(prompt: SoftPrompt, frozen: Sequence[int]) -> SoftPrompt:
    outside = [i for i in frozen if not -len(prompt) <= i < len(prompt)]
    if outside:
        raise UsageError(f"There is no token {outside[0]} to freeze: the prompt has {len(prompt)}, counted from 0.")
    kept = {i % len(prompt) for i in frozen}
    before = prompt.trainable or (True,) * len(prompt)  # what the prompt's file keeps stays kept
    return replace(prompt, trainable=tuple(moves and i not in kept for i, moves in enumerate(before)))
