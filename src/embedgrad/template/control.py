"""Control tokens, and text read without them: what stands in a row never opens a turn, nor ends one.

A chat template speaks in tokens of its own (`<|im_end|>`, `[INST]`, `<think>`). Written out in a row they are text:
they are split into ordinary tokens. All other text keeps the ids that it has.

**Control tokens**: all special tokens; further added ones in the usual shape of a mark, `<|...|>`; and those that a
chat template of the tokenizer names, like Qwen's `<tool_call>`, which its tokenizer does not call special. Added
tokens that are none of these are text: runs of spaces, tags of a markup, words of a field.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from tokenizers import Tokenizer as Backend

from embedgrad.template.tokens import Tokenizer, token_ids

_MARK = re.compile(r"<[|｜].+[|｜]>", re.DOTALL)
_BRACKETED = re.compile(r"[^\w\s].*[^\w\s]", re.DOTALL)  # begins and ends with neither a letter nor a space


@dataclass(frozen=True, eq=False)
class ControlTokens:
    """The control tokens of one tokenizer: their texts and ids."""

    tokenizer: Tokenizer
    ids: dict[str, int]

    @cached_property
    def _id_set(self) -> frozenset[int]:
        return frozenset(self.ids.values())

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.ids, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if self.ids else None

    @cached_property
    def _without(self) -> Backend:
        return without(self.ids, self.tokenizer.backend_tokenizer)

    def first_in(self, text: str) -> str | None:
        """The first control token that is written out in `text`."""
        found = self._pattern.search(text) if self._pattern else None
        return found and found.group()

    def split(self, text: str) -> tuple[int, ...]:
        """`text` tokenized by itself, with no control token among the ids; the unknown token may be."""
        ids = token_ids(text, self.tokenizer)
        if self._id_set.isdisjoint(ids):
            return ids
        return tuple(self._without.encode(text, add_special_tokens=False).ids)


_known: WeakKeyDictionary[Any, tuple[str, ControlTokens]] = WeakKeyDictionary()


def control_tokens(tokenizer: Tokenizer) -> ControlTokens:
    """Found once for a tokenizer and its chat template."""
    source = _chat_source(getattr(tokenizer, "chat_template", None))
    known = _known.get(tokenizer)
    if known is None or known[0] != source:
        special = set(tokenizer.all_special_ids)
        ids = {
            token.content: number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special or number in special or _is_control(token.content, source)
        }
        _known[tokenizer] = known = (source, ControlTokens(tokenizer, ids))
    return known[1]


def row_ids(text: str, tokenizer: Tokenizer, special_tokens: bool = False) -> tuple[int, ...]:
    """A row's text (an input, a column, an earlier turn, a target) tokenized by itself: its control tokens split
    unless `special_tokens`."""
    return token_ids(text, tokenizer) if special_tokens else control_tokens(tokenizer).split(text)


def without(contents: Iterable[str], backend: Backend) -> Backend:
    """A copy of `backend` that makes these tokens of no text: they keep their ids under names that no text has.

    Renamed rather than taken out, since the tokens behind them would get other ids; and in the model's vocabulary
    too. `split_special_tokens` of transformers does less: it splits no token that is added but not special, and a
    unigram or word-level model finds `</s>` in its own vocabulary again (tests/template/test_control.py).
    """
    parts = json.loads(backend.to_str())
    secret = secrets.token_hex(16)
    names = {content: f"\0{secret}{number}" for number, content in enumerate(contents)}

    def renamed(name: str) -> str:
        return names.get(name, name)

    for token in parts["added_tokens"]:
        token["content"] = renamed(token["content"])
    model = parts["model"]
    model["vocab"] = _renamed_vocabulary(model["vocab"], renamed)
    if model.get("unk_token") is not None:
        model["unk_token"] = renamed(model["unk_token"])
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if not _makes(merge, names)]
    parts["post_processor"] = None  # it names special tokens, and puts them where none is asked for
    return Backend.from_str(json.dumps(parts))


def _renamed_vocabulary(vocabulary: Any, renamed: Callable[[str], str]) -> Any:
    """A dict of names to ids, or (of a unigram model) a list of [name, score] in the order of the ids."""
    if isinstance(vocabulary, dict):
        return {renamed(name): number for name, number in vocabulary.items()}
    return [[renamed(name), score] for name, score in vocabulary]


def _makes(merge: Any, names: dict[str, str]) -> bool:
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left in names or right in names or left + right in names


def _is_control(content: str, chat_source: str) -> bool:
    return bool(_MARK.fullmatch(content) or (_BRACKETED.fullmatch(content) and content in chat_source))


def _chat_source(chat_template: Any) -> str:
    """The source of the tokenizer's chat template, or of all that it has."""
    if isinstance(chat_template, dict):
        return "\n".join(map(str, chat_template.values()))
    return chat_template if isinstance(chat_template, str) else ""
