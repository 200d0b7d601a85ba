"""A hundred answers that try to run code, to take forever or to take all memory."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedgrad.tasks import math_answer
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant, is_undecided
from embedgrad.tasks.math_process import MathProcess
from embedgrad.tasks.task import Task

CANARY = "embedgrad-canary"  # made in the working folder by any that runs
CODE = [
    f"__import__('os').system('touch {CANARY}')",
    f"import os; os.system('touch {CANARY}')",
    f"eval(\"open('{CANARY}', 'w')\")",
    f"exec(\"open('{CANARY}', 'w')\")",
    f"open('{CANARY}', 'w').write('x')",
    f"(lambda: open('{CANARY}', 'w'))()",
    "lambda x: x",
    f"[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0](['touch', '{CANARY}'])",
    "().__class__.__mro__[1].__subclasses__()",
    "x.__init__.__globals__['os'].system('true')",
    "__builtins__.__dict__['eval']('1')",
    "getattr(x, '__class__')",
    "__import__('urllib.request').request.urlopen('http://127.0.0.1:9/')",
    "breakpoint()",
    "exit()",
    "globals()",
    r"\input{/etc/passwd}",
    r"\include{/etc/passwd}",
    rf"\write18{{touch {CANARY}}}",
    rf"\immediate\write18{{touch {CANARY}}}",
    r"\openout1=x",
    r"\def\x{\x\x}\x",
    r"\csname input\endcsname",
    r"\catcode`\@=11",
    rf"\text{{__import__('os').system('touch {CANARY}')}}",
    r"\operatorname{__import__}(os)",
    r"\operatorname{eval}(x)",
    rf"\operatorname{{open}}({CANARY})",
    rf"\mathrm{{os.system}}(\text{{touch {CANARY}}})",
    "S('x').__class__",
    "sympify('x')",
    "Function('f')(x).__class__",
    "x_{__import__('os')}",
    f"{{x: __import__('os').system('touch {CANARY}')}}",
    "`ls`",
    "$(ls)",
    "'; DROP TABLE answers; --",
    "%s%s%s%n",
    "{0.__class__}",
    "${{7*7}}",
]
TOWERS = [
    "9**9**9**9",
    "9^{9^{9^{9}}}",
    "10^{10^{10}}",
    "-10^{10^{10^{10}}}",
    "2^{2^{2^{2^{2^{2^{2}}}}}}",
    "x^{10^{10}}",
    "(x+1)^{10000}",
    "(x+y+z+w)^{300}",
    "(a+b+c+d+e+f)^{60}-(f+e+d+c+b+a)^{60}",
    "1.1^{10^{12}}",
    "0.1^{-10^{12}}",
    "10^{10^{10}}!",
    "1000000!",
    "(((9!)!)!)!",
    "100!!!!!",
    r"\frac{1}{10^{10^{10}}}",
    r"\sqrt{10^{10^{9}}}",
    r"\sqrt[10^{9}]{2^{10^{9}}}",
    r"\binom{10^{9}}{10^{8}}",
    r"\binom{100000000}{50000000}",
    r"\sum_{k=1}^{10^{9}} \frac{1}{k}",
    r"\sum_{k=1}^{10^{9}} k!",
    r"\prod_{k=1}^{10^{9}} (x+k)",
    r"\int_0^1 \sin(x^{x^{x}}) dx",
    r"\int e^{x^2 \sin x \cos x \tan x} dx",
    r"\lim_{x \to 0} \frac{\sin(\tan x) - \tan(\sin x)}{x^{7}}",
    r"\operatorname{eye}(100000)",
    r"\operatorname{zeros}(100000, 100000)",
    r"\operatorname{ones}(30000, 30000)",
    r"\gcd(10^{1000000}, 6^{1000000})",
    r"\log_{10}(10^{10^{10}})",
    r"\sin(10^{10^{9}})",
    "1e999999999",
    "1" + "0" * 400 + "!",
    "9" * 490,
    "0." + "1" * 480,
    "1/" * 200 + "1",
    "+".join(f"x_{{{number}}}^{{{number}}}" for number in range(40)),
    "x^4+y^4+z^4+\\sqrt{x+\\sqrt{y+\\sqrt{z+\\sqrt{x+y}}}}=0",
    "\\begin{vmatrix}" + r"\\".join("&".join(f"x_{{{row}{column}}}" for column in range(7)) for row in range(7))
    + "\\end{vmatrix}",
]  # fmt: skip
TEXTS = [
    r"\frac{" * 80 + "1" + "}{2}" * 80,
    r"\frac{1}{" * 50 + "x" + "}" * 50,
    r"\sqrt{" * 80 + "x" + "}" * 80,
    "(" * 240 + "x" + ")" * 240,
    "{" * 240 + "x" + "}" * 240,
    "{" * 490,
    "}" * 490,
    r"\frac{",
    r"\left(" * 80,
    "x\x00y",
    "\x1b[2J\x07\x08",
    "\u202e1+x",
    "x\u0301\u0316" * 100,
    "\ud800",
    "\U000e0041" * 100,
    "１+ｘ" * 100,
    "$" * 490,
    "\\" * 490,
    "x" * 1_000_000,
    "\\begin{pmatrix}" + "1 & " * 200_000 + "\\end{pmatrix}",
]
HOSTILE = [*CODE, *TOWERS, *TEXTS]
TASK = Task("math")


def test_there_are_a_hundred():
    assert len(set(HOSTILE)) == len(HOSTILE) == 100


def grade(answer):
    """Read and grade outputs that give this answer, and one for which it is the target; the seconds of each pair."""
    for output, target in (
        (f"\\boxed{{{answer}}}", "1+x"),
        (f"The answer is {answer}", "1+x"),
        (r"\boxed{1+x}", answer),
    ):
        for read, is_right in ((read_strict, is_correct), (read_by_meaning, is_meant)):
            start = time.perf_counter()
            is_right(TASK, read(TASK, output), target)
            yield time.perf_counter() - start


@pytest.fixture(scope="module")
def quick():
    process = MathProcess(seconds=0.25)
    yield process
    process.close()
    math_answer._verified.cache_clear()


@pytest.mark.parametrize("group", [CODE, TOWERS, TEXTS], ids=("code", "towers", "texts"))
def test_none_runs_and_the_worker_goes_on(group, quick, monkeypatch, tmp_path):
    monkeypatch.setattr(math_answer, "MATH", quick)
    math_answer._verified.cache_clear()
    monkeypatch.chdir(tmp_path)
    assert quick.are_equal("x+1", "1+x")
    worker = quick._process.pid
    for answer in group:
        assert len([*grade(answer)]) == 6
    assert quick.are_equal("x+1", "1+x")
    assert not quick.are_equal("x+1", "1-x")
    assert quick._process.pid == worker
    assert quick.died == 0
    assert list(tmp_path.iterdir()) == []


def test_what_takes_too_long_is_undecided_and_counts_as_wrong(monkeypatch):
    process = MathProcess(seconds=0.25)
    monkeypatch.setattr(math_answer, "MATH", process)
    math_answer._verified.cache_clear()
    try:
        found = {answer: is_undecided(TASK, answer, r"\boxed{1+x}") for answer in TOWERS}
        assert sum(found.values()) == process.timed_out + process.died > 0
        slow = next(answer for answer, is_open in found.items() if is_open)
        assert not is_correct(TASK, slow, r"\boxed{1+x}")
        assert not any(is_undecided(TASK, answer, "1+x") for answer in (None, "1+x", "x+1", "1-x"))
        assert not is_undecided(Task("exact"), slow, "1+x")
    finally:
        process.close()
        math_answer._verified.cache_clear()


@pytest.mark.stress
def test_none_hangs_longer_than_two_and_a_half_seconds():
    assert math_answer.MATH.are_equal("x+1", "1+x")
    math_answer._verified.cache_clear()
    slowest = {answer[:40]: max(grade(answer)) for answer in HOSTILE}
    print(f"{math_answer.MATH.timed_out} pairs timed out, the longest took {max(slowest.values()):.2f} s")
    assert max(slowest.values()) < 2.5, sorted(slowest.items(), key=lambda found: -found[1])[:5]
    assert math_answer.MATH.died == 0


NO_TEXT_IS_COMPILED = """
import os, signal, sys
from sympy.polys.monomials import MonomialOps
from embedgrad.tasks import math_worker
from test_hostile_answers import HOSTILE
from embedgrad.tasks.math_answer import MOST_CHARACTERS

