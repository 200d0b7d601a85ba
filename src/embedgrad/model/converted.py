"""Base models that were converted once, so that they load in seconds: a folder in the user's cache for each file that
one was made from. Needs no torch.

A folder is named by what it was made from and by the version of the conversion, so that neither a new file nor a new
conversion ever meets an old folder. It is whole or absent, whatever happens to the process that makes it; one that was
damaged later counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from embedgrad.durable import remove_folder, write_file, write_folder

VERSION = 1  # of the conversion: raise it with whatever changes what load/convert.py writes
CACHE = "EMBEDGRAD_CACHE"
"""The environment variable that names another folder for the cache."""
_WEIGHTS = ".safetensors"  # by their size alone: a digest of gigabytes would take as long as loading them
_FILES = "files.json"  # of each file its size, and its SHA-256 unless it is weights


def cache_folder() -> Path:
    """Where conversions are kept: what EMBEDGRAD_CACHE names, else embedgrad's folder in the system's place for such.

    **Source**: XDG Base Directory Specification 0.8 (a relative path is ignored); Apple's and Microsoft's own places.
    """
    if given := os.environ.get(CACHE):
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "embedgrad"
    named = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    if named and Path(named).is_absolute():
        return Path(named) / "embedgrad"
    return Path.home() / ("AppData/Local" if os.name == "nt" else ".cache") / "embedgrad"


def converted(digest: str) -> Path | None:
    """The folder of the model that was made from the file of this SHA-256; None where there is none, or not all
    of it."""
    place = _place(digest)
    try:
        files = json.loads((place / _FILES).read_text(encoding="utf-8"))
        (folder,) = (path for path in place.iterdir() if path.is_dir())
        is_whole = files == _files(folder)
    except (OSError, ValueError, RecursionError):
        return None
    return folder if is_whole else None


def keep(digest: str, name: str, write: Callable[[Path], None]) -> Path:
    """The folder `name` with what `write` puts into it, kept for `digest`. Where another process has kept one
    meanwhile, that stays. Raises OutputError, and what `write` raises; then nothing is kept."""

    def with_files(place: Path) -> None:
        folder = place / named
        folder.mkdir()
        write(folder)
        write_file(place / _FILES, json.dumps(_files(folder), indent=2).encode())

    place, named = _place(digest), name if name != _FILES else "model"
    if place.exists() and converted(digest) is None:
        remove_folder(place)
    write_folder(place, with_files)
    return converted(digest) or place / named


def sha256_of(path: Path) -> str:
    """Of the content of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(digest: str) -> Path:
    return cache_folder() / "models" / f"{digest[:32]}-{VERSION}"


def _files(folder: Path) -> dict[str, list[int | str]]:
    return {
        path.name: [path.stat().st_size, *([] if path.suffix == _WEIGHTS else [sha256_of(path)])]
        for path in sorted(folder.iterdir())
    }
