"""Ctrl-C in the middle of a tuning."""

from __future__ import annotations

import pytest


def stopped_at(monkeypatch: pytest.MonkeyPatch, count: int) -> list[int]:
    """In the so-many-th step from now on, whichever tuning it belongs to. The list has an entry for each step, those of
    a later call included."""
    from embedgrad.methods.embeddings import Embeddings

    propose, steps = Embeddings.propose, list[int]()

    def stops(*arguments):
        steps.append(0)
        if len(steps) == count:
            raise KeyboardInterrupt
        return propose(*arguments)

    monkeypatch.setattr(Embeddings, "propose", stops)
    return steps