for pair in math_worker.WARM_UP:
    math_worker.are_equal(*pair)
math_worker.read_numbers_only()
read, write = os.pipe()


def tell(event, arguments):
    is_template = event in ("compile", "exec") and sys._getframe(1).f_code is MonomialOps._build.__code__
    if not is_template and math_worker.leads_out(event, arguments):
        os.write(write, f"{event} {arguments[0]!r:.60} in {answer!r:.60}\\n".encode())


for answer in [*HOSTILE, "12.5", "x^2 + 3"]:
    if len(answer) <= MOST_CHARACTERS and os.fork() == 0:
        sys.addaudithook(tell)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        math_worker.are_equal(answer, "1+x")
        os._exit(0)
    elif len(answer) <= MOST_CHARACTERS:
        os.wait()
os.close(write)
print(os.read(read, 100_000).decode(), end="")
"""


def run(code):
    """In a Python of its own, which can import this file."""
    paths = {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **paths})


def test_no_text_comes_to_be_compiled():
    """Without the guard: what is refused is not even tried. (Modules of SymPy may still be imported.)"""
    done = run(NO_TEXT_IS_COMPILED)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]


REFUSED = [
    "eval('1+1')",
    "exec('x = 1')",
    "compile('1', 'file', 'eval')",
    "exec(code)",
    "os.system('true')",
    "subprocess.run(['true'])",
    "os.fork()",
    "os.execv('/bin/true', ['true'])",
    "socket.socket()",
    "open('canary', 'w')",
    "open('canary', 'ab')",
    "os.open('canary', os.O_CREAT)",
    "os.remove('canary')",
    "os.mkdir('canary')",
    "ctypes.CDLL(None)",
    "sympy.sympify('x + 1')",
    "sympy.lambdify(x, x + 1)",
]


def test_what_the_guard_refuses():
    tries = "".join(f"try:\n    {code}\nexcept RuntimeError as error:\n    print(error)\n" for code in REFUSED)
    done = run(
        "import ctypes, os, socket, subprocess, sympy\n"
        "from embedgrad.tasks.math_worker import refuse_code\n"
        "code, x = compile('1', 'text', 'exec'), sympy.Symbol('x')\n"
        "refuse_code()\n" + tries
    )
    said = done.stdout.splitlines()
    assert len(said) == len(REFUSED), done.stderr
    assert all(line.startswith("refused: ") for line in said)


def test_what_the_guard_leaves():
    done = run(
        "from embedgrad.tasks.math_worker import refuse_code\n"
        "refuse_code()\n"
        "import colorsys, os\n"
        "print(len(open(colorsys.__file__).read()) > 0, os.listdir('.') is not None)\n"
    )
    assert done.stdout == "True True\n", done.stderr


def test_reading_takes_any_text():
    rng = random.Random(0)
    pieces = [
        "\\boxed{",
        "}",
        "{",
        "$",
        "\\(",
        "\\)",
        "\\[",
        "**",
        "answer is ",
        "答案是",
        "\n",
        "</think>",
        "1/2",
        "x",
        "=",
    ]
    for _ in range(300):
        output = "".join(rng.choices(pieces, k=60))
        read_strict(TASK, output)
        answer = read_by_meaning(TASK, output)
        assert answer is None or answer.strip()
