"""What the pocket model can do on held-out inputs of its training instructions, by skill and form of answer.

    python -m tools.pocket.skills

None of the demo's tasks is asked here. `docs/pocket.md` shows the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from tools.pocket.causal import FAMILY as CAUSAL
from tools.pocket.emotion import FAMILY as EMOTION
from tools.pocket.formats import Form, Question, as_json, bare, bound, letter
from tools.pocket.kinds import Family
from tools.pocket.mixture import Document, draw_item
from tools.pocket.points import ask_point
from tools.pocket.sentiment import FAMILY as SENTIMENT
from tools.pocket.small import mapped

MODEL = Path(__file__).parents[2] / "src/embedgrad/pocket/model"
FORMS: tuple[Form, ...] = (bare, as_json, bound, letter)
_ROWS_AT_ONCE = 64


@torch.no_grad()
def answered_exactly(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, documents: Sequence[Document]
) -> list[bool]:
    """Whether greedy decoding gives each document's answer and then ends. In one forward pass: every token of the
    answer is the likeliest one behind those before it."""
    rows = [[i for part in d.parts for i in tokenizer(part).input_ids] for d in documents]
    answers = [[*tokenizer(d.answer).input_ids, tokenizer.eos_token_id] for d in documents]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]) + len(answers[i]))
    right = [False] * len(rows)
    for start in range(0, len(order), _ROWS_AT_ONCE):
        chosen = order[start : start + _ROWS_AT_ONCE]
        length = max(len(rows[i]) + len(answers[i]) for i in chosen)
        ids = torch.full((len(chosen), length), tokenizer.pad_token_id)
        for line, i in enumerate(chosen):
            ids[line, : len(rows[i]) + len(answers[i])] = torch.tensor(rows[i] + answers[i])
        guessed = model(input_ids=ids, use_cache=False).logits.argmax(-1)
        for line, i in enumerate(chosen):
            span = slice(len(rows[i]) - 1, len(rows[i]) + len(answers[i]) - 1)
            right[i] = guessed[line, span].tolist() == answers[i]
    return right


def _document(prompt: str, text: str, answer: str) -> Document:
    return Document((f"{prompt}\n", text, "\n"), answer, "skills")


def questions(rows: int) -> dict[str, dict[str, list[Document]]]:
    """Skill -> form -> `rows` documents each."""
    rng = Random("skills")
    found: dict[str, dict[str, list[Document]]] = {}
    for family in (EMOTION, SENTIMENT, CAUSAL):
        for skill in family.skills:
            for form in FORMS:
                made: list[Document] = []
                while len(made) < rows:
                    item = draw_item(rng, family, held_out=True)
                    answer = skill.answer(item)
                    if answer is not None:
                        question = form(rng, skill, item, answer)
                        made.append(
                            _document(rng.choice(skill.phrasings) + question.instruction, item.text, question.answer)
                        )
                found.setdefault(f"{family.name}: {skill.name}", {})[form.__name__] = made
    others: dict[str, Callable[[], tuple[str, Question]]] = {
        "the point a review rests on, repeated": lambda: _about(rng, SENTIMENT),
        "who in a story": lambda: _about(rng, CAUSAL),
        "a list mapped word by word": lambda: mapped(rng),
    }
    for name, draw in others.items():
        drawn = [draw() for _ in range(rows)]
        found[name] = {"bare": [_document(q.instruction, text, q.answer) for text, q in drawn]}
    return found


def _about(rng: Random, family: Family) -> tuple[str, Question]:
    item = draw_item(rng, family, held_out=True)
    return item.text, ask_point(rng, item)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--rows", type=int, default=200, help="per skill and form")
    given = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
    names = [form.__name__ for form in FORMS]
    print("| skill | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for skill, forms in questions(given.rows).items():
        shares = {name: sum(answered_exactly(model, tokenizer, asked)) / given.rows for name, asked in forms.items()}
        print(f"| {skill} | " + " | ".join(f"{100 * shares[n]:.0f}" if n in shares else "" for n in names) + " |")


if __name__ == "__main__":
    main()
