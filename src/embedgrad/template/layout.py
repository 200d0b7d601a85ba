"""From template and row to token ids with named spans.

`fit` decides once, together with the prompt's text, which tokens are fixed and which are the prompt's; `lay_out`
then builds each row. This module knows a prompt by its length only.

Seams: all constant text up to the next varying slot is tokenized as one string. A token that straddles the
prompt's edge belongs to the prompt (`.\\n\\n` is one token for Qwen), and its extra characters leave the fixed
text. Varying slots are tokenized by themselves, for a text prompt too, so that text and soft prompt meet equal
ids; `seam_difference` tells where that differs from tokenizing the whole string.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from embedgrad.data.example import Example
from embedgrad.errors import TemplateError
from embedgrad.json_shape import FirstError, Shape
from embedgrad.template.control import row_ids
from embedgrad.template.template import INPUT_SLOT, PROMPT_SLOT, FixedText, Segment, Slot, Template
from embedgrad.template.tokens import Tokenizer, bos_ids, token_ids

Overlong = Literal["error", "skip", "truncate-input"]  # what to do with a row longer than the model's context
_TURN = "turn "


class RenderedTemplate(Shape):
    """A template as the model reads it: the source, its segments with ids, and what ends every target.

    Stored with the prompt, so that a later change of the chat template (or today's date in it) changes nothing; only
    rows with earlier chat turns are rendered anew, around their turns. `special_tokens_in_rows` says whether special
    tokens that a row writes out are such tokens for the model; as a rule they are text.
    """

    source: Template
    segments: FirstError[tuple[Segment, ...]]
    target_end_ids: FirstError[tuple[int, ...]]
    special_tokens_in_rows: bool = Field(False, exclude_if=lambda are_tokens: not are_tokens)


@dataclass(frozen=True)
class Rendering:
    """A template's segments as text, before tokens; `has_bos` says whether the text already holds the BOS."""

    segments: tuple[Segment, ...]
    target_end_ids: tuple[int, ...]
    has_bos: bool


@dataclass(frozen=True)
class Span:
    """Positions start <= i < stop of a row."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Layout:
    """One row as ids with named spans; the prompt's positions hold 0 and are replaced by its embeddings.

    `target` includes the end token(s) and ends the row; it is empty where an answer is to be generated.
    """

    ids: tuple[int, ...]
    prompt: Span
    input: Span
    target: Span
    line: int = 0
    cut_tokens: int = 0  # of the input, to make the row fit

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def header_ids(self) -> tuple[int, ...]:
        """Everything before the prompt."""
        return self.ids[: self.prompt.start]

    def after(self, position: int) -> Layout:
        """The row from `position` on; spans before it are empty."""

        def moved(span: Span) -> Span:
            return Span(max(span.start - position, 0), max(span.stop - position, 0))

        return replace(
            self,
            ids=self.ids[position:],
            prompt=moved(self.prompt),
            input=moved(self.input),
            target=moved(self.target),
        )

    def with_target(self, target_ids: Sequence[int]) -> Layout:
        """The same row with this target (its end included) instead of the one it has."""
        row = self.ids[: self.target.start]
        return replace(self, ids=(*row, *target_ids), target=Span(len(row), len(row) + len(target_ids)))


def fit(
    rendering: Rendering, prompt_text: str | None, tokenizer: Tokenizer
) -> tuple[tuple[int, ...], tuple[Segment, ...]]:
    """The prompt's ids (none without a text) and the segments with their ids. Raises TemplateError."""
    if prompt_text is not None and not token_ids(prompt_text, tokenizer):  # trap: its neighbors may merge around it
        raise TemplateError(f"The prompt {prompt_text!r} has no tokens: write at least one word.")
    prompt_ids: tuple[int, ...] = ()
    segments: list[Segment] = []
    for run in _constant_runs(rendering.segments):
        if isinstance(run, Slot):
            segments.append(run)
            continue
        found, pieces = _fit_run(run, prompt_text, tokenizer)
        prompt_ids = found or prompt_ids
        segments.extend(pieces)
    bos = () if rendering.has_bos else bos_ids(tokenizer)
    if bos and _first_ids(segments, prompt_ids)[: len(bos)] != bos:  # a template may write it itself
        segments.insert(0, FixedText(text="", ids=bos))
    return prompt_ids, tuple(segments)


def lay_out(
    segments: Sequence[Segment],
    prompt_tokens: int,
    example: Example,
    tokenizer: Tokenizer,
    target_ids: Sequence[int] = (),
    special_tokens: bool = False,
) -> Layout:
    """One row: `segments` filled with `example`, the prompt's place held open, `target_ids` at the end. Special tokens
    that the example writes out are text, unless `special_tokens`."""
    ids: list[int] = []
    spans: dict[str, Span] = {}
    for segment in segments:
        start = len(ids)
        if isinstance(segment, FixedText):
            ids.extend(segment.ids)
        elif segment.name == PROMPT_SLOT:
            ids.extend([0] * prompt_tokens)
        else:
            ids.extend(row_ids(value_of(example, segment.name), tokenizer, special_tokens))
        if isinstance(segment, Slot):
            spans[segment.name] = Span(start, len(ids))
    target = Span(len(ids), len(ids) + len(target_ids))
    return Layout((*ids, *target_ids), spans[PROMPT_SLOT], spans[INPUT_SLOT], target, example.line)


def written_out(segments: Sequence[Segment], prompt_text: str, example: Example) -> str:
    """The row as one string: unfitted `segments` (of a Rendering), every slot filled, the target at the end."""
    values = {PROMPT_SLOT: prompt_text}
    pieces = [
        segment.text if isinstance(segment, FixedText) else values.get(segment.name) or value_of(example, segment.name)
        for segment in segments
    ]
    return "".join(pieces) + (example.target or "")


def seam_difference(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> str | None:
    """Where `ids`, joined from pieces, differ from `text` tokenized as one string, in words; None if nowhere."""
    whole = token_ids(text, tokenizer)
    if whole == tuple(ids):
        return None
    pairs = zip(whole, ids, strict=False)
    start = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(whole), len(ids)))
    ours = tokenizer.convert_ids_to_tokens(list(ids[start : start + 4]))
    theirs = tokenizer.convert_ids_to_tokens(list(whole[start : start + 4]))
    return f"here {ours}, in one string {theirs}"


