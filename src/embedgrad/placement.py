"""Where a model, a template and a prompt meet: `start` makes the soft prompt, `lay_out_rows` its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from embedgrad.data.example import Example
from embedgrad.errors import OverlongRows, PromptError, TemplateError, UsageError
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.exchange import read_peft, write_peft
from embedgrad.prompt.soft_prompt import SoftPrompt, check_base
from embedgrad.prompt.start import random_rows, text_rows, vocabulary_ids
from embedgrad.template.chat import as_rendered, render
from embedgrad.template.layout import (
    Layout,
    RenderedTemplate,
    Span,
    bos_ids,
    fit,
    lay_out,
    seam_difference,
    token_ids,
    written_out,
)
from embedgrad.template.template import CHAT_DEFAULT, TEXT_DEFAULT, FixedText, Segment, Template

PromptLike = str | Path | SoftPrompt
Start = Literal["text", "random", "vocabulary"]
Overlong = Literal["error", "skip", "truncate-input"]
Say = Callable[[str], None]


def default_template(model: FrozenModel) -> Template:
    """`{prompt}`, a blank line and `{input}` in one user message; in plain text where there is no chat template."""
    return CHAT_DEFAULT if model.has_chat_template else TEXT_DEFAULT


def start(
    model: FrozenModel,
    prompt: PromptLike,
    template: Template | None = None,
    *,
    kind: Start = "text",
    tokens: int | None = None,
    seed: int = 0,
    frozen: Sequence[int] = (),
    allow_mismatch: bool = False,
    say: Say = lambda message: None,
) -> SoftPrompt:
    """The soft prompt that `prompt` stands for on `model`, placed and ready, without tuning.

    prompt    a text, a prompt file (`*.safetensors`), a PEFT folder, or a SoftPrompt
    template  where it stands; default: the prompt's own, else `default_template`
    kind      for a text: its own rows (exact), random rows, or sampled vocabulary rows of the same length
    tokens    length for the random and vocabulary kinds, if not the text's
    frozen    positions that tuning must not move, from 0; negative ones count from the end

    Raises PromptError, WrongBase, TemplateError, FileMissing. Warnings go to `say`.
    """
    found = _read(prompt)
    if isinstance(found, SoftPrompt):
        if kind != "text":
            raise UsageError(f"A prompt file is its own start; --start {kind} needs a text prompt.")
        placed = _placed(model, found, template, allow_mismatch, say)
    else:
        placed = _from_text(model, found, template or default_template(model), kind, tokens, seed)
    return _freeze(placed, frozen) if frozen else placed


def save_peft(model: FrozenModel, prompt: SoftPrompt, folder: str | Path) -> None:
    """Write `prompt` as a PEFT PROMPT_TUNING folder. PEFT can only put virtual tokens first, so the fixed tokens in
    front of the prompt (BOS, a chat header) are folded into them; the folder's README says what must follow.
    Raises PromptError where a varying slot stands before the prompt, FolderExists, OutputError."""
    head: list[int] = []
    for segment in _template(prompt).segments:
        if not isinstance(segment, FixedText):
            break
        head.extend(segment.ids)
    config = model.lm.config.get_text_config()
    rows = model.embed(head).float().cpu().numpy()
    write_peft(Path(folder), prompt.content(), rows, config.num_hidden_layers, config.num_attention_heads)


def lay_out_rows(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    *,
    with_target: bool = True,
    answer_tokens: int = 0,
    overlong: Overlong = "error",
) -> list[Layout | None]:
    """One layout per example, in order; None for a row that `overlong="skip"` leaves out.

    `answer_tokens` more tokens must fit behind the row (for generation). `truncate-input` cuts the end of the
    input. Raises OverlongRows naming the rows, and TemplateError for a row the template cannot take.
    """
    placed = _template(prompt)
    room = model.context_tokens - answer_tokens
    layouts: list[Layout | None] = []
    unfit: list[int] = []
    for number, example in enumerate(examples):
        target = target_ids(model, prompt, example.target) if with_target and example.target is not None else ()
        segments = _row_segments(model, prompt, placed, example)
        layout = lay_out(segments, len(prompt), example, model.tokenizer, target)
        if len(layout) > room:
            shorter = _truncated(layout, len(layout) - room) if overlong == "truncate-input" else None
            if shorter is None and overlong != "skip":
                unfit.append(example.line or number + 1)
            layouts.append(shorter)
        else:
            layouts.append(layout)
    if unfit:
        raise _overlong(model, prompt, examples, unfit, answer_tokens)
    return layouts


def check_lengths(
    model: FrozenModel, prompt: SoftPrompt, parts: Mapping[str, Sequence[Example]], answer_tokens: int
) -> None:
    """Raises OverlongRows, naming part and rows, unless every row fits with its target and with an answer of
    `answer_tokens`."""
    for name, examples in parts.items():
        try:
            lay_out_rows(model, prompt, examples)
            lay_out_rows(model, prompt, examples, with_target=False, answer_tokens=answer_tokens)
        except OverlongRows as error:
            raise OverlongRows(f"Among the {name} rows, {error}") from error


def target_ids(model: FrozenModel, prompt: SoftPrompt, target: str) -> tuple[int, ...]:
    """The answer's tokens and what ends it: the end-of-turn token in a chat, the EOS in plain text."""
    return (*token_ids(target, model.tokenizer), *_template(prompt).target_end_ids)


