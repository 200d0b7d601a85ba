"""How a word problem is asked and in which form its worked answer is due."""

from __future__ import annotations

from random import Random

from tools.pocket.arithmetic import PHRASINGS, STEP_WORDS
from tools.pocket.formats import Question
from tools.pocket.kinds import Item

_BOXED = (
    "Put the answer in \\boxed{}.",
    "Write the final answer as \\boxed{}.",
    "End with \\boxed{} around the answer.",
    "The result goes into \\boxed{}.",
    "Give the final number within \\boxed{}.",
    "Box the answer with \\boxed{}.",
)
_WORKED_FORMS: tuple[tuple[tuple[str, ...], str, float], ...] = (
    (_BOXED, "\\boxed{{{answer}}}", 8),
    (('End with "The answer is".', "State the answer at the end.", ""), "The answer is {answer}.", 4),
    (("Put the answer after ####.", "End with #### and the number."), "#### {answer}", 2),
    (('Finish with "Answer:".', 'The last line starts with "Answer:".'), "Answer: {answer}", 2),
    (("Then give the number alone.",), "{answer}", 1),
    (('Close with "Result =".', 'End with "Result =" and the number.'), "Result = {answer}", 1),
)
_SHORT_FORMS: tuple[tuple[tuple[str, ...], str, float], ...] = (
    (("Just the number.", "Number only.", "No steps."), "{answer}", 3),
    (("Only the equations.", "Give just the equations."), "{equations}", 2),
    (("Just the answer in \\boxed{}.", "No steps, only \\boxed{}."), "\\boxed{{{answer}}}", 1),
    (("Give the number with its unit.", "Answer with number and unit, no steps."), "{answer} {unit}", 1.5),
    (('Answer as JSON with the key "answer".',), '{{"answer": {answer}}}', 1),
)
_UNIT = ("What is counted in the end?", "Which thing or unit is asked for?", "Name the unit of the answer.")


def ask_sum(rng: Random, item: Item) -> Question:
    """A question about a word problem with its answer, most of them worked step by step."""
    facts = item.facts
    drawn = rng.random()
    if drawn < 0.05:
        return Question(rng.choice(_UNIT), facts["unit"])
    if drawn < 0.22:
        forms, parts = _SHORT_FORMS, [rng.choice(PHRASINGS)]
        worked = ""
    else:
        forms, parts = _WORKED_FORMS, [rng.choice(PHRASINGS), rng.choice(STEP_WORDS)]
        worked = facts["solution"] + " "
        if rng.random() < 0.3:
            parts.pop(rng.randrange(2))
    asked, shown, _ = rng.choices(forms, [weight for *_, weight in forms])[0]
    instruction = " ".join(part for part in (*parts, rng.choice(asked)) if part)
    answer = shown.format(answer=facts["answer"], unit=facts["unit"], equations=facts["equations"])
    return Question(instruction, worked + answer)
