"""A process that answers questions which may take any time: `serve`. Each answer comes from a fork under a timer.

It speaks JSON over its standard input and output, each message behind its length in four bytes. First it says
`{"outcome": "ready"}`; then it answers every request with an outcome of its own, or with "timed out" or "died".

The fork does the work, under a timer that the operating system ends it by and under a limit of memory. When it ends,
the next fork takes its place within milliseconds. The other end is `worker_process`.
"""

from __future__ import annotations

import json
import os
import signal
import struct
from collections.abc import Callable
from typing import cast

ANSWER_SECONDS = 2.0
ANSWER_BYTES = 4 * 2**30
_LENGTH = struct.Struct(">I")

Message = dict[str, str]
Answer = Callable[[Message], Message]


def send(pipe: int, message: Message) -> None:
    """Write one message. Raises BrokenPipeError where nobody reads."""
    data = json.dumps(message).encode()
    data = _LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(pipe, data) :]


def receive(pipe: int) -> Message | None:
    """The next message; None where the other end is gone."""
    header = _exactly(pipe, _LENGTH.size)
    data = _exactly(pipe, _LENGTH.unpack(header)[0]) if header else None
    return None if data is None else cast(Message, json.loads(data))


def _exactly(pipe: int, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        piece = os.read(pipe, count - len(data))
        if not piece:
            return None
        data += piece
    return data


def serve(answer: Answer, seconds: float, warm_up: Callable[[], None] = lambda: None) -> None:
    """Answer requests until the other end closes standard input, each within `seconds`. `warm_up` runs once, before the
    forks: what it brings in they all have."""
    answers, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # so that nothing printed by a library gets between the messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _limit_memory()
    warm_up()
    os.dup2(nowhere, 2)
    send(answers, {"outcome": "ready"})
    fork = _Fork(answer, seconds)
    while (request := receive(0)) is not None:
        reply = fork.reply(request)
        if reply["outcome"] in ("timed out", "died"):
            fork = _Fork(answer, seconds)
        send(answers, reply)


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ANSWER_BYTES, ANSWER_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # where the system has no such limit, the time limits it alone
        return


def _answer_all(answer: Answer, requests: int, replies: int, seconds: float) -> None:
    """Answer requests, each within `seconds`, or die by SIGALRM: its default action ends even a loop in C."""
    while (request := receive(requests)) is not None:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        reply = answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(replies, reply)


class _Fork:
    """A copy of this process that answers requests until it dies."""

    def __init__(self, answer: Answer, seconds: float) -> None:
        read_requests, self.requests = os.pipe()
        self.replies, write_replies = os.pipe()
        self.id = os.fork()
        if self.id == 0:
            os.close(self.requests)
            os.close(self.replies)
            try:
                _answer_all(answer, read_requests, write_replies, seconds)
            finally:
                os._exit(0)
        os.close(read_requests)
        os.close(write_replies)

    def reply(self, request: Message) -> Message:
        """What it finds; after "timed out" and "died" it is no more."""
        try:
            send(self.requests, request)
            reply = receive(self.replies)
        except BrokenPipeError:
            reply = None
        if reply is not None:
            return reply
        os.close(self.requests)
        os.close(self.replies)
        _, status = os.waitpid(self.id, 0)
        timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
        return {"outcome": "timed out" if timed_out else "died"}
