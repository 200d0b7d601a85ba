"""What an output says, read strictly (as a program would) or by meaning (as a person would)."""

from __future__ import annotations

import re
from functools import lru_cache

from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.numbers import last_number
from embedgrad.tasks.task import Task

_MOST_REGEX_CHARACTERS = 20_000
# Scripts written without spaces between words: their letters end no neighbour's word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = f"[^\\W_{_UNSPACED}]"
_JOINT = re.compile(r"(?<=[^\W_])[ _-](?=[^\W_])")  # not the sign of a label `-1`
_MARKER = re.compile(
    r"</think>|\\boxed\{|final answer|answer\W{0,4}(?:is\b|:)|答案\W{0,4}(?:应该是|应为|是|为|:)|最终答案"
)
_LATEX_COMMAND = re.compile(r"\\[a-z]++")


def read_strict(task: Task, output: str) -> str | None:
    """The answer in `output` in the exact form that `task` asks for; None where it is not there.

    label: the output is the label, case included, whitespace around it aside. number: see `last_number`.
    exact: the output without whitespace around it. regex: group 1 (all of it in a pattern without groups) of
    the last match in the last 20,000 characters. text: always None.
    """
    stripped = output.strip()
    match task.kind:
        case "label":
            return stripped if stripped in task.labels else None
        case "number":
            return last_number(output)
        case "exact":
            return stripped or None
        case "regex":
            return _last_capture(task.pattern or "", output)
        case "text":
            return None


def read_by_meaning(task: Task, output: str) -> str | None:
    """The one label that `output` mentions by itself or by an accepted form; None for none and for two. With
    `by_number`, the last number, in `\\boxed{}` first. None for tasks without `has_meaning`.

    Forms of letters, case, whitespace, hyphens and underscores inside a label do not matter. A label within
    another word (`joy` in `joyful`, `toxic` in `non-toxic`) is not mentioned, and where labels overlap the
    longer one is (`not spam`, not `spam`). What follows the last "answer is", "answer:", "final answer",
    their Chinese forms, `\\boxed{` or `</think>` is read first, the whole output only if no label is there.
    Negation is not understood: `this is no joy` mentions joy.
    """
    if not task.has_meaning:
        return None
    if task.by_number:
        return last_number(output)
    text = folded(output)
    for part in (_after_marker(text), text):
        mentioned = _mentioned(task.forms, part)
        if mentioned:
            return mentioned.pop() if len(mentioned) == 1 else None
    return None


def _last_capture(pattern: str, output: str) -> str | None:
    last = None
    for match in re.finditer(pattern, output[-_MOST_REGEX_CHARACTERS:]):
        last = match
    if last is None:
        return None
    captured: str | None = last[1] if last.re.groups else last[0]
    return captured.strip() if captured is not None else None


def _after_marker(text: str) -> str:
    last = None
    for match in _MARKER.finditer(text):
        last = match
    if last is None:
        return ""
    if last.group() == "\\boxed{":
        return _LATEX_COMMAND.sub(" ", boxed(text) or "")
    return text[last.end() :]


def _mentioned(forms: tuple[tuple[str, str], ...], text: str) -> set[str]:
    pattern, by_form = _form_pattern(forms)
    return {label for match in pattern.finditer(text) for label in by_form[_form(match.group())]}


@lru_cache(maxsize=32)
def _form_pattern(forms: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """One pattern for all forms, longest first, and the labels by the form they have in common."""
    by_form: dict[str, tuple[str, ...]] = {}
    for written, label in forms:
        form = _form(folded(written))
        by_form[form] = tuple(dict.fromkeys((*by_form.get(form, ()), label)))
    longest_first = sorted(by_form, key=len, reverse=True)
    return re.compile("|".join(map(_bounded, longest_first))), by_form


def _form(text: str) -> str:
    return _JOINT.sub(" ", text)


def _bounded(form: str) -> str:
    before = after = ""
    if re.match(_LETTER, form):
        before = f"(?<!{_LETTER})(?<!{_LETTER}[-_])"
    if re.match(_LETTER, form[-1]):
        after = f"(?!{_LETTER}|[-_]{_LETTER})"
    if form[0].isdigit():
        before += r"(?<![0-9][.,])"
    if form[-1].isdigit():
        after += r"(?![.,][0-9])"
    return before + "[ _-]".join(map(re.escape, _JOINT.split(form))) + after
