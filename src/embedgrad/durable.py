"""Files that are whole or absent, whatever happens to the machine.

A file is written beside its place, synced, renamed over it, and the folder is synced: after a crash the old or
the new content is there, complete. The mode follows the umask.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from embedgrad.errors import OutputError

PART = ".part"  # ends the name of a file that is being written


def write_file(path: Path, data: bytes) -> None:
    """Put `data` at `path`, atomically and durably. Raises OutputError; the old file then stays as it was."""
    target = Path(os.path.realpath(path))  # through a link: replace what it names, not the link
    if target.exists() and not target.is_file():
        raise OutputError(f"Could not write {path}: it is there and no ordinary file. Choose another name.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART}")
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


def output_error(path: Path, error: OSError) -> OutputError:
    """The message for a failed write: what could not be written, why, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "Make room on that disk."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "Choose a folder that you may write to."
    else:
        advice = "Check the path and the disk."
    return OutputError(f"Could not write {path}: {error.strerror or error}. {advice}")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
