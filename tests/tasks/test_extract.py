import random
import time
from fractions import Fraction

import pytest

from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant
from embedgrad.tasks.numbers import last_number, number_value
from embedgrad.tasks.task import Task

EMOTION = Task("label", labels=("joy", "anger", "fear", "sadness"))
SPAM = Task("label", labels=("spam", "not spam"))
CHINESE = Task("label", labels=("积极", "消极", "中性"))
NUMBER = Task("number")


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("joy", "joy"),
        (" joy\n", "joy"),
        ("Joy", None),
        ("joy.", None),
        ("The answer is joy", None),
        ("", None),
    ],
)
def test_strict_label(output, label):
    assert read_strict(EMOTION, output) == label


@pytest.mark.parametrize(
    ("task", "output", "label"),
    [
        (EMOTION, "Joy!", "joy"),
        (EMOTION, "The main emotion is **joy**.", "joy"),
        (EMOTION, '{"emotion": "anger"}', "anger"),
        (EMOTION, "_fear_", "fear"),
        (EMOTION, "JOY\n\nThe writer is happy, joy all over.", "joy"),
        (EMOTION, "Could be fear or anger. The answer is: fear.", "fear"),
        (EMOTION, "Answer: joy. Wait. **Answer**: anger", "anger"),
        (EMOTION, "fear? No.\n\nFinal Answer\n\\boxed{\\text{sadness}}. Not joy.", "sadness"),
        (EMOTION, "<think>joy or fear? The answer is joy</think>\n\nfear", "fear"),
        (EMOTION, "I feel joy. Answer:", "joy"),
        (EMOTION, "ｊｏｙ。", "joy"),
        (EMOTION, "情绪是joy。", "joy"),
        (EMOTION, "joyful", None),
        (EMOTION, "fearless-anger-free", None),
        (EMOTION, "joy and fear", None),
        (EMOTION, "The answer is joy, not fear.", "joy"),
        (EMOTION, "happiness", None),
        (EMOTION, "", None),
        (SPAM, "This is not spam.", "not spam"),
        (SPAM, "Not_Spam", "not spam"),
        (SPAM, "not\n  spam", "not spam"),
        (SPAM, "spam", "spam"),
        (SPAM, "non-spam", None),
        (SPAM, "spam or not spam", None),
        (CHINESE, "这句话是积极的。", "积极"),
        (CHINESE, "可能是消极，但最终答案：中性。", "中性"),
        (CHINESE, "答案应该是“积极”", "积极"),
        (CHINESE, "积极、消极", None),
        (Task("label", labels=("C", "C++", "C#")), "I think C++.", "C++"),
        (Task("label", labels=("C", "C++", "C#")), "c#", "C#"),
        (Task("label", labels=("Sci/Tech", "World")), "**sci/tech**", "Sci/Tech"),
        (Task("label", labels=("card_arrival", "card_linking")), "Card arrival", "card_arrival"),
        (Task("label", labels=("1", "-1", "0")), "The answer is -1.", "-1"),
        (Task("label", labels=("1", "-1", "0")), "Rating: 1", "1"),
        (Task("label", labels=("1", "2", "5")), "1.5", None),
        (Task("label", labels=("1", "2", "5")), "12", None),
        (Task("label", labels=("Ｙes", "no")), "yes", "Ｙes"),
        (Task("label", labels=("us", "US")), "us", "us"),
        (Task("label", labels=("us", "US")), "It is us.", None),
        (Task("label", labels=("긍정", "부정")), "긍정입니다.", "긍정"),
    ],
)
def test_label_by_meaning(task, output, label):
    assert read_by_meaning(task, output) == label


ROUTES = Task("label", labels=("care", "thanks"), accepted={"care": ("sad", "in a bad mood"), "thanks": ("happy",)})


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("care", "care"),
        ("The writer feels sad.", "care"),
        ("In a bad  mood", "care"),
        ("sad, so care", "care"),
        ("sad, not happy", "care"),
        ("sad. The answer is: happy", "thanks"),
        ("sadly", None),
        ("billing", None),
    ],
)
def test_accepted_forms_mean_their_label(output, label):
    assert read_by_meaning(ROUTES, output) == label
    assert read_strict(ROUTES, output) == (output if output in ROUTES.labels else None)


