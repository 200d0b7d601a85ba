"""Answers that are one of a few labels, and the one label that an output means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from embedgrad.data.example import Example
from embedgrad.data.target_form import canonical
from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.kind import SHORT_TARGET, TaskKind
from embedgrad.tasks.letter import is_letter, mark_of_letter, marked_choices
from embedgrad.tasks.rating import without_scale
from embedgrad.tasks.refusals import refuse
from embedgrad.tasks.said import after_answer, after_conclusion, after_thinking, first_sentence, folded_lines

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

Forms = tuple[tuple[str, str], ...]  # (form, label)

# Scripts written without spaces between words: their letters end no neighbour's word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = f"[^\\W_{_UNSPACED}]"
_JOINT = re.compile(r"(?<=[^\W_])[ _-](?=[^\W_])")  # not the sign of a label `-1`
_LATEX_COMMAND = re.compile(r"\\[a-z]++")
_GOES_ON = re.compile(rf"[\"'*_)\]]{{0,4}}\s?{_LETTER}")
_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot|rather than|instead of)\b|n['’]t\b|不|没|沒|非")

# Not the 4 of 3.4, 1:4, 1 4, -4, ≤4, `3 out of 4`; nor that of 4.5, 4/6, 4 1/2, `4 of 6`, 4+.
_NOT_IN_NUMBER_BEFORE = r"(?<![0-9][.,/:'’⁄])(?<![0-9] )(?<![-≤≥±/$€£])(?<!/ )(?<!out of )(?<![0-9] of )"
_NOT_IN_NUMBER_AFTER = r"(?![.,/:'’⁄][0-9]| [0-9]| ?/ ?[0-9]| (?:out )?of [0-9]|\+(?![0-9 ])| ?%)"


class Label(TaskKind):
    """The output is one of the task's labels; by meaning, the one that it mentions.

    Fits 2 to 20 distinct targets of at most 40 characters, on average at least 5 rows each.
    """

    name = "label"
    takes = frozenset({"labels", "accepted"})

    def has_meaning(self, task: Task) -> bool:
        """Always."""
        return True

    def read_strict(self, task: Task, output: str) -> str | None:
        """The output where it is a label, case included, whitespace around it aside."""
        stripped = output.strip()
        return stripped if stripped in task.labels else None

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """The output itself where it is a label, else see `concluded_label`."""
        again = canonical(output)  # a sign that nobody sees may have hidden another from the first time
        return self.read_strict(task, again) or concluded_label(task.forms, output)

    def check_targets(self, task: Task, examples: Sequence[Example]) -> None:
        """Raises DataError for targets that are none of the labels."""
        labels = set(task.labels)
        refuse(
            examples,
            lambda target: target in labels,
            f"is none of the labels {', '.join(task.labels)}",
            "Name all labels with --labels, or correct the rows.",
        )

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """The labels, sorted."""
        distinct = sorted(set(targets))
        is_short = all(0 < len(target) <= SHORT_TARGET for target in distinct)
        is_often = 2 <= len(distinct) <= 20 and len(targets) >= 5 * len(distinct)
        return {"labels": tuple(distinct)} if is_short and is_often else None


def concluded_label(forms: Forms, output: str) -> str | None:
    """The one label that `output` mentions by itself or by an accepted form; None for none and for two.

    Forms of letters, case, whitespace, hyphens and underscores inside a label do not matter; a label of one letter
    counts only in its own case and as a choice (`marked_choices`). A label within another word (`joy` in `joyful`,
    `toxic` in `non-toxic`) or number (4 in 14, 4.5, -4, 4/6) is not mentioned, and where labels overlap the
    longer one is (`not spam`, not `spam`). Of labels that are numbers `4/5` and 4.0 are the label 4 (`without_scale`).
    It is looked for, until one of these mentions any:

    1. in the last `\\boxed{}`, if no "answer is" of 2 follows it
    2. in the sentence after the last "answer is", "answer:", "final answer" or their Chinese forms, then in all that
       follows; in all that follows `</think>` where there are no such words
    3. after the last "therefore", "thus", "so the ...", 所以, where a label ends its clause: `so the review is bad.`
       concludes, `so there is no doubt` does not conclude No
    4. in the whole output

    Negation is not understood: `this is no joy` mentions joy. A sentence of 2 or 3 that negates something is only
    read together with all that surrounds it.
    """
    letters = tuple(form for form, _ in forms if is_letter(form))
    text = folded_lines(marked_choices(letters, output) if letters else output).replace("\u2212", "-")
    text = without_scale({label for _, label in forms}, text)
    for part in _telling_parts(forms, text):
        mentioned = _mentioned(forms, part)
        if mentioned:
            return mentioned.pop() if len(mentioned) == 1 else None
    return None


def _telling_parts(forms: Forms, text: str) -> Iterator[str]:
    thought = after_thinking(text)
    answer = after_answer(thought)
    if (box := boxed(thought if answer is None else answer)) is not None:
        yield _LATEX_COMMAND.sub(" ", box)
    if answer is not None:
        if not _negates(forms, sentence := first_sentence(answer)):
            yield sentence
        yield answer
    elif thought != text:
        yield thought
    conclusion = after_conclusion(thought)
    if conclusion is not None and _concludes(forms, conclusion):
        yield conclusion
    yield text


def _negates(forms: Forms, part: str) -> bool:
    pattern, _ = _form_pattern(forms)
    return _NEGATED.search(pattern.sub(" ", _one_line(part))) is not None


def _concludes(forms: Forms, part: str) -> bool:
    """Whether each label in `part` ends its clause and nothing is negated."""
    pattern, _ = _form_pattern(forms)
    line = _one_line(part)
    return not any(_GOES_ON.match(line, match.end()) for match in pattern.finditer(line)) and not _negates(forms, part)


def _mentioned(forms: Forms, text: str) -> set[str]:
    pattern, by_form = _form_pattern(forms)
    return {label for match in pattern.finditer(_one_line(text)) for label in by_form[_form(match.group())]}


@lru_cache(maxsize=32)
def _form_pattern(forms: Forms) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """One pattern for all forms, longest first, and the labels by the form they have in common."""
    by_form: dict[str, tuple[str, ...]] = {}
    for written, label in forms:
        form = mark_of_letter(written) if is_letter(written) else label_key(written)
        by_form[form] = tuple(dict.fromkeys((*by_form.get(form, ()), label)))
    longest_first = sorted(by_form, key=len, reverse=True)
    return re.compile("|".join(map(_bounded, longest_first))), by_form


def label_key(label: str) -> str:
    """What labels that are read alike have in common: case, ß and ss, forms of letters, spacing, hyphens."""
    return _form(folded(label))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _form(text: str) -> str:
    return _JOINT.sub(" ", text)


def _bounded(form: str) -> str:
    before = after = ""
    if re.match(_LETTER, form):
        before = f"(?<!{_LETTER})(?<!{_LETTER}[-_])"
    if re.match(_LETTER, form[-1]):
        after = f"(?!{_LETTER}|[-_]{_LETTER})"
    if form[0].isdigit():
        before += _NOT_IN_NUMBER_BEFORE
    elif re.match("[-+.][0-9]", form):
        before += "(?<![0-9)])"
    if form[-1].isdigit():
        after += _NOT_IN_NUMBER_AFTER
    return before + "[ _-]".join(map(re.escape, _JOINT.split(form))) + after
