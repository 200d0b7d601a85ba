"""Folders that one process at a time may write into.

Who writes holds a lock on the file `.lock` in the folder, which says who that is. The lock ends with its process,
however that ends, so a lock file that was left behind holds nobody up.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from datetime import datetime
from pathlib import Path

from embedgrad.durable import output_error
from embedgrad.errors import FolderInUse
from embedgrad.faces import by_face, setting
from embedgrad.run.names import LOCK

_LONGEST_NOTE = 200  # bytes of a lock file that are read


class Held:
    """A folder that this process holds until `release`, or until nothing refers to this object."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderInUse where another has it, OutputError where nothing can be written there."""
        self._path = folder / LOCK
        try:
            self._file = os.fdopen(_locked(self._path), "r+b", buffering=0)
            self._file.truncate(0)
            self._file.write(_note().encode())
        except BlockingIOError:
            check_not_held(folder)
            raise FolderInUse(_in_use(folder, "another process")) from None  # it was let go just now
        except OSError as error:
            raise output_error(self._path, error) from error

    def release(self) -> None:
        """Let others have it; the second time nothing."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)  # trap: while it is held, or the next one's would be removed
            self._file.close()


def check_not_held(folder: Path) -> None:
    """Raises FolderInUse, naming who, where some process holds `folder`."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | _HOW)
    except OSError:
        return  # nobody has ever, or it cannot be written into at all
    try:
        _lock(descriptor)
    except BlockingIOError:
        note = os.pread(descriptor, _LONGEST_NOTE, 0).decode(errors="replace") if hasattr(os, "pread") else ""
        raise FolderInUse(
            _in_use(folder, note if note.isprintable() and note.startswith("process ") else "another process")
        ) from None
    except OSError:
        return
    finally:
        os.close(descriptor)


def _in_use(folder: Path, who: str) -> str:
    goes_on = by_face("can be continued on the command line", f"goes on with {setting('resume')}")
    return (
        f"The folder {folder} is in use: {who} is at work in it. Wait until that has ended, or stop it; a run that was "
        f"stopped {goes_on}."
    )


def _note() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%Y-%m-%d %H:%M:%S},"


_HOW = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _locked(path: Path) -> int:
    """A descriptor of the lock file, locked. Raises BlockingIOError where another has it, OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _HOW, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EEXIST, "it is there and no ordinary file")
            _lock(descriptor)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had it removed the file in between: another one counts now


def _lock(descriptor: int) -> None:
    """Raises BlockingIOError where another has it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # behind the note, which others read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):  # a file system without locks: as before
            raise
