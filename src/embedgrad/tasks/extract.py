"""What an output says, read strictly (as a program would) or by meaning (as a person would)."""

from __future__ import annotations

from embedgrad.data.target_form import canonical
from embedgrad.tasks.boxed import closed_box
from embedgrad.tasks.json_answer import json_value, last_json
from embedgrad.tasks.label_answer import concluded_label
from embedgrad.tasks.math_answer import written_answer
from embedgrad.tasks.numbers import last_quantity
from embedgrad.tasks.regex_answer import last_capture
from embedgrad.tasks.said import after_thinking, outside_thoughts
from embedgrad.tasks.short_answer import said_answer
from embedgrad.tasks.task import Task


def read_strict(task: Task, output: str) -> str | None:
    """The answer in `output` in the exact form that `task` asks for; None where it is not there.

    label: the output is the label, case included, whitespace around it aside. number: see `last_quantity`.
    exact, short: the output without whitespace around it. regex: group 1 (all of it in a pattern without groups) of
    the last match in the last 20,000 characters, if found within 2 s (`regex_answer`). math: what the last `\\boxed{}`
    holds, if it is closed. json: the whole output, where it is one JSON value. text: always None.

    Characters that nobody sees do not count, nor how an accented letter is composed (`canonical`).
    Where an answer is looked for within the output, thoughts are no place for it: number and math read what follows
    `</think>`, and nothing of a `<think>` that is never closed. Not so regex: what counts is the pattern's to say.
    """
    output = canonical(output)
    stripped = output.strip()
    match task.kind:
        case "label":
            return stripped if stripped in task.labels else None
        case "number":
            return last_quantity(outside_thoughts(output), task.decimal_mark or ".")
        case "exact" | "short":
            return stripped or None
        case "regex":
            return last_capture(task.pattern or "", output)
        case "math":
            return (closed_box(outside_thoughts(output)) or "").strip() or None
        case "json":
            return None if json_value(stripped) is None else stripped
        case "text":
            return None


def read_by_meaning(task: Task, output: str) -> str | None:
    """The answer in `output` in any form that a person would take; None where there is none, or two.

    label: the output itself where it is a label, else see `concluded_label`. math: see `written_answer`. json: see
    `last_json`. short: see `said_answer`. With `by_number`, the last number after the thinking, in `\\boxed{}` first.
    Always None for tasks without `has_meaning`.
    """
    output = canonical(output)
    if task.by_number:
        return last_quantity(after_thinking(output), task.decimal_mark or ".")
    match task.kind:
        case "label":
            return read_strict(task, output) or concluded_label(task.forms, output)
        case "math":
            return written_answer(output)
        case "json":
            return last_json(output)
        case "short":
            return said_answer(output)
        case _:
            return None
