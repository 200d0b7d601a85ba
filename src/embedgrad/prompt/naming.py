"""Whether a prompt that is given as a string is a text or names a file.

What looks like a path is never a text by itself: a mistyped path must not be tuned as words. Followed by a newline it
is: `"yes/no\\n"` is the text `yes/no`.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

from embedgrad.errors import UsageError
from embedgrad.faces import by_face, setting, template

ENDING = ".safetensors"
_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9_-]{0,11}$")
_SENTENCE = re.compile("[。、，．：；？！…「」『』《》]")  # of scripts that put no spaces between words
_PUNCTUATION = re.compile(r"[?!:;,\"“”„…{}]|\.(?:\s|$)")  # of sentences, in which a slash is an "or"
_TEXT_FILE = re.compile(r"/[^/\s]+\.(?:txt|md|toml|json|jsonl|csv|tsv|yaml|yml|pt|bin|ckpt)$", re.IGNORECASE)
_SLOT = re.compile(r"(?<!\{)\{(input|prompt)\}(?!\})")


def names_a_path(prompt: str) -> bool:
    """Whether something of this name is there, readable or not, or it ends like a prompt file, a mistyped one
    included."""
    if prompt.endswith(ENDING):
        return True
    if prompt.endswith("\n") or not prompt.strip():
        return False
    if len(prompt.split()) == 1 and _ends_nearly_like_one(prompt):
        return True
    try:
        Path(prompt).expanduser().stat()
    except PermissionError:  # behind a folder that cannot be searched
        return True
    except (OSError, ValueError, RuntimeError):  # longer than a name can be, with a zero byte, of no known user: words
        return False
    return True


def looks_like_a_path(prompt: str) -> bool:
    """Whether it is one word with a slash, a leading `~` or `.`, or a file ending; or several words on one line that
    lead into a folder which is there, or end like a file, without the punctuation of a sentence."""
    if _SENTENCE.search(prompt):
        return False
    if re.search(r"\s", prompt):
        return "\n" not in prompt and not _PUNCTUATION.search(prompt) and _leads_to_a_file(prompt.strip())
    return "/" in prompt or "\\" in prompt or prompt.startswith(("~", ".")) or bool(_FILE_ENDING.search(prompt))


def _leads_to_a_file(words: str) -> bool:
    if _ends_nearly_like_one(words) or _TEXT_FILE.search(words):
        return True
    first, *rest = re.split("(?<=.)/", words)  # the slash of an absolute path stays with its first folder
    return bool(rest) and (first == "~" or os.path.isdir(first))  # noqa: PTH112 (is_dir raises for a name too long)


def _ends_nearly_like_one(words: str) -> bool:
    return bool(get_close_matches(Path(words.strip()).suffix, [ENDING], cutoff=0.8))


def marked_as_text(text: str) -> str:
    """`text` so that `prompt_text` gives it back, whatever it looks like."""
    return f"{text}\n" if looks_like_a_path(text) or names_a_path(text) else text


def prompt_text(prompt: str) -> str:
    """The text that `prompt`, which names no file, stands for. Raises UsageError where it looks like a path, or holds a
    slot."""
    if looks_like_a_path(prompt):
        at = by_face("", "; @FILE reads a text from a file")
        door = by_face("end it with a newline", "put it into a file and give @FILE")
        these = "these words" if len(prompt.split()) > 1 else "this word"
        raise UsageError(
            f"The prompt {prompt!r} looks like a path, and there is nothing of that name. Check the path{at}. "
            f"If the prompt is to be just {these}, {door}."
        )
    if slot := _SLOT.search(prompt):
        example = template("{prompt}\n\n{input}")
        raise UsageError(
            f"The prompt holds {slot.group()}, which is a slot of the template, not of the prompt. Say with "
            f"{setting('template')} where the prompt and the input stand: {example}."
        )
    word = prompt.removesuffix("\n")
    return word if word != prompt and (looks_like_a_path(word) or names_a_path(word)) else prompt
