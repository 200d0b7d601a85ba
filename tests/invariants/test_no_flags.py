"""The library speaks of settings, never of flags, and each setting that it names is there in both faces."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import embedgrad as eg
from embedgrad.composed import fields
from embedgrad.faces import setting
from embedgrad.jobs.evaluate import EvaluateSettings
from embedgrad.jobs.generate import GenerateSettings
from embedgrad.jobs.learning_curve_settings import LearningCurveSettings
from embedgrad.jobs.tune_settings import TuneSettings

PACKAGE = Path(eg.__file__).parent
FACES = ("cli", "report", "faces.py")  # those that write flags: to a terminal, on pages that recommend commands
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in FACES]
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OF_OTHERS = re.compile(r"(pip install|pip download|llama-gguf-split)( --[a-z-]+( :all:| copy)?)+")
ON_COMMAND_LINE = {*fields(TuneSettings), *fields(EvaluateSettings), *fields(GenerateSettings)}
ON_COMMAND_LINE |= {*fields(LearningCurveSettings)}
ON_COMMAND_LINE |= {"help", "only", "resume", "settings"}
NOT_IN_PYTHON = {  # where nothing public leads, or said on the command line alone (`by_face`)
    "data", "dataset", "freeze", "group_by", "help", "layout", "lines", "only", "predictions", "prompt_field", "resume",
    "rows_grid", "settings", "split", "system", "target", "template_argument", "tuning_rows",
}  # fmt: skip
PUBLIC = (eg.tune, eg.evaluate, eg.generate, eg.start, eg.load_model, eg.load_examples, eg.Task)


@cache
def nodes() -> Sequence[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(PACKAGE)), node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_no_text_of_the_library_writes_a_flag() -> None:
    helps = {
        part
        for _, node in nodes()
        if isinstance(node, ast.keyword) and node.arg == "description"
        for part in ast.walk(node.value)
    }
    found = [  # a setting's description is the flag's help
        f"{name}:{node.lineno + line}: {flag}"
        for name, node in nodes()
        if node not in helps
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for line, text in enumerate(OF_OTHERS.sub("", node.value).split("\n"))
        for flag in FLAG.findall(text)
    ]
    assert found == [], "name the setting, as embedgrad.faces.setting writes it"


def named() -> set[tuple[str, str | None]]:
    """Settings that the library's messages name, and the function that takes each where the message says so."""
    found = set()
    for _, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setting":
            first = node.args[0]
            of = next((word.value for word in node.keywords if word.arg == "of"), None)
            if isinstance(first, ast.Constant):
                found.add((first.value, of.value if isinstance(of, ast.Constant) else None))
    return found


@pytest.mark.parametrize(("name", "of"), sorted(named(), key=str))
def test_what_is_named_is_there(name: str, of: str | None) -> None:
    assert name in ON_COMMAND_LINE
    if name not in NOT_IN_PYTHON:
        in_python = setting(name).split(".")[0]
        takes = [inspect.signature(function).parameters for function in ([getattr(eg, of)] if of else PUBLIC)]
        assert any(in_python in parameters for parameters in takes)


def test_something_is_named() -> None:
    assert {("dtype", "load_model"), ("batch_tokens", None)} <= named()
