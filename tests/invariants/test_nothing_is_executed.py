"""No file or model output is ever run as code: the calls that could do it do not occur in the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import embedgrad

SOURCES = sorted(Path(embedgrad.__file__).parent.rglob("*.py"))
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "subprocess"}
CALLS = {"eval", "exec", "compile", "__import__"}  # re.compile is an attribute, and fine
STARTS_A_PROCESS = "tasks/worker_process.py"  # of our own, with nothing in its command that was read
INSTALLS = "jobs/fetch.py"  # pip or uv, for one package whose name and version stand there
ATTRIBUTES = {("torch", "load"), ("np", "load"), ("os", "system")}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_call_that_runs_what_it_reads(source: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").split(".")[0] in MODULES else []
        elif isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in CALLS:
                    found.append(name)
                case ast.Attribute(value=ast.Name(id=module), attr=attribute) if (module, attribute) in ATTRIBUTES:
                    found.append(f"{module}.{attribute}")
        elif isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            found += [] if isinstance(node.value, ast.Constant) and node.value.value is False else ["remote code"]
    assert found == (["subprocess"] if source.as_posix().endswith((STARTS_A_PROCESS, INSTALLS)) else [])


def test_the_one_process_gets_no_text_by_its_command() -> None:
    (source,) = [path for path in SOURCES if path.as_posix().endswith(STARTS_A_PROCESS)]
    calls = [node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    (start,) = [ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "subprocess.Popen"]
    assert start == "[sys.executable, '-P', '-m', self.module, str(self.seconds)]"


def test_the_processes_are_modules_of_our_own() -> None:
    trees = [ast.parse(source.read_text(encoding="utf-8")) for source in SOURCES]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [call.args[0] for call in calls if ast.unparse(call.func) == "WorkerProcess"]
    assert made
    for module in made:
        assert isinstance(module, ast.Constant)
        assert module.value in ("embedgrad.tasks.math_worker", "embedgrad.tasks.regex_worker")


def test_the_sources_are_there() -> None:
    assert len(SOURCES) > 50
