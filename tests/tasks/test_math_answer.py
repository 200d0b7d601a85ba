import json
import os
import subprocess
import sys
import threading
from fractions import Fraction

import psutil
import pytest

from embedgrad.errors import EmbedgradError
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant
from embedgrad.tasks.math_answer import MOST_CHARACTERS, same_math, wanted_answer
from embedgrad.tasks.math_process import MATH, MathProcess
from embedgrad.tasks.quantity import unit
from embedgrad.tasks.task import Task
from embedgrad.tasks.written_math import written_answer
from tiny import SHARED

MATH_TASK = Task("math")


@pytest.mark.parametrize(
    ("output", "strict"),
    [
        (r"so it is \boxed{5}.", "5"),
        (r"\boxed{1} or rather $\boxed{ \frac{1}{\sqrt{2}} }$", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\fbox{7} \boxed {8}", "8"),
        (r"\boxed{\text{(C)}}", r"\text{(C)}"),
        (r"\boxed{12", None),
        (r"\boxed{}", None),
        ("The answer is 5", None),
        ("", None),
    ],
)
def test_strictly_the_answer_stands_in_a_closed_box(output, strict):
    assert read_strict(MATH_TASK, output) == strict


QWEN = r"""To find the value of \(x\), we first isolate it:
\[ 2x + 6 = 20 \]
\[ 2x = 14 \]
\[ x = 7 \]
Therefore, the value of \(x\) is \(\boxed{7}\)."""
LLAMA = r"""## Step 1: Add the two fractions.
$\frac{1}{3} + \frac{1}{6} = \frac{1}{2}$
## Step 2: Double it.
The final answer is: $\boxed{1}$. I hope it is correct."""
LLAMA_NO_BOX = "Step 1: 4 + 5 = 9\nThe final answer is: $9x + \\frac{1}{2}$. I hope it is correct."
DEEPSEEK = (
    "<think>\nOkay, so 3 times 4. Is it 7? \\boxed{7}? No, that is the sum. The answer is 7... no, 12.\n</think>\n\n"
    "Multiplying the two gives\n\n\\[\n3 \\cdot 4 = 12\n\\]\n\n**Answer:** \\(12\\)"
)
GEMMA = "Let's see:\n\n* **Speed:** 60 mph\n* **Time:** 2.5 h\n\nThe car travels **150 miles**.\n\n**Answer: 150**"
GEMMA_SENTENCE = (
    "Here's how:\n\n1. 5 * 4 = 20\n2. 20 - 6 = 14\n\nSo the answer is **14 apples**. Let me know if you need more!"
)
CHINESE = "首先，$2x = 14$。\n所以 $x = 7$。\n\n答案是：$x=7$。"


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (QWEN, "7"),
        (LLAMA, "1"),
        (LLAMA_NO_BOX, r"9x + \frac{1}{2}"),
        (DEEPSEEK, "12"),
        (GEMMA, "150"),
        (GEMMA_SENTENCE, "14"),
        (CHINESE, "x=7"),
        ("7", "7"),
        ("-\\frac{3}{4}", "-3/4"),
        ("$-\\frac{3}{4}$", "-\\frac{3}{4}"),
        ("The answer is -3/4.", "-3/4"),
        ("The answer is x^2 - 1.", "x^2 - 1"),
        ("The answer is 3.5. That is all for 2 days.", "3.5"),
        ("The answer to the question is therefore unclear. Answer: (2, 3)", "(2, 3)"),
        ("Answer: Evelyn", "Evelyn"),
        ("The answer is 12, since 3 * 4 = 12 and 4 > 3.", "12"),
        ("The answer is 5 because $x=3$ is too small", "5"),
        ("The final answer is:\n\n\\[\nx = \\frac{1}{2}\n\\]\nDone.", r"x = \frac{1}{2}"),
        ("Then $a = 3$, so $a + 4 = 3 + 4 = 7$", "7"),
        ("With $x$ boxes he has 42 apples", "42"),
        ("It costs $10 and then $20 more", "20"),
        ("If $x \\le 3$ then $x \\leq 5$", r"x \leq 5"),
        ("答案为５０％", "50%"),
        ("最终答案是 \\boxed{12}。", "12"),
        (r"\boxed{12 and then it was cut", "12 and then it was cut"),
        (r"<think>maybe \boxed{3}</think>", "3"),
        (r"<think>maybe 3</think> It is 4", "4"),
        ("no idea", None),
        ("", None),
    ],
)
def test_by_meaning_the_answer_is_found_as_a_person_would(output, answer):
    assert read_by_meaning(MATH_TASK, output) == written_answer(output) == answer


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("1/2", r"\frac12"),
        ("0.5", r"\dfrac{1}{2}"),
        (r"\frac{-1}{2}", "-0.50"),
        ("1,000,000", "1000000"),
        (r"1{,}000", "1000"),
        ("007", "7"),
        (r"50\%", "50"),
        ("50%", "0.5"),
        (r"90^\circ", "90"),
        ("$5$.", "5"),
        (r"\$5.40", "5.4"),
        ("5.40", r"5.4 \text{ cents}"),
        ("1.5e3", "1500"),
        ("1,500", "1.5E+3"),
        (r"25e-2", r"\frac14"),
        (r"864 \mbox{ inches}^2", "864"),
        ("12 cm", r"12\text{ cm}"),
        ("x=5", "5"),
        ("x = 10,080", r"10,\!080"),
        ("5", "x = 5"),
        (r"x \in [-2,7]", "[-2, 7]"),
        ("y=2x+3", "y = 3+2x"),
        ("x^2-1", "(x-1)(x+1)"),
        ("x**2 + sqrt(2) + 2pi", r"2\pi + \sqrt2 + x^2"),
        ("√3 · x²", r"x^{2}\sqrt{3}"),
        (r"(3, \pi/2)", r"\left( 3, \frac{\pi}{2} \right)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        ("3, 2", "2,3"),
        (r"1\frac45", r"\frac95"),
        ("0.333333", r"\frac13"),
        (r"(-\infty, 2) ∪ (3, ∞)", r"(-\infty, 2) \cup (3, \infty)"),
        ("East", r"\text{east}"),
        ("C", r"\text{(C)}"),
        (r"\text{Evelyn}", "Evelyn"),
        ("−５", "-5"),
    ],
)
def test_the_same(answer, target):
    assert same_math(answer, target)


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("3", "4"),
        ("0.33", r"\frac13"),
        ("(3,2)", "(2,3)"),
        ("[0,1]", "(0,1)"),
        ("12 13", "1213"),
        ("x", "y"),
        ("B", r"\text{(C)}"),
        ("nylevE", r"\text{Evelyn}"),
        ("3.14159", r"\pi"),
        ("1/0", "1"),
        (r"\frac{1}{0}", r"\frac{2}{0}"),
        ("", "1"),
        ("1", ""),
        ("", ""),
        ("$", "$"),
        (r"\frac{", r"\frac{}{}"),
        ("1.5e3", "1501"),
        ("e3", "3"),
    ],
)
def test_not_the_same(answer, target):
    assert not same_math(answer, target)


