"""Steps of half-precision models on a processor that only emulates their dtype: in float32, and as exact."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import rows
import tiny
from embedgrad.engine import plan
from embedgrad.engine.forecast import forecast
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.rows import lay_out_rows

EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(12)]
STATES = ("mamba", "recurrent_gemma")  # keep a state: of half precision, where the model has run before
PLACES = ("{prompt}\n\n{input}", "{input}\n\n{prompt}\n")


@pytest.fixture(autouse=True)
def emulating(monkeypatch):
    monkeypatch.setattr(plan, "cpu_multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(plan, "EMULATED_PASS", 0)
    monkeypatch.setattr(plan, "SMALL_PASS", 0)


def chosen(model, place="{prompt}\n\n{input}", **options):
    prompt = eg.start(model, "Determine the mood.", eg.Template.chat(place))
    laid = lay_out_rows(model, prompt, EXAMPLES)
    return choose(model, prompt.embeddings, laid, **options), prompt.embeddings, laid


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("family", "changed"), [variant for variant in tiny.VARIANTS if variant.values[0] not in STATES]
)
def test_loss_and_gradient_are_those_of_the_same_weights_in_float32(family, changed, dtype, place, tiny_model):
    model = tiny_model(family, dtype, **changed)
    engine, prompt, laid = chosen(model, place)
    assert engine.wide is not None
    assert engine.used.techniques[-1] == "weights widened to float32"
    float32 = FrozenModel(copy.deepcopy(model.lm).float(), model.tokenizer, model.identity, model.context_tokens)
    wanted = Engine(Plain(float32)).loss_and_gradient(prompt, laid)
    for _ in range(2):  # the second time with what was kept of the inputs
        found = engine.loss_and_gradient(prompt, laid)
        torch.testing.assert_close(found.row_nats, wanted.row_nats, rtol=2e-5, atol=2e-5)
        torch.testing.assert_close(
            found.gradient, wanted.gradient, rtol=1e-3, atol=1e-5 * float(wanted.gradient.norm())
        )
    assert {weight.dtype for weight in model.lm.parameters()} == {getattr(torch, dtype)}
    assert {weight.dtype for weight in engine.model.lm.parameters()} <= {getattr(torch, dtype), torch.float32}


def test_layers_that_are_computed_again(tiny_model):
    from dataclasses import replace

    engine, prompt, laid = chosen(tiny_model("qwen2", "bfloat16"))
    again = engine.through(type(engine.path), replace(engine.techniques, checkpoints=True))
    assert again.wide is engine.wide
    one, other = (by.loss_and_gradient(prompt, laid) for by in (engine, again))
    torch.testing.assert_close(one.gradient, other.gradient)


def test_a_model_whose_parts_read_each_others_weights_stays_as_it_is(tiny_model):
    assert chosen(tiny_model("mamba", "bfloat16"))[0].wide is None


def test_the_memory_of_a_step_is_that_of_a_float32_model(tiny_model):
    model = tiny_model("qwen2", "bfloat16")
    engine, prompt, laid = chosen(model)
    wide, float32 = forecast(engine, prompt, laid, 8), chosen(tiny_model("qwen2", "float32"))[0]
    assert wide.pass_bytes == pytest.approx(forecast(float32, prompt, laid, 8).pass_bytes, rel=0.25)


def test_where_it_does_not_pay(tiny_model, monkeypatch):
    assert chosen(tiny_model("qwen2", "float32"))[0].wide is None
    assert chosen(tiny_model("qwen2", "bfloat16"), with_gradient=False)[0].wide is None
    monkeypatch.setattr(plan, "EMULATED_PASS", 1e9)
    assert chosen(tiny_model("qwen2", "bfloat16"))[0].wide is None
    monkeypatch.setattr(plan, "EMULATED_PASS", 0)
    monkeypatch.setattr(plan, "cpu_multiplies_bfloat16", lambda: True)
    assert chosen(tiny_model("qwen2", "bfloat16"))[0].wide is None


def test_rows_behind_a_varying_beginning_take_the_plain_path_in_float32(tiny_model):
    """Where the prompt comes at once for some rows, and behind something for others."""
    model = tiny_model("qwen2", "bfloat16")
    placed = [eg.start(model, "Determine the mood.", eg.Template.text(place)) for place in PLACES]
    mixed = [row for prompt in placed for row in lay_out_rows(model, prompt, EXAMPLES[:2])]
    engine = choose(model, placed[0].embeddings, mixed)
    assert engine.used.path == "plain"
    assert engine.wide is not None


def test_what_cannot_be_widened_is_compiled_where_that_is_wanted(tiny_model, monkeypatch):
    compiled: list[object] = []
    monkeypatch.setattr(plan, "_compile", lambda model, *rest: compiled.append(model))
    for family, is_compiled in (("mamba", True), ("qwen2", False)):
        model = tiny_model(family, "bfloat16")
        engine, _, _ = chosen(model, compiled=True)
        assert (engine.wide is None) == is_compiled == (model in compiled)


def test_it_is_not_compiled_as_well(tiny_model):
    said: list[str] = []
    engine, _, _ = chosen(tiny_model("qwen2", "bfloat16"), compiled=True, say=said.append)
    assert engine.wide is not None
    assert said == ["not compiled: this processor only emulates the model's dtype, so steps are computed in float32"]


def test_a_whole_tuning(tiny_model):
    """The file, the text as start and the validations are those of the half-precision model."""
    model = tiny_model("qwen2", "bfloat16")
    options = {"validation": EXAMPLES[:4], "min_steps": 4, "epochs": 0.1, "evaluate_every": 2, "batch_size": 4}
    run, again = (eg.tune(model, "Good?", EXAMPLES[4:], **options) for _ in range(2))
    assert "weights widened to float32" in run.engine.techniques
    assert torch.equal(run.prompt.embeddings, again.prompt.embeddings)
    score = eg.evaluate(model, run.prompt, EXAMPLES[:4]).score
    assert score.loss == pytest.approx(run.prompt.metrics["validation_loss"])


def test_a_forward_that_ctrl_c_ends_leaves_nothing_behind(tiny_model, monkeypatch):
    """torch runs the hooks of a module whose forward failed, but not after a KeyboardInterrupt."""
    engine, prompt, laid = chosen(tiny_model("qwen2", "bfloat16"))
    engine = replace(engine, whatever_size=True)
    wanted = engine.loss_and_gradient(prompt, laid)
    linear, calls = torch.nn.functional.linear, 0

    def interrupted(*given):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return linear(*given)

    for _ in range(3):
        calls = 0
        monkeypatch.setattr(torch.nn.functional, "linear", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.loss_and_gradient(prompt, laid)
        monkeypatch.undo()
        found = engine.loss_and_gradient(prompt, laid)
        assert torch.equal(found.gradient, wanted.gradient)
        assert not engine.wide._widened
