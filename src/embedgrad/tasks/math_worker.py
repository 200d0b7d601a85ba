"""The process in which math-verify compares answers: `python -m embedgrad.tasks.math_worker [SECONDS]`.

It serves as `worker` says: a request is `{"answer", "target"}`, its outcome "equal" or "different". math-verify is
imported once, before the forks; in them all that could run code or leave the process is refused.

math-verify 0.9.0 reads LaTeX with a grammar and builds SymPy objects, but two ways lead from it to `eval`, both by
SymPy's `parse_expr`: its reading of plain expressions, which is not used here, and `sympy.Number(text)`, which takes
the digits of every number there. `read_numbers_only` puts a function in the place of `parse_expr` that reads a number
and nothing else. Whatever still came to evaluate text would be refused by `refuse_code`.
"""

from __future__ import annotations

import os
import re
import sys
from typing import cast

from embedgrad.tasks.worker import ANSWER_SECONDS, Message, serve

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
_NUMBER = re.compile(r"[0-9]+|[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?|[0-9]+[eE][-+]?[0-9]{1,3}")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "winreg.", "urllib.", "ftplib.", "http.")
_HARMLESS = ("os.listdir", "os.scandir", "os.walk")  # an import looks for files


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


def main(seconds: float) -> None:
    """Serve until the other end closes standard input."""
    serve(_answer, seconds, _warm_up)


def _warm_up() -> None:
    # Trap: before the two doors close, since modules of SymPy read names and compile classes as they are imported.
    for pair in WARM_UP:
        are_equal(*pair)
    read_numbers_only()


_refuses = False


def _answer(request: Message) -> Message:
    global _refuses
    if not _refuses:  # in the fork, whose first question this is
        refuse_code()
        _refuses = True
    return {"outcome": "equal" if are_equal(request["answer"], request["target"]) else "different"}


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else ANSWER_SECONDS)
