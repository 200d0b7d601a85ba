"""The trust region: each bound holds after every step of real tunings, and without bounds nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.cli.main import main
from embedgrad.data.batches import batch_rows
from embedgrad.errors import Interrupted, PromptError
from embedgrad.events import StepDone
from embedgrad.prompt.trust_region import MARGIN, OriginalTokens, distance_penalty, lead, towards_cell, within_radius
from embedgrad.run.names import METRICS, TRAJECTORY
from embedgrad.tuning.trajectory import read_trajectory

PROMPT = "Please decide whether the review is positive or negative."
EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(24)]
HELD_OUT = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(4, first=300)]
STEPS = 14
EVERY_STEP = {"epochs": 1, "min_steps": STEPS, "batch_size": 4, "evaluate_every": 1, "patience": 99}
FAST = EVERY_STEP | {"learning_rate": "1rms"}


def tuned(model: eg.FrozenModel, prompt=PROMPT, **settings):
    """The run and its prompt after every step, step 0 included."""
    seen: dict[int, torch.Tensor] = {}
    run = eg.tune(
        model,
        prompt,
        EXAMPLES,
        validation=HELD_OUT,
        max_new_tokens=1,
        snapshot=lambda step, embeddings: seen.update({step: embeddings.clone()}),
        **(FAST | settings),
    )
    assert sorted(seen) == list(range(STEPS + 1))
    return run, [seen[step] for step in sorted(seen)]


def drifts(prompts: list[torch.Tensor]) -> np.ndarray:
    """[steps, P] of ||v - v0|| / ||v0||, in double precision."""
    first, *later = (prompt.double().numpy() for prompt in prompts)
    return np.array([np.linalg.norm(v - first, axis=1) / np.linalg.norm(first, axis=1) for v in later])


def nearest(model: eg.FrozenModel, prompt: torch.Tensor) -> list[list[int]]:
    """For each vector all tokens whose embedding is nearest to it, by plain distances."""
    table = model.lm.get_input_embeddings().weight.detach().double().numpy()[: model.vocabulary]
    squares = ((prompt.double().numpy()[:, None] - table) ** 2).sum(2)
    return [np.flatnonzero(row == row.min()).tolist() for row in squares]


def is_kept(model: eg.FrozenModel, run: eg.Run, prompt: torch.Tensor) -> list[bool]:
    return [token in found for token, found in zip(run.start.initial_ids, nearest(model, prompt), strict=True)]


@pytest.fixture(scope="module")
def free(tiny_model):
    """A tuning without any bound: it leaves all regions tested here."""
    return tuned(tiny_model("qwen2"))


@pytest.mark.parametrize("radius", [0.001, 0.3, 1.5])
def test_no_vector_leaves_its_radius(tiny_model, free, radius):
    _, prompts = tuned(tiny_model("qwen2"), radius=radius)
    found = drifts(prompts)
    assert (found <= radius * (1 + 1e-12)).all()
    assert found.max() >= radius * (1 - 1e-3), "the bound has held somebody"
    assert drifts(free[1]).max() > radius


def test_the_original_token_stays_nearest(tiny_model, free):
    model = tiny_model("qwen2")
    run, prompts = tuned(model, keep_nearest=True)
    assert all(all(is_kept(model, run, prompt)) for prompt in prompts)
    assert not all(is_kept(model, free[0], free[1][-1]))
    assert drifts(prompts).max() > 0.3, "it moves all the same"


def test_tokens_that_share_a_row_stay_nearest_together(tiny_folder):
    """Every row of the vocabulary twice: each token has a twin that is as near as itself."""
    model = eg.load_model(tiny_folder("qwen2"))
    table = model.lm.get_input_embeddings().weight
    half = model.vocabulary // 2
    with torch.no_grad():
        table[half : 2 * half] = table[:half]
    run, prompts = tuned(model, keep_nearest=True)
    assert all(all(is_kept(model, run, prompt)) for prompt in prompts)
    assert drifts(prompts)[-1].min() > 0.1, "no vector is held where it was"


def test_bounds_and_frozen_tokens_together(tiny_model):
    model = tiny_model("qwen2")
    start = eg.start(model, PROMPT, frozen=(0, 3))
    run, prompts = tuned(model, start, radius=0.5, keep_nearest=True, distance_penalty=0.1)
    for prompt in prompts:
        assert torch.equal(prompt[[0, 3]], start.embeddings[[0, 3]])
        assert all(is_kept(model, run, prompt))
    assert (drifts(prompts) <= 0.5 * (1 + 1e-12)).all()
    assert drifts(prompts)[-1][[1, 2, 4]].min() > 0


def test_a_bound_that_is_never_met_changes_nothing(tiny_model, free):
    _, prompts = tuned(tiny_model("qwen2"), radius=1e6)
    assert all(torch.equal(first, second) for first, second in zip(prompts, free[1], strict=True))
    _, slow = tuned(tiny_model("qwen2"), learning_rate="0.001rms")
    _, kept = tuned(tiny_model("qwen2"), learning_rate="0.001rms", keep_nearest=True)
    assert all(torch.equal(first, second) for first, second in zip(kept, slow, strict=True))


def test_the_penalty_is_told_apart_from_the_loss_and_pulls(tiny_model, free):
    model, weight = tiny_model("qwen2"), 3.0
    run, prompts = tuned(model, distance_penalty=weight, batch_order="shuffled")
    assert drifts(prompts)[-1].mean() < drifts(free[1])[-1].mean()
    for event in (event for event in run.events if isinstance(event, StepDone)):
        at = prompts[event.step - 1]
        batch = [EXAMPLES[i] for i in batch_rows(len(EXAMPLES), 4, 0, event.step - 1)]
        assert event.loss == pytest.approx(eg.forward(model, run.start, batch, embeddings=at).loss, rel=1e-5)
        wanted = weight * np.mean(drifts([prompts[0], at]) ** 2)
        assert event.penalty == pytest.approx(wanted, rel=1e-5)
    assert all(event.penalty is None for event in free[0].events if isinstance(event, StepDone))


def test_resumed_within_bounds_is_uninterrupted(tiny_model, tmp_path):
    bounds = {"radius": 0.5, "keep_nearest": True, "distance_penalty": 0.2}
    whole, _ = tuned(tiny_model("qwen2"), **bounds)
    path = tmp_path / "state.safetensors"
    options = FAST | bounds | {"validation": HELD_OUT, "max_new_tokens": 1, "checkpoint": path}

    def stop(event) -> None:
        if isinstance(event, StepDone) and event.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, listen=stop, **options)
    resumed = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **options)
    assert torch.equal(resumed.prompt.embeddings, whole.prompt.embeddings)
    assert resumed.best_step == whole.best_step


def test_a_start_without_tokens_or_outside_their_cells_is_refused(tiny_model, free):
    model = tiny_model("qwen2")
    with pytest.raises(PromptError) as error:
        tuned(model, eg.start(model, PROMPT, kind="random"), keep_nearest=True)
    assert str(error.value) == (
        "This start has no original tokens that could stay the nearest: it is random, or its file names none. "
        "Start from a text, or leave keep_nearest out."
    )
    left = free[0].start.moved(free[1][-1])
    outside = [place for place, kept in enumerate(is_kept(model, free[0], left.embeddings)) if not kept]
    with pytest.raises(PromptError) as error:
        tuned(model, left, keep_nearest=True)
    assert str(error.value) == (
        f"In this start {len(outside)} of {len(left)} vectors are nearer to another token than to their own, the "
        f"first at position {outside[0]}, so keep_nearest cannot hold. Start from the text, or leave it out."
    )


def test_the_command_line_refuses_a_random_start_before_the_model(capsys, tmp_path: Path):
    arguments = ["--model", "not-there", "--prompt", "Good?", "--train", "t.jsonl", "--start", "random"]
    assert main(["tune", *arguments, "--keep-nearest"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --keep-nearest needs original tokens, which a random start has not: choose another.\n"
    )


def test_the_command_line_takes_all_bounds(capsys, tiny_folder, tmp_path: Path):
    train = rows.write_jsonl(tmp_path / "train.jsonl", rows.sentiment(100))
    arguments = ["--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--train", str(train)]
    short = ["--min-steps", "3", "--epochs", "0.1", "--evaluate-every", "1", "--max-new-tokens", "1"]
    bounds = ["--radius", "0.25", "--distance-penalty", "0.5", "--keep-nearest", "--learning-rate", "1rms"]
    assert main(["tune", *arguments, *short, *bounds, "--output", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err
    assert (
        "every vector stays at most 0.25 times its length from its start and where its original token is the nearest\n"
        "the distance from the start is part of the loss, with weight 0.5\n"
    ) in told
    prompts = [prompt for _, prompt in read_trajectory(tmp_path / "run" / TRAJECTORY)]
    assert drifts(prompts).max() == pytest.approx(0.25, rel=1e-3)
    lines = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    penalties = [line["penalty"] for line in lines if line["event"] == "step"]
    wanted = [0.5 * np.mean(drifts([prompts[0], at]) ** 2) for at in prompts[:-1]]
    assert penalties == pytest.approx(wanted, rel=1e-5)


class TestFunctions:
    """On made-up tables, against computations of a few lines."""

    P, V, D = 5, 40, 6

    @pytest.fixture(params=range(5))
    def made_up(self, request) -> tuple[torch.Tensor, torch.Tensor, OriginalTokens]:
        generator = torch.Generator().manual_seed(request.param)
        table = torch.randn(self.V, self.D, generator=generator)
        start = table[: self.P].clone()
        moved = start + torch.randn(self.P, self.D, generator=generator) * torch.tensor([[0.01], [0.5], [1], [3], [30]])
        return moved, start, OriginalTokens(start, table)

    def test_within_radius_is_the_nearest_point_of_the_ball(self, made_up):
        moved, start, _ = made_up
        held = within_radius(moved, start, 0.5)
        for v, u, v0 in zip(held.double().numpy(), moved.double().numpy(), start.double().numpy(), strict=True):
            limit = 0.5 * np.linalg.norm(v0)
            away = np.linalg.norm(u - v0)
            wanted = u if away <= limit else v0 + (u - v0) * limit / away
            np.testing.assert_allclose(v, wanted, rtol=1e-5, atol=1e-6)
        assert torch.equal(within_radius(held, start, 0.5), held)

    def test_a_row_that_starts_at_zero_stays(self):
        assert torch.equal(within_radius(torch.ones(1, 3), torch.zeros(1, 3), 2.0), torch.zeros(1, 3))
        value, gradient = distance_penalty(torch.ones(1, 3), torch.zeros(1, 3), 2.0)
        assert (value, gradient.tolist()) == (0.0, [[0.0, 0.0, 0.0]])

    def test_the_cells_edge_is_where_the_lead_is_used_up(self, made_up):
        moved, start, tokens = made_up
        held = towards_cell(moved, start, tokens).double().numpy()
        table, first, wish = (t.double().numpy() for t in (tokens.table, start, moved))
        for i in range(self.P):
            leads = [
                [((x - table[j]) ** 2).sum() - ((x - table[i]) ** 2).sum() for j in range(self.V) if j != i]
                for x in (first[i], wish[i])
            ]
            # MARGIN of the first lead is left at share t of the way: (1 - t) first + t now = MARGIN first
            shares = [(1 - MARGIN) * a / (a - b) for a, b in zip(*leads, strict=True) if b < MARGIN * a]
            np.testing.assert_allclose(held[i], first[i] + min([1.0, *shares]) * (wish[i] - first[i]), atol=1e-5)
        assert (lead(torch.from_numpy(held).float(), tokens) > 0).all()

    def test_lead(self, made_up):
        moved, _, tokens = made_up
        squares = torch.cdist(moved.double(), tokens.table.double()).square()
        own = squares[range(self.P), range(self.P)].clone()
        squares[range(self.P), range(self.P)] = torch.inf
        torch.testing.assert_close(lead(moved, tokens), squares.amin(1) - own)

    def test_the_penaltys_gradient_is_autograds(self, made_up):
        moved, start, _ = made_up
        value, gradient = distance_penalty(moved, start, 0.7)
        leaf = moved.clone().requires_grad_()
        loss = 0.7 * ((leaf - start).norm(dim=1) ** 2 / start.norm(dim=1) ** 2).mean()
        loss.backward()
        assert value == pytest.approx(loss.item(), rel=1e-5)
        torch.testing.assert_close(gradient, leaf.grad)
