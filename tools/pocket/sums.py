"""How a word problem is asked and in which form its worked answer is due."""

from __future__ import annotations

from random import Random

from tools.pocket.formats import Question
from tools.pocket.kinds import Item
from tools.pocket.tables import table

_ASKING = table("arithmetic/asking")


def ask_sum(rng: Random, item: Item) -> Question:
    """A question about a word problem with its answer, most of them worked step by step."""
    drawn = rng.random()
    if drawn < 0.05:
        return Question(rng.choice(_ASKING["unit"]), item.facts["unit"])
    parts, worked = [rng.choice(_ASKING["phrasings"])], ""
    if drawn >= 0.22:
        parts.append(rng.choice(_ASKING["steps"]))
        worked = item.facts["solution"] + " "
        if rng.random() < 0.3:
            parts.pop(rng.randrange(2))
    forms = _ASKING["worked" if worked else "short"]
    form = rng.choices(forms, [form["weight"] for form in forms])[0]
    instruction = " ".join(part for part in (*parts, rng.choice(form["asked"])) if part)
    return Question(instruction, worked + form["answer"].format_map(item.facts))
