"""An output that is given up while it comes: whatever follows, it is wrong."""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from tokenizers import decoders

from embedgrad.data.target_form import _BEGINS_ANEW, canonical, lasting, target_form
from embedgrad.tasks.begun import is_beyond_hope, is_told_early
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tasks.task import Task

LABELS = (
    "spam",
    "not spam",
    "New",
    "New York",
    "naïve",
    "Å",
    "正面",
    "負面 ",
    "가",
    "e",
    "<b>",
    "4",
    "4.5",
    "क\u094d\u200dष",
)
LABEL = Task("label", labels=tuple(label.strip() for label in LABELS), accepted={"spam": ("junk",)})
NEVER = (
    (Task("number"), "4"), (Task("math"), r"\boxed{4}"), (Task("json"), '{"a": 1}'),
    (Task("regex", pattern="([a-z]+)"), "spam"), (Task("text"), "spam"),
)  # fmt: skip
PIECES = [
    *(piece for label in LABELS for piece in (label, label[:1], label[1:], unicodedata.normalize("NFD", label))),
    " ", "\n", "\u3000", "\x85", ".", "\N{COMBINING ACUTE ACCENT}", "\N{COMBINING RING ABOVE}",
    "\N{COMBINING DIAERESIS}", "\u0338", "\u200b", "\u00ad", "\u200d", "\u200c", "\ufeff", "\u1161", "\u11a8", "\u3099",
    "か", "\ufffd", "Ω", "I", "Junk",
    "\u0345" * 31, "x" * 200,
]  # fmt: skip


@pytest.mark.parametrize(
    ("begun", "is_lost"),
    [
        ("", False), (" \n", False), ("New", False), (" New Y", False), ("New\n\n", False), ("not spam", False),
        ("Not", True), ("NEW", True), ("New Yo.", False), ("New Yo. ", True), ("spam.", False), ("spam. ", True),
        ("**spam", True),
        ("\N{ZERO WIDTH SPACE}spam", False), ("junk", True), ("Answer: spam", True),
        ("nai", False), ("naive", True),
        ("nai\N{COMBINING DIAERESIS}v", False), ("A", False), ("AB", True), ("Ax", True),
        ("正", False), ("正确", False),
        ("正确。", False), ("正确。是", True), ("正\ufffd", False), ("The\ufffd", True), ("4.", False),
        ("4. ", False), ("4. 5", True),
        ("<think>", True), ("\ufffdspam", True),
    ],
)  # fmt: skip
def test_labels(begun: str, is_lost: bool) -> None:
    """The last character still may get an accent: `spam.` may not, but is given up one later, too."""
    assert is_beyond_hope(LABEL, begun, "spam", LABEL.labels) is is_lost
    assert is_beyond_hope(LABEL, begun, "spam") or not is_lost


@pytest.mark.parametrize("kind", ["exact", "short"])
def test_of_other_whole_answers_the_target_alone_is_looked_at(kind: str) -> None:
    task = Task(kind)
    assert not is_beyond_hope(task, " New Yor", " New York ")
    assert is_beyond_hope(task, "New Jersey", "New York")
    assert not is_beyond_hope(task, "a\ufffdb!", "a\ufffdb")
    assert not is_told_early(task, "a\ufffdb")


@pytest.mark.parametrize(("task", "target"), NEVER)
def test_what_is_looked_for_within_an_output_may_always_follow(task: Task, target: str) -> None:
    assert not is_told_early(task, target)
    assert not is_beyond_hope(task, "Nothing of the kind. " * 9, target)


def grown(draw: random.Random, most: int) -> Iterator[str]:
    text = ""
    for _ in range(draw.randrange(1, most)):
        text += draw.choice(PIECES)
        yield text


