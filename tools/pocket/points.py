"""Questions on what a label hangs on: which point of a review counts, who in a story brought it about.

Their answers are words of the input, so they teach where to look; a yes or no teaches that only slowly.
"""

from __future__ import annotations

from random import Random

from tools.pocket.causal import winner_and_loser
from tools.pocket.formats import Question
from tools.pocket.kinds import Item
from tools.pocket.tables import table

_ASKED: dict[str, tuple[str, ...]] = table("points")


def ask_point(rng: Random, item: Item) -> Question:
    """A question about a review or a story, by its facts."""
    facts = item.facts
    if "sentiment" in facts:
        point = facts["_main"]
        return Question(rng.choice(_ASKED["point"]), f"Not so: {point}" if facts["_denied"] else point)
    winner, loser = winner_and_loser(item)
    answers = (("cause", winner), ("no_cause", loser), ("asked", facts["_agent"]))
    asked, answer = rng.choices(answers, (3, 2, 1))[0]
    return Question(rng.choice(_ASKED[asked]), answer)
