"""Text that comes token by token: whole characters, spaces as in the whole, stop strings across token borders."""

from __future__ import annotations

import random

import pytest

import embedgrad as eg
from embedgrad.evaluation.answer_text import AnswerText, decode, text_of

TEXTS = ["Ein Käse für 3 €, bitte!", "naïve 🙂🙃 text\n\n###", " leading", "日本語のテキスト", "a\ufffdb", ""]


def bytewise(model: eg.FrozenModel, text: str) -> list[int]:
    """`text` as one token per byte, so that characters are split."""
    table = model.tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    letters = "".join(piece for piece, _ in table(text)) if text else ""
    return model.tokenizer.convert_tokens_to_ids(list(letters))


def pieces(model: eg.FrozenModel, ids: list[int], stops: tuple[str, ...] = ()) -> tuple[list[str], str, int]:
    """What was shown bit by bit, the whole text, and how many tokens were taken."""
    text, shown, taken = AnswerText(model, stops), [], 0
    for token in ids:
        taken += 1
        if text.add(token):
            break
        shown.append(text.take())
    whole = text_of(model, ids[:taken], stops)
    return [*shown, text.rest(whole)], whole, taken


@pytest.mark.parametrize("text", TEXTS)
def test_no_half_character_is_shown(text: str, tiny_model) -> None:
    model = tiny_model("qwen2")
    shown, whole, _ = pieces(model, bytewise(model, text))
    assert "".join(shown) == whole == text
    assert "\ufffd" not in "".join(shown).replace("a\ufffdb", "")
    if text.isascii():
        assert max(map(len, shown), default=0) <= 1  # nothing is held back for longer than its character


@pytest.mark.parametrize("seed", range(20))
def test_joined_pieces_are_the_whole(seed: int, tiny_model) -> None:
    """Any tokens at all, special ones and broken characters among them."""
    model = tiny_model("qwen2")
    ids = random.Random(seed).choices(range(model.vocabulary), k=60)
    shown, whole, _ = pieces(model, ids)
    assert "".join(shown) == whole == decode(model, ids)


def test_joined_pieces_are_the_whole_with_sentence_pieces(stories) -> None:
    """Leading spaces, which its decoder takes off the first token, and bytes."""
    for seed in range(20):
        ids = random.Random(seed).choices(range(stories.vocabulary), k=60)
        shown, whole, _ = pieces(stories, ids)
        assert "".join(shown) == whole
        assert whole == decode(stories, ids) or "\ufffd" in whole
    ids = stories.tokenizer("Once upon a time 🙂 there was", add_special_tokens=False)["input_ids"]
    shown, whole, _ = pieces(stories, ids)
    assert "".join(shown) == whole
    assert sum(map(bool, shown)) > 5  # it really came in pieces


@pytest.mark.parametrize(
    ("text", "stops", "wanted", "taken"),
    [
        ("one\n\ntwo", ("\n\n",), "one", 5),
        ("one\ntwo", ("\n\n",), "one\ntwo", 7),
        ("a##b###c", ("###",), "a##b", 7),
        ("a####", ("###",), "a", 4),
        ("aab", ("ab",), "a", 3),
        ("xyz", ("yzw", "z"), "xy", 3),  # the first that is complete
        ("xyz", ("z", "yz"), "x", 3),  # of those that one token completes, the one that begins first
        ("stop", ("stop",), "", 4),
        ("3 € mehr", ("€",), "3 ", 5),  # its three bytes
    ],
)
def test_stop_strings(text: str, stops: tuple[str, ...], wanted: str, taken: int, tiny_model) -> None:
    model = tiny_model("qwen2")
    shown, whole, count = pieces(model, bytewise(model, text), stops)
    assert ("".join(shown), whole, count) == (wanted, wanted, taken)


def test_a_stop_string_inside_one_token(tiny_model) -> None:
    model = tiny_model("qwen2")
    ids = model.tokenizer("message. Answer", add_special_tokens=False)["input_ids"]
    assert len(ids) < len("message. Answer")
    shown, whole, _ = pieces(model, ids, (". ",))
    assert ("".join(shown), whole) == ("message", "message")


def test_what_may_become_a_stop_string_is_held_back(tiny_model) -> None:
    model = tiny_model("qwen2")
    shown, _, _ = pieces(model, bytewise(model, "a##b###"), ("###",))
    assert shown == ["a", "", "", "##b", "", "", ""]
