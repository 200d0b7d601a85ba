"""Inputs behind their prompts, laid out and checked once, then answered together, in pieces or as a stream."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedgrad.data.example import Example
from embedgrad.engine.generate import GeneratedIds, generate_ids, steps
from embedgrad.engine.plan import memory_told
from embedgrad.engine.requests import Request, with_checked_prefixes
from embedgrad.engine.whole_rows import whole_rows_words
from embedgrad.errors import UsageError
from embedgrad.evaluation.answer_text import AnswerText, text_of
from embedgrad.evaluation.loops import ends_in_a_loop
from embedgrad.events import Say
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.place import Placing, PromptLike
from embedgrad.prompt.rows import lay_out_rows, special_tokens_report, stop_ids
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Overlong
from embedgrad.units import counted
from embedgrad.watch import Watch


@dataclass(frozen=True)
class Asking:
    """How answers are asked for.

    max_new_tokens  longest answer, at least 1
    stop            string, or strings, before which an answer ends
    overlong        what happens to inputs longer than the model's context
    batch_tokens    most tokens in a forward pass; changes memory, not results
    """

    max_new_tokens: int
    stop: str | Sequence[str] = ()
    overlong: Overlong = "error"
    batch_tokens: int = BATCH_TOKENS


@dataclass(frozen=True)
class Generation:
    """One answer.

    text            without special tokens, cut before a stop string
    tokens          its ids, up to the one that completed a stop string; a stop token is none of them
    truncated       whether the token limit ended it
    entropies_bits  entropy of the next-token distribution at each step, from 0 to log2(V); as long as `tokens`, and
                    one longer where a stop token ended the answer: the last entry is then of the step that chose it
    loops           whether it ends in a loop (`evaluation.loops.ends_in_a_loop`)
    """

    text: str
    tokens: tuple[int, ...]
    truncated: bool
    entropies_bits: tuple[float, ...]
    loops: bool


@dataclass(frozen=True)
class Answering:
    """Inputs laid out behind their prompts, ready to be answered, all at once or in pieces.

    requests  one per input, what their prompts share included; None where an input is left out
    """

    model: FrozenModel
    requests: tuple[Request | None, ...]
    stops: tuple[str, ...]
    max_new_tokens: int
    batch_tokens: int

    @classmethod
    def prepare(
        cls,
        model: FrozenModel,
        prompt: PromptLike | Sequence[PromptLike],
        inputs: Sequence[str | Example],
        asking: Asking,
        placing: Placing = Placing(),
        watch: Watch = Watch(),
    ) -> Answering:
        """As `generate`; every input is laid out, and the model checked, before the first answer."""
        max_new_tokens, stop, batch_tokens = asking.max_new_tokens, asking.stop, asking.batch_tokens
        if isinstance(inputs, str):
            raise UsageError("generate takes a list of inputs; put the one text into brackets: [text].")
        if max_new_tokens < 1:
            raise UsageError(f"max_new_tokens is {max_new_tokens}; an answer has at least one token.")
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        if "" in stops:
            raise UsageError("A stop string is empty, which would end every answer at once. Leave it out.")
        rows = [Example(row) if isinstance(row, str) else row for row in inputs]
        examples = [replace(row, line=row.line or number) for number, row in enumerate(rows, start=1)]
        prompts = _one_each(prompt, len(rows), lambda given: placing.place(model, given, watch.note))
        requests = _lay_out(model, prompts, examples, asking, watch.note)
        with memory_told(batch_tokens):
            if sentence := whole_rows_words(model):
                watch.note(sentence)
        sharing = with_checked_prefixes(model, [r for r in requests if r is not None], batch_tokens, watch.note)
        left = iter(sharing)
        return cls(
            model=model,
            requests=tuple(request and next(left) for request in requests),
            stops=stops,
            max_new_tokens=max_new_tokens,
            batch_tokens=batch_tokens,
        )

    def answers(self, first: int, last: int) -> list[Generation | None]:
        """Of the inputs first <= i < last, in order."""
        wanted = {n: request for n in range(first, last) if (request := self.requests[n]) is not None}
        if self.stops:
            wanted = {n: replace(r, ends=AnswerText(self.model, self.stops).add) for n, r in wanted.items()}
        found: list[Generation | None] = [None] * (last - first)
        numbers = list(wanted)
        for index, answer in generate_ids(
            self.model, list(wanted.values()), self.max_new_tokens, batch_tokens=self.batch_tokens, with_entropies=True
        ):
            found[numbers[index] - first] = self._generation(answer)
        return found

    def stream(self, number: int) -> Generator[str, None, Generation]:
        """The pieces of one input's answer, and the whole as the generator's value."""
        request = self.requests[number]
        assert request is not None
        text = AnswerText(self.model, self.stops)
        taken = []
        for step in steps(
            self.model,
            [replace(request, ends=text.add)],
            self.max_new_tokens,
            batch_tokens=self.batch_tokens,
            with_entropies=True,
        ):
            taken.append(step)
            if step.end is None and (piece := text.take()):
                yield piece
        answer = self._generation(GeneratedIds.of(taken))
        if rest := text.rest(answer.text):
            yield rest
        return answer

    def _generation(self, answer: GeneratedIds) -> Generation:
        text = text_of(self.model, answer.ids, self.stops)
        return Generation(text, answer.ids, answer.truncated, answer.entropies_bits, ends_in_a_loop(answer.ids))


def _one_each(
    prompt: PromptLike | Sequence[PromptLike], inputs: int, read: Callable[[PromptLike], SoftPrompt]
) -> list[SoftPrompt]:
    """The prompt of each input; one that occurs several times is read once."""
    given = [prompt] * inputs if isinstance(prompt, str | Path | SoftPrompt) else list(prompt)
    if len(given) != inputs:
        raise UsageError(
            f"There are {counted(len(given), 'prompt')} and {counted(inputs, 'input')}. "
            "Give one prompt for all of them, or a list with one for each."
        )
    found: dict[object, SoftPrompt] = {}
    for one in given:
        key = id(one) if isinstance(one, SoftPrompt) else one
        if key not in found:
            found[key] = read(one)
    return [found[id(one) if isinstance(one, SoftPrompt) else one] for one in given]


def _lay_out(
    model: FrozenModel,
    prompts: Sequence[SoftPrompt],
    examples: Sequence[Example],
    asking: Asking,
    say: Say,
) -> list[Request | None]:
    """One request per example, its prompt's embeddings on the model's device once; None for rows left out."""
    requests: list[Request | None] = [None] * len(examples)
    rows_under: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        rows_under.setdefault(id(prompt), []).append(number)
    for numbers in rows_under.values():
        prompt = prompts[numbers[0]]
        embeddings, ends = prompt.embeddings.to(model.device), stop_ids(model, prompt)
        rows = [examples[number] for number in numbers]
        room, overlong = asking.max_new_tokens, asking.overlong
        laid = lay_out_rows(model, prompt, rows, with_target=False, answer_tokens=room, overlong=overlong)
        if sentence := special_tokens_report(model, prompt, rows):
            say(sentence)
        for number, layout in zip(numbers, laid, strict=True):
            if layout is not None:
                requests[number] = Request(layout, embeddings, ends)
    for example, request in zip(examples, requests, strict=True):
        if request is not None and request.layout.cut_tokens:
            cut_tokens = request.layout.cut_tokens
            cut = counted(cut_tokens, "token")
            is_are = "is" if cut_tokens == 1 else "are"
            say(f"line {example.line}: the last {cut} of the input {is_are} cut to fit the context")
    return requests