def value_of(example: Example, name: str) -> str:
    """What the row has for a slot. Raises TemplateError where it has no such column."""
    if name == INPUT_SLOT:
        return example.input
    if name.startswith(_TURN):
        return example.history[int(name.removeprefix(_TURN))][1]
    try:
        return example.columns[name]
    except KeyError:
        where = f"Line {example.line}" if example.line else "A row"
        raise TemplateError(
            f"{where} has no column {name!r}, which the template asks for; its columns are "
            f"{', '.join(sorted(example.columns)) or 'none besides the input'}."
        ) from None


def turn_slot(number: int) -> str:
    """Name of the slot of a row's earlier turn, from 0: no column of a template can have it."""
    return f"{_TURN}{number}"


def _first_ids(segments: Sequence[Segment], prompt_ids: tuple[int, ...]) -> tuple[int, ...]:
    """The ids that a row begins with, up to the first varying slot."""
    found: list[int] = []
    for segment in segments:
        if isinstance(segment, FixedText):
            found.extend(segment.ids)
        elif segment.name == PROMPT_SLOT and prompt_ids:
            found.extend(prompt_ids)
        else:
            break
    return tuple(found)


def _constant_runs(segments: Sequence[Segment]) -> Iterator[Slot | list[Segment]]:
    """Varying slots one by one; everything between them (fixed text and the prompt) together."""
    run: list[Segment] = []
    for segment in segments:
        if isinstance(segment, Slot) and segment.name != PROMPT_SLOT:
            if run:
                yield run
            run = []
            yield segment
        else:
            run.append(segment)
    if run:
        yield run


def _fit_run(
    run: list[Segment], prompt_text: str | None, tokenizer: Tokenizer
) -> tuple[tuple[int, ...], list[Segment]]:
    """Tokenize one constant run as one string and cut it at the prompt; a straddling token is the prompt's."""
    place = next((i for i, segment in enumerate(run) if isinstance(segment, Slot)), None)
    if place is None or prompt_text is None:  # no text to share a token with: each fixed text by itself
        return (), [
            segment
            if isinstance(segment, Slot)
            else FixedText(text=segment.text, ids=token_ids(segment.text, tokenizer))
            for segment in run
        ]
    before = "".join(s.text for s in run[:place] if isinstance(s, FixedText))
    after = "".join(s.text for s in run[place + 1 :] if isinstance(s, FixedText))
    text = before + prompt_text + after
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), list(encoded["offset_mapping"])
    edge = (len(before), len(before) + len(prompt_text))
    inside = [i for i, (low, high) in enumerate(offsets) if low < edge[1] and high > edge[0] and high > low]
    if not inside:
        return (), []
    first, last = inside[0], inside[-1]
    low, high = min(edge[0], offsets[first][0]), max(edge[1], offsets[last][1])
    pieces: list[Segment] = [
        FixedText(text=text[:low], ids=tuple(ids[:first])),
        Slot(name=PROMPT_SLOT),
        FixedText(text=text[high:], ids=tuple(ids[last + 1 :])),
    ]
    kept = [piece for piece in pieces if isinstance(piece, Slot) or piece.ids or piece.text]
    return tuple(ids[first : last + 1]), kept
