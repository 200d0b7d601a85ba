"""The special tokens of a model: from its tokenizer, or from its files before anything is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedgrad.arguments import home_path
from embedgrad.model.shipped import NAMES, folder_of

_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def special_tokens_of(tokenizer: Any) -> frozenset[str]:
    """The texts that `tokenizer` takes for special tokens (`<|im_end|>`, `</s>`)."""
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    return frozenset((*tokenizer.all_special_tokens, *(token.content for token in added if token.special)))


def stored_special_tokens(name: str | Path, revision: str | None = None) -> frozenset[str]:
    """The same from the files in folder `name`, or of the model of that name as it was downloaded before; those that
    can be read without loading or downloading anything, perhaps none."""
    return frozenset(token for file in _FILES for token in _tokens(_json(_path(name, file, revision))))


def _path(name: str | Path, file: str, revision: str | None) -> Path | None:
    folder = home_path(name)
    if os.path.isdir(folder):  # noqa: PTH112 (is_dir raises for a name that is too long)
        return folder / file
    if name in NAMES:
        known = folder_of(str(name))
        return known / file if known else None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(str(name), file, revision=revision)
    except ValueError:  # no name of a model: load_model tells it
        return None
    return Path(found) if isinstance(found, str) else None


def _json(path: Path | None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError, RecursionError):  # what is wrong with a model's files is for load_model to say
        return None


def _tokens(content: Any) -> Iterator[str]:
    """Of a tokenizer's file: added tokens that are marked special, and those named as `eos_token` and the like."""
    if not isinstance(content, dict):
        return
    decoder = content.get("added_tokens_decoder")
    added = [*_list(content.get("added_tokens")), *(decoder.values() if isinstance(decoder, dict) else ())]
    for token in added:
        if isinstance(token, dict) and token.get("special") is True:
            yield from _text(token)
    for key, value in content.items():
        if key.endswith("_token") and not key.startswith("add_"):
            yield from _text(value)
    for value in _list(content.get("additional_special_tokens")):
        yield from _text(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(token: Any) -> Iterator[str]:
    text = token.get("content") if isinstance(token, dict) else token
    if isinstance(text, str) and text:
        yield text
