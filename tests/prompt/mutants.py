"""Broken prompt files: random mutants of a good one, and a list made by hand.

`sealed` puts the right content_sha256 into a file, as an attacker would: then the hash is no help.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedgrad.errors import BadPromptFile, PromptError, UnknownVersion
from embedgrad.model.identity import BaseIdentity
from embedgrad.prompt.file import PromptFile, PromptRecord, encode
from embedgrad.prompt.sealed import content_sha256
from embedgrad.template.layout import RenderedTemplate
from embedgrad.template.template import FixedText, Slot, Template

Json = Any


def sample() -> PromptFile:
    """The content of fixtures/prompt-v1.safetensors: P = 3, D = 4."""
    template = RenderedTemplate(
        source=Template.chat("{prompt}\n\n{input}"),
        segments=(
            FixedText(text="<|user|>\n", ids=(7, 8)),
            Slot(name="prompt"),
            FixedText(text="\n\n", ids=(9,)),
            Slot(name="input"),
            FixedText(text="<|assistant|>\n", ids=(10, 11)),
        ),
        target_end_ids=(2,),
    )
    base = BaseIdentity(
        name="tiny/llama",
        revision="main",
        weights="1" * 64,
        config="2" * 64,
        tokenizer="3" * 64,
        chat_template="4" * 64,
    )
    record = PromptRecord(
        text="Détermine l'émotion 🙂.",
        template=template,
        base=base,
        trainable=(True, True, False),
        created="2026-01-02T03:04:05+00:00",
        metrics={"accuracy": 0.75, "interval": [0.5, 0.9], "steps": 12},
        settings={"learning_rate": 0.001, "seed": 0, "note": None},
    )
    embeddings = np.arange(-6, 6, dtype=np.float32).reshape(3, 4) / 8
    return PromptFile(embeddings, (5, 6, 300), record)


def take_apart(data: bytes) -> tuple[dict[str, Json], dict[str, Json], bytes]:
    """Header without the record, record, tensor bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return header, json.loads(header["__metadata__"]["embedgrad"]), data[end:]


def sealed(data: bytes) -> bytes:
    """`data` with the content_sha256 that fits it, if it has a place for one."""
    mark = b'"{\\"content_sha256\\":\\"'
    start = data.find(mark) + len(mark)
    if start < len(mark) or len(data) < start + 64:
        return data
    return data[:start] + content_sha256(data).encode() + data[start + 64 :]


def compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def with_header(text: str | bytes, body: bytes) -> bytes:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return sealed(len(raw).to_bytes(8, "little") + raw + body)


def put_together(header: dict[str, Json], record: Json, body: bytes) -> bytes:
    text = record if isinstance(record, str) else compact(record)
    metadata = {**header["__metadata__"], "embedgrad": text}
    return with_header(compact({**header, "__metadata__": metadata}), body)


