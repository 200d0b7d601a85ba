"""requirements.lock agrees with the ranges of pyproject.toml, on every system and Python that is promised."""

from __future__ import annotations

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = [Requirement(line.removesuffix("\\")) for line in re.findall(r"^[a-z].*", LOCK, re.MULTILINE)]
DIRECT = [
    pytest.param(requirement, id=requirement.name)
    for requirement in {
        str(line): Requirement(line)
        for line in [
            *PROJECT["dependencies"],
            *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
        ]
    }.values()
    if requirement.name != PROJECT["name"]  # an extra that is other extras
]
SYSTEMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
PYTHONS = ("3.11", "3.12", "3.13")
ENVIRONMENTS = [
    {
        "sys_platform": system,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.7",
        "platform_python_implementation": "CPython",
    }
    for (system, machine), python in product(SYSTEMS, PYTHONS)
]


def locked(name: str, environment: dict[str, str]) -> list[Version]:
    """What of that name is installed there."""
    found = [e for e in ENTRIES if e.name == name and (e.marker is None or e.marker.evaluate(environment))]
    return [Version(next(iter(entry.specifier)).version) for entry in found]


def ends(requirement: Requirement) -> dict[str, Version]:
    return {part.operator: Version(part.version) for part in requirement.specifier}


@pytest.mark.parametrize("requirement", DIRECT)
def test_it_is_locked_within_its_range(requirement: Requirement) -> None:
    if requirement.name == "torch":
        return
    for environment in ENVIRONMENTS:
        (version,) = locked(requirement.name, environment)
        assert version in requirement.specifier


@pytest.mark.parametrize("requirement", DIRECT)
def test_its_range_ends_right_above_what_passed(requirement: Requirement) -> None:
    """At the next minor release after the locked one; torch after the one that the set-up takes on a CPU."""
    bounds = ends(requirement)
    assert {*bounds} == {">=", "<"}
    setup = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^pinned=torch==(.*)$", setup, re.MULTILINE)
    tested = Version(pinned) if requirement.name == "torch" else locked(requirement.name, ENVIRONMENTS[0])[0]
    assert bounds[">="] <= tested
    assert bounds["<"] == Version(f"{tested.major}.{tested.minor + 1}")


def test_two_extras_ask_for_the_same() -> None:
    names = [requirement.values[0].name for requirement in DIRECT]
    assert len(names) == len({*names})


def test_torch_and_what_only_torch_needs_are_left_out() -> None:
    strange = [entry.name for entry in ENTRIES if re.match(r"torch|nvidia|triton|cuda|networkx|setuptools", entry.name)]
    assert strange == []


def test_it_names_no_address() -> None:
    assert re.findall(r"://|^\s*-[^-]|--(?!hash=sha256:)\S*", LOCK, re.MULTILINE) == []


def test_every_release_has_its_digests() -> None:
    blocks = re.split(r"^(?=[a-z])", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(ENTRIES) > 50
    assert [block.split()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []
    assert all(re.fullmatch(r"==[^*,]+", str(entry.specifier)) for entry in ENTRIES)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: f"{e['sys_platform']}-{e['python_version']}")
def test_no_package_is_locked_twice_in_one_place(environment: dict[str, str]) -> None:
    twice = [entry.name for entry in ENTRIES if len(locked(entry.name, environment)) > 1]
    assert twice == []


def test_the_build_backend_is_the_locked_one() -> None:
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    (backend,) = [Requirement(line) for line in system["requires"]]
    (again,) = [r.values[0] for r in DIRECT if r.values[0].name == backend.name]
    assert backend == again


def test_the_caps_can_be_lifted() -> None:
    """What `make test-newest` resolves: every direct dependency but torch, with its lower end only."""
    from tools.ranges import uncapped

    found = {r.name: r for r in map(Requirement, uncapped())}
    wanted = {r.values[0].name: r.values[0] for r in DIRECT if r.values[0].name != "torch"}
    assert {*found} == {*wanted}
    for name, requirement in found.items():
        assert ends(requirement) == {">=": ends(wanted[name])[">="]}
        assert requirement.extras == wanted[name].extras
