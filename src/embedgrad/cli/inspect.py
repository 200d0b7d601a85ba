"""`embedgrad inspect FILE`: what a prompt file contains, without its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.jobs.prompt_files import prompt_path
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.file import PromptFile
from embedgrad.prompt.sealed import content_sha256
from embedgrad.template.template import FixedText


def inspect(
    file: Annotated[Path, Parameter(help="Prompt file (*.safetensors), or a run folder.")],
    /,
    *,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Only check the file.", negative=())] = False,
) -> None:
    """Check a prompt file and show what it contains. Needs no model."""
    terminal = Terminal(json, quiet)
    file = prompt_path(file)
    data = prompt_file.read_bytes(file)
    content = prompt_file.decode(data, str(file))
    facts = _facts(content, len(data), content_sha256(data))
    terminal.result(facts)
    for name, value in facts.items():
        inner = value if isinstance(value, dict) else {"": value}
        for key, part in inner.items():
            if part not in (None, {}, []):
                terminal.say(f"{f'{name} {key}'.replace('_', ' '):<26} {_words(part)}")


def _facts(content: PromptFile, size: int, sha256: str) -> dict[str, Any]:
    record, rows = content.record, content.embeddings
    base, source = record.base, record.template.source if record.template else None
    return {
        "text": record.text,
        "tokens": rows.shape[0],
        "width": rows.shape[1],
        "row_norm_mean": float(np.linalg.norm(rows.astype(np.float64), axis=1).mean()),
        "frozen_tokens": [i for i, moves in enumerate(record.trainable or ()) if not moves],
        "template": None
        if record.template is None
        else "".join(s.text if isinstance(s, FixedText) else f"{{{s.name}}}" for s in record.template.segments),
        "chat_template": source.chat_template if source else None,
        "template_arguments": source.template_arguments if source else {},
        "base": None if base is None else base.model_dump(mode="json"),
        "created": record.created,
        "metrics": record.metrics,
        "settings": record.settings,
        "bytes": size,
        "content_sha256": sha256,
    }


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items() if isinstance(v, int | float | str))
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and len(value) == 64 and value.isalnum():
        return value[:12] + "..."  # a digest; --json has all of it
    return repr(value) if isinstance(value, str) and ("\n" in value or not value.isprintable()) else str(value)