def stop_ids(model: FrozenModel, prompt: SoftPrompt) -> frozenset[int]:
    """Tokens that end a generated answer."""
    return model.stop_ids | frozenset(_template(prompt).target_end_ids[:1])


def seam_report(model: FrozenModel, prompt: SoftPrompt, examples: Sequence[Example], sample: int = 200) -> str | None:
    """One sentence where rows are not the ids of their whole string (see template/layout.py); None if all are."""
    if prompt.text is None or prompt.initial_ids is None or prompt.template is None:
        return None
    rendering = render(prompt.template.source, model.tokenizer)
    fitted = fit(rendering, prompt.text, model.tokenizer)
    if fitted != (prompt.initial_ids, prompt.template.segments):
        return None  # rendered by a chat template that has changed since: the text between the slots is not known
    skipped = 0 if rendering.has_bos else len(bos_ids(model.tokenizer))
    looked_at = [example for example in examples[:sample] if not example.history]
    differing = []
    for number, example in enumerate(looked_at, start=1):
        target = token_ids(example.target or "", model.tokenizer)
        layout = lay_out(prompt.template.segments, len(prompt), example, model.tokenizer, target)
        ids = [*layout.ids[: layout.prompt.start], *prompt.initial_ids, *layout.ids[layout.prompt.stop :]]
        text = written_out(rendering.segments, prompt.text, example)
        difference = seam_difference(text, ids[skipped:], model.tokenizer)
        if difference:
            differing.append((example.line or number, difference))
    if not differing:
        return None
    line, difference = differing[0]
    return (
        f"{len(differing)} of {len(looked_at)} rows are tokenized otherwise than as one string, because each slot is "
        f"tokenized by itself (text and tuned prompt alike); for example line {line}: {difference}."
    )


def _read(prompt: PromptLike) -> str | SoftPrompt:
    if isinstance(prompt, SoftPrompt):
        return prompt
    if isinstance(prompt, Path) or prompt.endswith(".safetensors"):
        path = Path(prompt)
        return SoftPrompt.from_content(read_peft(path)) if path.is_dir() else SoftPrompt.load(path)
    if len(prompt) < 1024 and "\n" not in prompt and (Path(prompt) / "adapter_config.json").is_file():
        return SoftPrompt.from_content(read_peft(Path(prompt)))
    return prompt


def _from_text(
    model: FrozenModel, text: str, template: Template, kind: Start, tokens: int | None, seed: int
) -> SoftPrompt:
    if not text.strip():
        raise PromptError("The prompt text is empty. Write the instruction that the model should follow.")
    if kind == "text" and tokens is not None:
        raise UsageError("A text start has the text's own length; --tokens goes with --start random or vocabulary.")
    if tokens is not None and tokens < 1:
        raise UsageError(f"--tokens {tokens}: a prompt has at least one token.")
    rendering = render(template, model.tokenizer)
    text = as_rendered(template, model.tokenizer, text)
    ids, segments = fit(rendering, text, model.tokenizer)
    placed = RenderedTemplate(source=template, segments=segments, target_end_ids=rendering.target_end_ids)
    if kind == "text":
        rows = text_rows(range(len(ids)), model.embed(ids).float().cpu())
        return SoftPrompt(rows, text=text, initial_ids=ids, template=placed, base=model.identity)
    # Not the text's: no token is shared with its neighbours.
    _, segments = fit(rendering, None, model.tokenizer)
    placed = placed.model_copy(update={"segments": segments})
    length = tokens or len(ids)
    generator = torch.Generator().manual_seed(seed)
    if kind == "random":
        rows = random_rows(length, model.table, generator)
        return SoftPrompt(rows, template=placed, base=model.identity)
    added = model.tokenizer.added_tokens_decoder  # all_special_ids leaves out most of a chat model's own
    special = frozenset(model.tokenizer.all_special_ids) | {i for i, token in added.items() if token.special}
    try:
        sampled = vocabulary_ids(length, model.vocabulary, special, generator)
    except ValueError as error:
        raise UsageError(f"--tokens: {error}.") from error
    rows = text_rows(sampled, model.table)
    return SoftPrompt(rows, initial_ids=tuple(sampled), template=placed, base=model.identity)


