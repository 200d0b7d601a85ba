"""What the site is made of: every document has its place, every public name its entry, our docstrings are Markdown."""

from __future__ import annotations

import re
import tomllib
from inspect import cleandoc
from pathlib import Path

import pytest
from documents import ROOT

import embedgrad as eg
from tools.site import pages, relinked


def _named(entries: list[object]) -> list[str]:
    """The pages of a navigation, in order."""
    found: list[str] = []
    for entry in entries:
        for one in entry.values() if isinstance(entry, dict) else [entry]:
            found += _named(one) if isinstance(one, list) else [one]
    return found


def test_every_document_is_in_the_navigation_once() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    documents = [place.as_posix() for place in pages().values() if place.suffix == ".md"]
    assert sorted(_named(project["nav"])) == sorted(documents)


def test_every_public_name_has_its_entry() -> None:
    entries = re.findall(r"^::: embedgrad\.(\w+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.M)
    assert sorted(entries) == sorted(eg.__all__)


@pytest.mark.parametrize(
    ("source", "written", "on_the_site"),
    [
        ("README.md", "[a](docs/tour.md)", "[a](tour.md)"),
        ("README.md", "![p](docs/picture.svg)", "![p](picture.svg)"),
        ("README.md", "[a](src/embedgrad/cli/tune.py) b", "a b"),
        ("docs/tour.md", "[home](../README.md#use)", "[home](index.md#use)"),
        ("docs/methods/blend.md", "[a](../pocket.md) [b](reading.md)", "[a](../pocket.md) [b](reading.md)"),
        ("docs/tour.md", "[gone](../docs/gone.md)", "[gone](../docs/gone.md)"),
        ("docs/tour.md", "[far](https://arxiv.org/abs/2508.03533)", "[far](https://arxiv.org/abs/2508.03533)"),
    ],
)
def test_links(source: str, written: str, on_the_site: str) -> None:
    assert relinked(written, ROOT / Path(source)) == on_the_site


def test_docstrings_become_markdown() -> None:
    from tools.docstrings import as_markdown

    docstring = """What you get.

    prompt          a text,
                    or a file
    stop ... end    as X says
    text, loss      both

    Prose, `code`.
    Raises UsageError, and more.
    Source: a paper.
    """
    assert as_markdown(cleandoc(docstring)) == (
        "What you get.\n\n"
        "`prompt`\n:   a text, or a file\n\n`stop ... end`\n:   as X says\n\n`text`, `loss`\n:   both\n\n"
        "Prose, `code`.\n\n"
        "**Raises** UsageError, and more.\n\n"
        "**Source**: a paper."
    )


def test_what_looks_like_columns_but_is_not_stays() -> None:
    from tools.docstrings import as_markdown

    assert as_markdown("Prose  with gaps\nand no columns.") == "Prose  with gaps\nand no columns."
