"""What a right answer is: the kind of a task, and how it is told from the targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from embedgrad.arguments import mapping, one_of, text, texts
from embedgrad.data.target_form import canonical, target_form
from embedgrad.errors import SettingsError
from embedgrad.folding import folded
from embedgrad.tasks.decimal_mark import DecimalMark
from embedgrad.tasks.kinds import INFERRED, KINDS, KindName, kind_of, taking


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

    kind: KindName
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
        takes = kind_of(self).takes
        if ("labels" in takes) != bool(self.labels) or ("pattern" in takes) != (self.pattern is not None):
            labels, pattern = ('" or "'.join(taking(field)) for field in ("labels", "pattern"))
            raise SettingsError(
                f'A task of kind "{labels}" needs labels, one of kind "{pattern}" a pattern, others neither; got '
                f"kind {self.kind!r}, {len(self.labels)} labels, pattern {self.pattern!r}."
            )
        _check_labels(self.labels)
        _check_pattern(self.pattern)
        if self.by_number and "by_number" not in takes:
            kinds = " and ".join(taking("by_number"))
            raise SettingsError(f"Only {kinds} answers can be read by_number; got kind {self.kind!r}.")
        if self.decimal_mark is not None and "decimal_mark" not in takes and not self.by_number:
            raise SettingsError(f"Only numbers have a decimal_mark; got kind {self.kind!r}.")
        object.__setattr__(self, "accepted", {target_form(k): tuple(forms) for k, forms in self.accepted.items()})
        _check_written(self.accepted)
        if "labels" in takes or "accepted" not in takes:  # a form may be right for one short answer and for another
            _check_forms(self.labels, self.accepted)

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """(form, label): every text that means a label, the label itself first."""
        return tuple((form, label) for label in self.labels for form in (label, *self.accepted.get(label, ())))

    @property
    def has_metric(self) -> bool:
        """Whether an output can be right or wrong."""
        return kind_of(self).has_metric

    @property
    def has_meaning(self) -> bool:
        """Whether outputs can also be read by meaning (`read_by_meaning`)."""
        return kind_of(self).has_meaning(self)


def _check_kinds(kind: object, labels: object, pattern: object, accepted: object) -> None:
    one_of(*KINDS)("kind", kind)
    if not isinstance(labels, str):
        texts("labels", labels)
    if pattern is not None:
        text("pattern", pattern)
    mapping("accepted", accepted)
    if isinstance(accepted, Mapping):
        for label, forms in accepted.items():
            texts(f"accepted[{label!a}]", forms)


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if not label or label != label.strip() or labels.count(label) > 1:
            raise SettingsError(
                f"The label {label!r} cannot be used: labels must be distinct, not empty and without "
                "whitespace around them."
            )


def _check_pattern(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except (re.error, RecursionError, OverflowError) as error:
        raise SettingsError(f"The pattern {pattern!r} is no regular expression: {error}.") from error


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
    """The task of the first kind that fits all `targets`, surrounding whitespace aside: labels, mathematics, JSON,
    numbers, exact texts, else free text. Each kind says what it fits (`tasks.kinds`).

    Labels come sorted; numbers with the decimal mark that they tell. Raises ValueError without targets.
    """
    if not targets:
        raise ValueError("a task cannot be inferred from no targets")
    forms = list(map(target_form, targets))
    told = ((kind.name, kind.told_by(forms)) for kind in INFERRED)
    name, fields = next((name, fields) for name, fields in told if fields is not None)
    return Task(cast(KindName, name), **fields)
