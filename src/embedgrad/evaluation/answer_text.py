"""From an answer's tokens to its text: whole, or as it comes, up to a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn

_UNFINISHED = "\ufffd"  # what a part of a character decodes to


@in_turn
def decode(model: FrozenModel, ids: Sequence[int]) -> str:
    """Generated ids as text, special tokens left out, spaces as they were generated."""
    return str(model.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def text_of(model: FrozenModel, ids: Sequence[int], stops: Sequence[str]) -> str:
    """The text of a whole answer, up to the first place where a stop string begins; what AnswerText shows, joined."""
    text = decode(model, ids)
    if _UNFINISHED in text:  # a byte that is no character turns those before it into others, but these were shown
        bit_by_bit = AnswerText(model)
        for token in ids:
            bit_by_bit.add(token)
        text = bit_by_bit.all()
    return text[: min([place for stop in stops if (place := text.find(stop)) >= 0], default=len(text))]


class AnswerText:
    """The text of one answer while its tokens come.

    Text counts once its last character is whole. Each token is decoded behind the tokens that the text before it came
    from, so that leading spaces are right; an answer of n tokens costs n short decodings.
    """

    def __init__(self, model: FrozenModel, stops: Sequence[str] = ()) -> None:
        self._model, self._stops = model, stops
        self._settled, self._shown = "", 0
        self._window: list[int] = []  # the tokens of the last settled text, and those after it
        self._behind, self._behind_tokens = "", 0  # of the window: the part that is settled

    def add(self, token: int) -> bool:
        """Takes the next token; True where it completes a stop string."""
        self._window.append(token)
        text = decode(self._model, self._window)
        if len(text) <= len(self._behind) or text.endswith(_UNFINISHED):
            return False
        before = len(self._settled)
        self._settled += text[len(self._behind) :]
        self._window = self._window[self._behind_tokens :]
        self._behind, self._behind_tokens = decode(self._model, self._window), len(self._window)
        return any(self._settled.find(stop, max(0, before - len(stop) + 1)) >= 0 for stop in self._stops)

    def take(self) -> str:
        """What can be shown by now and was not taken yet: no part of a character, nor of what may become a stop."""
        piece = self._settled[self._shown : len(self._settled) - self._held_back()]
        self._shown += len(piece)
        return piece

    def all(self) -> str:
        """Everything so far, broken characters at its end included."""
        return self._settled + decode(self._model, self._window)[len(self._behind) :]

    def rest(self, text: str) -> str:
        """What was not taken yet of the whole answer's `text`."""
        return text[self._shown :]

    def _held_back(self) -> int:
        """Characters at the end with which a stop string begins."""
        lengths = (
            length
            for stop in self._stops
            for length in range(min(len(stop) - 1, len(self._settled)), 0, -1)
            if self._settled.endswith(stop[:length])
        )
        return max(lengths, default=0)