def continuations(draw: random.Random, begun: str) -> Iterator[str]:
    """Of a text: at random, and such as could make a label of it."""
    yield ""
    for _ in range(12):
        yield "".join(draw.choices(PIECES, k=draw.randrange(1, 5)))
    for label in LABEL.labels:
        for form in (label, unicodedata.normalize("NFD", label)):
            at = draw.randrange(len(form) + 1)
            yield from (form, form[at:], "\u200d" + form[at:], form[at:] + "\n")


@pytest.mark.parametrize("seed", range(4))
def test_once_given_up_nothing_makes_it_right(seed: int) -> None:
    draw, given_up = random.Random(seed), 0
    tasks = (LABEL, Task("exact"), Task("short"))
    for _ in range(400):
        target = draw.choice(LABEL.labels)
        for begun in grown(draw, 5):
            for task in tasks:
                told_apart = draw.choice([(), task.labels])
                if not is_beyond_hope(task, begun, target, told_apart):
                    continue
                given_up += 1
                for more in continuations(draw, begun):
                    read = read_strict(task, begun + more)
                    assert not is_correct(task, read, target), (begun, more)
                    assert not told_apart or read is None, (begun, more)
    assert given_up > 1000


@pytest.mark.parametrize("seed", range(4))
def test_what_lasts_lasts(seed: int) -> None:
    draw, lengths = random.Random(seed), set()
    for _ in range(2000):
        begun = "".join(draw.choices(PIECES, k=draw.randrange(8)))
        whole = begun.rstrip("\ufffd") + "".join(draw.choices(PIECES, k=draw.randrange(5)))
        assert canonical(whole).startswith(lasting(begun)), (begun, whole)
        lengths.add(len(lasting(begun)))
    assert max(lengths) > 200


def test_no_mark_or_letter_before_them_changes_these_characters() -> None:
    """All of Unicode: what begins anew is no mark, and no second character of a composition (UAX 15)."""
    seconds = set()
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    seconds |= {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Hangul, by rule
    anew = [chr(code) for code in range(0x110000) if _BEGINS_ANEW.match(chr(code))]
    for character in anew:
        first = unicodedata.normalize("NFD", character)[0]
        assert not unicodedata.combining(first)
        assert first not in seconds
        assert len(unicodedata.normalize("NFC", character)) == 1
        assert canonical(character) or character in "\u200b"
    assert len(anew) > 30_000


SPACED = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
)
BYTES = [*"ĠĊaNewspmotYrk45.ÃæéêÌÿ", "Ġspam", "not", "¤", "¯", "Ń", "£", "Ŀ", "¢", "°", "Ģ", "ģ"]
FALLBACK = ["▁", "▁spam", "not", "New", "▁York", "正", "面", "a", "<0x0A>", "<0x41>", "<0xCC>", "<0x8A>", "<0xE6>",
            "<0xAD>", "<0xA3>", "<0xC3>", "<0xAF>", "<0xFF>", "na", "ve"]  # fmt: skip


@pytest.mark.parametrize(
    ("decode", "tokens"),
    [(decoders.ByteLevel().decode, BYTES), (SPACED.decode, FALLBACK)],
    ids=["bytes", "pieces, else bytes"],
)
def test_tokens_that_hold_parts_of_characters(decode: Callable[[list[str]], str], tokens: list[str]) -> None:
    """A text of tokens does not always begin with the text of fewer tokens; what is given up stays wrong."""
    draw, given_up, changed = random.Random(0), 0, 0
    for _ in range(3000):
        ids = draw.choices(tokens, k=9)
        texts = [decode(ids[: count + 1]) for count in range(9)]
        changed += any(not later.startswith(text) for text, later in itertools.pairwise(texts))
        lost = [is_beyond_hope(LABEL, text, "spam", LABEL.labels) for text in texts]
        if True in lost:
            given_up += 1
            assert all(read_strict(LABEL, text) is None for text in texts[lost.index(True) :]), texts
    assert changed > 300
    assert given_up > 1000


def test_labels_are_read_in_their_one_form() -> None:
    """What a text is compared with is as `canonical` has it."""
    assert all(label == target_form(label) for label in LABEL.labels)
