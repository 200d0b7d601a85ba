"""What all tests share: no network, and each tiny model is made and loaded once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: a second thread only waits, worst on a busy machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-torch", action="store_true", help="importing torch is an error, as in `make fast`")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-torch"):
        sys.modules["torch"] = None  # type: ignore[assignment]


@pytest.fixture(scope="session", autouse=True)
def float32_by_default(request: pytest.FixtureRequest):
    """`--dtype auto` is float32 on every machine that runs the tests: answers are compared token by token."""
    if request.config.getoption("--without-torch"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("embedgrad.model.load.place.fastest_dtype", lambda place: "float32")
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Converted models are neither taken from the person's cache nor put there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDGRAD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def fast_paths_for_tiny_models(request: pytest.FixtureRequest):
    """Passes of any size go the way that is tested, not the plain one (tests/engine/test_plan.py has those that do)."""
    if request.config.getoption("--without-torch"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("embedgrad.engine.plan.SMALL_PASS", 0.0)
        yield


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`tiny_folder("llama", bos=False)`: the checkpoint of `tiny.make_model_folder`, made once. Do not change it."""
    import tiny

    made: dict[object, Path] = {}

    def folder(family: str, **options: object) -> Path:
        key = (family, *sorted(options.items()))
        if key not in made:
            made[key] = tiny.make_model_folder(tmp_path_factory.mktemp(family), family, **options)
        return made[key]

    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Callable[..., Path]):
    """`tiny_model("llama", bos=False)`: the loaded FrozenModel, loaded once. Do not change it."""
    from embedgrad.model.load import load_model

    loaded: dict[object, object] = {}

    def model(family: str, dtype: str = "float32", **options: object):
        key = (family, dtype, *sorted(options.items()))
        if key not in loaded:
            loaded[key] = load_model(tiny_folder(family, **options), dtype)
        return loaded[key]

    return model


@pytest.fixture(scope="session")
def stories():
    """The real 260K-parameter story model; the test is skipped where the shared folder is not there."""
    import tiny
    from embedgrad.model.load import load_model

    if not tiny.STORIES.is_dir():
        pytest.skip(f"{tiny.STORIES} is not here")
    return load_model(tiny.STORIES)
