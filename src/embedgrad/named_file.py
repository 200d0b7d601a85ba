"""Bytes of a file that the user named: an ordinary one, of bounded size."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

_ODD = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_named(path: Path, most_bytes: int) -> bytes:
    """All bytes of the file. Nothing is read from what may never end or block: a pipe, a device, a larger file.

    Raises OSError, whose `strerror` says in words what is wrong; ValueError for a path with a NUL.
    """
    check_named(path, most_bytes)
    with path.open("rb") as file:
        return file.read(most_bytes + 1)[:most_bytes]


def check_named(path: Path, most_bytes: int) -> None:
    """Raises what `read_named` raises."""
    found = path.stat()
    for is_so, words in _ODD:
        if is_so(found.st_mode):
            raise OSError(errno.EISDIR if words == "a folder" else errno.EINVAL, f"it is {words}, not a file")
    if found.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes; at most {most_bytes:,} are read")
