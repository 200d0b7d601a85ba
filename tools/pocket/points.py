"""Questions on what a label hangs on: which point of a review counts, who in a story brought it about.

Their answers are words of the input, so they teach where to look; a yes or no teaches that only slowly.
"""

from __future__ import annotations

from random import Random

from tools.pocket.formats import Question
from tools.pocket.kinds import Item

_POINT = (
    "Repeat the point that decides the review.",
    "Which point counts for the reviewer? Repeat it.",
    "Write down what the verdict rests on.",
    "What settles it for the writer? Say it again.",
)
_CAUSE = (
    "Who or what brought it about? Give the name.",
    "Who or what caused the outcome? Name only.",
    "Name the one behind the outcome.",
    "Whose part led to it? Just the name.",
)
_NO_CAUSE = (
    "Whose part did not count? Give the name.",
    "Who or what did not cause the outcome? Name only.",
    "Name the one that was not behind the outcome.",
)
_ASKED = ("Who is asked about? Give the name.", "Name the person in question.", "Which person is the question about?")


def ask_point(rng: Random, item: Item) -> Question:
    """A question about a review or a story, by its facts."""
    facts = item.facts
    if "sentiment" in facts:
        point = facts["_main"]
        return Question(rng.choice(_POINT), f"Not so: {point}" if facts["_denied"] else point)
    agent, other = facts["_agent"], facts["_other"]
    winner, loser = (agent, other) if facts["caused"] == "yes" else (other, agent)
    asked, answer = rng.choices(((_CAUSE, winner), (_NO_CAUSE, loser), (_ASKED, agent)), (3, 2, 1))[0]
    return Question(rng.choice(asked), answer)
