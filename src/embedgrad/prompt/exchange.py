"""PEFT folders of one prompt: read those of PROMPT_TUNING, P_TUNING and CPT, write PROMPT_TUNING.

PEFT puts its prompt in front of everything, with no template around it. So the fixed tokens before our prompt
slot (BOS, chat header) are folded in as rows, and a README in the folder tells what is left to do.

**Source**: peft 0.21.2, `tuners/prompt_tuning/config.py` and `peft_model.py` (get_prompt_embedding_to_save).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import BadPromptFile, FileMissing, FolderExists, PromptError
from embedgrad.prompt.container import (
    LIMITS,
    MAX_HEADER_BYTES,
    PROMPT_TENSOR,
    find_tensors,
    float_rows,
    pack,
    parse_header,
)
from embedgrad.prompt.file import PromptFile, PromptRecord, read_bytes
from embedgrad.strict_json import MalformedError, shown, strict_json
from embedgrad.template import template as slots
from embedgrad.template.layout import RenderedTemplate
from embedgrad.template.template import FixedText, Segment, Slot

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
_READABLE = ("PROMPT_TUNING", "P_TUNING", "CPT")
_DTYPES = {PROMPT_TENSOR: ("F32", "F16", "BF16")}
_ADVICE = "Save it again with PEFT's save_pretrained."


def read_peft(folder: Path) -> PromptFile:
    """The prompt of a PEFT folder, as float32: no text, no template, and the base by name only.

    Raises FileMissing or BadPromptFile. pickle (`adapter_model.bin`) is not read.
    """
    if not folder.is_dir():
        raise FileMissing(f"{folder} is no folder. Name the folder that holds {CONFIG}.")
    if (folder / PICKLE).exists() and not (folder / WEIGHTS).exists():
        raise BadPromptFile(
            f"{folder / PICKLE} is a pickle, which can run code when it is read; embedgrad reads only "
            f"{WEIGHTS}. Save it again with PEFT's save_pretrained(..., safe_serialization=True)."
        )
    text, data = read_bytes(folder / CONFIG, MAX_HEADER_BYTES), read_bytes(folder / WEIGHTS)
    try:
        return _read(text, data)
    except (MalformedError, RecursionError) as error:
        raise BadPromptFile(f"{folder} is not a usable PEFT prompt: {error}. {_ADVICE}") from None


def write_peft(
    folder: Path, content: PromptFile, header_rows: npt.NDArray[np.float32], layers: int, heads: int
) -> None:
    """A folder that `PeftModel.from_pretrained` loads, with F + P virtual tokens.

    `header_rows` [F, D] are the base model's input embeddings (scaling included) of the fixed ids before the
    prompt slot, F may be 0; `layers` and `heads` are the base model's. Raises FolderExists, OutputError, or
    PromptError where a varying slot stands before the prompt or `header_rows` does not fit.
    """
    template = content.record.template
    header, tail = ([], []) if template is None else _around_prompt(template)
    _check_rows(header, header_rows, content, known=template is not None)
    if folder.is_dir() and any(folder.iterdir()):
        raise FolderExists(f"{folder} is there already and not empty. Name a new folder.")
    rows = np.concatenate([header_rows.astype(np.float32), content.embeddings])
    make_folder(folder)
    write_file(folder / "README.md", _readme(content, header, tail, template).encode())
    write_file(folder / WEIGHTS, bytes(pack({"format": "pt"}, {PROMPT_TENSOR: rows})))
    config = json.dumps(_config(content, rows.shape, layers, heads), indent=2) + "\n"
    write_file(folder / CONFIG, config.encode())


def _read(text: bytes, data: bytes) -> PromptFile:
    config = strict_json(text, CONFIG, LIMITS.json)
    if not isinstance(config, dict) or config.get("peft_type") not in _READABLE:
        found = shown(config.get("peft_type") if isinstance(config, dict) else config)
        raise MalformedError(f"{CONFIG} has the peft_type {found}; expected {', '.join(_READABLE)}")
    header, start = parse_header(data)
    tensor = find_tensors(header, start, len(data), _DTYPES)[PROMPT_TENSOR]
    for key, size in zip(("num_virtual_tokens", "token_dim"), tensor.shape, strict=True):
        if type(config.get(key)) is not int or config[key] != size:
            raise MalformedError(f"{CONFIG} has {key} {shown(config.get(key))}, but {WEIGHTS} holds {size}")
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str | None) or not (base or "x").isprintable():
        raise MalformedError(f"{CONFIG} has base_model_name_or_path {shown(base)}; expected a name or null")
    record = PromptRecord(
        text=None,
        template=None,
        base=None,
        trainable=None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        metrics={},
        settings={"peft_type": config["peft_type"], "base_model_name_or_path": base},
    )
    return PromptFile(float_rows(data, tensor), None, record)


def _around_prompt(template: RenderedTemplate) -> tuple[list[FixedText], list[Segment]]:
    """The fixed texts before the prompt slot, and all that stands after it."""
    place = template.segments.index(Slot(name=slots.PROMPT_SLOT))
    header: list[FixedText] = []
    for segment in template.segments[:place]:
        if isinstance(segment, Slot):
            raise PromptError(
                f"This prompt cannot be a PEFT folder: {{{segment.name}}} stands before {{prompt}} in its "
                "template, and PEFT puts its prompt first. Tune with a template that starts with the prompt."
            )
        header.append(segment)
    return header, list(template.segments[place + 1 :])


def _check_rows(
    header: list[FixedText], header_rows: npt.NDArray[np.float32], content: PromptFile, *, known: bool
) -> None:
    width = content.embeddings.shape[1]
    expected = sum(len(segment.ids) for segment in header)
    if header_rows.ndim != 2 or header_rows.shape[1] != width or (known and len(header_rows) != expected):
        raise PromptError(
            f"header_rows has the shape {header_rows.shape}; expected {(expected if known else 'F', width)}: "
            "one row for each fixed id before the prompt."
        )
    for name, rows in (("header_rows", header_rows), ("The prompt", content.embeddings)):
        if not np.isfinite(rows).all():
            raise PromptError(f"{name} holds NaN or infinity; PEFT would load it, and answer nonsense.")


def _config(content: PromptFile, shape: tuple[int, ...], layers: int, heads: int) -> dict[str, Any]:
    """What PEFT stores; never `tokenizer_kwargs`, which it would pass on to a tokenizer."""
    base = content.record.base
    return {
        "auto_mapping": None,
        "base_model_name_or_path": base.name if base else None,
        "inference_mode": True,
        "modules_to_save": None,
        "num_attention_heads": heads,
        "num_layers": layers,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": shape[0],
        "peft_type": "PROMPT_TUNING",
        "prompt_tuning_init": "RANDOM",
        "prompt_tuning_init_text": None,
        "revision": base.revision if base else None,
        "task_type": "CAUSAL_LM",
        "token_dim": shape[1],
        "tokenizer_name_or_path": None,
    }


def _readme(
    content: PromptFile, header: list[FixedText], tail: list[Segment], template: RenderedTemplate | None
) -> str:
    rows = len(content.embeddings)
    if template is None:
        after = "It came without a template: nobody recorded which text must follow it.\n"
    else:
        after = _AFTER.format(tail=_listed(tail), end=json.dumps(template.target_end_ids))
    return _README.format(rows=rows, header=_listed(header), after=after)


def _listed(segments: list[FixedText] | list[Segment]) -> str:
    """One indented line for each segment: a Markdown code block in which nothing is markup."""
    lines = [
        f"    {{{segment.name}}}"
        if isinstance(segment, Slot)
        else f"    text {json.dumps(segment.text)}  ids {json.dumps(segment.ids)}"
        for segment in segments
    ]
    return "\n".join(lines) or "    nothing"


_README = """\
# A soft prompt tuned by embedgrad, as a PEFT folder

Load it with `PeftModel.from_pretrained(base_model, folder)`.

PEFT puts its virtual tokens in front of everything. The last {rows} of them are the tuned prompt. Folded in
before these, as ordinary embeddings:

{header}

{after}
Tokenize the query with `add_special_tokens=False`: what the model needs in front is among the virtual tokens.

Limits: the prompt works with the base model it was tuned on and no other, which PEFT does not check. Do not
call `apply_chat_template` on the query. The template, the words the prompt started from and the measurements
are in embedgrad's own prompt file only.
"""

_AFTER = """\
This must follow the virtual tokens, in this order. Use the ids where they are given, and tokenize by itself
what fills a slot in braces:

{tail}

The model then answers, and ends its answer with the ids {end}.
"""
