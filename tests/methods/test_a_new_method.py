"""A method of one's own that leaves an artifact of a kind of its own: a class each, and the kind's line in KINDS. Here
both stand in this file, and loop, judge, checkpoint and files take them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from pydantic import JsonValue
from torch import Tensor

import embedgrad as eg
import rows
from embedgrad.artifacts import file as artifact_file
from embedgrad.artifacts.file import ArtifactRecord
from embedgrad.artifacts.kinds import KINDS, load
from embedgrad.artifacts.text import Text
from embedgrad.engine.padded_rows import target_tokens
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine
from embedgrad.errors import CannotResume, Interrupted, NonFiniteLoss, UsageError, WrongBase
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.side_by_side import judges_side_by_side
from embedgrad.events import StepDone
from embedgrad.methods.method import Batch, Point, Proposal, Tensors
from embedgrad.model.anatomy import decoder_layers
from embedgrad.model.surgery.cuts import Forward, Wrapped
from embedgrad.prompt.bound import Bound
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import saved_record
from embedgrad.tuning.tune import Run, run_tuning
from embedgrad.watch import Watch

PROMPT = "Is it positive or negative?"
TASK = eg.Task("label", labels=("positive", "negative"))
EXAMPLES = [eg.Example(row["text"], row["label"], line=line) for line, row in enumerate(rows.sentiment(20), start=1)]
JUDGING = Judging(TASK, "both", max_new_tokens=2)
SETTINGS = TuningSettings(epochs=1, min_steps=8, batch_size=6, evaluate_every=3, checkpoint_seconds=0)


class SteeringRecord(ArtifactRecord):
    kind: Literal["steering"] = "steering"
    text: str


@dataclass(frozen=True, eq=False)
class Steering:
    """A vector [D] that the first layer adds, behind a prompt in words: an artifact that is no prompt."""

    kind: ClassVar[str] = "steering"

    words: Text
    vector: Tensor

    @property
    def base(self):
        return self.words.base

    @property
    def template(self):
        return self.words.template

    @property
    def name(self) -> str:
        return f"{self.words.name} (steered)"

    def save(self, path: str | Path) -> str:
        record = SteeringRecord(text=self.words.text, template=self.template, base=self.base)
        return artifact_file.write(Path(path), record, {"vector": self.vector.numpy()})

    @classmethod
    def load(cls, path: str | Path) -> Steering:
        record, tensors = artifact_file.read(Path(path), SteeringRecord, ("vector",))
        return cls(Text(record.text, record.template, record.base), torch.from_numpy(tensors["vector"]))

    def bind(self, model: eg.FrozenModel) -> Bound:
        if self.base is not None and self.base.weights != model.identity.weights:
            raise WrongBase(f"This vector was made on {self.base.name}, not on {model.identity.name}.")

        def around(forward: Forward) -> Forward:
            def adds(*args, **kwargs):
                found = forward(*args, **kwargs)
                hidden = found[0] if isinstance(found, tuple) else found
                moved = hidden + self.vector.to(hidden)
                return (moved, *found[1:]) if isinstance(found, tuple) else moved

            return adds

        return replace(self.words.bind(model), cuts=(Wrapped(decoder_layers(model.lm)[0], around),))


@dataclass(frozen=True, eq=False)
class Search:
    """Adds a random vector if that makes the batch's loss smaller. It knows no gradient."""

    depends_on: ClassVar[tuple[str, ...]] = ("search",)

    model: eg.FrozenModel
    start: eg.SoftPrompt
    width: int = 0  # of the vector; 0: the model's

    def begin(self) -> Point:
        return Point(0, {"vector": torch.zeros(self.width or self.model.width)}, {})

    def propose(self, at: Point, batch: Batch) -> Proposal:
        now = at.tensors["vector"]
        other = now + torch.randn(now.shape, generator=torch.Generator().manual_seed(at.step))
        loss, then = (self._loss(vector, batch) for vector in (now, other))
        kept = {"vector": other if then < loss else now}
        return Proposal(Point(at.step + 1, kept, {}), loss, target_tokens(batch.rows))

    def artifact(
        self,
        tensors: Tensors,
        metrics: Mapping[str, JsonValue] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> Steering:
        return Steering(Text.of(self.start), tensors["vector"])

    def _loss(self, vector: Tensor, batch: Batch) -> float:
        bound = self.artifact({"vector": vector}).bind(self.model)
        with bound.in_use():
            nats = batch.engine.afresh().row_nats(bound.embeddings, batch.rows)
        return float(nats.sum()) / target_tokens(batch.rows)


@pytest.fixture
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture
def steering(model) -> Steering:
    vector = torch.randn(model.width, generator=torch.Generator().manual_seed(9))
    return Steering(Text.of(eg.start(model, PROMPT)), vector)


def tuned(model, method=Search, checkpoint: Path | None = None, watch: Watch = Watch()) -> Run:
    parts = tuning_parts(EXAMPLES[:12], EXAMPLES[12:], 0, ())
    setup = Setup.prepare(model, eg.start(model, PROMPT), parts, SETTINGS, JUDGING, watch=watch, method=method)
    return run_tuning(setup, SETTINGS, checkpoint, watch)


def test_it_tunes(model):
    snapshots: list[int] = []
    run = tuned(model, watch=Watch(snapshot=lambda step, embeddings: snapshots.append(step)))
    assert isinstance(run.artifact, Steering)
    assert run.steps == 8
    assert snapshots == [0, 3, 6, 8]
    steps = [event for event in run.events if isinstance(event, StepDone)]
    assert {(event.gradient_norm, event.penalty) for event in steps} == {(0.0, None)}
    assert bool(run.artifact.vector.any()), "a vector was found that makes the loss smaller"
    with pytest.raises(UsageError) as error:
        _ = run.prompt
    assert str(error.value) == "This tuning left a steering, which is no prompt: it is the run's `artifact`."


def test_stopped_and_resumed_it_is_as_never_stopped(model, tmp_path: Path):
    def stops(event: object) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "state.safetensors"
    with pytest.raises(Interrupted) as error:
        tuned(model, checkpoint=checkpoint, watch=Watch(event=stops))
    assert isinstance(error.value.prompt, Steering), "the best so far"
    resumed, whole = tuned(model, checkpoint=checkpoint), tuned(model)
    assert [event.step for event in resumed.events if isinstance(event, StepDone)] == [5, 6, 7, 8]
    assert torch.equal(resumed.artifact.vector, whole.artifact.vector)
    assert resumed.best_step == whole.best_step


@pytest.mark.parametrize(
    ("vector", "error", "message"),
    [
        (lambda now: now * torch.nan, NonFiniteLoss, "vector became NaN or infinite at step 1. Nothing of that step "),
        (lambda now: now[:3], UsageError, "At step 1 the method gave tensors of other names, "),
        (
            lambda now: now.double(),
            UsageError,
            "At step 1 the method gave tensors of other names, ",
        ),
    ],
)
def test_what_no_checkpoint_may_hold_ends_the_tuning(vector, error, message: str, model, tmp_path: Path):
    class Breaks(Search):
        def propose(self, at: Point, batch: Batch) -> Proposal:
            found = super().propose(at, batch)
            return replace(found, point=Point(1, {"vector": vector(at.tensors["vector"])}, {}))

    with pytest.raises(error, match=message):
        tuned(model, method=Breaks, checkpoint=tmp_path / "state")
    assert saved_record(tmp_path / "state").step == 0, "the checkpoint before that step is there"


def test_another_methods_checkpoint_is_refused(model, tmp_path: Path):
    tuned(model, method=None, checkpoint=tmp_path / "ours")
    with pytest.raises(CannotResume, match="belongs to other rows, another model or other settings than are here now"):
        tuned(model, checkpoint=tmp_path / "ours")
    tuned(model, checkpoint=tmp_path / "search")
    with pytest.raises(CannotResume) as error:
        tuned(model, method=lambda model, start: Search(model, start, width=7), checkpoint=tmp_path / "search")
    assert str(error.value) == (
        f"The checkpoint {tmp_path / 'search'} holds tensors of another shape or kind. Start the run anew."
    )


def test_all_kinds_are_judged_side_by_side(model, steering: Steering):
    placed = eg.start(model, PROMPT)
    moved = placed.moved(placed.embeddings * 1.5)
    still = replace(steering, vector=torch.zeros(model.width))
    artifacts = [artifact.bind(model) for artifact in (Text.of(placed), moved, still, steering)]
    judges = judges_side_by_side(artifacts, EXAMPLES, JUDGING)
    found = [judge.judge(bound, "it") for judge, bound in zip(judges, artifacts, strict=True)]
    assert found[2] == found[0], "a vector of zeros is the text"
    losses = [evaluation.score.loss for evaluation in found]
    assert len(set(losses)) == 3
    alone = eg.evaluate(model, PROMPT, EXAMPLES, TASK, score_by="both", max_new_tokens=2)
    assert found[0].predictions == alone.predictions
    by_one_judge = [judges[0].judge(bound, "it") for bound in artifacts]
    assert by_one_judge == found, "nothing of one is left for the next"


def test_a_judge_takes_what_its_rows_are_laid_out_for(model, tiny_model):
    judge = Judge.prepare(eg.start(model, PROMPT).bind(model), EXAMPLES, JUDGING)
    other = tiny_model("llama")
    elsewhere = eg.start(model, PROMPT, eg.Template.text("{input}{prompt}"))
    for bound in (
        eg.start(model, "Good?").bind(model),
        eg.start(other, PROMPT).bind(other),
        elsewhere.bind(model),
    ):
        with pytest.raises(ValueError, match="this judge's rows are laid out for another model or prompt"):
            judge.judge(bound, "it")


def test_what_is_set_in_the_model_goes_through_every_path(model, steering: Steering):
    bound = steering.bind(model)
    judge = Judge.prepare(bound, EXAMPLES, JUDGING)
    assert judge.engine.shares
    plain = replace(judge, engine=Engine(Plain(model)))
    fast, slow = (one.judge(bound, "it").predictions for one in (judge, plain))
    for one, other in zip(fast, slow, strict=True):
        assert one.nats == pytest.approx(other.nats, rel=1e-5)
        assert (one.output, one.likeliest) == (other.output, other.likeliest)
    assert model.surgery.names == ()


def test_it_is_saved_and_loaded_by_its_kind(model, tiny_model, steering: Steering, monkeypatch, tmp_path: Path):
    monkeypatch.setitem(KINDS, Steering.kind, Steering)
    path = tmp_path / "steering.safetensors"
    steering.save(path)
    again = load(path)
    assert isinstance(again, Steering)
    assert np.array_equal(again.vector, steering.vector)
    assert (again.words, again.name) == (steering.words, f"{PROMPT} (steered)")
    judge = Judge.prepare(again.bind(model), EXAMPLES, JUDGING)
    assert judge.judge(again.bind(model), "it") == judge.judge(steering.bind(model), "it")
    with pytest.raises(WrongBase):
        again.bind(tiny_model("llama"))
