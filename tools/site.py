"""Puts the site's pages together: python tools/site.py FOLDER, as `make docs` does.

They are docs/ and the documents above it, README.md as the home. Links are written for the repository: one to a page is
led there, one to a file or folder that is no page (source, LICENSE) keeps its words alone, and one to nothing stays as
it is, which the build refuses.
"""

from __future__ import annotations

import os.path
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ABOVE = {"README.md": "index.md"} | {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^]]*)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def pages() -> dict[Path, Path]:
    """Every file of the site by what it is made of: its place below the site's root."""
    docs = ROOT / "docs"
    inner = {path: path.relative_to(docs) for path in sorted(docs.rglob("*")) if path.is_file()}
    return {ROOT / name: Path(place) for name, place in _ABOVE.items()} | inner


def relinked(markdown: str, source: Path) -> str:
    """What `source` says, with the links of its page."""
    place = pages()

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / found["target"]))
        if not target.exists():
            return found[0]
        if target not in place:
            return found["words"]
        way = Path(os.path.relpath(place[target], place[source].parent)).as_posix()
        return f"{found['image']}[{found['words']}]({way}{found['anchor'] or ''})"

    return _LINK.sub(link, markdown)


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for source, place in pages().items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            (folder / place).write_text(relinked(source.read_text(encoding="utf-8"), source), encoding="utf-8")
        else:
            shutil.copyfile(source, folder / place)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
