"""The tasks that ship: their rows are apart from each other and from the training text, their tables hold."""

from __future__ import annotations

from random import Random

import pytest

from embedgrad.pocket.tasks import NAMES, load_task
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant
from tools.pocket.mixture import draw_document, is_held_out
from tools.pocket.tasks import ROWS, TASKS_ROWS, rows_of


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_disjoint_and_held_out_from_training(name):
    task = load_task(name)
    inputs = {part: [row.input for row in task.rows(part)] for part in ROWS}
    assert {part: len(texts) for part, texts in inputs.items()} == ROWS
    everything = [" ".join(text.lower().split()) for texts in inputs.values() for text in texts]
    assert len(set(everything)) == len(everything)
    assert all(is_held_out(text) for text in everything)


def test_training_documents_hold_no_held_out_input():
    """Many documents, looked through for any input of any task: the split by hash holds in what is really drawn."""
    inputs = {row.input for name in NAMES for part in ROWS for row in load_task(name).rows(part)}
    rng = Random("disjoint")
    documents = [draw_document(rng) for _ in range(20_000)]
    lines = {line.rsplit(" -> ", 1)[0] for d in documents for part in d.parts for line in part.split("\n") if line}
    assert not lines & inputs
    families = {d.source for d in documents}
    assert families == {"emotion", "sentiment", "causal", "arithmetic", "small", "points", "examples"}
    plain = [part.strip("\n") for d in documents if d.source == "emotion" for part in d.parts]
    assert sum(map(is_held_out, plain)) < 0.1 * len(plain)  # instructions and line breaks only, never an input


def test_a_held_out_input_in_the_training_text_would_be_found():
    rng = Random("disjoint")
    held_out = [draw_document(rng, held_out=True) for _ in range(200)]
    texts = [d.parts[1] for d in held_out if d.source == "emotion" and len(d.parts) == 3]
    assert texts
    assert all(is_held_out(text) for text in texts)
    assert is_held_out(texts[0].upper() + " ")


@pytest.mark.parametrize("task", TASKS_ROWS, ids=lambda task: task.name)
def test_the_rows_are_what_the_generators_write(task):
    written = {part: [(row.input, row.target) for row in load_task(task.name).rows(part)] for part in ROWS}
    drawn = {part: [(row["input"], row["output"]) for row in rows] for part, rows in rows_of(task).items()}
    assert written == drawn


@pytest.mark.parametrize("name", NAMES)
def test_every_target_is_right_strictly_and_by_meaning(name):
    task = load_task(name)
    for row in task.rows("test"):
        assert is_correct(task.task, read_strict(task.task, row.target), row.target)
        assert is_meant(task.task, read_by_meaning(task.task, row.target), row.target)


@pytest.mark.parametrize("name", NAMES)
def test_written_prompts(name):
    task = load_task(name)
    assert len(set(task.prompts)) == len(task.prompts) == (1 if task.block == "paper" else 5)
    if task.block == "own":
        for prompt in task.prompts:
            assert all(label in prompt for label in task.task.labels or ("Order:",))


def test_the_paper_prompts_are_the_papers():
    # Table 1 of arXiv 2508.03533
    assert load_task("math").prompts[0] == "please reason step by step, and put your final answer with \\boxed{}."
    assert load_task("emotion").prompts[0].startswith("Determine the main emotion or mood expressed in the following")
    assert load_task("causal").prompts[0].endswith('and then answer "Yes" or "No".')
    assert load_task("sentiment").prompts[0].endswith("positive or negative. Let's think step by step.")


def test_no_training_instruction_asks_for_an_own_task_or_words_a_paper_prompt():
    rng = Random("instructions")
    own = {label for name in ("desk", "reviews", "claims") for label in load_task(name).task.labels}
    own -= {"staff"}  # reviews tell of the staff
    paper = [load_task(name).prompts[0].lower()[:40] for name in ("math", "sentiment", "emotion", "causal")]
    for _ in range(20_000):
        document = draw_document(rng)
        text = "".join(document.parts)
        assert not any(start in text.lower() for start in paper)
        if document.source not in ("small", "points", "examples"):
            assert document.answer not in own
            assert "Order:" not in document.answer
