"""What a right answer is: the kind of a task, and how it is told from the targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from embedgrad.arguments import mapping, one_of, text, texts
from embedgrad.data.target_form import canonical, target_form
from embedgrad.errors import SettingsError
from embedgrad.folding import folded
from embedgrad.tasks.boxed import closed_box
from embedgrad.tasks.decimal_mark import DecimalMark, mark_of
from embedgrad.tasks.json_answer import json_value
from embedgrad.tasks.numbers import answer_part, is_one_number

Kind = Literal["label", "number", "math", "json", "short", "exact", "regex", "text"]

_SHORT = 40  # characters of a label or an exact answer
_FRACTION_ALONE = re.compile(r"[0-9]+\s?/\s?[0-9]+")
_DECIMAL_ALONE = re.compile(r"([0-9]+)[.,]([0-9]+)")
_DECIMALS = re.compile(r"[.,]([0-9]+)\Z")


@dataclass(frozen=True)
class Task:
    """How outputs are read and compared with targets.

    label    the output is one of `labels`
    number   the last number of the output is the target's, value and unit (`numbers.last_quantity`)
    math     the last `\\boxed{}` of the output is, as mathematics, that of the target, or the target
    json     the output is one JSON value, the target's
    short    the output is the target in free words
    exact    the output is the target, surrounding whitespace aside
    regex    what the last match of `pattern` holds (group 1, else all of it) is the target, or what it holds there
    text     free text: no metric, only the loss

    By meaning, labels are also told from other words for them, and short answers may be other words: `accepted` maps a
    label, or the target of a short answer, to such forms. An answer of kind exact or regex can be read `by_number`:
    right by meaning if its last number is the target's. `decimal_mark` is how numbers are written; None: the usual
    point, unless the targets tell another (`targets.settled`).

    Raises SettingsError for labels, forms or a pattern that cannot work or do not belong to the kind.
    """

    kind: Kind
    labels: tuple[str, ...] = ()
    pattern: str | None = None
    accepted: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    by_number: bool = False
    decimal_mark: DecimalMark | None = None

    def __post_init__(self) -> None:
        _check_kinds(self.kind, self.labels, self.pattern, self.accepted)
        given: object = self.labels
        if isinstance(given, str):
            raise SettingsError(f"Labels are a sequence of texts; got the single text {self.labels!r}.")
        object.__setattr__(self, "labels", tuple(map(canonical, self.labels)))
        if (self.kind == "label") != bool(self.labels) or (self.kind == "regex") != (self.pattern is not None):
            raise SettingsError(
                'A task of kind "label" needs labels, one of kind "regex" a pattern, others neither; got '
                f"kind {self.kind!r}, {len(self.labels)} labels, pattern {self.pattern!r}."
            )
        for label in self.labels:
            if not label or label != label.strip() or self.labels.count(label) > 1:
                raise SettingsError(
                    f"The label {label!r} cannot be used: labels must be distinct, not empty and without "
                    "whitespace around them."
                )
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise SettingsError(f"The pattern {self.pattern!r} is no regular expression: {error}.") from error

        if self.by_number and self.kind not in ("exact", "regex"):
            raise SettingsError(f"Only exact and regex answers can be read by_number; got kind {self.kind!r}.")
        if self.decimal_mark is not None and self.kind != "number" and not self.by_number:
            raise SettingsError(f"Only numbers have a decimal_mark; got kind {self.kind!r}.")
        object.__setattr__(self, "accepted", {target_form(k): tuple(forms) for k, forms in self.accepted.items()})
        _check_written(self.accepted)
        if self.kind != "short":  # a form may be right for one short answer and for another
            _check_forms(self.labels, self.accepted)

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """(form, label): every text that means a label, the label itself first."""
        return tuple((form, label) for label in self.labels for form in (label, *self.accepted.get(label, ())))

    @property
    def has_metric(self) -> bool:
        """Whether an output can be right or wrong."""
        return self.kind != "text"

    @property
    def has_meaning(self) -> bool:
        """Whether outputs can also be read by meaning (`read_by_meaning`)."""
        return self.kind in ("label", "math", "json", "short") or self.by_number


def _check_kinds(kind: object, labels: object, pattern: object, accepted: object) -> None:
    one_of(*get_args(Kind))("kind", kind)
    if not isinstance(labels, str):
        texts("labels", labels)
    if pattern is not None:
        text("pattern", pattern)
    mapping("accepted", accepted)
    if isinstance(accepted, Mapping):
        for label, forms in accepted.items():
            texts(f"accepted[{label!a}]", forms)


def _check_written(accepted: Mapping[str, Sequence[str]]) -> None:
    for label, forms in accepted.items():
        if not all(form.strip() for form in forms):
            raise SettingsError(f"An accepted form of {label!r} is empty.")


def _check_forms(labels: Sequence[str], accepted: Mapping[str, Sequence[str]]) -> None:
    unknown = [label for label in accepted if label not in labels]
    if unknown:
        raise SettingsError(f"There are accepted forms for {unknown[0]!r}, which is none of the labels.")
    meant: dict[str, str] = {folded(label): label for label in labels}
    for label, forms in accepted.items():
        for form in forms:
            other = meant.setdefault(folded(form), label)
            if other != label:
                raise SettingsError(f"The accepted form {form!r} of {label!r} also means {other!r}.")


def infer_task(targets: Sequence[str]) -> Task:
    """The kind that fits all `targets`, surrounding whitespace aside; the first that holds:

    label    2 to 20 distinct targets of at most 40 characters, on average at least 5 rows each
    math     every target has a `\\boxed{}`
    json     every target is a JSON object or array
    number   every target is one number and nothing else (`72`, `$1,234.50`, `5 km`), or a worked solution with one
             (`... #### 72`, a box); see `numbers.is_one_number`. Not where all are fractions like 4/5, which may be
             ratings or days, nor where decimals end in a zero and differ in length (3.9, 3.10) or all end so without a
             unit (3.10, 3.20): so do versions; nor where all are a day with a month (12.05, 21.10).
    exact    all targets have at most 40 characters
    text     otherwise

    Labels come sorted; numbers with the decimal mark that they tell. Raises ValueError without targets.
    """
    if not targets:
        raise ValueError("a task cannot be inferred from no targets")
    distinct = sorted(set(map(target_form, targets)))
    is_short = all(len(target) <= _SHORT for target in distinct)
    if 2 <= len(distinct) <= 20 and is_short and all(distinct) and len(targets) >= 5 * len(distinct):
        return Task("label", labels=tuple(distinct))
    if all(closed_box(target) is not None for target in distinct):
        return Task("math")
    if all(target[:1] in ("{", "[") and json_value(target) is not None for target in distinct):
        return Task("json")
    if _are_numbers(distinct):
        mark = mark_of(map(answer_part, distinct))
        return Task("number", decimal_mark=mark if mark in (".", ",") else None)
    return Task("exact" if is_short else "text")


def _are_numbers(targets: Sequence[str]) -> bool:
    if not all(is_one_number(target, ".") or is_one_number(target, ",") for target in targets):
        return False
    if all(_FRACTION_ALONE.fullmatch(target) for target in targets):
        return False
    if _may_be_dates_or_versions(targets):
        return False
    decimals = {match[1] for target in targets if (match := _DECIMALS.search(target))}
    padded = any(digits.endswith("0") and digits.strip("0") for digits in decimals)
    return not padded or len(set(map(len, decimals))) == 1


def _may_be_dates_or_versions(targets: Sequence[str]) -> bool:
    """Whether all are decimals without a unit that end in a zero (3.10, 3.20), or days with a month (12.05, 21.10): as
    numbers 3.1 and 21.1 would be right, which is another version and another day."""
    parts = [match.groups() for target in targets if (match := _DECIMAL_ALONE.fullmatch(target))]
    if len(parts) < len(targets) or len(parts) < 2:
        return False
    are_padded = all(decimals[-1] == "0" and decimals.strip("0") for _, decimals in parts)
    are_days = all(
        len(decimals) == 2 and 1 <= int(decimals) <= 12 and len(whole) <= 2 and 1 <= int(whole) <= 31
        for whole, decimals in parts
    )
    return are_padded or are_days
