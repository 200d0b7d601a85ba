"""`eg.generate` and `eg.stream`: a prompt, or several, at work on inputs."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from embedgrad.data.example import Example
from embedgrad.errors import UsageError
from embedgrad.evaluation.answering import Answering, Asking, Generation
from embedgrad.events import Say
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.place import Placing, PromptLike
from embedgrad.prompt.public import prompts, public
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template
from embedgrad.watch import Watch


@public(prompt=prompts)
def generate(
    model: FrozenModel,
    prompt: PromptLike | Sequence[PromptLike],
    inputs: Sequence[str | Example],
    *,
    max_new_tokens: int = 128,
    stop: str | Sequence[str] = (),
    template: Template | None = None,
    special_tokens_in_rows: bool | None = None,
    allow_mismatch: bool = False,
    overlong: Overlong = "error",
    batch_tokens: int = BATCH_TOKENS,
    say: Say = lambda message: None,
) -> list[Generation | None]:
    """Greedy answers to `inputs` under `prompt`, in order; None for a row that `overlong="skip"` leaves out.

    prompt  one for all inputs, or a list with one for each; one that occurs several times is read and goes through
            the model once. Rows under different prompts share batches, and each equals the row alone
    inputs  texts, or Examples where the template has further columns or the row has earlier turns
    stop    strings before which an answer ends
    special_tokens_in_rows  as `start` takes it

    Raises UsageError, and what `start` and `lay_out_rows` raise.
    """
    asking = Asking(max_new_tokens, stop, overlong, batch_tokens)
    placing = Placing(template, special_tokens_in_rows, allow_mismatch)
    job = Answering.prepare(model, prompt, inputs, asking, placing, Watch(note=say))
    return job.answers(0, len(inputs))


@public()
def stream(
    model: FrozenModel,
    prompt: PromptLike,
    input_text: str | Example,
    *,
    max_new_tokens: int = 128,
    stop: str | Sequence[str] = (),
    template: Template | None = None,
    special_tokens_in_rows: bool | None = None,
    allow_mismatch: bool = False,
    say: Say = lambda message: None,
) -> Generator[str, None, Generation]:
    """The answer to one input as it comes, in pieces of text: never a part of a character, nor of a stop string. Joined
    they are the text of the Generation, which `yield from` gives at the end.

    Errors are those of `generate`, raised before the first piece.
    """
    if not isinstance(input_text, str | Example):
        raise UsageError("stream answers one input, a text or an Example; for several use generate.")
    placing = Placing(template, special_tokens_in_rows, allow_mismatch)
    job = Answering.prepare(model, prompt, [input_text], Asking(max_new_tokens, stop), placing, Watch(note=say))
    return job.stream(0)
