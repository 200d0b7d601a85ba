"""The site is built as `make docs` builds it, and a broken link stops it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from documents import ROOT

import embedgrad as eg


def _build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_site_is_built_and_a_broken_link_stops_it(tmp_path: Path) -> None:
    for path in ROOT.iterdir():
        if path.name != "build" and not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "zensical.toml").unlink()  # Trap: through a link it is built beside the original
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    subprocess.run([sys.executable, "tools/site.py", "build/docs"], cwd=tmp_path, check=True)
    done = _build(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "build" / "site" / "api.html").read_text(encoding="utf-8")
    assert [name for name in eg.__all__ if f'id="embedgrad.{name}"' not in page] == []
    assert "<dt><code>checkpoint</code></dt>" in page
    with (tmp_path / "build" / "docs" / "glossary.md").open("a", encoding="utf-8") as glossary:
        glossary.write("\n[nowhere](nowhere.md)\n")
    done = _build(tmp_path)
    assert done.returncode != 0
    assert "page does not exist" in done.stdout + done.stderr