def random_mutants(good: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` files that differ from `good`."""
    rng = random.Random(seed)
    made = 0
    while made < count:
        mutant = rng.choice(_MUTATIONS)(rng, good)
        if mutant != good:
            made += 1
            yield mutant


def sealed_mutants(good: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Mutants whose hash fits: some are proper files with another content."""
    rng = random.Random(seed)
    for _ in range(count):
        yield sealed(rng.choice((_edit_json, _edit_json, _overwrite, _insert))(rng, good))


def _flip(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _overwrite(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    new = rng.choice((b"\0", b"\xff", b'"', b"{", b"}", b"9", b"\\", rng.randbytes(8), b"NaN", b"\x00\x00\xc0\x7f"))
    return data[:start] + new + data[start + len(new) :]


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _insert(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.randbytes(rng.choice((1, 4, 8, 100))) + data[start:]


def _remove(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 4, 8, 64)) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, length = rng.randrange(len(data)), rng.choice((1, 8, 64))
    return data[: start + length] + data[start:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    length = rng.choice((1, 4, 16))
    first, second = sorted(rng.sample(range(0, len(data) - length, length), 2))
    one, two = data[first : first + length], data[second : second + length]
    return data[:first] + two + data[first + length : second] + one + data[second + length :]


def _header_length(rng: random.Random, data: bytes) -> bytes:
    length = rng.choice((0, 1, 2**63, 2**64 - 1, rng.randrange(2 * len(data)), rng.randrange(2**64)))
    return length.to_bytes(8, "little") + data[8:]


def _edit_json(rng: random.Random, data: bytes) -> bytes:
    """A header that is JSON still, with something else in it; not sealed."""
    header, record, body = take_apart(data)
    holder: Json = rng.choice((header, header, record, record, record))
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys)
        if isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.8:
            holder = holder[key]
            continue
        break
    match rng.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("x", "../../x", "ids", "", "plain"))] = rng.choice(_VALUES)
        case 2 if isinstance(holder, list):
            holder.insert(key, rng.choice(_VALUES))
        case _:
            holder[key] = rng.choice(_VALUES)
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and "embedgrad" in metadata:
        metadata["embedgrad"] = compact(record)
    raw = compact(header).encode()
    return len(raw).to_bytes(8, "little") + raw + body


_VALUES: tuple[Json, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 1.5, 1e308, 2**31, 2**63, 2**64, 10**30, float("nan"), float("inf")),
    *(
        "",
        "x",
        "F32",
        "I64",
        "F16",
        "slot",
        "fixed",
        "prompt",
        "input",
        "{input}{prompt}",
        "\ud800",
        "\0",
        "y" * 999,
    ),
    *([], {}, [[]], [0], [0, 0], [3, 4], [1, 12], [2**62, 4], [-3, -4], {"kind": "slot", "name": "input"}),
)
_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(
        _flip,
        _flip,
        _overwrite,
        _truncate,
        _insert,
        _remove,
        _repeat,
        _swap,
        _header_length,
        _edit_json,
        _edit_json,
    ),
)


@dataclass(frozen=True)
class BadFile:
    """A file made by hand, the error it must give, and a part of its message."""

    name: str
    data: bytes
    says: str
    error: type[PromptError] = BadPromptFile


def bad_files() -> list[BadFile]:
    """Sealed wherever there is a place for a hash, so that each meets the check it was made for."""
    good = encode(sample())
    return [*_bad_bytes(good), *_bad_headers(good), *_bad_tensors(good), *_bad_records(good)]


def _bad_bytes(good: bytes) -> list[BadFile]:
    start = good.find(b"content_sha256") + len(b'content_sha256\\":\\"')
    digits = good[start : start + 64]
    return [
        BadFile("empty", b"", "it has 0 bytes"),
        BadFile("seven bytes", b"\0" * 7, "it has 7 bytes"),
        BadFile("no header", b"\0" * 8, "its header is not valid JSON"),
        BadFile("plain text", b"Determine the main emotion.", "no safetensors file"),
        BadFile("pickle", b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os", "no safetensors file"),
        BadFile(
            "zip, as torch.save",
            b"PK\x03\x04" + bytes(60),
            "no safetensors file",
        ),
        BadFile("header of 2**64 - 1", b"\xff" * 8 + good[8:], "no safetensors file"),
        BadFile("header over 1 MB", (1_000_001).to_bytes(8, "little") + b" " * 1_000_001, "1,000,001 bytes"),
        BadFile("over 64 MB", good + bytes(64_000_000), "at most 64,000,000"),
        BadFile("cut in the header", good[:200], "its header should have"),
        BadFile("cut in the tensors", good[:-4], "its tensors end at byte"),
        BadFile("bytes after the end", good + b"\0\0\0\0", "its tensors end at byte"),
        BadFile("one bit of a number", good[:-1] + bytes([good[-1] ^ 1]), "damaged or altered"),
        BadFile("one letter of the text", good.replace(b"motion", b"mption"), "damaged or altered"),
        BadFile("hash zeroed", good.replace(digits, b"0" * 64), "damaged or altered"),
        BadFile("hash in capitals", good.replace(digits, digits.upper()), "damaged or altered"),
        BadFile("hash spaced", good[: start + 63] + b" " + good[start + 64 :], "damaged or altered"),
    ]


def _bad_headers(good: bytes) -> list[BadFile]:
    header, record, body = take_apart(good)
    end = len(good) - len(body)
    text = good[8:end].decode().rstrip()
    tensors = {key: value for key, value in header.items() if key != "__metadata__"}
    plain = dict(record)
    del plain["content_sha256"]
    longer = compact({**record, "content_sha256": "0" * 65})
    metadata = header["__metadata__"]
    return [
        BadFile("not UTF-8", with_header(b"\xff" + text.encode(), body), "can't decode byte 0xff"),
        BadFile("a list", with_header("[1]", body), "a JSON object is expected"),
        BadFile("nested 100,000 deep", with_header("[" * 100_000, body), "nested too deep"),
        BadFile("a million empty tensors", with_header(f"[{'{},' * 300_000}{{}}]", b""), "more than 30,000 values"),
        BadFile("NaN", with_header(text[:-1] + ',"x":NaN}', body), "NaN is no number"),
        BadFile("tensor twice", with_header(text[:-1] + ',"initial_ids":1}', body), "'initial_ids' occurs twice"),
        BadFile("number of 9,999 digits", with_header(text[:-1] + f',"x":{"9" * 9999}}}', body), "4300 digits"),
        BadFile("space in front", with_header(" " + text, body), "another program rewrote it"),
        BadFile("no metadata", with_header(compact(tensors), body), "another kind of file"),
        BadFile("LoRA", with_header(compact({"__metadata__": {"format": "pt"}}), b""), "{'format': 'pt'}"),
        BadFile("record is no text", with_header(compact({"__metadata__": {"embedgrad": 1}}), b""), "another kind"),
        BadFile("metadata is a list", with_header(compact({"__metadata__": [1]}), b""), "another kind"),
        BadFile(
            "more metadata",
            put_together({**header, "__metadata__": {**metadata, "format": "pt"}}, record, body),
            "its metadata has the keys ['embedgrad', 'format']",
        ),
        BadFile("record is no JSON", put_together(header, "{", body), "its embedgrad record is not valid JSON"),
        BadFile("record is a list", put_together(header, "[]", body), "the format_version None"),
        BadFile(
            "record key twice",
            put_together(header, compact(record)[:-1] + ',"text":"a"}', body),
            "'text' occurs twice",
        ),
        BadFile("hash not first", put_together(header, {**plain, "content_sha256": "0" * 64}, body), "rewrote it"),
        BadFile("hash of 65 digits", put_together(header, longer, body), "longer than 64 digits"),
        BadFile(
            "version 2",
            put_together(header, {**record, "format_version": 2}, body),
            "version 2",
            UnknownVersion,
        ),
        BadFile(
            "version 0",
            put_together(header, {**record, "format_version": 0}, body),
            "version 0",
            UnknownVersion,
        ),
        BadFile(
            "version 2 of another layout",
            with_header(compact({"__metadata__": {"embedgrad": '{"format_version":2}'}, "more": []}), b""),
            "this embedgrad reads version 1",
            UnknownVersion,
        ),
        BadFile("version 1.0", put_together(header, {**record, "format_version": 1.0}, body), "format_version 1.0"),
        BadFile(
            "version true",
            put_together(header, {**record, "format_version": True}, body),
            "format_version True",
        ),
    ]


def _bad_tensors(good: bytes) -> list[BadFile]:
    header, record, body = take_apart(good)

    def bad(name: str, says: str, data: bytes = body, **tensors: Json) -> BadFile:
        changed = {key: value for key, value in (header | tensors).items() if value is not None}
        return BadFile(name, put_together(changed, record, data), says)

    def entry(dtype: str, shape: Json, *offsets: Json) -> Json:
        return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}

    ids, rows = body[:24], body[24:]
    nan, infinity = struct.pack("<f", float("nan")), struct.pack("<f", float("inf"))
    return [
        bad("path as a name", "it holds the tensors", **{"../../x": entry("F32", [1], 72, 76)}),
        bad("no embeddings", "it holds the tensors", prompt_embeddings=None),
        bad("half precision", "has the dtype 'F16'", prompt_embeddings=entry("F16", [3, 8], 24, 72)),
        bad("dtype is a list", "has the dtype []", prompt_embeddings=entry([], [3, 4], 24, 72)),
        bad("ids as floats", "initial_ids has the dtype 'F32'", initial_ids=entry("F32", [6], 0, 24)),
        bad("one dimension", "expected [P, D]", prompt_embeddings=entry("F32", [12], 24, 72)),
        bad("three dimensions", "1 or 2 positive", prompt_embeddings=entry("F32", [3, 2, 2], 24, 72)),
        bad("no rows", "has the shape [0, 4]", prompt_embeddings=entry("F32", [0, 4], 24, 24)),
        bad("negative shape", "has the shape [-3, -4]", prompt_embeddings=entry("F32", [-3, -4], 24, 72)),
        bad("shape of true", "has the shape [True, 12]", prompt_embeddings=entry("F32", [True, 12], 24, 72)),
        bad("4 TiB", "in 48 bytes", prompt_embeddings=entry("F32", [2**20, 2**20], 24, 72)),
        bad("shape over 2**64", "has the shape", prompt_embeddings=entry("F32", [2**64, 1], 24, 72)),
        bad(
            "too many rows",
            "P <= 20,000",
            ids + bytes(80_004),
            prompt_embeddings=entry("F32", [20_001, 1], 24, 80_028),
        ),
        bad("gap", "starts at byte", ids + bytes(4) + rows, prompt_embeddings=entry("F32", [3, 4], 28, 76)),
        bad("overlap", "starts at byte", prompt_embeddings=entry("F32", [3, 4], 20, 68)),
        bad("backwards", "in -48 bytes", prompt_embeddings=entry("F32", [3, 4], 72, 24)),
        bad("three offsets", "expected 2 integers", prompt_embeddings=entry("F32", [3, 4], 24, 72, 72)),
        bad("no dtype", "expected dtype, shape and data_offsets", prompt_embeddings={"shape": [3, 4]}),
        bad("entry is null in text", "expected dtype, shape and data_offsets", prompt_embeddings=[]),
        bad("NaN in the rows", "row 1 of prompt_embeddings", body[:40] + nan + body[44:]),
        bad("infinity in the rows", "row 2 of prompt_embeddings", body[:-4] + infinity),
        bad("negative id", "token ids start at 0", struct.pack("<3q", 5, -1, 7) + rows),
        bad(
            "two ids, three rows",
            "expected (3,)",
            body[8:],
            initial_ids=entry("I64", [2], 0, 16),
            prompt_embeddings=entry("F32", [3, 4], 16, 64),
        ),
    ]


def _bad_records(good: bytes) -> list[BadFile]:
    header, record, body = take_apart(good)
    template, base = record["template"], record["base"]
    without = {key: value for key, value in record.items() if key != "settings"}

    def bad(name: str, says: str, **fields: Json) -> BadFile:
        return BadFile(name, put_together(header, record | fields, body), says)

    def segments(*found: Json) -> Json:
        return template | {"segments": list(found)}

    def source(**found: Json) -> Json:
        return template | {"source": {"turns": [], "plain": None} | found}

    prompt, text = {"kind": "slot", "name": "prompt"}, {"kind": "slot", "name": "input"}
    return [
        BadFile("no settings", put_together(header, without, body), "settings is missing from its record"),
        bad("unknown field", "code is 'import os'", code="import os"),
        bad("text is a number", "text is 5", text=5),
        bad("created is no time", "created is 'yesterday'", created="yesterday"),
        bad("created elsewhere", "in UTC", created="2026-01-02T03:04:05+02:00"),
        bad("short mask", "trainable has 2 entries", trainable=[True, False]),
        bad("mask of numbers", "trainable.0 is 1", trainable=[1, 1, 0]),
        bad("short digest", "base.weights is 'ab'", base=base | {"weights": "ab"}),
        bad("lone surrogate", "its record is", text="\ud800"),
        bad("escape sequence in a key", "\\x1b[2J", **{"\x1b[2J": 1}),
        bad("metrics is a list", "metrics is []", metrics=[]),
        bad("two prompt slots", "2 slots 'prompt'", template=segments(prompt, prompt, text)),
        bad("no prompt slot", "0 slots 'prompt'", template=segments(text)),
        bad("no input slot", "0 slots 'input'", template=segments(prompt)),
        bad("strange slot", "slots ['x']", template=segments(prompt, text, {"kind": "slot", "name": "x"})),
        bad("third kind of segment", "template.segments.0", template=segments({"kind": "code"}, prompt, text)),
        bad(
            "negative fixed id",
            "negative",
            template=segments({"text": "", "ids": [-1], "kind": "fixed"}, prompt, text),
        ),
        bad("negative end id", "negative token id", template=template | {"target_end_ids": [-1]}),
        bad("empty source", "template.source is no template", template=source()),
        bad(
            "lone brace in the source",
            "template.source is no template",
            template=source(plain="{prompt}{input}{"),
        ),
        bad(
            "source of both kinds",
            "both turns and a plain",
            template=template | {"source": template["source"] | {"plain": "{prompt}{input}"}},
        ),
        bad(
            "chat template of a plain text",
            "is plain text and names a chat template",
            template=source(plain="{prompt}{input}", chat_template="rag"),
        ),
        bad(
            "arguments of a plain text",
            "is plain text and names a chat template",
            template=source(plain="{prompt}{input}", template_arguments={"x": 1}),
        ),
        bad(
            "chat template is a number",
            "template.source.chat_template is 7",
            template=template | {"source": template["source"] | {"chat_template": 7}},
        ),
        bad(
            "arguments are a list",
            "template.source.template_arguments is ['x']",
            template=template | {"source": template["source"] | {"template_arguments": ["x"]}},
        ),
    ]
