"""The prompt file: what is read is what was written, and nothing else is read."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutants import bad_files, put_together, random_mutants, sample, sealed_mutants, take_apart
from pydantic import ValidationError
from safetensors.numpy import load

from embedgrad.errors import BadPromptFile, FileMissing, OutputError, PromptError, UnknownVersion
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.file import PromptFile, decode, encode, read, write
from embedgrad.prompt.sealed import content_sha256

GOLDEN = Path(__file__).parent / "fixtures" / "prompt-v1.safetensors"
GOOD = encode(sample())
BAD = bad_files()


def same(one: PromptFile, other: PromptFile) -> bool:
    return (
        one.embeddings.tobytes() == other.embeddings.tobytes()
        and one.embeddings.shape == other.embeddings.shape
        and one.initial_ids == other.initial_ids
        and one.record == other.record
    )


def test_golden_file_of_version_1_is_readable_for_ever():
    data = GOLDEN.read_bytes()
    assert hashlib.sha256(data).hexdigest() == ("c7563a606f98dafce6aa9c878a0c21fd1c763e6671592e71130c3bb272dc218a")
    content = read(GOLDEN)
    assert content.embeddings.dtype == np.float32
    assert content.embeddings[0].tolist() == [-0.75, -0.625, -0.5, -0.375]
    assert same(content, sample())


def test_equal_content_gives_equal_bytes_whatever_the_order_of_keys():
    content = sample()
    turned = content.record.model_copy(
        update={"metrics": dict(reversed(content.record.metrics.items()))},
    )
    assert encode(replace(content, record=turned)) == GOOD
    assert encode(decode(GOOD, "again")) == GOOD


def test_hash_is_over_the_file_with_its_digits_zeroed():
    _, record, _ = take_apart(GOOD)
    digest = record["content_sha256"]
    assert next(iter(record)) == "content_sha256"
    zeroed = GOOD.replace(digest.encode(), b"0" * 64)
    assert digest == hashlib.sha256(zeroed).hexdigest() == content_sha256(GOOD)


def test_safetensors_reads_our_file():
    tensors = load(GOOD)
    assert tensors["prompt_embeddings"].tolist() == sample().embeddings.tolist()
    assert tensors["initial_ids"].tolist() == [5, 6, 300]


def test_all_that_may_be_missing_may_be_missing():
    nothing = {"text": None, "template": None, "base": None, "trainable": None, "metrics": {}, "settings": {}}
    content = PromptFile(np.ones((1, 1), np.float32), None, sample().record.model_copy(update=nothing))
    assert same(decode(encode(content), "bare"), content)


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_bad_file_is_refused_with_a_reason(bad):
    with pytest.raises(bad.error) as raised:
        decode(bad.data, "the file")
    assert type(raised.value) is bad.error
    assert bad.says in str(raised.value)
    assert str(raised.value).startswith("the file ")
    assert len(str(raised.value)) < 700
    assert str(raised.value).isprintable()


def assert_all_refused(count: int, seed: int) -> None:
    for number, mutant in enumerate(random_mutants(GOOD, count, seed)):
        try:
            decode(mutant, "mutant")
        except (BadPromptFile, UnknownVersion):
            continue
        pytest.fail(f"mutant {number} of seed {seed} was accepted")


def assert_read_or_refused(count: int, seed: int) -> None:
    for mutant in sealed_mutants(GOOD, count, seed):
        try:
            content = decode(mutant, "mutant")
        except (BadPromptFile, UnknownVersion):
            continue
        assert same(decode(encode(content), "again"), content)


def test_altered_files_are_refused():
    assert_all_refused(4_000, seed=1)


def test_altered_files_with_a_fitting_hash_are_read_or_refused():
    assert_read_or_refused(2_000, seed=2)


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_million_altered_files_are_refused(seed: int):
    assert_all_refused(100_000, seed)
    assert_read_or_refused(10_000, -seed)


MANY = 28_000
WRONG: list[tuple[str, dict[str, object], str]] = [
    ("trainable", {"trainable": ["x"] * MANY}, "trainable.0 is 'x': Input should be a valid boolean"),
    ("end ids", {"template": {"target_end_ids": ["x"] * MANY}}, "template.target_end_ids.0 is 'x': "),
    ("segments", {"template": {"segments": [1] * MANY}}, "template.segments.0 is 1: Input should be an object"),
    ("turns", {"template": {"source": {"turns": [1] * MANY}}}, "template.source.turns.0 is 1: "),
    ("ids", {"template": {"segments": [{"kind": "fixed", "text": "a", "ids": ["x"] * MANY}]}}, "template.segments.0."),
    ("unknown keys", {f"k{number}": 0 for number in range(MANY)}, "its embedgrad record holds more than 2,000 objects"),
    ("empty segments", {"template": {"segments": [{}] * MANY}}, "its embedgrad record holds more than 2,000 objects"),
    ("settings", {"settings": dict.fromkeys(map(str, range(MANY)), 0)}, "its embedgrad record holds more than 2,000"),
]


@pytest.mark.parametrize(("name", "changed", "says"), WRONG, ids=[name for name, _, _ in WRONG])
def test_many_wrong_values_cost_no_more_than_the_first(name: str, changed: dict, says: str):
    """Trap: pydantic keeps an object for each wrong value: 28,000 of them took 140 ms, of the 50 that a file may."""
    header, record, body = take_apart(GOOD)
    for key, value in changed.items():
        record[key] = merged(record.get(key), value)
    with pytest.raises(BadPromptFile) as error:
        decode(put_together(header, record, body), "f")
    assert str(error.value).startswith(f"f is not a usable prompt file: {says}")
    if "more than" not in says:
        del record["content_sha256"]
        with pytest.raises(ValidationError) as wrong:
            prompt_file.PromptRecord.model_validate_json(json.dumps(record))
        assert wrong.value.error_count() == 1


def merged(old: object, new: object) -> object:
    if isinstance(old, dict) and isinstance(new, dict) and len(new) < 10:
        return old | {key: merged(old.get(key), value) for key, value in new.items()}
    return new


_AUDIT = """
import sys
sys.path.insert(0, sys.argv[1])
from mutants import bad_files, random_mutants, sample, sealed_mutants
from embedgrad.errors import PromptError
from embedgrad.prompt.file import decode, encode
good = encode(sample())
mutants = [*random_mutants(good, 300, 5), *sealed_mutants(good, 300, 6)]
files = [good, *(bad.data for bad in bad_files()), *mutants, good]
modules, events, watching = set(sys.modules), [], False
def hook(event, arguments):
    if watching:
        events.append((event, repr(arguments)[:200]))