def test_a_worked_target_is_read_by_the_pattern_and_its_number_by_meaning():
    task = Task("regex", pattern=r"Order: (\d+ [a-z]+)$", by_number=True)
    target = "The boxes hold 4 * 6 = 24 pens. Order: 24 pens"
    assert is_correct(task, read_strict(task, "6 * 4 = 24. Order: 24 pens"), target)
    assert is_correct(task, read_strict(task, "Order: 24 pens"), "24 pens")
    assert not is_correct(task, read_strict(task, "Order: 24 cups"), target)
    assert is_meant(task, read_by_meaning(task, r"So it is \boxed{24}"), target)
    assert is_meant(task, read_by_meaning(task, "Order: 24 cups"), target)
    assert not is_meant(task, read_by_meaning(task, "24 or 25"), target)
    assert not is_meant(task, read_by_meaning(task, "none"), target)


@pytest.mark.parametrize(
    ("thoughts_and_answer", "math", "number"),
    [
        (r"<think>\boxed{3}</think> The answer is 4", None, "4"),
        (r"<think>\boxed{3}</think> The answer is \boxed{4}", "4", "4"),
        (r"\boxed{3} as thought</think> so \boxed{4}", "4", "4"),
        ("<think>#### 3</think> It is 4", None, "4"),
        (r"<think>\boxed{3}</think>", None, None),
        (r"<think>\boxed{3} or rather", None, None),
        (r"\boxed{4} <think>or \boxed{3}", "4", "4"),
        (r"It is \boxed{4}", "4", "4"),
    ],
)
def test_strictly_no_answer_stands_in_thoughts(thoughts_and_answer, math, number):
    assert read_strict(Task("math"), thoughts_and_answer) == math
    assert read_strict(NUMBER, thoughts_and_answer) == number


def test_what_is_read_whole_or_by_a_pattern_is_so_with_its_thoughts():
    output = "<think>3</think>4"
    for kind in ("exact", "short"):
        assert read_strict(Task(kind), output) == output
    assert read_strict(Task("json"), output) is None
    assert read_strict(Task("label", labels=("3", "4")), output) is None
    assert read_strict(Task("regex", pattern="</think>(.*)"), output) == "4"


def test_a_number_by_meaning_is_read_after_the_thoughts():
    task = Task("exact", by_number=True)
    assert read_by_meaning(task, r"<think>\boxed{3}</think> 4") == "4"
    assert read_by_meaning(task, r"<think>\boxed{3}") == "3"


def test_meaning_is_for_labels_only():
    for task in (NUMBER, Task("exact"), Task("text"), Task("regex", pattern="x")):
        assert not task.has_meaning
        assert read_by_meaning(task, "joy") is None


@pytest.mark.parametrize(
    ("output", "number"),
    [
        ("72", "72"),
        ("The total is $1,234.50.", "1234.50 usd"),
        ("12 + 60 = 72 dollars.", "72 usd"),
        ("#### 72", "72"),
        ("so 5 #### 1,000 apples in 3 days", "1000 apples"),
        (r"\boxed{x = \frac{3}{4}} in 5 steps", "3/4"),
        (r"\boxed{1{,}234 \text{ m}^2}", "1234"),
        ("\\boxed{none} but 7", "7"),
        ("#### \nwas 7", "7"),
        ("-5", "-5"),
        ("(−5)", "-5"),
        ("-$5", "-5 usd"),
        ("$-5", "-5 usd"),
        ("10-5", None),
        ("GPT-4", None),
        ("- 5 apples", "5 apples"),
        ("答案是-5。", "-5"),
        ("１２３", "123"),
        ("50 %", "50 percent"),
        ("3 / 4", "3/4"),
        ("12/25/2024", None),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1.2e3", "1.2e3"),
        ("1,2,3", None),
        ("1,111,1111", None),
        ("007", "007"),
        ("3/0", None),
        ("m²", None),
        ("none", None),
        ("", None),
        ("9" * 1001, None),
        ("__import__('os').system('exit')", None),
    ],
)
def test_number(output, number):
    assert read_strict(NUMBER, output) == number
    if number is not None:
        assert isinstance(number_value(number.partition(" ")[0]), Fraction)


