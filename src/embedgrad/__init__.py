"""Tune the token embeddings of the prompt you already have, the model frozen.

    import embedgrad as eg

    model = eg.load_model("Qwen/Qwen2.5-0.5B-Instruct")
    run = eg.tune(model, "Determine the main emotion ...", "train.jsonl")
    run.prompt.save("emotion.safetensors")

The names below are all there is; importing them one by one keeps `import embedgrad` free of torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedgrad.data.example import Example
    from embedgrad.data.sources import load_examples
    from embedgrad.errors import EmbedgradError
    from embedgrad.evaluation.answering import Generation
    from embedgrad.evaluation.evaluate import evaluate
    from embedgrad.evaluation.generate import generate, stream
    from embedgrad.evaluation.result import Evaluation, compare
    from embedgrad.events import StepDone, Validated
    from embedgrad.jobs.python import tune
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.model.load import load_model
    from embedgrad.prompt.place import save_peft, start
    from embedgrad.prompt.soft_prompt import SoftPrompt
    from embedgrad.run.score import Comparison, Score
    from embedgrad.tasks.task import Task
    from embedgrad.template.template import Template
    from embedgrad.tuning.tune import Run, forward

_HOME = {
    "Comparison": "run.score",
    "EmbedgradError": "errors",
    "Evaluation": "evaluation.result",
    "Example": "data.example",
    "FrozenModel": "model.frozen_model",
    "Generation": "evaluation.answering",
    "Run": "tuning.tune",
    "Score": "run.score",
    "SoftPrompt": "prompt.soft_prompt",
    "StepDone": "events",
    "Task": "tasks.task",
    "Template": "template.template",
    "Validated": "events",
    "compare": "evaluation.result",
    "evaluate": "evaluation.evaluate",
    "forward": "tuning.tune",
    "generate": "evaluation.generate",
    "load_examples": "data.sources",
    "load_model": "model.load",
    "save_peft": "prompt.place",
    "start": "prompt.place",
    "stream": "evaluation.generate",
    "tune": "jobs.python",
}

__all__ = [
    "Comparison",
    "EmbedgradError",
    "Evaluation",
    "Example",
    "FrozenModel",
    "Generation",
    "Run",
    "Score",
    "SoftPrompt",
    "StepDone",
    "Task",
    "Template",
    "Validated",
    "compare",
    "evaluate",
    "forward",
    "generate",
    "load_examples",
    "load_model",
    "save_peft",
    "start",
    "stream",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("embedgrad")
    if name not in _HOME:
        raise AttributeError(f"module 'embedgrad' has no attribute {name!r}")
    value = getattr(import_module(f"embedgrad.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
