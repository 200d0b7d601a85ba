"""A checkpoint or snapshot that is not, byte for byte, what was written is refused with its name."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from embedgrad.errors import CannotResume, EmbedgradError
from embedgrad.prompt.sealed import sealed
from embedgrad.strict_json import MalformedError
from embedgrad.tuning.choice import Validation
from embedgrad.tuning.state import Candidate, State, decode_state, load_state, save_state, saved_step
from embedgrad.tuning.trajectory import read_trajectory, write_snapshot
from prompt.mutants import random_mutants, sealed_mutants, take_apart

P, D = 3, 4
INPUTS = "a" * 64


def state() -> State:
    """With tensors of all kinds that a method may have."""
    rows = torch.arange(P * D, dtype=torch.float32).reshape(P, D) / 8 - 0.5
    found = Validation(0.5, 0.75, 40)
    return State(
        step=12,
        tensors={"embeddings": rows, "ids": torch.arange(P)},
        moments={"embeddings.mean": rows / 2, "embeddings.mean_square": rows.square(), "deep": torch.ones(1, 2, 1, 3)},
        candidates=(
            Candidate({"embeddings": rows + 1, "ids": torch.arange(P) + 1}, 8, found),
            Candidate({"embeddings": rows + 2, "ids": torch.arange(P) + 2}, 12, Validation(0.375, 0.7, 40)),
        ),
        stale=1,
        validations=((0, Validation(2.0, None, 40)), (8, found), (12, Validation(0.375, 0.7, 40))),
        seconds=1.25,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "state.safetensors"
    save_state(path, state(), INPUTS)
    return path.read_bytes()


def record_in(good: bytes, changes: dict[str, Any]) -> dict[str, Any]:
    _, own, _ = take_apart(good)
    own = {**own, **changes}
    return {key: value for key, value in own.items() if value is not ... and key != "content_sha256"}


FIRST, SECOND = state().candidates
VERSION_1 = {
    "embeddings": state().tensors["embeddings"].numpy(),
    "mean": state().moments["embeddings.mean"].numpy(),
    "mean_square": state().moments["embeddings.mean_square"].numpy(),
    "best_embeddings": FIRST.tensors["embeddings"].numpy(),
}


def named(parts: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, Any]:
    return {f"{part}/{name}": tensor.numpy() for part, tensors in parts.items() for name, tensor in tensors.items()}


THE_POINT = {"tensors": state().tensors, "moments": state().moments}
VERSION_2 = named(THE_POINT | {"best": FIRST.tensors})
VERSION_3 = named(THE_POINT | {"candidates/0": FIRST.tensors, "candidates/1": SECOND.tensors})
EARLIER = {
    "best": {"step": 8, "loss": 0.5, "accuracy": 0.75},
    "candidates": ...,
    "validation_rows": ...,
}
"""What a record had when one prompt was kept, and what it had not."""


@pytest.fixture(scope="module")
def of_version_1(good: bytes) -> bytes:
    """The same as an embedgrad of before wrote it, with the tensors that there were."""
    return sealed(record_in(good, {"format_version": 1} | EARLIER), VERSION_1)


@pytest.fixture(scope="module")
def of_version_2(good: bytes) -> bytes:
    return sealed(record_in(good, {"format_version": 2} | EARLIER), VERSION_2)


def assert_all_refused(good: bytes, count: int, seed: int) -> None:
    for number, mutant in enumerate(random_mutants(good, count, seed)):
        try:
            decode_state(mutant)
        except MalformedError:
            continue
        pytest.fail(f"mutant {number} of seed {seed} was accepted")


def assert_read_or_refused(good: bytes, count: int, seed: int) -> int:
    """Mutants whose checksum was made to fit: no other error than ours; how many were read."""
    read = 0
    for mutant in sealed_mutants(good, count, seed):
        try:
            decode_state(mutant)
            read += 1
        except MalformedError:
            continue
    return read


@pytest.mark.parametrize("version", ["good", "of_version_1", "of_version_2"])
def test_altered_checkpoints_are_refused(version: str, request: pytest.FixtureRequest) -> None:
    good = request.getfixturevalue(version)
    assert_all_refused(good, 3_000, seed=1)
    assert assert_read_or_refused(good, 1_000, seed=2) < 1_000


@pytest.mark.stress
def test_a_hundred_thousand_altered_checkpoints_are_refused(good: bytes) -> None:
    assert_all_refused(good, 100_000, seed=3)
    assert_read_or_refused(good, 20_000, seed=4)


def test_every_bit_of_a_checkpoint_counts(good: bytes) -> None:
    for place in range(len(good)):
        mutant = bytearray(good)
        mutant[place] ^= 1 << (place % 8)
        with pytest.raises(MalformedError):
            decode_state(bytes(mutant))


def test_a_flipped_sign_is_noticed(tmp_path: Path, good: bytes) -> None:
    """What turned 16 right of 16 into none, with exit code 0."""
    path = tmp_path / "state.safetensors"
    body = bytearray(good)
    for place in range(len(good) - 8 * P - 4 * P * D, len(good) - 8 * P, 4):  # candidates/1/embeddings
        body[place + 3] ^= 0x80
    path.write_bytes(bytes(body))
    with pytest.raises(CannotResume) as error:
        load_state(path, INPUTS, torch.device("cpu"))
    assert re.fullmatch(
        re.escape(f"The checkpoint {path} cannot be used: its content_sha256 is '")
        + r"[0-9a-f.]+', but its bytes give '[0-9a-f.]+': it is damaged or altered\. Start the run anew\.",
        str(error.value),
    )
    with pytest.raises(CannotResume):
        saved_step(path)


NAN = np.full((P, D), np.nan, dtype=np.float32)
EDITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"step": -1}, {}, "step is -1: Input should be greater than or equal to 0"),
    ({"step": "12"}, {}, "step is '12': Input should be a valid integer"),
    ({"step": 12.5}, {}, "step is 12.5: Input should be a valid integer"),
    ({"step": True}, {}, "step is True: Input should be a valid integer"),
    ({"step": 4}, {}, "its validations are not in order, or later than its step"),
    ({"step": ...}, {}, "step is missing from its record"),
    ({"stale": None}, {}, "stale is None: Input should be a valid integer"),
    ({"seconds": -1.0}, {}, "seconds is -1.0: Input should be greater than or equal to 0"),
    ({"seconds": "x"}, {}, "seconds is 'x': Input should be a valid number"),
    ({"finished": 5}, {}, "finished is 5: Input should be a valid string"),
    ({"inputs_sha256": "b"}, {}, "inputs_sha256 is 'b': Value error, expected 64 lower-case hex digits"),
    ({"inputs_sha256": None}, {}, "inputs_sha256 is None: Input should be a valid string"),
    ({"validations": 5}, {}, "validations is 5: Input should be a valid array"),
    ({"validations": [[0]]}, {}, "validations.0.1 is missing from its record"),
    ({"validations": [[0, "x", None]]}, {}, "validations.0.1 is 'x': Input should be a valid number"),
    ({"validations": [[8, 1.0, None], [0, 1.0, None]]}, {}, "its validations are not in order, or later than its step"),
    ({"more": 1}, {}, "more is 1: Extra inputs are not permitted"),
    ({"format_version": 4}, {}, "it has the format version 4; this embedgrad reads versions 1, 2 and 3"),
    ({"format_version": "1"}, {}, "its embedgrad record has the format_version '1'; expected 1"),
    ({}, {"prompt_embeddings": NAN}, "it holds the tensors ["),
]
DISAGREE = "its record and its tensors do not agree on which prompts may be kept"
OF_ONE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    *EDITS,
    ({"best": 5}, {}, "best is 5: Input should be an object"),
    ({"best": {"step": 8}}, {}, "best.loss is missing from its record"),
    ({"best": {"step": 99, "loss": 0.5, "accuracy": None}}, {}, "its validations are not in order, or later than its"),
    ({"best": None}, {}, DISAGREE),
]
OF_VERSION_1: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    *OF_ONE,
    ({}, {"best_embeddings": None}, DISAGREE),
    ({}, {"embeddings": None}, "it holds the tensors ["),
    ({}, {"mean": NAN}, "row 0 of mean holds NaN or infinity; expected finite numbers"),
    ({}, {"best_embeddings": NAN}, "row 0 of best_embeddings holds NaN or infinity; expected finite numbers"),
    ({}, {"mean": np.zeros((P, D + 1), np.float32)}, "its tensors have different shapes"),
    ({}, {"mean": np.zeros(P * D, np.float32)}, "mean has the shape (12,); expected [P, D]"),
    ({}, {"mean": np.zeros((P, D), np.int64)}, "mean has the dtype 'I64'; expected F32"),
]
NAMES = "expected tensors/NAME and perhaps moments/NAME and "
ONES = [1] * 9
OF_VERSION_2: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    *OF_ONE,
    ({}, dict.fromkeys(("best/ids", "best/embeddings")), DISAGREE),
    ({}, {"best/ids": None}, "its tensors have different shapes"),
    ({}, {"best/more": np.zeros((P, D), np.float32)}, "its tensors have different shapes"),
    ({}, {"best/embeddings": np.zeros((P, D + 1), np.float32)}, "its tensors have different shapes"),
    ({}, {"embeddings": VERSION_1["embeddings"]}, "it holds the tensors ["),
    ({}, {"best/embeddings": NAN}, "row 0 of best/embeddings holds NaN or infinity; expected finite numbers"),
    (
        {},
        {"moments/deep": np.zeros(ONES, np.float32)},
        "moments/deep has the shape [1, 1, 1, 1, 1, 1, ...]; expected 1 to",
    ),
]
ONE = {"step": 8, "loss": 0.5, "accuracy": 0.75}
OF_VERSION_3: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    *EDITS,
    ({"candidates": 5}, {}, "candidates is 5: Input should be a valid array"),
    ({"candidates": [ONE, {"step": 8}]}, {}, "candidates.1.loss is missing from its record"),
    ({"candidates": [ONE, ONE | {"step": 99}]}, {}, "its validations are not in order, or later than its step"),
    ({"candidates": [ONE | {"step": 9}, ONE]}, {}, "its validations are not in order, or later than its step"),
    ({"candidates": [ONE]}, {}, DISAGREE),
    ({"candidates": []}, {}, DISAGREE),
    ({"best": ONE}, {}, DISAGREE),
    ({"validation_rows": -1}, {}, "validation_rows is -1: Input should be greater than or equal to 0"),
    ({}, dict.fromkeys(("candidates/0/ids", "candidates/0/embeddings")), DISAGREE),
    ({}, {"candidates/1/ids": None}, "its tensors have different shapes"),
    ({}, {"candidates/2/ids": np.zeros(P, np.int64)}, DISAGREE),
    ({}, {"candidates/0/embeddings": np.zeros((P, D + 1), np.float32)}, "its tensors have different shapes"),
    ({}, {"best/embeddings": VERSION_1["embeddings"]}, "it holds the tensors ["),
    ({}, {"candidates/1/embeddings": NAN}, "row 0 of candidates/1/embeddings holds NaN or infinity; expected finite"),
]


def assert_told(path: Path, says: str) -> None:
    for read in (lambda: load_state(path, INPUTS, torch.device("cpu")), lambda: saved_step(path)):
        with pytest.raises(CannotResume) as error:
            read()
        assert str(error.value).startswith(f"The checkpoint {path} cannot be used: {says}")
        assert str(error.value).endswith(". Start the run anew.")


def edited(stored: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**stored, **changes}.items() if value is not None}


@pytest.mark.parametrize(("record", "tensors", "says"), OF_VERSION_3, ids=[says[:40] for _, _, says in OF_VERSION_3])
def test_hand_made_edits_are_told(
    record: dict[str, Any], tensors: dict[str, Any], says: str, good: bytes, tmp_path: Path
) -> None:
    """Also where the checksum was made to fit."""
    path = tmp_path / "state.safetensors"
    path.write_bytes(sealed(record_in(good, record), edited(VERSION_3, tensors)))
    assert_told(path, says)


OF_EARLIER = [(1, VERSION_1, *edit) for edit in OF_VERSION_1] + [(2, VERSION_2, *edit) for edit in OF_VERSION_2]


@pytest.mark.parametrize(
    ("version", "stored", "record", "tensors", "says"),
    OF_EARLIER,
    ids=[f"{version} {says[:40]}" for version, *_, says in OF_EARLIER],
)
def test_hand_made_edits_of_an_earlier_checkpoint_are_told(
    version: int,
    stored: dict[str, Any],
    record: dict[str, Any],
    tensors: dict[str, Any],
    says: str,
    good: bytes,
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.safetensors"
    changes = {"format_version": version} | EARLIER | record
    path.write_bytes(sealed(record_in(good, changes), edited(stored, tensors)))
    assert_told(path, says)


def numbers(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.dtype, list[Any]]]:
    return {name: (tensor.dtype, tensor.tolist()) for name, tensor in tensors.items()}


def test_tensors_of_all_kinds_are_kept(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(good)
    found, now = load_state(path, INPUTS, torch.device("cpu")), state()
    assert numbers(found.tensors) == numbers(now.tensors)
    assert numbers(found.moments) == numbers(now.moments)
    assert [numbers(one.tensors) for one in found.candidates] == [numbers(one.tensors) for one in now.candidates]
    assert [(one.step, one.found) for one in found.candidates] == [(one.step, one.found) for one in now.candidates]
    assert found.validations == now.validations


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(2, dtype=torch.bfloat16), "bfloat16 tensor [2]"),
        (torch.zeros(2, dtype=torch.float64), "float64 tensor [2]"),
        (torch.tensor(1.0), "float32 tensor []"),
        (torch.zeros(2, 0), "float32 tensor [2, 0]"),
    ],
)
def test_what_would_not_come_back_as_it_is_is_not_saved(tensor: torch.Tensor, words: str, tmp_path: Path) -> None:
    """A method's author meets it at the first save, not when a run is to be resumed."""
    with pytest.raises(TypeError) as error:
        save_state(tmp_path / "state.safetensors", replace(state(), moments={"odd": tensor}), INPUTS)
    assert str(error.value) == (
        f"moments/odd is a {words}; a checkpoint keeps float32 and int64, of 1 to 8 dimensions, none of them 0."
    )
    assert not [*tmp_path.iterdir()]


