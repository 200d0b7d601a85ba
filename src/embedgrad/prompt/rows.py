"""From examples to layouts, behind one placed prompt: which rows fit, what ends an answer, where seams differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from embedgrad.data.example import Example
from embedgrad.errors import OverlongRows, PromptError, TemplateError
from embedgrad.faces import setting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.template.chat import render
from embedgrad.template.control import control_tokens, row_ids
from embedgrad.template.layout import (
    Layout,
    Overlong,
    RenderedTemplate,
    Span,
    fit,
    lay_out,
    seam_difference,
    value_of,
    written_out,
)
from embedgrad.template.template import FixedText, Segment
from embedgrad.template.turns import RowTexts
from embedgrad.units import counted, line_words

_WITHOUT = "Write it without that token, or add the token to the model (resize_token_embeddings)."


@in_turn
def lay_out_rows(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    *,
    with_target: bool = True,
    answer_tokens: int = 0,
    overlong: Overlong = "error",
    room_is_for: str = "answer",
) -> list[Layout | None]:
    """One layout per example, in order; None for a row that `overlong="skip"` leaves out.

    `answer_tokens` more tokens must fit behind the row (for generation), which the error calls `room_is_for`.
    `truncate-input` cuts the end of the input. Raises OverlongRows naming the rows, and TemplateError for a row
    the template cannot take.
    """
    placed = template_of(prompt)
    texts, around = RowTexts(placed.source, model.tokenizer), dict[tuple[str, ...], Sequence[Segment]]()
    room = model.context_tokens - answer_tokens
    layouts: list[Layout | None] = []
    unfit: list[int] = []
    for number, example in enumerate(examples):
        has_target = with_target and example.target is not None
        target = _target_ids(model, placed, example.target or "") if has_target else ()
        roles = tuple(role for role, _ in example.history)
        try:
            if roles not in around:
                around[roles] = _segments(model, prompt, placed, roles)
            written = texts.as_written(example)
        except TemplateError as error:
            raise TemplateError(f"Line {example.line or number + 1}: {error}") from error
        special = placed.special_tokens_in_rows
        layout = lay_out(around[roles], len(prompt), written, model.tokenizer, target, special)
        model.check_ids(layout.ids, f"Line {example.line or number + 1}", _WITHOUT)
        if len(layout) > room:
            shorter = _truncated(layout, len(layout) - room) if overlong == "truncate-input" else None
            if shorter is None and overlong != "skip":
                unfit.append(example.line or number + 1)
            layouts.append(shorter)
        else:
            layouts.append(layout)
    if unfit:
        behind = f" and {counted(answer_tokens, 'token')} of {room_is_for}" if answer_tokens else ""
        raise _overlong(model, prompt, examples, unfit, behind)
    return layouts


def check_lengths(
    model: FrozenModel, prompt: SoftPrompt, parts: Mapping[str, Sequence[Example]], answer_tokens: int = 0
) -> None:
    """Raises OverlongRows, naming part and rows, unless every row fits: with its target, or with an answer of
    `answer_tokens` in its place."""
    for name, examples in parts.items():
        try:
            lay_out_rows(model, prompt, examples, with_target=not answer_tokens, answer_tokens=answer_tokens)
        except OverlongRows as error:
            if len(prompt) >= model.context_tokens:
                raise  # whatever the rows
            raise OverlongRows(f"Among the {name} rows, {error}") from error


@in_turn
def target_ids(model: FrozenModel, prompt: SoftPrompt, target: str) -> tuple[int, ...]:
    """The answer's tokens and what ends it: the end-of-turn token in a chat, the EOS in plain text."""
    ids = _target_ids(model, template_of(prompt), target)
    model.check_ids(ids, f"The answer {target!r}", _WITHOUT)
    return ids


def _target_ids(model: FrozenModel, placed: RenderedTemplate, target: str) -> tuple[int, ...]:
    return (*row_ids(target, model.tokenizer, placed.special_tokens_in_rows), *placed.target_end_ids)


def stop_ids(model: FrozenModel, prompt: SoftPrompt) -> frozenset[int]:
    """Tokens that end a generated answer."""
    return model.stop_ids | frozenset(template_of(prompt).target_end_ids[:1])