@pytest.mark.parametrize(
    ("output", "target", "right"),
    [
        ("it is 72.0", "She sold 48/2 = 24 clips.\n#### 72", True),
        ("0.75", "3/4", True),
        ("1e3", "1,000", True),
        ("0.1", "0.10000000000000000001", False),
        ("nothing", "72", False),
        ("72", "no number", False),
    ],
)
def test_numbers_are_compared_exactly(output, target, right):
    assert is_correct(NUMBER, read_strict(NUMBER, output), target) is right


def test_exact_and_regex():
    exact = Task("exact")
    assert is_correct(exact, read_strict(exact, " Paris\n"), "Paris ")
    assert not is_correct(exact, read_strict(exact, "paris"), "Paris")
    assert read_strict(exact, "  ") is None
    group = Task("regex", pattern=r"Answer: (\w+)|none")
    assert is_correct(group, read_strict(group, "Answer: A Answer: B"), "B")
    assert read_strict(group, "Answer: A, none") is None
    assert read_strict(group, "-") is None
    assert read_strict(Task("regex", pattern=r"[A-D]"), "A or B" + "." * 19_990) == "B"
    assert read_strict(Task("regex", pattern=r"[A-D]"), "A or B" + "." * 20_000) is None


def test_text_has_no_metric():
    assert read_strict(Task("text"), "x") is None
    with pytest.raises(ValueError, match="no right and wrong"):
        is_correct(Task("text"), "x", "x")


HOSTILE = [
    "1,111" * 20_000,
    "1,111," * 17_000 + "1111",
    "-" * 100_000,
    "$ " * 50_000,
    "1/" * 50_000,
    "9" * 100_000,
    "1.1." * 25_000,
    "1e1" * 33_000,
    "####" * 25_000,
    "\\boxed{" * 14_000,
    "\\boxed{" + "{" * 100_000,
    "\\frac{1" * 14_000,
    "answer" + " " * 100_000 + ":",
    "answer is " * 10_000,
    "not " * 25_000,
    "not-spam" * 12_500,
    "a" + "\u0315\u0316" * 50_000,
    "\u0315\u0316" * 50_000,
    "积" * 100_000,
    "ﷺ" * 100_000,
    "$a" * 50_000,
    "\\( a" * 25_000,
    "\\[" * 50_000,
    "therefore " * 10_000,
    ". so" * 25_000,
    ". \n\n" * 25_000,
    "\n" * 100_000,
    "answer to x " * 8_000,
    "</think>" * 12_000,
    "\\boxed    " * 10_000,
    "".join(random.Random(0).choices("spamnot -_.,:1/\\{}#$\u0301答案是ſ", k=100_000)),
]  # fmt: skip


