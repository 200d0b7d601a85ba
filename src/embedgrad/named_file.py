"""Bytes of a file that somebody named or left in a folder: an ordinary one, of bounded size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MOST_BYTES = 2_000_000_000
"""Of a file that embedgrad wrote: more than any run leaves."""

_MADE_UP = ("/proc/", "/sys/")  # what Linux makes up on reading, under the type of ordinary files: some never end
_ODD = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_named(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of the file. Nothing is read from what may never end or block: a pipe, a device, a larger file.

    Raises OSError, whose `strerror` says in words what is wrong; ValueError for a path with a NUL.
    """
    check_named(path, most_bytes)
    with path.open("rb") as file:
        return file.read(most_bytes + 1)[:most_bytes]


def check_named(path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Raises what `read_named` raises."""
    found = path.stat()
    for is_so, words in _ODD:
        if is_so(found.st_mode):
            raise OSError(errno.EISDIR if words == "a folder" else errno.EINVAL, f"it is {words}, not a file")
    if os.path.realpath(path).startswith(_MADE_UP):
        raise OSError(errno.EINVAL, "it is one of the system's own, not a file")
    if found.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes; at most {most_bytes:,} are read")