@in_turn
def seam_report(model: FrozenModel, prompt: SoftPrompt, examples: Sequence[Example], sample: int = 200) -> str | None:
    """One sentence where rows are not the ids of their whole string (see template/layout.py); None if all are."""
    if prompt.text is None or prompt.initial_ids is None or prompt.template is None:
        return None
    rendering = render(prompt.template.source, model.tokenizer)
    fitted = fit(rendering, prompt.text, model.tokenizer)
    if fitted != (prompt.initial_ids, prompt.template.segments):
        return None  # rendered by a chat template that has changed since: the text between the slots is not known
    first = prompt.template.segments[0]
    skipped = len(first.ids) if isinstance(first, FixedText) and not first.text else 0  # the BOS, which no text holds
    special, texts = prompt.template.special_tokens_in_rows, RowTexts(prompt.template.source, model.tokenizer)
    looked_at = [
        example
        for example in examples[:sample]
        if not example.history and (special or not _special_token(model, prompt.template, example))
    ]
    differing = []
    for number, unwritten in enumerate(looked_at, start=1):
        example = texts.as_written(unwritten)
        target = row_ids(example.target or "", model.tokenizer, special)
        layout = lay_out(prompt.template.segments, len(prompt), example, model.tokenizer, target, special)
        ids = [*layout.ids[: layout.prompt.start], *prompt.initial_ids, *layout.ids[layout.prompt.stop :]]
        text = written_out(rendering.segments, prompt.text, example)
        difference = seam_difference(text, ids[skipped:], model.tokenizer)
        if difference:
            differing.append((example.line or number, difference))
    if not differing:
        return None
    line, difference = differing[0]
    return (
        f"{len(differing)} of {counted(len(looked_at), 'row')} {'is' if len(differing) == 1 else 'are'} tokenized "
        "otherwise than as one string, because each slot is tokenized by itself (text and tuned prompt alike, so their "
        f"comparison is fair); for example line {line}: {difference}."
    )


def template_of(prompt: SoftPrompt) -> RenderedTemplate:
    """Where the prompt stands. Raises PromptError where it is not placed yet."""
    if prompt.template is None:
        raise PromptError("The prompt has no template yet: place it with embedgrad.start(model, prompt).")
    return prompt.template


def special_tokens_report(model: FrozenModel, prompt: SoftPrompt, examples: Sequence[Example]) -> str | None:
    """One sentence where rows write special tokens out, or would be allowed to; None where there is nothing to say."""
    placed = template_of(prompt)
    found = [
        (example.line or number, token)
        for number, example in enumerate(examples, start=1)
        if (token := _special_token(model, placed, example))
    ]
    first = f", the first {found[0][1]!r} in line {found[0][0]}" if found else ""
    if placed.special_tokens_in_rows:
        return (
            "Special tokens that rows write out are these tokens for the model "
            f"({setting('special_tokens_in_rows')} is on): {len(found)} of {len(examples)} rows have some{first}."
        )
    if not found:
        return None
    return (
        f"{len(found)} of {len(examples)} rows write out special tokens of the model{first}. They are read as text; "
        f"{setting('special_tokens_in_rows', True)} would make them these tokens."
    )


def _special_token(model: FrozenModel, placed: RenderedTemplate, example: Example) -> str | None:
    """The first special token that one of the texts which the model reads writes out."""
    control = control_tokens(model.tokenizer)
    texts = [value_of(example, name) for name in placed.source.columns]
    texts += [content for _, content in example.history]
    return next(filter(None, map(control.first_in, [*texts, example.target or ""])), None)


def _segments(
    model: FrozenModel, prompt: SoftPrompt, placed: RenderedTemplate, roles: tuple[str, ...]
) -> Sequence[Segment]:
    """The prompt's own segments, or for rows with earlier turns the template rendered around those."""
    if not roles:
        return placed.segments
    ids, segments = fit(render(placed.source, model.tokenizer, roles), prompt.text, model.tokenizer)
    if prompt.text is not None and ids != prompt.initial_ids:
        raise TemplateError(
            "after its earlier turns the prompt would be tokenized otherwise than without "
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
        cut_tokens=excess,
    )


def _overlong(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    lines: Sequence[int],
    behind: str,
) -> OverlongRows:
    if len(prompt) >= model.context_tokens:
        return OverlongRows(
            f"The prompt alone has {counted(len(prompt), 'token')}, and {model.identity.name} takes "
            f"{counted(model.context_tokens, 'token')} for prompt, input and answer together. Shorten the prompt."
        )
    return OverlongRows(
        f"{len(lines)} of {counted(len(examples), 'row')} {'does' if len(lines) == 1 else 'do'} not fit the "
        f"{counted(model.context_tokens, 'token')} that {model.identity.name} takes, with the "
        f"{counted(len(prompt), 'token')} of the prompt{behind}: {line_words(lines)}. "
        f"Shorten them, or pass {setting('overlong', 'skip')} or {setting('overlong', 'truncate-input')}."
    )