def _placed(
    model: FrozenModel, prompt: SoftPrompt, template: Template | None, allow_mismatch: bool, say: Say
) -> SoftPrompt:
    if prompt.width != model.width:
        raise PromptError(
            f"This prompt has {prompt.width} numbers per token, {model.identity.name} takes {model.width}: "
            "it was tuned on another model."
        )
    if prompt.base != model.identity:
        for warning in check_base(prompt, model.identity, allow_mismatch):
            say(warning)
        prompt = replace(prompt, base=model.identity)  # from here on it is used, and perhaps tuned, on this one
    if prompt.template is not None and template in (None, prompt.template.source):
        return prompt
    chosen = template or default_template(model)
    if prompt.template is not None:
        say("The prompt is placed by another template than the one it was tuned with.")
    rendering = render(chosen, model.tokenizer)
    _, segments = fit(rendering, None, model.tokenizer)
    placed = RenderedTemplate(source=chosen, segments=segments, target_end_ids=rendering.target_end_ids)
    return replace(prompt, template=placed)


def _freeze(prompt: SoftPrompt, frozen: Sequence[int]) -> SoftPrompt:
    outside = [i for i in frozen if not -len(prompt) <= i < len(prompt)]
    if outside:
        raise UsageError(f"There is no token {outside[0]} to freeze: the prompt has {len(prompt)}, counted from 0.")
    kept = {i % len(prompt) for i in frozen}
    return replace(prompt, trainable=tuple(i not in kept for i in range(len(prompt))))


def _template(prompt: SoftPrompt) -> RenderedTemplate:
    if prompt.template is None:
        raise PromptError("The prompt has no template yet: place it with embedgrad.start(model, prompt).")
    return prompt.template


def _row_segments(
    model: FrozenModel, prompt: SoftPrompt, placed: RenderedTemplate, example: Example
) -> Sequence[Segment]:
    """The prompt's own segments, or for a row with earlier turns the template rendered around those."""
    if not example.history:
        return placed.segments
    try:
        ids, segments = fit(render(placed.source, model.tokenizer, example.history), prompt.text, model.tokenizer)
    except TemplateError as error:
        raise TemplateError(f"Line {example.line}: {error}") from error
    if prompt.text is not None and ids != prompt.initial_ids:
        raise TemplateError(
            f"Line {example.line}: after its earlier turns the prompt would be tokenized otherwise than without "
            "them, so the tuned rows would not stand for it. Put {prompt} into a system message."
        )
    return segments


def _truncated(layout: Layout, excess: int) -> Layout | None:
    """`layout` with the last `excess` tokens of its input cut out; None where the input has no more than that."""
    if len(layout.input) <= excess:
        return None
    stop = layout.input.stop - excess

    def moved(span: Span) -> Span:
        return Span(span.start - excess, span.stop - excess) if span.start >= layout.input.stop else span

    return replace(
        layout,
        ids=layout.ids[:stop] + layout.ids[layout.input.stop :],
        prompt=moved(layout.prompt),
        input=Span(layout.input.start, stop),
        target=moved(layout.target),
    )


def _overlong(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    lines: Sequence[int],
    answer_tokens: int,
) -> OverlongRows:
    shown = ", ".join(str(line) for line in lines[:10]) + (", ..." if len(lines) > 10 else "")
    answer = f" and {answer_tokens} tokens of answer" if answer_tokens else ""
    return OverlongRows(
        f"{len(lines)} of {len(examples)} rows do not fit the {model.context_tokens} tokens that "
        f"{model.identity.name} takes, with the {len(prompt)} tokens of the prompt{answer}: lines {shown}. "
        "Shorten them, or pass --overlong skip or --overlong truncate-input."
    )