@pytest.mark.parametrize("output", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_outputs_are_read_without_an_error(output):
    for read in (read_strict, read_by_meaning):
        for task in (SPAM, CHINESE, NUMBER, Task("math"), Task("short"), Task("json")):
            answer = read(task, output)
            assert answer is None or isinstance(answer, str)
    assert last_number(output) is None or number_value(last_number(output)) is not None


@pytest.mark.stress
@pytest.mark.parametrize("output", HOSTILE, ids=range(len(HOSTILE)))
def test_reading_takes_linear_time(output):
    def best_seconds(text):
        seconds = []
        for _ in range(5):
            start = time.process_time()
            for task in (SPAM, NUMBER, Task("math"), Task("short"), Task("json")):
                read_strict(task, text)
                read_by_meaning(task, text)
            seconds.append(time.process_time() - start)
        return min(seconds)

    best_seconds(output[:100])
    assert best_seconds(output) <= 15 * best_seconds(output[:10_000]) * len(output) / 100_000 + 0.002


CAUSAL = Task("label", labels=("Yes", "No"))
REVIEW = Task("label", labels=("positive", "negative"))


@pytest.mark.parametrize(
    ("task", "output", "label"),
    [
        # Qwen: steps, then a conclusion
        (REVIEW, "Let's think step by step. It opens with positive words, yet calls the plot dull.\n\n"
         "Therefore, the statement is **negative**.", "negative"),
        (CAUSAL, "Yes, some would say he caused it. However, he did not intend it. Thus, a typical person would "
         "say \"No\".", "No"),
        (CAUSAL, "Step 1: Did Jane break the rule? Yes.\nStep 2: Did that cause the crash? No.\n"
         "So, the answer is $\\boxed{\\text{No}}$.", "No"),
        # Llama
        (REVIEW, "## Step 1\nThere are positive and negative words.\n\nThe final answer is: $\\boxed{positive}$. "
         "I hope it is correct.", "positive"),
        # DeepSeek
        (CAUSAL, "<think>\nIs it Yes? Hmm, the answer is Yes... wait, no.\n</think>\n\nNo.", "No"),
        (CAUSAL, "<think>\nYes or No?\n</think>\n\n**Answer:** No\n\nHe had no reason to; yes, he was there.", "No"),
        # Gemma
        (REVIEW, "The statement is **Negative**.\n", "negative"),
        (REVIEW, "Here's the breakdown:\n\n* **positive**: acting\n* **negative**: plot\n\nSo the overall sentiment is "
         "**positive**.", "positive"),
        # terse
        (REVIEW, "Positive.", "positive"),
        (CAUSAL, "no", "No"),
        # Chinese
        (CHINESE, "可能是积极，也可能是消极。所以，这句话是消极的。", "消极"),
        (CHINESE, "先看积极，再看消极。**答案：**消极。因为语气积极的词很少。", "消极"),
        (CHINESE, "答案為：中性", "中性"),
        # what only looks like a conclusion
        (REVIEW, "It is positive here and negative there.", None),
        (CAUSAL, "Yes seems right since he acted, so there is no doubt.", "Yes"),
        (CAUSAL, "Yes? Therefore no doubt remains.", "Yes"),
        (CAUSAL, "Yes or No? So it is not Yes.", None),
        (REVIEW, "positive? negative? So the answer could be positive or negative.", None),
        (REVIEW, "A positive start. Therefore I say negative. Then again, it may be positive.", None),
        (EMOTION, "Such joy and I was so sad. Anger, sadness.", None),
        (CAUSAL, "The answer is not Yes. It is No.", "No"),
        (REVIEW, "negative words, thus", "negative"),
    ],
)  # fmt: skip
def test_what_a_chain_of_thought_concludes(task, output, label):
    assert read_by_meaning(task, output) == label


GRADES = Task("label", labels=("A+", "A", "A-", "B+", "B"))
BONDS = Task("label", labels=("AA", "AA-", "AAA"))
MARKS = Task("label", labels=("1", "2", "3", "4", "5"))


@pytest.mark.parametrize(
    ("task", "output", "label"),
    [
        (REVIEW, "not positive", None),
        (REVIEW, "The review is not positive.", None),
        (REVIEW, "It isn't positive.", None),
        (REVIEW, "It isn’t really a positive one.", None),
        (REVIEW, "No positive words", None),
        (REVIEW, "neither positive nor negative", None),
        (REVIEW, "far from positive", None),
        (REVIEW, "This isn't negative, it's positive.", "positive"),
        (REVIEW, "It is positive, not negative", "positive"),
        (REVIEW, "not only positive but great", "positive"),
        (REVIEW, "Why not? positive", "positive"),
        (CAUSAL, "There is no evidence of fraud.", None),
        (CAUSAL, "I have no idea.", None),
        (CAUSAL, "The answer is no because he did not act", "No"),
        (CAUSAL, "No, he did not.", "No"),
        (Task("label", labels=("spam", "ham")), "It is not spam.", None),
        (Task("label", labels=("spam", "not spam")), "It is not spam.", "not spam"),
        (Task("label", labels=("积极", "消极")), "这不是积极", None),
    ],
)
def test_a_label_that_is_negated_is_not_mentioned(task, output, label):
    assert read_by_meaning(task, output) == label


@pytest.mark.parametrize(
    ("task", "output", "label"),
    [
        (GRADES, "Grade: A-", "A-"),
        (GRADES, "The grade is A-.", "A-"),
        (GRADES, "I would give this an **A-**.", "A-"),
        (GRADES, "A\u2212 because it is thin", "A-"),
        (GRADES, "Grade: A+", "A+"),
        (GRADES, "The grade is A.", "A"),
        (GRADES, "A - well done", "A"),
        (GRADES, "B-", None),
        (GRADES, "Grade: B-.", None),
        (BONDS, "Rating: AA-", "AA-"),
        (BONDS, "Rating: AA+", None),
        (BONDS, "Rating: AA.", "AA"),
        (MARKS, "4-", None),
        (MARKS, "Note: 2-.", None),
        (MARKS, "4 - good", "4"),
    ],
)
def test_a_grade_with_a_sign_is_another(task, output, label):
    assert read_by_meaning(task, output) == label