def test_a_checkpoint_of_the_first_embedgrad_is_read(of_version_1: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(of_version_1)
    found, now = load_state(path, INPUTS, torch.device("cpu")), state()
    assert numbers(found.tensors) == {"embeddings": numbers(now.tensors)["embeddings"]}
    moments = numbers(now.moments)
    assert numbers(found.moments) == {name: moments[name] for name in ("embeddings.mean", "embeddings.mean_square")}
    assert numbers(found.best.tensors) == {"embeddings": numbers(FIRST.tensors)["embeddings"]}
    assert_as_before(found)


def test_a_checkpoint_of_an_earlier_embedgrad_is_read(of_version_2: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(of_version_2)
    found, now = load_state(path, INPUTS, torch.device("cpu")), state()
    assert (numbers(found.tensors), numbers(found.moments)) == (numbers(now.tensors), numbers(now.moments))
    assert numbers(found.best.tensors) == numbers(FIRST.tensors)
    assert_as_before(found)


def assert_as_before(found: State) -> None:
    """Of a record that did not say how many validation rows there are."""
    assert (found.best.step, found.best.found) == (8, replace(FIRST.found, rows=0))
    assert found.validations == tuple((step, replace(one, rows=0)) for step, one in state().validations)
    assert (found.step, found.stale, found.seconds, found.finished) == (12, 1, 1.25, None)


def no_file(path: Path) -> None:
    path.mkdir()


def too_old(path: Path) -> None:
    tensors = {"embeddings": torch.zeros(2, 2), "mean": torch.zeros(2, 2), "mean_square": torch.zeros(2, 2)}
    path.write_bytes(safetensors.torch.save(tensors, {"state": json.dumps({"step": 3})}))


def a_prompt(path: Path) -> None:
    path.write_bytes(sealed({"format_version": 1}, {"prompt_embeddings": np.zeros((2, 2), np.float32)}))


def a_later_prompt(path: Path) -> None:
    path.write_bytes(sealed({"format_version": 2}, {"prompt_embeddings": np.zeros((2, 2), np.float32)}))


def deep(path: Path) -> None:
    text = b"[" * 100_000
    path.write_bytes(struct.pack("<Q", len(text)) + text)


OTHERS: list[tuple[Callable[[Path], None], str]] = [
    (no_file, "it is a folder, not a file"),
    (too_old, "an earlier embedgrad wrote it, without a checksum, so that no damage would be noticed"),
    (a_prompt, "it holds the tensors ['prompt_embeddings']; expected embeddings and perhaps mean and perhaps"),
    (a_later_prompt, f"it holds the tensors ['prompt_embeddings']; {NAMES}best/NAME"),
    (deep, "its header is nested too deep"),
]


@pytest.mark.parametrize(("make", "says"), OTHERS, ids=[make.__name__ for make, _ in OTHERS])
def test_other_files_are_told(make: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    make(path)
    with pytest.raises(CannotResume) as error:
        saved_step(path)
    assert str(error.value).startswith(f"The checkpoint {path} cannot be used: {says}")


def test_a_long_run_is_kept_whole(tmp_path: Path) -> None:
    """As many validations as a run may have: more than a prompt file's record may hold."""
    many = tuple((step, Validation(1.0, 0.5, 40)) for step in range(20_000))
    path = tmp_path / "state.safetensors"
    save_state(path, replace(state(), step=20_000, validations=many), INPUTS)
    assert load_state(path, INPUTS, torch.device("cpu")).validations == many
    assert saved_step(path) == 20_000


class TestSnapshots:
    def test_altered_ones_are_refused(self, tmp_path: Path) -> None:
        write_snapshot(tmp_path, 4, torch.arange(6.0).reshape(2, 3))
        path = tmp_path / "step-000004.safetensors"
        good = path.read_bytes()
        for mutant in random_mutants(good, 300, seed=1):
            path.write_bytes(mutant)
            try:
                [(step, found)] = read_trajectory(tmp_path)
            except EmbedgradError as error:
                assert str(error).startswith(f"{path} is not what embedgrad writes: ")  # noqa: PT017
            else:  # without a record it counts as one of an earlier embedgrad
                assert (step, found.tolist()) == (4, [[0, 1, 2], [3, 4, 5]])

    def test_one_under_another_name(self, tmp_path: Path) -> None:
        write_snapshot(tmp_path, 4, torch.zeros(2, 3))
        (tmp_path / "step-000004.safetensors").rename(tmp_path / "step-000008.safetensors")
        with pytest.raises(EmbedgradError, match="it is the prompt after step 4"):
            read_trajectory(tmp_path)
        (tmp_path / "step-000008.safetensors").rename(tmp_path / "step-first.safetensors")
        with pytest.raises(EmbedgradError, match="its name has no number of a step, but 'first'"):
            read_trajectory(tmp_path)

    def test_those_of_an_earlier_embedgrad_are_read(self, tmp_path: Path) -> None:
        rows = torch.arange(6.0).reshape(2, 3)
        (tmp_path / "step-000004.safetensors").write_bytes(safetensors.torch.save({"prompt_embeddings": rows}))
        [(step, found)] = read_trajectory(tmp_path)
        assert (step, found.tolist()) == (4, rows.tolist())


def test_random_bytes_of_any_length(tmp_path: Path) -> None:
    rng = random.Random(0)
    for _ in range(500):
        with pytest.raises(MalformedError):
            decode_state(rng.randbytes(rng.randrange(400)))
