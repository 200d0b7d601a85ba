"""Train the pocket model from nothing: `make pocket`. About an hour on 2 cores; started again, it goes on.

The same commit, PyTorch version, processor and thread count give the same weights. What is written: `state.pt` to
resume (in the build folder only), then the model's folder as `transformers` saves it, in bf16, with the tokenizer.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tools.pocket.batches import Batch, stream
from tools.pocket.mixture import draw_document
from tools.pocket.skills import answered_exactly
from tools.pocket.tokenizer import train_tokenizer

PACKAGED = Path(__file__).parents[2] / "src/embedgrad/pocket/model"
PEAK_LEARNING_RATE = 4e-3
WARM_UP_STEPS = 150
SAVE_EVERY_STEPS = 250
WATCH_EVERY_STEPS = 250
WATCHED = 1200


@dataclass(frozen=True)
class Optimizers:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms."""

    matrices: torch.optim.Muon
    others: torch.optim.AdamW

    @classmethod
    def of(cls, model: LlamaForCausalLM) -> Optimizers:
        named = dict(model.named_parameters())
        matrices = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name]
        others = [p for name, p in named.items() if p.ndim < 2 or "embed" in name]
        return cls(
            torch.optim.Muon(matrices, lr=0.0, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0),
        )

    def step(self, learning_rate: float) -> None:
        for optimizer in (self.matrices, self.others):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A small Llama with random weights. Embeddings start with a standard deviation of 0.2, as trained tables have."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",  # rows are short: a third faster here than the fused attention
    )
    model = LlamaForCausalLM(config)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.2)
    for name, matrix in model.named_parameters():  # layers start as no-ops, which lets the rate be high
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            torch.nn.init.zeros_(matrix)
    torch.nn.init.constant_(model.model.norm.weight, 0.3)  # else the tied table's first logits are far too large
    return model


def loss_of(model: LlamaForCausalLM, body: Callable[..., Any], batch: Batch) -> Tensor:
    """Weighted mean cross-entropy over the batch; logits are computed where the weight is not 0 only. `body` is the
    model without its head, compiled."""
    weights = batch.weights[:, 1:]
    counts = weights > 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = body(input_ids=batch.ids, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[:, :-1][counts])
    nats = functional.cross_entropy(logits.float(), batch.ids[:, 1:][counts], reduction="none")
    return (nats * weights[counts]).sum() / weights.sum()


def learning_rate(step: int, steps: int) -> float:
    """Warm up, then fall to zero in a straight line."""
    return PEAK_LEARNING_RATE * min((step + 1) / WARM_UP_STEPS, (steps - step) / max(1, steps - WARM_UP_STEPS))


def watch(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """Share of held-out documents answered exactly, by source: the trained instructions only, none of the demo's."""
    rng = Random("watched")
    documents = [draw_document(rng, held_out=True) for _ in range(WATCHED)]
    model.eval()
    right: dict[str, list[bool]] = {}
    for document, is_right in zip(documents, answered_exactly(model, tokenizer, documents), strict=True):
        right.setdefault(document.source, []).append(is_right)
    model.train()
    return {source: round(sum(marks) / len(marks), 3) for source, marks in sorted(right.items())}


def save_state(path: Path, state: dict[str, object]) -> None:
    """Write `state` whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def train(folder: Path, steps: int) -> None:
    """Train for `steps` optimizer steps in all, from `folder`'s state where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.pt"
    tokenizer = train_tokenizer(folder / "model")
    model = new_model(tokenizer)
    optimizers = Optimizers.of(model)
    step, place = 0, (0, 0)
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        if state["steps"] != steps:
            raise SystemExit(f"{state_file} is of a training of {state['steps']} steps, not {steps}. Remove it first.")
        model.load_state_dict(state["model"])
        optimizers.matrices.load_state_dict(state["matrices"])
        optimizers.others.load_state_dict(state["others"])
        step, place = state["step"], tuple(state["place"])
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer):,}", flush=True)
    model.train()
    body = torch.compile(model.model, dynamic=False)
    began, tokens, loss_sum, first = time.monotonic(), 0, 0.0, step
    for number, position, batch in stream(tokenizer, *place):
        if step >= steps:
            break
        loss = loss_of(model, body, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(learning_rate(step, steps))
        step, place = step + 1, (number, position)
        tokens += batch.ids.numel()
        loss_sum += loss.item()
        if step % 50 == 0:
            seconds = time.monotonic() - began
            left = seconds / (step - first) * (steps - step)
            print(
                f"step {step}/{steps} shard {number} loss {loss_sum / 50:.4f} "
                f"{tokens / seconds:,.0f} tokens/s, {left / 60:.0f} min left",
                flush=True,
            )
            loss_sum = 0.0
        if step % WATCH_EVERY_STEPS == 0 or step == steps:
            print(json.dumps({"step": step, **watch(model, tokenizer)}), flush=True)
        if step % SAVE_EVERY_STEPS == 0 or step == steps:
            save_state(
                state_file,
                {
                    "steps": steps,
                    "step": step,
                    "place": list(place),
                    "model": model.state_dict(),
                    "matrices": optimizers.matrices.state_dict(),
                    "others": optimizers.others.state_dict(),
                },
            )
    model.to(torch.bfloat16).eval().save_pretrained(folder / "model")
    config_file = folder / "model/config.json"
    config = json.loads(config_file.read_text("utf-8")) | {"attn_implementation": "eager"}  # as in `new_model`
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    (folder / "model/model.safetensors").chmod(0o644)
    print(f"saved {folder / 'model'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/pocket"))
    parser.add_argument("--steps", type=int, default=5200)
    parser.add_argument("--install", action="store_true", help="put the model into the package")
    given = parser.parse_args()
    train(given.output, given.steps)
    if given.install:
        shutil.copytree(given.output / "model", PACKAGED, dirs_exist_ok=True)
        print(f"installed into {PACKAGED}; write the tasks' rows with python -m tools.pocket.tasks")


if __name__ == "__main__":
    main()
