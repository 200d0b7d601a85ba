"""What a task and its rows must agree in, told with the lines where they do not. Needs no model."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.faces import setting
from embedgrad.tasks.kinds import kind_of
from embedgrad.tasks.label_answer import label_key
from embedgrad.tasks.refusals import at_lines, have, rows_words
from embedgrad.tasks.task import Task, infer_task


def settled(task: Task | None, examples: Sequence[Example]) -> Task:
    """`task` as it fits `examples`, which all have a target: told from the targets where it is None, its decimal mark
    filled in where it leaves that open.

    Raises DataError, with lines, for targets that are none of the labels, no JSON or without a number, for numbers
    that can be read in two ways, and for inferred labels that differ only in case, spacing or forms of letters.
    """
    if task is None:
        task = infer_task([example.target or "" for example in examples])
        if task.labels:
            check_labels_differ(examples)
    kind = kind_of(task)
    task = kind.completed(task, examples)
    kind.check_targets(task, examples)
    return task


def check_labels_differ(examples: Sequence[Example]) -> None:
    """Raises DataError where two targets would be one label to a reader: they differ only in case, spacing, hyphens or
    forms of letters (`Positive` and `positive`, `Straße` and `STRASSE`)."""
    by_key: dict[str, dict[str, list[Example]]] = {}
    for example in examples:
        target = example.target or ""
        by_key.setdefault(label_key(target), {}).setdefault(target, []).append(example)
    alike = [forms for forms in by_key.values() if len(forms) > 1]
    if alike:
        told = "; ".join(
            " and ".join(f"{target!r} ({rows_words(rows)}{at_lines(rows)})" for target, rows in sorted(forms.items()))
            for forms in alike
        )
        raise DataError(
            f"Some labels differ only in case, spacing or forms of letters: {told}. Write each label in one way, or "
            f"name all of them with {setting('labels', ..., of='Task')} if they are meant to differ."
        )


def check_special_tokens(examples: Sequence[Example], special_tokens: Collection[str]) -> None:
    """Raises DataError where a target holds a special token of the model. Such a token is no text: it is left out of
    every answer that is read, so the target could never be right."""
    tokens = sorted(filter(None, special_tokens), key=len, reverse=True)
    if not tokens:
        return
    pattern = re.compile("|".join(map(re.escape, tokens)))
    strange = [example for example in examples if pattern.search(example.target or "")]
    if strange:
        target = strange[0].target or ""
        found = [match[0] for match in pattern.finditer(target)]
        at_end = target.endswith(found[-1])
        advice = "Leave it out: embedgrad itself adds what ends an answer." if at_end else "Take it out of the rows."
        raise DataError(
            f"{rows_words(strange)} of {len(examples)} {have(strange)} a target with a special token of the model, "
            f"which no answer can hold; the first is {target!r} with {found[-1]!r}{at_lines(strange)}. {advice}"
        )
