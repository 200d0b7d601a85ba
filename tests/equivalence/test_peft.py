"""Against real PEFT PromptTuning, where PEFT can say the same: plain text, the prompt first, no BOS."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, TaskType, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

import embedgrad as eg
import tiny
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import choose
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.template.layout import Span

FOLDERS = ("qwen2", "gpt2", "llama", "gemma3", "granite")  # the last two scale their embeddings, each in its own way
PROMPT = "Determine the main emotion. Answer with one word."
ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "sad"), eg.Example("no", "the end")]


def peft_model(model: eg.FrozenModel, folder: Path, prompt: eg.SoftPrompt, **start: object) -> PeftModel:
    """PEFT on a base of its own, with our rows unless `start` says how: its text start cuts or repeats the text."""
    config = PromptTuningConfig(
        task_type=TaskType.CAUSAL_LM,
        num_virtual_tokens=len(prompt),
        num_attention_heads=1,  # asked for where a config has none (Mamba); prompt tuning does not use it
        **start or {"prompt_tuning_init": "RANDOM"},
    )
    wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(folder, dtype=model.dtype), config)
    if not start:
        with torch.no_grad():
            wrapped.prompt_encoder["default"].embedding.weight.copy_(prompt.embeddings)
    return wrapped.eval()


def padded_for_peft(layouts, prompt: eg.SoftPrompt) -> dict[str, torch.Tensor]:
    """What stands behind the prompt, padded on the right where rows differ in length."""
    rests = [torch.tensor(layout.ids[len(prompt) :]) for layout in layouts]
    labels = [rest.clone() for rest in rests]
    for label, layout in zip(labels, layouts, strict=True):
        label[: layout.target.start - len(prompt)] = -100
    return {
        "input_ids": pad_sequence(rests, batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(rest) for rest in rests], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }


@pytest.mark.parametrize(
    ("family", "together"),
    [(family, False) for family in (*tiny.FAMILIES, *tiny.OTHERS)] + [(family, True) for family in tiny.SHARING],
)
def test_loss_and_gradient(family: str, together: bool, tiny_folder, tiny_model) -> None:
    """Of the plain path and of the one that is chosen, against PEFT row by row, without any padding, and in a batch
    (whose padding would run into a state)."""
    model = tiny_model(family, chat=False, bos=False)
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, ROWS)
    assert {layout.prompt for layout in layouts} == {Span(0, len(prompt))}
    wrapped = peft_model(model, tiny_folder(family, chat=False, bos=False), prompt)
    tokens = sum(len(layout.target) for layout in layouts)
    loss = 0.0
    for rows in [layouts] if together else [[layout] for layout in layouts]:
        part = sum(len(layout.target) for layout in rows) / tokens
        found = part * wrapped(**padded_for_peft(rows, prompt)).loss
        found.backward()
        loss += found.item()
    gradient = wrapped.prompt_encoder["default"].embedding.weight.grad
    assert [name for name, weight in wrapped.named_parameters() if weight.grad is not None] == [
        "prompt_encoder.default.embedding.weight"
    ]

    for ours in (
        eg.forward(model, prompt, ROWS),
        loss_and_gradient(Plain(model), prompt.embeddings, [layouts]),
        choose(model, prompt.embeddings, layouts).loss_and_gradient(prompt.embeddings, layouts),
    ):
        assert ours.loss == pytest.approx(loss, rel=1e-5)
        assert (ours.gradient - gradient).norm() <= 1e-5 * gradient.norm()


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_the_text_start_is_pefts(family: str, tiny_folder, tiny_model) -> None:
    """Where PEFT is told the length of the text, and no token straddles the prompt's edge."""
    model = tiny_model(family, chat=False, bos=False)
    prompt = eg.start(model, PROMPT, eg.Template.text("{prompt}{input}\n"))
    folder = tiny_folder(family, chat=False, bos=False)
    start = {"prompt_tuning_init": "TEXT", "prompt_tuning_init_text": PROMPT, "tokenizer_name_or_path": str(folder)}
    wrapped = peft_model(model, folder, prompt, **start)
    assert torch.equal(wrapped.prompt_encoder["default"].embedding.weight, prompt.embeddings)


def greedy_by_forward(wrapped: PeftModel, query: torch.Tensor, tokens: int) -> list[int]:
    """Trap: PEFT 0.21.2 on transformers 5.24 generates wrong text in silence. Its generate looks for the cache under
    `past_key_values`, finds none, and puts the virtual tokens before every new token again; its forward is right."""
    with torch.no_grad():
        for _ in range(tokens):
            logits = wrapped(input_ids=query, attention_mask=torch.ones_like(query), use_cache=False).logits
            query = torch.cat([query, logits[:, -1:].argmax(-1)], dim=1)
    return query[0, -tokens:].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("family", FOLDERS)
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
        real = greedy_by_forward(wrapped, query, 6)
        ours = eg.generate(model, prompt, [row], max_new_tokens=6)[0]
        assert real == wanted[0].tolist()
        assert ours.tokens == tuple(wanted[0].tolist())[: len(ours.tokens)]
        assert len(ours.tokens) == 6 or wanted[0, len(ours.tokens)].item() in (2, 4)


@pytest.mark.parametrize("family", FOLDERS)
def test_we_read_pefts_folder(family: str, tiny_folder, tiny_model, tmp_path: Path) -> None:
    model = tiny_model(family, chat=False, bos=False)
    template = eg.Template.text("{prompt}{input}\n")  # no seam: a folder does not tell which token straddled one
    ours = eg.start(model, PROMPT, template)
    wrapped = peft_model(model, tiny_folder(family, chat=False, bos=False), ours)
    wrapped.save_pretrained(tmp_path / "peft")
    said: list[str] = []
    found = eg.start(model, tmp_path / "peft", template, say=said.append)
    assert torch.equal(found.embeddings, ours.embeddings)
    assert said == ["The prompt does not say which base model it belongs to; nothing was checked."]
    rows = [eg.Example("happy", "sad")]
    assert eg.forward(model, found, rows).loss == pytest.approx(eg.forward(model, ours, rows).loss, rel=1e-6)
