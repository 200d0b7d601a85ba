"""Two bases are told apart by what differs, and the same base is known again whatever form it comes in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import embedgrad as eg
import tiny
from embedgrad.errors import PromptError, WrongBase
from embedgrad.model import fingerprint
from embedgrad.model.load.stored_tensors import weights_digest

PROMPT = "Determine the main emotion. Answer with one word."


@pytest.fixture
def folder(tiny_folder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder("llama"), tmp_path / "base"))


@pytest.fixture
def sibling(folder: Path, tmp_path: Path) -> Path:
    """A copy of `folder`, to be changed."""
    return Path(shutil.copytree(folder, tmp_path / "sibling"))


def differing(one: Path, other: Path) -> set[str]:
    first, second = (eg.load_model(folder).identity.model_dump() for folder in (one, other))
    return {part for part in first if first[part] != second[part]} - {"name"}


def test_other_shards(folder: Path, sibling: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(sibling)
    (sibling / "model.safetensors").unlink()
    model.save_pretrained(sibling, max_shard_size="60KB")
    assert len(list(sibling.glob("model-*.safetensors"))) > 2
    assert differing(folder, sibling) == set()


@pytest.mark.parametrize("family", ["llama", "mpt", "gpt_neo", "gemma3", "llama4", "recurrent_gemma", "bloom"])
def test_saved_again(family: str, tiny_folder, tmp_path: Path) -> None:
    folder = tiny_folder(family)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.config._name_or_path = "elsewhere"
    model.save_pretrained(tmp_path / "again")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "again")
    assert differing(folder, tmp_path / "again") == set()


def test_other_load_dtype(folder: Path) -> None:
    assert eg.load_model(folder, "bfloat16").identity == eg.load_model(folder).identity


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_same_twice(family: str, tiny_folder, tiny_model) -> None:
    assert eg.load_model(tiny_folder(family)).identity == tiny_model(family).identity


@pytest.mark.parametrize("place", [0, 1, 2, 3, -1, -2])
def test_a_fine_tuned_sibling(place: int, folder: Path, sibling: Path) -> None:
    """One weight anywhere, moved by one part in a thousand."""
    tensors = load_file(sibling / "model.safetensors")
    name = sorted(tensors)[place]
    flat = tensors[name].view(-1)
    for index in (0, len(flat) // 2, len(flat) - 1):
        changed = {key: tensor.clone() for key, tensor in tensors.items()}
        changed[name].view(-1)[index] *= 1.001
        save_file(changed, sibling / "model.safetensors", {"format": "pt"})
        assert weights_digest(sibling) != weights_digest(folder)
    assert differing(folder, sibling) == {"weights"}


def test_a_large_tensor_is_sampled(tmp_path: Path) -> None:
    """First, middle and last 4 KiB: training moves them all, a hand that changes one weight between them is unseen."""
    for name, index in (("base", None), ("first", 0), ("middle", 50_000), ("last", 99_999), ("between", 20_000)):
        tensor = torch.zeros(100_000)
        if index is not None:
            tensor[index] = 1.0
        (tmp_path / name).mkdir()
        save_file({"weight": tensor}, tmp_path / name / "model.safetensors")
    base = weights_digest(tmp_path / "base")
    assert [weights_digest(tmp_path / name) == base for name in ("first", "middle", "last", "between")] == [
        False, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}},
        {"rms_norm_eps": 1e-4},
        {"hidden_act": "gelu"},
    ],
)
def test_other_architecture(changed: dict, folder: Path, sibling: Path) -> None:
    path = sibling / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    assert differing(folder, sibling) == {"config"}


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("gpt2", {"scale_attn_weights": False}),
        ("gpt2", {"reorder_and_upcast_attn": True}),
        ("gpt_neo", {"window_size": 5}),
        ("gpt_neo", {"attention_types": [[["global"], 4]], "attention_layers": ["global"] * 4}),
        ("mpt", {"attn_config": {"softmax_scale": 3.0}}),
        ("bloom", {"apply_residual_connection_post_layernorm": True}),
        ("llama4", {"use_qk_norm": False}),
        ("llama4", {"attn_temperature_tuning": False}),
        ("recurrent_gemma", {"logits_soft_cap": 0.5}),
        ("granite", {"residual_multiplier": 0.5}),
    ],
)
def test_a_key_of_one_family(family: str, changed: dict, tiny_folder, tmp_path: Path) -> None:
    folder, sibling = tiny_folder(family), Path(shutil.copytree(tiny_folder(family), tmp_path / "sibling"))
    path = sibling / "config.json"
    stored = json.loads(path.read_text())
    nested = {key: stored[key] | value for key, value in changed.items() if isinstance(stored.get(key), dict)}
    path.write_text(json.dumps(stored | changed | nested))
    assert differing(folder, sibling) == {"config"}


def test_a_usual_config_has_nothing_unusual(tiny_folder) -> None:
    """So that prompt files of before still know their base."""
    from embedgrad.model.load import POCKET

    for base in (POCKET, tiny_folder("llama"), tiny_folder("qwen2"), tiny_folder("gpt2")):
        config = eg.load_model(base).lm.config
        assert fingerprint._unusual(config) == {}


def test_a_nested_config_is_compared_by_what_it_says() -> None:
    """A dtype within it is no other function; a scale is."""
    usual = {"attn_config": {"dtype": "float32", "softmax_scale": None}, "window": 3}
    told = {"attn_config": {"dtype": "bfloat16", "softmax_scale": None}, "window": 3}
    assert fingerprint._otherwise(told, usual) == {}
    told["attn_config"]["softmax_scale"] = 3.0
    assert fingerprint._otherwise(told, usual) == {"attn_config": {"softmax_scale": 3.0}}


def test_a_config_class_without_defaults_says_nothing_unusual() -> None:
    class Strict:
        attribute_map: dict[str, str] = {}  # noqa: RUF012 - as transformers has it

        def __init__(self, size: int) -> None:
            self.size = size

        def to_dict(self) -> dict[str, int]:
            return {"size": self.size}

    assert fingerprint._unusual(Strict(3)) == {}


def test_what_changes_no_function_is_no_difference(folder: Path, sibling: Path) -> None:
    path = sibling / "config.json"
    noise = {"transformers_version": "5.1.0", "_name_or_path": "x", "dtype": "bfloat16", "use_cache": False}
    noise |= {"initializer_range": 0.5, "attention_dropout": 0.25, "max_position_embeddings": 4096, "pad_token_id": 7}
    path.write_text(json.dumps(json.loads(path.read_text()) | noise))
    assert differing(folder, sibling) == set()


def test_other_tokenizer(folder: Path, sibling: Path) -> None:
    path = sibling / "tokenizer.json"
    state = json.loads(path.read_text())
    vocabulary = state["model"]["vocab"]
    one, two = sorted(vocabulary, key=vocabulary.get)[300:302]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    path.write_text(json.dumps(state))
    assert differing(folder, sibling) == {"tokenizer"}


def test_a_tokenizer_that_adds_no_bos(folder: Path, sibling: Path) -> None:
    tiny.make_tokenizer(bos=False, chat_template=tiny.CHATML).save_pretrained(sibling)
    assert differing(folder, sibling) == {"tokenizer"}


def test_other_chat_template(folder: Path, sibling: Path) -> None:
    tiny.make_tokenizer(bos=True, chat_template=tiny.CHATML + " ").save_pretrained(sibling)
    assert differing(folder, sibling) == {"chat_template"}


class TestWrongBase:
    def test_the_message_names_both_and_what_differs(self, tiny_model) -> None:
        """Equal width, equal architecture, equal tokenizer: only the weights tell."""
        one, other = tiny_model("llama"), tiny_model("llama", seed=1)
        prompt = eg.start(one, PROMPT)
        with pytest.raises(WrongBase) as told:
            eg.start(other, prompt)
        a, b = one.identity, other.identity
        assert str(told.value) == (
            f"This prompt was tuned on {a.name} (weights {a.weights[:8]}), the model given is {b.name} (weights "
            f"{b.weights[:8]}): they differ in weights. Give the model it was tuned on, or pass "
            "eg.start(..., allow_mismatch=True) to try it anyway."
        )

    def test_all_parts_are_named(self, tiny_model) -> None:
        prompt = eg.start(tiny_model("llama"), PROMPT)
        with pytest.raises(
            WrongBase, match=r": they differ in weights and architecture \(config\) and tokenizer\. Give"
        ):
            eg.start(tiny_model("qwen2"), prompt)

    def test_one_part_alone(self, folder: Path, sibling: Path) -> None:
        tiny.make_tokenizer(bos=False, chat_template=tiny.CHATML).save_pretrained(sibling)
        prompt = eg.start(eg.load_model(folder), PROMPT)
        with pytest.raises(WrongBase, match=r": they differ in tokenizer\. Give"):
            eg.start(eg.load_model(sibling), prompt)

    def test_allow_mismatch_is_the_door(self, tiny_model) -> None:
        one, other = tiny_model("llama"), tiny_model("llama", seed=1)
        said: list[str] = []
        found = eg.start(other, eg.start(one, PROMPT), allow_mismatch=True, say=said.append)
        assert torch.equal(found.embeddings, eg.start(one, PROMPT).embeddings)
        assert len(said) == 1
        assert said[0].endswith(": they differ in weights.")

    def test_a_chat_template_only_warns(self, folder: Path, sibling: Path, tmp_path: Path) -> None:
        tiny.make_tokenizer(bos=True, chat_template="Hi! " + tiny.CHATML).save_pretrained(sibling)
        eg.start(eg.load_model(folder), PROMPT).save(tmp_path / "p.safetensors")
        said: list[str] = []
        found = eg.start(eg.load_model(sibling), tmp_path / "p.safetensors", say=said.append)
        assert said == [
            "The model's chat template has changed since this prompt was tuned; the rendering stored with the prompt "
            "is used."
        ]
        assert found.template.segments[0].text == "<|im_start|>user\n"

    def test_another_width(self, tiny_model) -> None:
        prompt = eg.SoftPrompt(torch.zeros(3, 48))
        model = tiny_model("llama")
        with pytest.raises(PromptError) as told:
            eg.start(model, prompt)
        assert str(told.value) == (
            f"This prompt has 48 numbers per token, {model.identity.name} takes 32: it was tuned on another "
            "model, which it does not name."
        )
        named = eg.SoftPrompt(torch.zeros(3, 48), base=tiny_model("qwen2").identity)
        with pytest.raises(PromptError, match=rf"it was tuned on {tiny_model('qwen2').identity.name}\.$"):
            eg.start(model, named)

    def test_every_verb_checks(self, tiny_model, tmp_path: Path) -> None:
        eg.start(tiny_model("llama"), PROMPT).save(tmp_path / "p.safetensors")
        other = tiny_model("llama", seed=1)
        rows = [eg.Example(f"row {n}", "sad") for n in range(10)]
        for use in (
            lambda: eg.generate(other, tmp_path / "p.safetensors", ["no"]),
            lambda: eg.evaluate(other, tmp_path / "p.safetensors", rows),
            lambda: eg.tune(other, tmp_path / "p.safetensors", rows, validation=[eg.Example("x", "sad")]),
        ):
            with pytest.raises(WrongBase):
                use()
