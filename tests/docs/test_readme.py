"""What the documents say is so: blocks run, links lead somewhere, flags and names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT, Block, blocks, name

import embedgrad as eg

VERBS = (
    *("demo", "tune", "evaluate", "generate", "analyze", "report", "sweep", "learning-curve", "recipes", "fetch"),
    "inspect",
)
NOT_OURS = {"--index-url", "--sentences"}  # flags of pip and of a benchmark
REASONS = (
    "installs",
    "download",
    "needs ../shared",
    "needs a finished run",
    "yours",
    "GPU",
    "minutes",
    "its output is long",
    "one's own",
)


def _run(block: Block, folder: Path, before: str) -> subprocess.CompletedProcess[str]:
    """A bash block by bash; a python block after those before it, as one would type them in one session."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
    }
    command = ["bash", "-euc", block.code] if block.kind == "bash" else [sys.executable, "-c", before + block.code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if any(not b.reason for b in blocks(d))], ids=name)
def test_blocks_run_in_order(document: Path, tmp_path: Path) -> None:
    for folder in ("examples", "src"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    session = ""
    for block in blocks(document):
        if block.reason is None:
            done = _run(block, tmp_path, session)
            assert done.returncode == 0, f"{name(document)}, line {block.line}:\n{block.code}\n{done.stderr[-2000:]}"
            assert "Traceback" not in done.stderr
            session += block.code if block.kind == "python" else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_block_is_run_or_says_why_not(document: Path) -> None:
    for block in blocks(document):
        assert block.kind in ("bash", "python"), f"line {block.line}: {block.kind} is neither run nor output"
        assert block.reason is None or any(word in block.reason for word in REASONS), block.reason


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_named_in_code_font_exist(document: Path) -> None:
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", document.read_text("utf-8"))
    homes = (ROOT, ROOT / "src" / "embedgrad")
    assert [path for path in named if not any((home / path).is_file() for home in homes)] == []


def test_flags_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from embedgrad.cli.main import main

    for verb in ((), *((verb,) for verb in VERBS)):
        assert main([*verb, "--help"]) == 0
    known = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) | NOT_OURS
    for script in (ROOT / "benchmarks").glob("*.py"):
        known |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', script.read_text(encoding="utf-8")))
    for document in DOCUMENTS:
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text(encoding="utf-8")))
        assert used <= known, f"{name(document)}: {sorted(used - known)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_public_names_exist(document: Path) -> None:
    used = set(re.findall(r"\beg\.(\w+)", document.read_text(encoding="utf-8")))
    assert used <= set(eg.__all__)


def test_no_path_of_one_machine_is_written_down() -> None:
    rooms = ("src", "tests", "docs", "examples", "benchmarks", "tools", ".ci")
    files = [*ROOT.glob("*"), *(file for room in rooms for file in (ROOT / room).rglob("*"))]
    homes = re.compile(
        "|".join(["/" + r"home/\w", "/" + r"Users/\w", "/" + "root/", "/" + "work/", "/" + "tmp/w/"]).encode()
    )
    written = [file for file in files if file.is_file() and file.suffix != ".pyc"]
    assert len(written) > 100
    assert [file for file in written if homes.search(file.read_bytes())] == []


def test_documents_carry_no_unfilled_place() -> None:
    assert [name(d) for d in DOCUMENTS if re.search(r"^@[A-Z]+@$", d.read_text(encoding="utf-8"), re.M)] == []


def test_the_picture_says_what_it_shows() -> None:
    picture = (ROOT / "docs" / "picture.svg").read_text(encoding="utf-8")
    assert "<title" in picture
    assert "<desc" in picture
    assert "prefers-color-scheme: dark" in picture
    assert "<script" not in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
