"""Answers that are one of a few labels, and the one label that an output means."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from embedgrad.data.example import Example
from embedgrad.data.target_form import canonical, target_form
from embedgrad.faces import setting
from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.conclusion import (
    after_answer,
    after_conclusion,
    after_thinking,
    first_sentence,
    folded_lines,
)
from embedgrad.tasks.kind import SHORT_TARGET, TaskKind
from embedgrad.tasks.letter import is_letter, mark_of_letter, marked_choices
from embedgrad.tasks.number_label import is_other_number, with_signs
from embedgrad.tasks.rating import without_scale
from embedgrad.tasks.refusals import refuse

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

Forms = tuple[tuple[str, str], ...]  # (form, label)

# Scripts written without spaces between words: their letters end no neighbour's word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = f"[^\\W_{_UNSPACED}]"
_HYPHEN = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2212\ufe63", "-"))
# Not the sign of a label `-1`. Of ages, `18 - 64` and `18 to 64` are one label, too.
_JOINT = re.compile(r"(?<=[0-9]) (?:[-–—]|to) (?=[0-9])|(?<=[^\W_])[ _–—-](?=[^\W_])")
_UNIT_GAP = re.compile(r"(?<=[0-9]) (?=[^\W\d_]|%)|(?<=[$€£¥]) (?=[0-9])")  # 5m is 5 m, $ 10 is $10
_LATEX_COMMAND = re.compile(r"\\[a-z]++")
_GOES_ON = re.compile(rf"[\"'*_)\]]{{0,4}}\s?{_LETTER}")
# A negation that belongs to the word after it: `not positive`, `isn't a very positive`; not `not only positive`.
_NOT_THIS = re.compile(
    r"""(?:\b(?:not|no|never|neither|nor|cannot|rather\ than|instead\ of|anything\ but|far\ from|without)|n['’]t)
        (?:\ (?:be|been|being|have|a|an|the|any|as|at\ all|very|really|particularly|exactly|quite|so|too|clearly
        |considered|called|labell?ed(?:\ as)?|classified\ as|about)){0,4}\ [\"'“‘*_`]{0,3}\Z
        |(?:不|没|沒|非|未)(?:是|有|太|算|能算|够|夠|很|属于|屬於|怎么|怎麼|一[个個条條篇种種句]){0,4}\Z""",
    re.VERBOSE,
)
# `B is wrong`, `B would not be right`, `positive? No.`; not `B is not wrong`, `B is not only right`.
_WRONG_THEN = re.compile(
    r"""[\"'”’*_`)\]]{0,4}(?:
         [ ](?:is|was|are|can|could|would|does|should|must|seems|looks|sounds|may|might)(?:[ ](?:be|to\ be))?
           (?:[ ](?:clearly|also|probably|just|simply|obviously|definitely|certainly|therefore|thus|still|really)){0,2}
           (?:[ ](?:wrong|incorrect|false|untrue|mistaken|excluded|ruled\ out|out)\b
             |[ ](?:not|never)\b(?![ ](?:wrong|incorrect|false|only|just|merely|bad)\b)
             |n['’]t\b(?![ ](?:wrong|incorrect|false|only|just|bad)\b))
        |[ ]cannot\b|[ ]?\?[ ](?:no|nope|not|wrong)\b)""",
    re.VERBOSE,
)
_TAKES_BACK = re.compile(
    r"[.!?]?[\s*_\"')]*(?:or\b|wait\b|hmm|no, |sorry|actually\b|scratch that|correction|on second thou)"
)
_NO_MATTER = re.compile(r"no (?:question|doubt|idea|problem|wonder|matter|clue)s?\b")
_NO_AS_AN_ARTICLE = re.compile(r"(?<=[^\W_]) no (?!(?:because|since|as|and|but|or|due|given|based|for)\b)(?=[^\W_])")
_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot|rather than|instead of)\b|n['’]t\b|不|没|沒|非")

_NOT_A = r"(?:\b(?:is|are|was|were)n['’]t|\bnot) (?:an? |the |any |considered |really |at all |actually ){0,3}"
_NOT_A_FORM = re.compile(f"^{_NOT_A}")

# Not the 4 of 3.4, 1:4, 1 4, -4, ≤4, `3 out of 4`; nor that of 4.5, 4/6, 4 1/2, `4 of 6`, 4+.
_NOT_IN_NUMBER_BEFORE = r"(?<![0-9][.,/:'’⁄])(?<![0-9] )(?<![-≤≥±/$€£])(?<!/ )(?<!out of )(?<![0-9] of )"
_NOT_IN_NUMBER_AFTER = r"(?![.,/:'’⁄][0-9]| [0-9]| ?/ ?[0-9]| (?:out )?of [0-9]|\+(?![0-9 ])|-(?! ?[^\W_])| ?%)"


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

    def whole_outputs(self, task: Task, target: str) -> Sequence[str]:
        """The target."""
        return (target_form(target),)

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
            f"Name all labels with {setting('labels', ..., of='Task')}, or correct the rows.",
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

    A label that is negated is not mentioned (`not positive`, `isn't a joy`), and says nothing of the others: what
    "not positive" means is left open. Other negation is not understood. A sentence of 2 or 3 that negates something is
    only read together with all that surrounds it.
    """
    letters = tuple(form for form, _ in forms if is_letter(form))
    signed = frozenset(form[0] for form, _ in forms if form[1:] == "-" and form[0] in letters)
    text = folded_lines(marked_choices(letters, output, signed) if letters else output).translate(_HYPHEN)
    labels = {label for _, label in forms}
    text = without_scale(labels, with_signs(labels, text))
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
        sentence = first_sentence(answer)
        if not _negates(forms, sentence) and not _TAKES_BACK.match(answer, len(sentence)):
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
    line = _one_line(text)
    found = (m for m in pattern.finditer(line) if not _is_negated(m, line) and not is_other_number(m, line))
    return {label for match in found for label in by_form[_form_of(match.group(), by_form)]}


def _is_negated(match: re.Match[str], line: str) -> bool:
    """Whether the words before or after a label take it back, or a label `no` is another word's article (`no idea`)."""
    start = match.start()
    if match[0] == "no" and (_NO_MATTER.match(line, start) or (start and _NO_AS_AN_ARTICLE.match(line, start - 1))):
        return True
    if _WRONG_THEN.match(line, match.end()):
        return True
    return _NOT_THIS.search(line[max(start - 80, 0) : start]) is not None


@lru_cache(maxsize=32)
def _form_pattern(forms: Forms) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """One pattern for all forms, longest first, and the labels by the form they have in common."""
    by_form: dict[str, tuple[str, ...]] = {}
    for written, label in forms:
        form = mark_of_letter(written) if is_letter(written) else label_key(written)
        by_form[form] = tuple(dict.fromkeys((*by_form.get(form, ()), label)))
    longest_first = sorted(by_form, key=len, reverse=True)
    patterns = [_negative(form, by_form) or _bounded(form) for form in longest_first]
    return re.compile("|".join(patterns)), by_form


def _negative(form: str, by_form: Collection[str]) -> str | None:
    """A pattern for a label that negates another: `not spam` and `isn't a spam`; `non-toxic` and `not toxic`."""
    word, _, negated = form.partition(" ")
    if word not in ("not", "non") or negated not in by_form:
        return None
    return rf"{_bounded(form)}|{_NOT_A}{_bounded(negated)}"


def _form_of(found: str, by_form: Collection[str]) -> str:
    """The form that a match of the pattern is."""
    if (form := _form(found)) in by_form:
        return form
    gapless = _UNIT_GAP.sub("", form)
    negated = _NOT_A_FORM.sub("", form)
    return next(
        other
        for other in by_form
        if _UNIT_GAP.sub("", other) == gapless or other in (f"not {negated}", f"non {negated}")
    )


def label_key(label: str) -> str:
    """What labels that are read alike have in common: case, ß and ss, forms of letters, spacing, hyphens."""
    return _form(folded(label))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _form(text: str) -> str:
    return _JOINT.sub(" ", text)


def _bounded(form: str) -> str:
    """A pattern that finds `form` where it is not part of another word, number or sign."""
    if re.fullmatch("[-+]+", form):
        return rf"(?<![\w#+-]){re.escape(form)}(?! ?\w|[-+#])"
    before = after = ""
    if re.match(_LETTER, form):
        before = f"(?<!{_LETTER})(?<!{_LETTER}[-_–])(?<!\\bnon—)"
    if re.match(_LETTER, form[-1]):
        after = f"(?!{_LETTER}|[-_]{'(?!stars?|points?)' if form.isdigit() else ''}{_LETTER})"
        after += "(?![-+](?! ?[^\\W_]))" if len(form) <= 3 else ""  # AA is not AA-
    elif form[-1] in "-+":
        after = r"(?![^\W_])"
    if form[0].isdigit():
        before += _NOT_IN_NUMBER_BEFORE
    elif re.match("[-+.][0-9]", form):
        before += r"(?<![\w)])"
    elif re.match("[$€£¥]", form):
        before += r"(?<![\w.$€£¥])(?<!(?<!\w)[-–—])"
    if form[-1].isdigit():
        after += _NOT_IN_NUMBER_AFTER
    return before + _spaced(form) + after


def _spaced(form: str) -> str:
    """A pattern for `form` with other joints and spaces."""
    words = _JOINT.split(form)
    pattern = _escaped(words[0])
    for last, word in itertools.pairwise(words):
        if last[-1].isdigit():
            pattern += r"(?:[ _–—-]| (?:[-–—]|to) )" if word[0].isdigit() else "[ _–—-]?"
        else:
            pattern += "[ _–—-]"
        pattern += _escaped(word)
    return pattern


def _escaped(word: str) -> str:
    word = re.escape(word.replace(" %", "%").replace("$ ", "$"))
    return re.sub(r"(\\\$|[€£¥])(?=[0-9])", r"\1 ?", re.sub("(?<=[0-9])%", " ?%", word))
