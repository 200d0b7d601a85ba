"""The data of the pocket model's text: what a person may get wrong who adds a line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tools.pocket.tables import DATA, table

FILES = sorted(str(file.relative_to(DATA).with_suffix("")) for file in DATA.rglob("*.toml"))


def pools(value: Any) -> Iterator[str]:
    """The texts over several lines, however deep."""
    if isinstance(value, str):
        yield from [value] if "\n" in value else []
    elif isinstance(value, dict | list):
        for held in value.values() if isinstance(value, dict) else value:
            yield from pools(held)


@pytest.mark.parametrize("name", FILES)
def test_every_line_of_a_pool_is_an_entry(name):
    for pool in pools(tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))):
        assert all(entry and entry == entry.strip() for entry in pool.splitlines()), pool


def test_a_pool_is_its_lines_and_a_list_its_items():
    formats = table("formats")
    assert formats["capital"] == ("Start with a capital letter.", "Use a capital letter.")
    assert formats["between"] == (", ", ", ", " | ", " / ")


def test_every_feeling_has_a_mood_and_a_verb_that_is_known():
    feelings = table("emotion/feelings")
    assert [*feelings["moods"]] == [*feelings["phrases"]]
    for phrase in (phrase for phrases in feelings["phrases"].values() for phrase in phrases):
        assert phrase.split(" ")[0] in feelings["verbs"], phrase
        assert phrase.count(" = ") == phrase.count("{t}") == 1, phrase


def test_both_parts_of_a_causal_story_find_a_deed_of_their_own():
    for scene in table("causal/scenes")["scenes"]:
        deeds, neglected = ({line.split(": ")[0] for line in scene[kind]} for kind in ("deeds", "neglected"))
        others = {line.split(": ")[0] for line in scene["others"]}
        assert min(len(deeds), len(neglected), len(others)) >= 2, scene["noun"]
        assert all(" > " in line for line in scene["others"]), scene["noun"]