@pytest.mark.parametrize(
    ("answer", "target", "same"),
    [
        ("2516_8", "2516_7", False),
        (r"4210_{5}", r"4210_{7}", False),
        (r"152A_{11}", r"152A_{12}", False),
        (r"-221_{(3)}", "-221_4", False),
        (r"4210_{5}", "4210_5", True),
        ("2516", "2516_8", True),
        ("2516_8", "2516", True),
        ("x_1 + x_2", "x_2 + x_1", True),
    ],
)
def test_numbers_in_two_bases_are_not_the_same(answer, target, same):
    assert same_math(answer, target) == same


@pytest.mark.parametrize(
    ("answer", "target", "same"),
    [
        (r"5\text{ cm}", r"5\text{ m}", False),
        ("5 cm", r"5\text{ m}", False),
        (r"15\mbox{ cm}^2", r"15\text{ cm}^3", False),
        (r"\frac{3}{4}\pi\text{ inches}", r"\frac34 \pi \, \text{feet}", False),
        (r"\$5.40", r"5.4 \text{ cents}", False),
        (r"30\%", r"30^\circ", False),
        (r"9 \text{ a.m.}", r"9\text{ p.m.}", False),
        (r"45\text{ mph}", r"45 \text{ km/h}", False),
        ("5", r"5\text{ m}", True),
        (r"5\text{ cm}", "5", True),
        (r"25 \, \text{km}", r"25 \text{ kilometers}", True),
        ("5 inches", r"5\text{ in.}", True),
        (r"15\text{ square centimeters}", r"15\mbox{ cm}^{2}", True),
        (r"15\,\mathrm{cm^2}", r"15\text{ sq cm}", True),
        (r"45\text{ miles per hour}", r"45\text{ mph}", True),
        (r"36 \text{ dollars}", r"\$36", True),
        (r"30\text{ degrees}", r"30^{\circ}", True),
        (r"30 \text{ per cent}", r"30\%", True),
        (r"18\text{ ways.}", r"18\text{ arrangements}", True),
        (r"100\text{ square units}", r"100\text{ cm}^2", True),
    ],
)
def test_numbers_of_two_units_are_not_the_same(answer, target, same):
    assert same_math(answer, target) == same


