"""Against real PEFT PromptTuning, where PEFT can say the same: plain text, the prompt first, no BOS."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, TaskType, get_peft_model

import embedgrad as eg
from embedgrad.layouts import lay_out_rows

FAMILIES = ("qwen2", "gpt2", "llama")
PROMPT = "Determine the main emotion. Answer with one word."
ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "sad"), eg.Example("no", "the end")]


def peft_model(model: eg.FrozenModel, prompt: eg.SoftPrompt) -> PeftModel:
    """PEFT with our rows: its own text start cuts or repeats the text."""
    config = PromptTuningConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=len(prompt), prompt_tuning_init="RANDOM"
    )
    wrapped = get_peft_model(copy.deepcopy(model.lm), config)
    weight = wrapped.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        weight.copy_(prompt.embeddings)
    return wrapped.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradient(family: str, tiny_model) -> None:
    model = tiny_model(family, chat=False, bos=False)
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, ROWS)
    wrapped = peft_model(model, prompt)
    width = max(map(len, layouts)) - len(prompt)
    ids = torch.zeros(len(layouts), width, dtype=torch.long)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, layout in enumerate(layouts):
        rest = torch.tensor(layout.ids[len(prompt) :])
        ids[row, : len(rest)], mask[row, : len(rest)] = rest, 1
        start = layout.target.start - len(prompt)
        labels[row, start : len(rest)] = rest[start:]
    loss = wrapped(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    gradient = wrapped.prompt_encoder["default"].embedding.weight.grad

    found = eg.forward(model, prompt, ROWS)
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert (found.gradient - gradient).norm() <= 1e-5 * gradient.norm()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("chat", "bos"), [(False, False), (False, True), (True, True), (True, False)])
def test_peft_reads_our_folder(family: str, chat: bool, bos: bool, tiny_model, tmp_path: Path) -> None:
    """A BOS or a chat header before the prompt is folded into the virtual tokens."""
    model = tiny_model(family, chat=chat, bos=bos)
    template = eg.Template.messages([{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}])
    prompt = eg.start(model, PROMPT, template if chat else None)
    noise = torch.randn(prompt.embeddings.shape, generator=torch.Generator().manual_seed(1))
    prompt = prompt.moved(prompt.embeddings + 0.05 * noise, {}, {})
    eg.save_peft(model, prompt, tmp_path / "peft")
    wrapped = PeftModel.from_pretrained(copy.deepcopy(model.lm), tmp_path / "peft").eval()
    for row, layout in zip(ROWS, lay_out_rows(model, prompt, ROWS, with_target=False), strict=True):
        query = torch.tensor([layout.ids[layout.prompt.stop :]])
        virtual = wrapped.get_prompt(batch_size=1).to(torch.float32)
        assert virtual.shape[1] == layout.prompt.stop
        embeds = torch.cat([virtual, model.embed(query)], dim=1)
        wanted = wrapped.base_model.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones(embeds.shape[:2]),
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        real = wrapped.generate(
            input_ids=query,
            attention_mask=torch.ones_like(query),
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        ours = eg.generate(model, prompt, [row], max_new_tokens=6)[0]
        assert real[0, query.shape[1] :].tolist() == wanted[0].tolist()
        assert ours.tokens == tuple(wanted[0].tolist())[: len(ours.tokens)]
        assert len(ours.tokens) == 6 or wanted[0, len(ours.tokens)].item() in (2, 4)


@pytest.mark.parametrize("family", FAMILIES)
def test_we_read_pefts_folder(family: str, tiny_model, tmp_path: Path) -> None:
    model = tiny_model(family, chat=False, bos=False)
    template = eg.Template.text("{prompt}{input}\n")  # no seam: a folder does not tell which token straddled one
    ours = eg.start(model, PROMPT, template)
    wrapped = peft_model(model, ours)
    wrapped.save_pretrained(tmp_path / "peft")
    said: list[str] = []
    found = eg.start(model, tmp_path / "peft", template, say=said.append)
    assert torch.equal(found.embeddings, ours.embeddings)
    assert said == ["The prompt does not say which base model it belongs to; nothing was checked."]
    rows = [eg.Example("happy", "sad")]
    assert eg.forward(model, found, rows).loss == pytest.approx(eg.forward(model, ours, rows).loss, rel=1e-6)
