"""From examples to layouts, behind one placed prompt: which rows fit, what ends an answer, where seams differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from embedgrad.data.example import Example
from embedgrad.errors import OverlongRows, PromptError, TemplateError
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.template.chat import render
from embedgrad.template.layout import (
    Layout,
    Overlong,
    RenderedTemplate,
    Span,
    bos_ids,
    fit,
    lay_out,
    seam_difference,
    token_ids,
    written_out,
)
from embedgrad.template.template import Segment
from embedgrad.units import counted, line_words


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
            raise OverlongRows(f"Among the {name} rows, {error}") from error


def target_ids(model: FrozenModel, prompt: SoftPrompt, target: str) -> tuple[int, ...]:
    """The answer's tokens and what ends it: the end-of-turn token in a chat, the EOS in plain text."""
    return (*token_ids(target, model.tokenizer), *template_of(prompt).target_end_ids)


def stop_ids(model: FrozenModel, prompt: SoftPrompt) -> frozenset[int]:
    """Tokens that end a generated answer."""
    return model.stop_ids | frozenset(template_of(prompt).target_end_ids[:1])


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
        f"{len(differing)} of {counted(len(looked_at), 'row')} {'is' if len(differing) == 1 else 'are'} tokenized "
        "otherwise than as one string, because each slot is tokenized by itself (text and tuned prompt alike, so their "
        f"comparison is fair); for example line {line}: {difference}."
    )


def template_of(prompt: SoftPrompt) -> RenderedTemplate:
    """Where the prompt stands. Raises PromptError where it is not placed yet."""
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
        cut_tokens=excess,
    )


def _overlong(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    lines: Sequence[int],
    behind: str,
) -> OverlongRows:
    return OverlongRows(
        f"{len(lines)} of {counted(len(examples), 'row')} {'does' if len(lines) == 1 else 'do'} not fit the "
        f"{counted(model.context_tokens, 'token')} that {model.identity.name} takes, with the "
        f"{counted(len(prompt), 'token')} of the prompt{behind}: {line_words(lines)}. "
        "Shorten them, or pass --overlong skip or --overlong truncate-input."
    )