def test_the_last_letter_of_a_sum_is_no_unit():
    assert unit("5 m") == "m"
    assert unit("3g + 5m") is None
    assert same_math("3p + 5q", "5q + 3p")


def test_numbers_agree_with_fractions():
    """Every pair of these, written in three ways each, against Fraction."""
    values = [Fraction(above, below) for above in (-3, 0, 1, 7) for below in (1, 4, 8)]
    for first in values:
        for second in values:
            written = (f"{first}", rf"\frac{{{first.numerator}}}{{{first.denominator}}}", f"{float(first)}")
            for text in written:
                assert same_math(text, f"{second}") == (first == second), (text, second)


def test_longer_answers_must_be_alike_to_the_letter():
    long = "1+" * (MOST_CHARACTERS // 2) + "1"
    assert same_math(long, f" {long}\n")
    assert not same_math(long, long + "+0")


def test_the_target_is_a_worked_solution_or_the_answer():
    target = r"First $\boxed{1}$ is tempting, but it is $\boxed{\frac{1}{2}}$."
    assert wanted_answer(target) == r"\frac{1}{2}"
    assert is_correct(MATH_TASK, read_strict(MATH_TASK, r"\boxed{0.5}"), target)
    assert is_correct(MATH_TASK, read_strict(MATH_TASK, r"\boxed{0.5}"), r" \frac{1}{2}")
    assert not is_correct(MATH_TASK, read_strict(MATH_TASK, "0.5"), target)
    assert is_meant(MATH_TASK, read_by_meaning(MATH_TASK, "it is 0.5"), target)
    assert not is_meant(MATH_TASK, read_by_meaning(MATH_TASK, "no idea"), target)


@pytest.mark.skipif(not (SHARED / "data" / "math500").is_dir(), reason="the data of MATH-500 is not here")
def test_the_reference_solutions_of_math_500_are_graded_right():
    lines = (SHARED / "data" / "math500" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    right = [is_correct(MATH_TASK, read_strict(MATH_TASK, row["solution"]), row["answer"]) for row in rows]
    meant = [is_meant(MATH_TASK, read_by_meaning(MATH_TASK, row["solution"]), row["answer"]) for row in rows]
    assert len(rows) == 500
    assert sum(right) >= 495
    assert sum(meant) >= 495


def test_a_pair_that_takes_too_long_is_wrong_and_counted_and_the_next_is_answered():
    process = MathProcess(seconds=0.3)
    try:
        assert process.are_equal("x+1", "1+x")
        assert not process.are_equal("2^{2^{2^{2^{2^{2}}}}}", "2^{2^{2^{2^{2^{3}}}}}+x")
        assert process.are_equal("x+1", "1+x")
        assert process.are_equal("x+1", "1-x") is False
        assert process.died == 0
        assert process.timed_out <= 1
        assert not process.are_equal("10^{10^{10}}!", "x")
    finally:
        process.close()


def test_a_killed_process_is_replaced():
    process = MathProcess()
    try:
        assert process.are_equal("2x", "x+x")
        first = process._process
        first.kill()
        first.wait()
        assert process.are_equal("2x", "x+x")
        assert process._process.pid != first.pid
        process.close()
        assert process._process is None
        assert process.are_equal("2x", "x+x")
    finally:
        process.close()


def test_threads_take_turns():
    answers = []

    def ask(number):
        answers.append((MATH.are_equal(f"{number}x + 1", f"1 + {number}x"), MATH.are_equal(f"{number}x", "0")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(True, False)] * 20


def test_a_pair_in_which_the_fork_dies_is_wrong_and_counted():
    process = MathProcess()
    try:
        assert process.are_equal("2x", "x+x")
        (fork,) = psutil.Process(process._process.pid).children()
        fork.kill()
        assert process.are_equal("3x", "x+2x") is None
        assert process.died == 1
        assert process.are_equal("3x", "x+2x")
    finally:
        process.close()


def test_four_gibibytes_are_all_it_gets():
    """The limits as the process itself sees them once they are set; its fork has them from it."""
    code = "from embedgrad.tasks import worker; import resource; worker._limit_memory()"
    told = "print(resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {told}"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"({4 * 2**30}, {4 * 2**30}) (0, 0)\n", done.stderr


@pytest.mark.parametrize(
    "pair",
    [
        ("x^2-1", "(x-1)(x+1)"),
        ("(a+b)(c+d)(e+x)", "(b+a)(d+c)(x+e)"),
        ("(a-b)(a+b) + hkmpq", "a^2 - b^2 + qpmkh"),
        (r"\sin^2 x + \cos^2 x", "1"),
        (r"\int_0^1 x dx", r"\frac12"),
        (r"\int_0^2 x^2 dx", r"\frac83"),
        (r"\sum_{k=1}^{10} k", "55"),
        (r"\lim_{x\to 0}\frac{\sin x}{x}", "1"),
        ("2x = 4y + 2", "x - 2y = 1"),
        ("3 < x", "x > 3"),
        (r"\log_2 8", "3"),
        (r"\binom{5}{2}", "5! / 12"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2"),
        ("3+4i", "4i+3"),
        (r"\operatorname{gcd}(12, 18)", "6"),
        (r"\max(1, 2)", "2"),
        (r"\sqrt[3]{8}", "2"),
        (r"\lfloor 2.5 \rfloor", "2"),
    ],
)
def test_nothing_that_mathematics_needs_is_refused(pair):
    """math-verify finds these equal without the guard of its process, and takes a refusal for unequal."""
    assert MATH.are_equal(*pair)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def test_a_script_needs_no_main_guard_and_leaves_no_process_behind(tmp_path):
    (tmp_path / "sympy.py").write_text("raise SystemExit('a file of the working folder was imported')")
    script = tmp_path / "script.py"
    script.write_text(
        "from embedgrad.tasks.math_answer import same_math\n"
        "from embedgrad.tasks.math_process import MATH\n"
        "print(same_math('2x', 'x+x'), MATH._process.pid)\n"
    )
    done = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    same, worker = done.stdout.split()
    assert same == "True", done.stderr
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(worker), 0)


def test_after_a_fork_each_process_has_its_own_worker():
    done = run(
        "import os\n"
        "from embedgrad.tasks.math_answer import same_math\n"
        "assert same_math('2x', 'x+x')\n"
        "child = os.fork()\n"
        "right = same_math('3x', '2x+x') and not same_math('3x', '2x')\n"
        "if child == 0: os._exit(not right)\n"
        "assert right and os.waitpid(child, 0)[1] == 0\n"
    )
    assert done.returncode == 0, done.stderr


def test_reading_and_grading_import_neither_torch_nor_sympy():
    done = run(
        "import sys, embedgrad.tasks.grade, embedgrad.tasks.math_worker\n"
        "print([name for name in ('torch', 'transformers', 'sympy', 'math_verify') if name in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_worker_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    process = MathProcess()
    with pytest.raises(EmbedgradError) as error:
        process.are_equal("2x", "x+x")
    assert str(error.value) == (
        "The process that compares mathematical answers does not start: /bin/sh: 0: Illegal option -P. "
        "See `python -m embedgrad.tasks.math_worker`."
    )
