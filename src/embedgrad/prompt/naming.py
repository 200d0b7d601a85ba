"""Whether a prompt that is given as a string is a text or names a file.

A word that looks like a path is never a text by itself: a mistyped path must not be tuned as words. Followed by a
newline it is: `"yes/no\\n"` is the text `yes/no`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from embedgrad.errors import UsageError

ENDING = ".safetensors"
_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9_-]{0,11}$")
_SENTENCE = re.compile("[。、，．：；？！…「」『』《》]")  # of scripts that put no spaces between words
_SLOT = re.compile(r"(?<!\{)\{(input|prompt)\}(?!\})")


def names_a_path(prompt: str) -> bool:
    """Whether something of this name is there, readable or not, or it ends like a prompt file, a mistyped one
    included."""
    if prompt.endswith(ENDING):
        return True
    if prompt.endswith("\n") or not prompt.strip():
        return False
    if len(prompt.split()) == 1 and get_close_matches(Path(prompt.strip()).suffix, [ENDING], cutoff=0.8):
        return True
    try:
        Path(prompt).expanduser().stat()
    except PermissionError:  # behind a folder that cannot be searched
        return True
    except (OSError, ValueError, RuntimeError):  # longer than a name can be, with a zero byte, of no known user: words
        return False
    return True


def looks_like_a_path(prompt: str) -> bool:
    """Whether it is one word with a slash, a leading `~` or `.`, or a file ending."""
    if re.search(r"\s", prompt) or _SENTENCE.search(prompt):
        return False
    return "/" in prompt or "\\" in prompt or prompt.startswith(("~", ".")) or bool(_FILE_ENDING.search(prompt))


def marked_as_text(text: str) -> str:
    """`text` so that `prompt_text` gives it back, whatever it looks like."""
    return f"{text}\n" if looks_like_a_path(text) or names_a_path(text) else text


def prompt_text(prompt: str) -> str:
    """The text that `prompt`, which names no file, stands for. Raises UsageError where it looks like a path, or holds a
    slot."""
    if looks_like_a_path(prompt):
        raise UsageError(
            f"The prompt {prompt!r} looks like a path, and there is nothing of that name. Check the path; @FILE reads "
            "a text from a file. If the prompt is to be just this word, put it into a file and give @FILE "
            "(in Python: end it with a newline)."
        )
    if slot := _SLOT.search(prompt):
        raise UsageError(
            f"The prompt holds {slot.group()}, which is a slot of the template, not of the prompt. Say with --template "
            'where the prompt and the input stand: --template "{prompt}\\n\\n{input}" (in Python: template=).'
        )
    word = prompt.removesuffix("\n")
    return word if word != prompt and (looks_like_a_path(word) or names_a_path(word)) else prompt