sys.addaudithook(hook)
watching, read = True, 0
for data in files:
    try:
        decode(data, "x")
        read += 1
    except PromptError:
        pass
watching = False
harmless = {"object.__getattr__", "object.__setattr__", "sys._getframe"}
print([event for event in events if event[0] not in harmless])
print(sorted(set(sys.modules) - modules), "torch" in sys.modules, "safetensors" in sys.modules, read >= 2)
"""


def test_reading_opens_imports_and_runs_nothing():
    found = subprocess.run(
        [sys.executable, "-c", _AUDIT, str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n[] False False True\n"


def test_missing_file_folder_and_large_file(tmp_path):
    with pytest.raises(FileMissing):
        read(tmp_path / "no.safetensors")
    with pytest.raises(FileMissing):
        read(Path("\0"))
    with pytest.raises(BadPromptFile, match="it is a folder, not a file"):
        read(tmp_path)
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(BadPromptFile, match="1,000,000,000,000 bytes"):
        read(large)


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadPromptFile, match="it is a pipe, not a file"):
        read(pipe)


@pytest.mark.parametrize(
    "change",
    [
        {"embeddings": np.full((3, 4), np.nan, np.float32)},
        {"embeddings": np.ones((3, 4), np.float64)},
        {"embeddings": np.ones(12, np.float32)},
        {"embeddings": np.ones((0, 4), np.float32)},
        {"embeddings": np.ones((2, 4), np.float32)},
        {"initial_ids": (1, 2)},
        {"initial_ids": (1, 2, -3)},
        {"initial_ids": (1, 2, 2**64)},
        {"record": sample().record.model_copy(update={"settings": {"text": "x" * 1_000_000}})},
        {"record": sample().record.model_copy(update={"metrics": {"loss": float("nan")}})},
        {"record": sample().record.model_copy(update={"text": "\ud800"})},
        {"record": sample().record.model_copy(update={"trainable": (True,)})},
    ],
)
def test_what_could_not_be_read_is_not_written(change, tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(PromptError):
        write(path, replace(sample(), **change))
    assert not path.exists()


def test_write_returns_the_content_hash(tmp_path):
    path = tmp_path / "p.safetensors"
    digest = write(path, sample())
    assert digest == content_sha256(path.read_bytes())
    assert same(read(path), sample())


def test_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "p.safetensors", sample())
    finally:
        os.umask(before)
    assert (tmp_path / "p.safetensors").stat().st_mode & 0o777 == 0o640


class _FullDisk(io.FileIO):
    """Takes half of what it is given, then the disk is full."""

    number = errno.ENOSPC

    def write(self, data):
        os.write(self.fileno(), bytes(data)[: len(data) // 2])
        raise OSError(self.number, os.strerror(self.number))


def _break(monkeypatch, point: str, number: int) -> None:
    calls = {"fsync": 0, "open": 0}
    real = {"fsync": os.fsync, "open": os.open}

    def fails(*_args, **_named):
        raise OSError(number, os.strerror(number))

    def nth(name: str, failing: int):
        def call(*args, **named):
            calls[name] += 1
            return fails() if calls[name] == failing else real[name](*args, **named)

        return call

    match point:
        case "open":
            monkeypatch.setattr(os, "open", nth("open", 1))
        case "write":
            disk = type("Disk", (_FullDisk,), {"number": number})
            monkeypatch.setattr(os, "fdopen", lambda fd, mode: io.BufferedWriter(disk(fd, mode)))
        case "fsync of the file":
            monkeypatch.setattr(os, "fsync", nth("fsync", 1))
        case "rename":
            monkeypatch.setattr(Path, "replace", fails)
            monkeypatch.setattr(os, "replace", fails)
        case "open of the folder":
            monkeypatch.setattr(os, "open", nth("open", 2))
        case "fsync of the folder":
            monkeypatch.setattr(os, "fsync", nth("fsync", 2))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["disk full", "disk broken"])
@pytest.mark.parametrize(
    ("point", "renamed"),
    [
        ("open", False),
        ("write", False),
        ("fsync of the file", False),
        ("rename", False),
        ("open of the folder", True),
        ("fsync of the folder", True),
    ],
)
def test_failed_write_leaves_a_whole_file(point, renamed, number, tmp_path, monkeypatch):
    path = tmp_path / "p.safetensors"
    write(path, sample())
    new = replace(sample(), embeddings=np.zeros((3, 4), np.float32))
    with monkeypatch.context() as patch:
        _break(patch, point, number)
        with pytest.raises(OutputError) as raised:
            write(path, new)
    assert os.strerror(number) in str(raised.value)
    assert path.read_bytes() == (encode(new) if renamed else GOOD)
    assert [found.name for found in tmp_path.iterdir()] == ["p.safetensors"]


_KILL = """
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mutants import sample
from embedgrad.prompt.file import encode, write
path, kills, rng = Path(sys.argv[2]), int(sys.argv[3]), random.Random(0)
contents = [sample(), replace(sample(), embeddings=sample().embeddings.repeat(3, axis=1))]
whole = {encode(content) for content in contents}
write(path, contents[0])
seen = set()
for _ in range(kills):
    child = os.fork()
    if child == 0:
        while True:
            for content in reversed(contents):
                write(path, content)
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    seen.add(path.read_bytes())
print(len(seen - whole), len(seen))
"""


def _kills(path: Path, count: int) -> list[str]:
    command = [sys.executable, "-c", _KILL, str(Path(__file__).parent), str(path), str(count)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_killed_while_saving(tmp_path):
    assert _kills(tmp_path / "p.safetensors", 10)[0] == "0"


@pytest.mark.stress
def test_killed_a_thousand_times_while_saving(tmp_path):
    assert _kills(tmp_path / "p.safetensors", 1_000) == ["0", "2"]


def test_record_is_plain_json():
    _, record, _ = take_apart(GOOD)
    assert set(record) == {"content_sha256", *prompt_file.PromptRecord.model_fields}
    assert json.loads(json.dumps(record)) == record
