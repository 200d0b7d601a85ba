"""What is known of an architecture from its config alone."""

from __future__ import annotations

import pytest

import tiny
from embedgrad.model.families import has_sliding_window, keeps_a_state

COUNT_COLUMNS = {*tiny.WINDOWED, "gpt_neo", "llama4", "mpt"}
KEEP_STATES = {*tiny.STATES, "falcon_h1"}
KNOWN = [*tiny.FAMILIES, *tiny.OTHERS, "falcon_h1"]


@pytest.mark.parametrize("family", KNOWN)
def test_layers_that_count_columns(family: str) -> None:
    if family != "recurrent_gemma":  # a state and a window: nothing is padded
        assert has_sliding_window(tiny.config(family, 600)) == (family in COUNT_COLUMNS)


def test_a_window_that_is_switched_on() -> None:
    assert has_sliding_window(tiny.config("phi3", 600, sliding_window=24))
    assert has_sliding_window(tiny.config("qwen2", 600, use_sliding_window=True, sliding_window=24))
    assert not has_sliding_window(tiny.config("qwen2", 600, sliding_window=24))
    assert not has_sliding_window(tiny.config("mistral", 600, sliding_window=None))


@pytest.mark.parametrize("family", KNOWN)
def test_layers_that_keep_a_state(family: str) -> None:
    """Falcon-H1's layers keep keys and values too."""
    assert keeps_a_state(tiny.config(family, 600)) == (family in KEEP_STATES)
