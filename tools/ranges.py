"""The direct dependencies of pyproject.toml, for the environments at the ends of their ranges; standard library only.

python tools/ranges.py uncapped    each with its lower end and no upper one, torch left out, a line each
python tools/ranges.py versions    the releases of them that are installed here, in one line
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[[\w,.-]*\])?(?P<specifiers>[^;]*)")


def requirements() -> Iterator[re.Match[str]]:
    """Each of all extras, once; an extra that is other extras (`embedgrad[...]`) asks for nothing of its own."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for line in dict.fromkeys(line for group in groups for line in group):
        found = _REQUIREMENT.match(line)
        assert found is not None, line
        if found["name"] != project["name"]:
            yield found


def uncapped() -> Iterator[str]:
    for found in requirements():
        if found["name"] != "torch":
            kept = [part for part in found["specifiers"].split(",") if part.strip().startswith(">=")]
            yield f"{found['name']}{found['extras'] or ''}{','.join(kept)}"


def versions() -> Iterator[str]:
    for found in requirements():
        try:
            yield f"{found['name']} {version(found['name'])}"
        except PackageNotFoundError:
            yield f"{found['name']} (missing)"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["uncapped"]:
            print("\n".join(uncapped()))
        case ["versions"]:
            print(f"Python {sys.version.split()[0]}, " + ", ".join(versions()))
        case _:
            sys.exit(__doc__)
