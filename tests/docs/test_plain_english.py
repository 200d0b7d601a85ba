"""Documents, help pages and examples are in plain American English: phrases that were rewritten do not come back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT, name

from embedgrad.cli.main import main

VERBS = (
    *("demo", "tune", "evaluate", "generate", "analyze", "report", "sweep", "learning-curve", "recipes", "fetch"),
    "inspect",
)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# What is written instead, where the phrase does not say it.
STIFF = {
    "is told from": "is inferred from",
    "told from the": "inferred from the",
    "can be told": "can be inferred, can be recognized",
    "cannot be told": "cannot be inferred, cannot be recognized",
    "told apart from": "distinguished from",
    "is the door": "overrides this",
    "behind it": "after it",
    "go on top": "override",
    "in silence": "silently",
    "of one's own": "your own",
    "one's own": "your own",
    "foretell": "predict",
    "anew": "again, from scratch",
    "surer": "more certain",
    "otherwise than": "differs from",
    "as it comes": "unchanged, as it is generated",
    "look after the rest": "check the rest",
    "rather read nothing": "return nothing rather than",
    "for ever": "forever",
    "per cent": "percent",
}
BRITISH = re.compile(
    r"\b\w*(?:colour|favour|behaviour|neighbour|recognis|normalis|quantis|summaris|minimis|optimis|initialis)\w*", re.I
)


def prose(text: str) -> str:
    """A document's text on one line, without blocks, code font, comments, link targets and file names."""
    text = re.sub(r"^```.*?^```$|<!--.*?-->", " ", text, flags=re.M | re.S)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text)
    return " ".join(text.split())


def stiff(text: str) -> list[str]:
    """The phrases in `text` that are not plain, each with what to write instead."""
    found = [
        f"{phrase!r}: write {instead!r}"
        for phrase, instead in STIFF.items()
        if re.search(rf"\b{phrase}\b", text, re.IGNORECASE)
    ]
    return found + [f"{word!r}: write it as in American English" for word in BRITISH.findall(text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents(document: Path) -> None:
    assert stiff(prose(document.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples(example: Path) -> None:
    assert stiff(" ".join(example.read_text(encoding="utf-8").replace("#", " ").split())) == []


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*filter(None, [verb]), "--help"]) == 0
    assert stiff(" ".join(capsys.readouterr().out.replace("│", " ").split())) == []


def test_a_stiff_sentence_is_found() -> None:
    assert stiff("The kind is told from the targets, in silence; its colour too.") == [
        "'is told from': write 'is inferred from'",
        "'told from the': write 'inferred from the'",
        "'in silence': write 'silently'",
        "'colour': write it as in American English",
    ]
