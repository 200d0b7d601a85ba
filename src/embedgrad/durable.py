"""Files and folders that are whole or absent, whatever happens to the machine.

A file is written beside its place, synced, renamed over it, and the folder is synced: after a crash the old or
the new content is there, complete. The mode follows the umask. A folder is made in the same way, once.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from embedgrad.errors import OutputError

PART = ".part"  # ends the name of a file or folder that is being written
_LEFT_BEHIND_SECONDS = 24 * 3600  # no folder takes longer to write: its process was killed


def write_file(path: Path, data: bytes) -> None:
    """Put `data` at `path`, atomically and durably. Raises OutputError; the old file then stays as it was."""
    target = Path(os.path.realpath(path))  # through a link: replace what it names, not the link
    if target.exists() and not target.is_file():
        raise OutputError(f"Could not write {path}: it is there and no ordinary file. Choose another name.")
    temporary = _beside(target)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise output_error(path, error) from error


def make_folder(path: Path) -> None:
    """Make `path` and its parents. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def write_folder(path: Path, write: Callable[[Path], None]) -> None:
    """Make the folder `path` of what `write` puts into it, atomically and durably; where one has come to be there
    meanwhile, that stays. Raises OutputError, and what `write` raises; then nothing is left."""
    make_folder(path.parent)
    for left in path.parent.glob(f".*{PART}"):
        if time.time() - left.stat().st_mtime > _LEFT_BEHIND_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    temporary = _beside(path)
    try:
        temporary.mkdir()
        write(temporary)
        for written in temporary.rglob("*"):
            _sync_folder(written) if written.is_dir() else _sync_file(written)
        _sync_folder(temporary)
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise
        _sync_folder(path.parent)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Remove the folder `path` with all in it; it is never there in part. Raises OutputError."""
    temporary = _beside(path)
    try:
        path.rename(temporary)
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        raise output_error(path, error) from error
    shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")


def output_error(path: Path, error: OSError) -> OutputError:
    """The message for a failed write: what could not be written, why, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "Make room on that disk."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "Choose a folder that you may write to."
    else:
        advice = "Check the path and the disk."
    return OutputError(f"Could not write {path}: {error.strerror or error}. {advice}")


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
