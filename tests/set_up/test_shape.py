"""The script that counts what the code is like, on a package of a few lines and on this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import shape

INIT = """
_HOME = {"call": "rooms.a", "Thing": "rooms.a"}
__all__ = ["Thing", "call"]
"""
ROOM = """
def call(a, b=1, *rest, c, d=2, **more):
    return other(a, b=b, c=c, d=1, e=more)

class Thing:
    def method(self, x, /, y):
        def nested(z):
            return call(x, y=y, z=z)
        return nested

    @classmethod
    def of(cls): ...

    @staticmethod
    def free(x): ...
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "__init__.py").write_text(INIT)
    (tmp_path / "rooms" / "a.py").write_text(ROOM)
    (tmp_path / "rooms" / "b.py").write_text("async def call(x): ...\n")
    return tmp_path


def test_counts(package: Path) -> None:
    found = shape.measured(package)
    assert found.files == {"__init__.py": 3, "rooms/a.py": 15, "rooms/b.py": 1}
    assert [(f.name, f.parameters) for f in found.public_calls] == [("call", 6)]
    assert {(f.module, f.name): f.parameters for f in found.functions} == {
        ("rooms/a.py", "method"): 2,
        ("rooms/a.py", "nested"): 1,
        ("rooms/a.py", "of"): 0,
        ("rooms/a.py", "free"): 1,
        ("rooms/b.py", "call"): 1,
    }
    assert found.forwarded == 4, "b=b, c=c, y=y, z=z"
    assert found.public == ("Thing", "call")
    assert list(found.lines()) == [
        "files                  3",
        "lines                  19",
        "longest file           15 (rooms/a.py)",
        "functions              5 besides the public calls",
        "parameters             median 1, max 2",
        "     2  rooms/a.py:6 method",
        "over 8 parameters      0",
        "forwarding keywords    4",
        "public names           2",
        "public calls, by parameters",
        "     6  rooms/a.py:2 call",
    ]


def test_a_folder_without_code(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no Python files"):
        shape.measured(tmp_path)


def test_no_function_of_the_package_takes_more_than_eight_parameters() -> None:
    """Public calls aside, which are spelled out; and the attention that transformers calls as it calls its own."""
    found = shape.measured(Path(shape.__file__).parents[1] / "src" / "embedgrad")
    more = [f"{function.module} {function.name}" for function in found.functions if function.parameters > 8]
    assert more == ["model/attention.py grouped_attention"]
    assert "tune" in [function.name for function in found.public_calls]


def test_as_a_script() -> None:
    done = subprocess.run([sys.executable, shape.__file__], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("files ")
