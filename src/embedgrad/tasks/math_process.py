"""The worker process that compares mathematical answers, as seen from the process that uses it."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from threading import Lock
from typing import cast

from embedgrad.errors import EmbedgradError
from embedgrad.tasks.math_worker import PAIR_SECONDS, Outcome, receive, send

_CLOSING_SECONDS = 0.5


class MathProcess:
    """`python -m embedgrad.tasks.math_worker`, started at the first question and kept. Threads take turns.

    `timed_out` and `died` count the pairs that took longer than `seconds` and those that ended the process.
    """

    def __init__(self, seconds: float = PAIR_SECONDS) -> None:
        self.seconds = seconds
        self.timed_out = self.died = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def are_equal(self, answer: str, target: str) -> bool | None:
        """Whether math-verify finds the two equal; None where that takes too long or ends the process. Raises
        EmbedgradError where the process does not start."""
        with self._lock:
            try:
                outcome = self._outcome({"answer": answer, "target": target})
            except BaseException:  # Trap: after Ctrl-C the reply to this pair would be taken for that to the next
                self._end()
                raise
        self.timed_out += outcome == "timed out"
        self.died += outcome == "died"
        return None if outcome in ("timed out", "died") else outcome == "equal"

    def close(self) -> None:
        """End the process. The next question starts another."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Leave the process to the one that this process was forked from."""
        self._process, self._lock = None, Lock()

    def _outcome(self, request: dict[str, str]) -> Outcome:
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
            return "died"
        return cast(Outcome, reply["outcome"])

    def _started(self) -> subprocess.Popen[bytes]:
        # It finds the modules that this process finds, and nothing more in the working folder (-P).
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)  # noqa: PTH109
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "embedgrad.tasks.math_worker", str(self.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        _, replies = _pipes(process)
        if receive(replies) is None:
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            raise EmbedgradError(
                "The process that compares mathematical answers does not start: "
                f"{said[-1] if said else 'it says nothing'}. See `python -m embedgrad.tasks.math_worker`."
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


MATH = MathProcess()
"""The one that all tasks share."""
atexit.register(MATH.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MATH.forget)
