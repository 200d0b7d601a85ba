"""The rules of the public functions that take a model, and their way out of `torch.inference_mode`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar, get_args

import torch

from embedgrad.arguments import Rule, checked, expected, function, is_a, is_encodable, number, one_of, path, text
from embedgrad.data.example import Example
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.settings import MOST, MOST_SEED
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template

P = ParamSpec("P")
R = TypeVar("R")
_PROMPT = "a text, the path of a prompt file, or a SoftPrompt"


def public(**rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `checked`, with RULES and `rules` on top. The function runs outside inference mode, whose tensors no gradient
    goes through: what is started, tuned or measured under it is as without."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        guarded = checked(**(RULES | rules))(function)

        @wraps(function)
        def call(*positional: P.args, **named: P.kwargs) -> R:
            with torch.inference_mode(False):
                return guarded(*positional, **named)

        return call

    return decorate


soft_prompt = is_a(SoftPrompt, "a SoftPrompt", "Make one: eg.start(model, text), or eg.SoftPrompt.load(path).")


def _prompt(name: str, value: object) -> None:
    if not isinstance(value, str | Path | SoftPrompt):
        raise expected(name, value, _PROMPT)
    if isinstance(value, str):
        text(name, value)


def prompts(name: str, value: object) -> None:
    """One for all inputs, or one for each."""
    if isinstance(value, str | Path | SoftPrompt):
        _prompt(name, value)
    elif not isinstance(value, Sequence):
        raise expected(name, value, f"{_PROMPT}, or a list of such, one for each input")
    else:
        for place, one in enumerate(value):
            _prompt(f"{name}[{place}]", one)


def _rows(name: str, value: object) -> None:
    if isinstance(value, str | Path):
        path(name, value)
    elif not isinstance(value, Sequence):
        raise expected(name, value, "a list of Examples, or the path of a file of rows")
    else:
        for place, row in enumerate(value):
            _row(f"{name}[{place}]", row)


def listed(name: str, value: object) -> None:
    """Rows that are there already, where no file will do."""
    if isinstance(value, str | Path):
        raise expected(name, value, "a list of Examples", "Read a file: eg.load_examples(path).")
    _rows(name, value)


def _inputs(name: str, value: object) -> None:
    if isinstance(value, str):
        return  # generate says what to do with one text
    if not isinstance(value, Sequence):
        raise expected(name, value, "a list of texts or Examples")
    for place, one in enumerate(value):
        if isinstance(one, str):
            text(f"{name}[{place}]", one)
        else:
            _row(f"{name}[{place}]", one, "a text or an Example")


def _row(name: str, row: object, what: str = "an Example") -> None:
    if not isinstance(row, Example):
        advice = 'Make one: eg.Example(row["input"], row["output"]).' if isinstance(row, Mapping) else ""
        raise expected(name, row, what, advice)
    text(f"{name}.input", row.input)
    if row.target is not None:
        text(f"{name}.target", row.target)
    columns: object = row.columns
    if not isinstance(columns, Mapping):
        raise expected(f"{name}.columns", columns, "a mapping of names to texts")
    for key, value in columns.items():
        text(f"{name}.columns[{key!a}]", value)
    history: object = row.history
    if not isinstance(history, Sequence) or not all(map(_is_turn, history)):
        raise expected(f"{name}.history", history, "pairs of role and content")


def _is_turn(turn: object) -> bool:
    if not isinstance(turn, Sequence) or isinstance(turn, str) or len(turn) != 2:
        return False
    return all(isinstance(part, str) and is_encodable(part) for part in turn)


def _stops(name: str, value: object) -> None:
    if not isinstance(value, str) and not (isinstance(value, Sequence) and all(isinstance(s, str) for s in value)):
        raise expected(name, value, "a text or a list of texts")


def _positions(name: str, value: object) -> None:
    if not isinstance(value, Sequence) or not all(isinstance(at, int) and not isinstance(at, bool) for at in value):
        raise expected(name, value, "a list of token positions, counted from 0")


RULES: dict[str, Rule] = {
    "model": is_a(FrozenModel, "a FrozenModel", 'Load one: eg.load_model("pocket").'),
    "prompt": _prompt,
    "examples": _rows,
    "validation": _rows,
    "test": _rows,
    "inputs": _inputs,
    "input_text": lambda name, value: _inputs(name, [value]) if isinstance(value, str | Example) else None,
    "template": is_a(Template, "a Template", r'Make one: eg.Template.chat("{prompt}\n\n{input}"), .text or .messages.'),
    "task": is_a(Task, "a Task", 'Make one: eg.Task("label", labels=["yes", "no"]), eg.Task("number").'),
    "embeddings": is_a(torch.Tensor, "a tensor [P, D]"),
    "overlong": one_of(*get_args(Overlong)),
    "score_by": one_of("generation", "likelihood", "both"),
    "batch_tokens": number(1, MOST),
    "max_new_tokens": number(1, MOST),
    "tokens": number(1, MOST),
    "seed": number(0, MOST_SEED),
    "checkpoint": path,
    "folder": path,
    "output": path,
    "stop": _stops,
    "frozen": _positions,
    "depends_on": text,
    "listen": function,
    "snapshot": function,
    "before_save": function,
    "progress": function,
    "say": function,
}
"""By the parameter's name, the same everywhere."""
