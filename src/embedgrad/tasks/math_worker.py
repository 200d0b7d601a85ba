"""The process in which math-verify compares answers: `python -m embedgrad.tasks.math_worker [SECONDS]`.

It speaks JSON over its standard input and output, each message behind its length in four bytes. First it says
`{"outcome": "ready"}`; then it answers every `{"answer", "target"}` with an outcome: equal, different, timed out, died.

It imports math-verify once and forks. The fork does the work, under a timer that the operating system ends it by, under
a limit of memory, and with all that could run code or leave the process refused. When it ends, the next fork takes its
place within milliseconds.

math-verify 0.9.0 reads LaTeX with a grammar and builds SymPy objects, but two ways lead from it to `eval`, both by
SymPy's `parse_expr`: its reading of plain expressions, which is not used here, and `sympy.Number(text)`, which takes
the digits of every number there. `read_numbers_only` puts a function in the place of `parse_expr` that reads a number
and nothing else. Whatever still came to evaluate text would be refused by `refuse_code`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import sys
from typing import Literal, cast

Outcome = Literal["ready", "equal", "different", "timed out", "died"]
PAIR_SECONDS = 2.0
PAIR_BYTES = 4 * 2**30
# They bring in what is imported late, and fill the parser's tables: the first pair of a kind takes ten times as long.
WARM_UP = (
    (r"\frac{1}{3}", "0.333"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/4)"),
    (r"x^2 + 3x - \frac{11+9a}{20}", r"(x+1)(x-2) = 2\sqrt{3} - x_1"),
    (r"y = 2x + 3", "x < 3"),
    ("x^2 - 1", "(x-1)(x+1)"),  # SymPy's simplify, which imports its units
    ("2x = 4y + 2", "x - 2y = 1"),  # its solve
    (r"\int_0^1 x dx", r"\frac{1}{2}"),  # its integrals, which compile a data class as they are imported
    (r"(-\infty, 2) \cup [3, 5]", r"x \in [0, 1)"),
    (r"\{1 \pm \sqrt{5}, -2\}", r"1, 2, 3"),
    (r"\begin{pmatrix} 1/5 & 0 \\ -18/5 & 1 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    (r"137 \frac{1}{2}", r"6 - 5i"),
    (r"2^{10} \cdot 3!", r"\sin 30^\circ + \log_2 8 + |x| \le 11{,}000\%"),
    (r"15\mbox{ cm}^2", r"\text{even}"),
    (r"\binom{5}{2}", r"\lfloor 2.5 \rfloor + e^{i\pi} + f(x) + \overline{AB} + 2516_8"),
)
_LENGTH = struct.Struct(">I")
_NUMBER = re.compile(r"[0-9]+|[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?|[0-9]+[eE][-+]?[0-9]{1,3}")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "winreg.", "urllib.", "ftplib.", "http.")
_HARMLESS = ("os.listdir", "os.scandir", "os.walk")  # an import looks for files


def send(pipe: int, message: dict[str, str]) -> None:
    """Write one message. Raises BrokenPipeError where nobody reads."""
    data = json.dumps(message).encode()
    data = _LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(pipe, data) :]


def receive(pipe: int) -> dict[str, str] | None:
    """The next message; None where the other end is gone."""
    header = _exactly(pipe, _LENGTH.size)
    data = _exactly(pipe, _LENGTH.unpack(header)[0]) if header else None
    return None if data is None else cast("dict[str, str]", json.loads(data))


def _exactly(pipe: int, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        piece = os.read(pipe, count - len(data))
        if not piece:
            return None
        data += piece
    return data


def refuse_code() -> None:
    """From now on this process compiles and runs no text, starts no process, opens no connection and writes no file:
    a RuntimeError instead. It can still import modules, and SymPy may compile its arithmetic of monomials, a template
    into which goes only the number of variables. It cannot be undone."""
    from sympy.polys.monomials import MonomialOps

    template = MonomialOps._build.__code__

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if leads_out(event, arguments):
            if event in ("compile", "exec") and sys._getframe(1).f_code is template:
                return
            raise RuntimeError(f"refused: {event}")

    sys.addaudithook(refuse)


def leads_out(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event runs text as code, starts or reaches something, or writes; importing a module does not."""
    if event in ("compile", "exec"):
        name = getattr(arguments[0], "co_filename", None) if event == "exec" else arguments[1]
        file = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        return not file.endswith(".py") and not file.startswith("<frozen ")  # so not a module
    if event == "open":
        return bool(cast(int, arguments[2] or 0) & _WRITES)
    return event.startswith(_REFUSED) and event not in _HARMLESS


def read_numbers_only() -> None:
    """From now on SymPy takes a text for a number or for nothing."""
    from sympy import Basic, Float, Integer
    from sympy.parsing import sympy_parser

    def number(text: str, *arguments: object, **options: object) -> Basic:
        if not _NUMBER.fullmatch(text):
            raise SyntaxError(f"{text!r} is no number")
        return Integer(text) if text.isdigit() else Float(text)

    sympy_parser.parse_expr = number


def are_equal(answer: str, target: str) -> bool:
    """Whether math-verify finds two answers in LaTeX equal. Takes any time and memory: not to be called elsewhere."""
    from math_verify import LatexExtractionConfig, parse, verify

    reading = (LatexExtractionConfig(boxed_match_priority=0),)
    wanted, given = (
        parse(f"\\boxed{{{text}}}", reading, fallback_mode="no_fallback", parsing_timeout=None)
        for text in (target, answer)
    )
    return bool(wanted and given and verify(wanted, given, timeout_seconds=None))


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (PAIR_BYTES, PAIR_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # where the system has no such limit, the time limits it alone
        return


def _answer(requests: int, replies: int, seconds: float) -> None:
    """Answer requests, each within `seconds`, or die by SIGALRM: its default action ends even a loop in C."""
    refuse_code()
    while (request := receive(requests)) is not None:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        is_equal = are_equal(request["answer"], request["target"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(replies, {"outcome": "equal" if is_equal else "different"})


class _Fork:
    """A copy of this process that answers requests until it dies."""

    def __init__(self, seconds: float) -> None:
        read_requests, self.requests = os.pipe()
        self.replies, write_replies = os.pipe()
        self.id = os.fork()
        if self.id == 0:
            os.close(self.requests)
            os.close(self.replies)
            try:
                _answer(read_requests, write_replies, seconds)
            finally:
                os._exit(0)
        os.close(read_requests)
        os.close(write_replies)

    def outcome(self, request: dict[str, str]) -> Outcome:
        """What it finds; after "timed out" and "died" it is no more."""
        try:
            send(self.requests, request)
            reply = receive(self.replies)
        except BrokenPipeError:
            reply = None
        if reply is not None:
            return cast(Outcome, reply["outcome"])
        os.close(self.requests)
        os.close(self.replies)
        _, status = os.waitpid(self.id, 0)
        return "timed out" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "died"


def main(seconds: float) -> None:
    """Serve until the other end closes standard input."""
    answers, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # so that nothing printed by a library gets between the messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _limit_memory()
    # Trap: before the two doors close, since modules of SymPy read names and compile classes as they are imported.
    for pair in WARM_UP:
        are_equal(*pair)
    read_numbers_only()
    os.dup2(nowhere, 2)
    send(answers, {"outcome": "ready"})
    fork = _Fork(seconds)
    while (request := receive(0)) is not None:
        outcome = fork.outcome(request)
        if outcome in ("timed out", "died"):
            fork = _Fork(seconds)
        send(answers, {"outcome": outcome})


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else PAIR_SECONDS)
