"""Trajectory entropy, Eq. 11, against a few lines over the model's own logits."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
import torch

import embedgrad as eg
from embedgrad.analysis.entropy.measure import trajectory_entropy
from embedgrad.errors import DataError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.loops import ends_in_a_loop
from embedgrad.evaluation.statistics import paired_mean
from embedgrad.pocket.tasks import load_task
from embedgrad.prompt.rows import lay_out_rows, stop_ids
from embedgrad.watch import Watch

INPUTS = ("I loved it", "The film was slow, dull and far too long.", "no", "It worked!", "a little dog", "The end.")
ROWS = [eg.Example(text, line=number) for number, text in enumerate(INPUTS, start=1)]
LIMIT = 40


def answer_by_hand(model, prompt, example, limit: int) -> tuple[list[int], float, bool]:
    """Greedy ids, Eq. 11 in bits, whether the limit cut it: the whole row anew for each token, in float64."""
    [row] = lay_out_rows(model, prompt, [example], with_target=False)
    embeds = model.embed(row.ids)
    embeds[row.prompt.start : row.prompt.stop] = prompt.embeddings
    ids, entropies = [], []
    while len(ids) < limit:
        logits = model.lm(inputs_embeds=torch.cat([embeds, model.embed(ids)])[None]).logits[0, -1]
        p = torch.softmax(logits.double(), dim=0)
        entropies.append(-float(torch.xlogy(p, p).sum()) / float(torch.log(torch.tensor(2.0, dtype=torch.float64))))
        ids.append(int(logits.argmax()))
        if ids[-1] in stop_ids(model, prompt):
            return ids[:-1], sum(entropies) / len(entropies), False
    return ids, sum(entropies) / len(entropies), True


@pytest.fixture
def two_prompts(tiny_model):
    """A tiny model that ends one answer early and loops in another, its prompt, and the same moved at random."""
    shared = tiny_model("gpt2")
    model = replace(shared)
    before = eg.start(model, "Determine the main emotion of the message.")
    noise = torch.randn(before.embeddings.shape, generator=torch.Generator().manual_seed(0))
    after = before.moved(before.embeddings + 0.5 * noise)
    # A random model hardly ever chooses its end-of-text token: the sixth token of the last answer becomes one.
    ids, _, _ = answer_by_hand(model, before, ROWS[-1], 6)
    model.__dict__["stop_ids"] = shared.stop_ids | {ids[5]}
    return model, before, after


@torch.no_grad()
def test_equals_eq_11_by_hand(two_prompts) -> None:
    model, before, after = two_prompts
    found = trajectory_entropy(model, before, after, ROWS, Judging(max_new_tokens=LIMIT))
    for prompt, side in ((before, found.before), (after, found.after)):
        answers = [answer_by_hand(model, prompt, example, LIMIT) for example in ROWS]
        wanted = [entropy for _, entropy, _ in answers]
        assert list(side.row_bits) == pytest.approx(wanted, abs=1e-4)
        assert side.mean_bits == pytest.approx(fmean(wanted), abs=1e-4)
        assert side.truncated == sum(cut for _, _, cut in answers)
        assert list(side.row_loops) == [cut and ends_in_a_loop(ids) for ids, _, cut in answers]
        assert (side.looping.correct, side.looping.total) == (sum(side.row_loops), len(ROWS))
        straight = [h for h, loops in zip(wanted, side.row_loops, strict=True) if not loops]
        assert side.mean_bits_without_loops == (pytest.approx(fmean(straight), abs=1e-4) if straight else None)
        assert (side.correct_bits, side.wrong_bits, side.looping_wrong) == (None, None, None)
    assert 0 < found.before.truncated < len(ROWS), "some answers end, some are cut"
    assert any(found.before.row_loops), "some answers loop"
    assert found.rows == len(ROWS)
    assert found.difference.difference == pytest.approx(found.after.mean_bits - found.before.mean_bits)
    neither = [
        b - a
        for a, b, one, two in zip(
            found.before.row_bits,
            found.after.row_bits,
            found.before.row_loops,
            found.after.row_loops,
            strict=True,
        )
        if not one and not two
    ]
    assert (found.difference_without_loops is None) == (not neither)
    if found.difference_without_loops is not None:
        assert found.difference_without_loops.difference == pytest.approx(fmean(neither))


def test_right_and_wrong_answers_apart() -> None:
    model, task = eg.load_model("pocket", dtype="float32"), load_task("emotion")
    rows = task.rows("test")[:24]
    before, after = eg.start(model, task.prompts[0]), eg.start(model, "Which emotion does the writer have?")
    heard: list[tuple[int, int]] = []
    watch = Watch(progress=lambda done, total: heard.append((done, total)))
    found = trajectory_entropy(model, before, after, rows, Judging(task.task), watch)
    assert heard[-1] == (48, 48)
    for prompt, side in ((before, found.before), (after, found.after)):
        judged = eg.evaluate(model, prompt, rows, task.task, max_new_tokens=found.max_new_tokens)
        right = [bits for bits, p in zip(side.row_bits, judged.predictions, strict=True) if p.correct]
        wrong = [bits for bits, p in zip(side.row_bits, judged.predictions, strict=True) if not p.correct]
        assert side.correct_bits == (pytest.approx(fmean(right)) if right else None)
        assert side.wrong_bits == (pytest.approx(fmean(wrong)) if wrong else None)
        assert (side.looping_wrong.total if side.looping_wrong else 0) == len(wrong)
        assert side.truncated == judged.score.truncated
    assert found.after.correct_bits is not None


def test_overlong_rows_can_be_left_out(tiny_model) -> None:
    model = tiny_model("gpt2")
    prompt = eg.start(model, "Positive or negative?")
    rows = [*ROWS[:2], eg.Example("far too long " * 300), ROWS[2]]
    found = trajectory_entropy(model, prompt, prompt, rows, Judging(max_new_tokens=4, overlong="skip"))
    assert (found.rows, found.max_new_tokens) == (3, 4)
    assert (found.difference.difference, found.difference.p_value) == (0.0, 1.0)


def test_difference_is_second_minus_first_by_row() -> None:
    first, second = (0.5, 1.0, 0.25, 2.0), (1.5, 1.5, 1.25, 2.5)
    found = paired_mean(first, second)
    assert found.difference == 0.75
    assert 0.5 <= found.interval[0] < 0.75 < found.interval[1] <= 1.0
    assert found.p_value == 2 / 2**4  # of the 16 ways to flip four signs, all or none are as far from 0


def test_no_rows(tiny_model) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, "Positive or negative?")
    with pytest.raises(DataError) as caught:
        trajectory_entropy(model, prompt, prompt, [])
    assert str(caught.value) == (
        "There is no row whose answers' entropy could be measured. Give at least one that fits."
    )
