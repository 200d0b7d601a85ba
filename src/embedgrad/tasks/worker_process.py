"""The processes that answer what may take any time, as seen from the process that uses them."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from threading import Lock

from embedgrad.errors import EmbedgradError
from embedgrad.tasks.worker import ANSWER_SECONDS, Message, receive, send

_CLOSING_SECONDS = 0.5


class WorkerProcess:
    """`python -m MODULE`, which calls `worker.serve`, started at the first question and kept. Threads take turns.

    `does` says what it does, for people; `timed_out` and `died` count the requests that took longer than `seconds` and
    those that ended the process.
    """

    def __init__(self, module: str, does: str, seconds: float = ANSWER_SECONDS) -> None:
        self.module, self.does, self.seconds = module, does, seconds
        self.timed_out = self.died = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def ask(self, request: Message) -> Message | None:
        """Its reply; None where that takes too long or ends the process. Raises EmbedgradError where the process does
        not start."""
        with self._lock:
            try:
                reply = self._reply(request)
            except BaseException:  # Trap: after Ctrl-C the reply to this request would be taken for that to the next
                self._end()
                raise
        self.timed_out += reply["outcome"] == "timed out"
        self.died += reply["outcome"] == "died"
        return None if reply["outcome"] in ("timed out", "died") else reply

    def close(self) -> None:
        """End the process. The next question starts another."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Leave the process to the one that this process was forked from."""
        self._process, self._lock = None, Lock()

    def _reply(self, request: Message) -> Message:
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        requests, replies = _pipes(self._process)
        try:
            send(requests, request)
            reply = receive(replies)
        except BrokenPipeError:
            reply = None
        if reply is None:
            self._end()
            return {"outcome": "died"}
        return reply

    def _started(self) -> subprocess.Popen[bytes]:
        # It finds the modules that this process finds, and nothing more in the working folder (-P).
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)  # noqa: PTH109
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", self.module, str(self.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        _, replies = _pipes(process)
        if receive(replies) is None:
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            raise EmbedgradError(
                f"The process that {self.does} does not start: {said[-1] if said else 'it says nothing'}. See "
                f"`python -m {self.module}`."
            )
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin.fileno(), process.stdout.fileno()


def shared(process: WorkerProcess) -> WorkerProcess:
    """`process`, which ends with this one and is left alone by its forks."""
    atexit.register(process.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=process.forget)
    return process


REGEX = shared(WorkerProcess("embedgrad.tasks.regex_worker", "looks for patterns"))
"""The one that all tasks share."""
