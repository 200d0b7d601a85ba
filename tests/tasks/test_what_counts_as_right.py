"""Targets as they stand in users' files: what counts as right, and what never does."""

import pytest

from embedgrad.tasks.grade import grade
from embedgrad.tasks.task import Task, infer_task

# targets of a file; wrong answers to the first of them
WRONG = {
    "dates": (["2024-05-01", "2024-06-02", "2023-01-01"], "1999-05-01 2024-05-02 01 2024 2024-05-011 2024-5-1"),
    "dates with points": (["01.05.2024", "02.06.2024"], "99.99.2024 2024 1.5.2024 01.05.2025"),
    "dates with slashes": (["12/25/2024", "01/02/2024"], "11/25/2024 2024 25/12/2024"),
    "days": (["1/2", "3/4", "5/6"], "2/4 0.5 1/3 2"),
    "dates in words": (["May 5, 2024", "June 1, 2024"], "2024|May 6, 2024|April 5, 2024|5 May 2024"),
    "times": (["14:30", "9:45"], "23:30 30 14:31 2:30 1430"),
    "times with am and pm": (["5 pm", "6 am"], "5 am|5|6 pm|17"),
    "versions": (["v1.2.3", "v2.0.1"], "v9.2.3 3 1.2.3 v1.2.4"),
    "versions of two parts": (["3.10", "3.9", "3.11"], "3.1 3.100 10 3.9"),
    "invoice numbers": (["INV-2024-17", "INV-2024-18"], "INV-1999-17 17 INV-2024-18 2024-17"),
    "codes with zeros": (["007", "0123"], "7 0007 07"),
    "SQL": (["SELECT a FROM t LIMIT 5", "SELECT b FROM t LIMIT 7"], "DROP TABLE t LIMIT 5|5|SELECT b FROM t LIMIT 5"),
    "ranges": (["3-5", "2-4"], "1-5 5 3-6 3 5-3"),
    "ranges in words": (["3 to 5", "2 to 4"], "1 to 5|5|4 to 5"),
    "telephone numbers": (["555-1234", "555-9876"], "999-1234 1234 555-1235"),
    "telephone numbers abroad": (["+49 30 123456", "+49 89 654321"], "+1 30 123456|123456|+49 30 123457"),
    "telephone numbers with brackets": (["(555) 123-4567", "(555) 987-6543"], "(999) 123-4567|4567|123-4567"),
    "addresses": (["12 Main St Apt 5", "9 Oak Ave Apt 7"], "99 Elm St Apt 5|5|12 Main St Apt 6"),
    "postal codes": (["12345-6789", "94103-1234"], "99999-6789 6789 12345"),
    "postal codes with zeros": (["02139", "10115"], "2139 92139 139"),
    "postal codes of letters": (["K1A 0B1", "M5V 3L9"], "1|K1A 0B2|M5V 0B1"),
    "IBANs": (["DE89 3704 0044 0532 0130 00", "DE12 3456 7890 1234 5678 90"], "XX11 00|00|0130 00"),
    "ISBNs": (["978-3-16-148410-0", "978-0-306-40615-7"], "111-0 0 978-3-16-148410-1"),
    "coordinates": (["48.8566, 2.3522", "52.52, 13.405"], "0.0, 2.3522|2.3522|48.8566"),
    "coordinates with letters": (["48.85 N 2.35 E", "52.5 N 13.4 E"], "2.35|48.85 S 2.35 E|2.35 E"),
    "addresses of machines": (["10.0.0.1", "10.0.0.2"], "1 99.0.0.1 10.0.0.11"),
    "money": (["$1,234.50", "$3.10", "$20"], "€1,234.50 $1,234.51 $234.50 $9,234.50 50 $1.23450 $1,234.50k 4.50"),
    "money of Europe": (["1.234,56 €", "7,50 €"], "99,56 € 234,56 € 1.234,57 € 56 $1.234,56 1,23456 9.234,56"),
    "money in words": (["5 dollars", "7 dollars"], "5 euros|5 cents|5 million dollars|15 dollars|5k"),
    "money by code": (["USD 5", "USD 7"], "EUR 5|USD 6|CHF 5|USD 5.5|USD 5k"),
    "money with a dash": (["1.500,-", "20,-"], "500 9.500,- 1,5 1.501,-"),
    "decimal comma": (["3,5", "4,25"], "9,5 5 3,6 35 3.5.1 3,55 13,5 3 -3,5"),
    "points between thousands": (["1.234.567", "2.500"], "9.234.567 567 234.567 1.234"),
    "Swiss thousands": (["1'234", "2'500"], "9'234 234 1234.5 1'234'000"),
    "Swiss money": (["CHF 1’234.50", "CHF 20.00"], "CHF 9’234.50|234.50|CHF 1’234.55|50"),
    "Indian thousands": (["1,23,456", "12,34,567"], "9,99,456 456 1,23,457 23,456"),
    "thousands with a space": (["12 345", "7 100"], "99 345|345|12|12 346|12 345 678"),
    "thousands with a hard space": (["12\u00a0345", "7\u00a0100"], "99\u00a0345|345|99 345"),
    "thousands with a narrow space": (["12\u202f345,5", "7\u202f100,25"], "99\u202f345,5|345,5|5"),
    "thousands with a thin space": (["12\u2009345", "7\u2009100"], "99\u2009345|345"),
    "thousands with commas": (["1,234", "56"], "234 1 9,234 1.234 1,2345 12,34"),
    "account books": (["(500)", "(20)"], "500 $500 (501) (5)"),
    "minus behind": (["500-", "20-"], "500 50- 501- +500"),
    "mixed fractions": (["1 1/2", "2 3/4", "3"], "7 1/2|1/2|1|2 1/2|11/2|1 1/3|2"),
    "vulgar fractions": (["1½", "2¾", "3"], "7½ ½ 1 11/2"),
    "per cent": (["50 %", "12 %"], "0.5|50 ‰|$50|51 %|150 %|5 %"),
    "units": (["5 km", "7 km"], "5 m|5 miles|15 km|5 kg|5 km²|5-7 km|5.5 km|5 to 7 km"),
    "temperatures": (["20 °C", "-5 °C"], "20 °F|-20 °C|120 °C|15-20 °C|15 °C to 20 °C|20 degrees Fahrenheit"),
    "temperature ranges": (["20 °C to 25 °C", "10 °C to 15 °C"], "99 °C to 25 °C|25 °C|15 °C to 25 °C"),
    "exponents": (["1.5e6", "2.5e-3"], "1.5e3 1.5 6 1.5e-6 1.5e66 15e6|1.5 × 10^5"),
    "powers of ten": (["1.5 × 10^6", "2 × 10^3"], "6|10^6|1.5 × 10^3|2.5 × 10^6|10"),
    "ordinals": (["1st", "2nd"], "2nd 1 1nd 21st"),
    "Roman numerals": (["IV", "IX", "VI"], "VI 4 iv XIV"),
    "ratings": (["4/5", "3/5"], "9/5 4 5 8/10 4/6 0.8"),
    "scores": (["3:1", "2:0"], "9:1 1 3:2 1:3 13:1"),
    "sizes": (["3x5", "4x6"], "9x5 5 3x6 3×5×7"),
    "plain numbers": (
        ["72", "5", "1000"],
        "73 172 7.2 -72 72k 72/1000 $72-$80 71-72 72:00 x72 GPT-72 72A 72nd 72+ 10^72 1,72 1.2.72 72,5 ~71 ≤72 0:72",
    ),
    "plain numbers in sentences": (
        ["72", "5"],
        "It is 71.|71 or 72|between 70 and 72|70 to 72|72 million|x > 72|the 72nd|70, 72|70 apples or 72|72%-80%|1 72",
    ),
    "plain numbers, said otherwise": (
        ["7", "8"],
        "7 or 8|5...7|7e2|0x7|7th grade|1,007|7 hundred|(7, 7)|minus 7|not 7|7 and a half|about 6 to about 7"
        "|less than 7|from 5 apples to 7 apples|version 7.7.7|7b|between 5 & 7|at least 7|7 % 8",
    ),
    "weights": (["10 kg", "12 kg"], "10 lb|10 g|10 ounces|10k kg"),
    "cents": (["5 €", "7 €"], "5 ct|5 cents|$5"),
    "millions": (["$1.5M", "$2.3M"], "$1.5|$1.5B|$1.5k|€1.5M"),
    "quarters": (["Q3 2024", "Q1 2023"], "Q1 2024|2024|Q3"),
    "paragraphs": (["§ 433", "§ 812"], "433|§ 434"),
    "DOIs": (["10.1000/182", "10.1038/171"], "182|10.1000/183|10.100"),
    "solutions": (
        ["48/2 = 24 and 48+24 = 72.\n#### 72", "#### 5"],
        "#### 71|#### 71-72|#### 7.2|#### 72k|72 is it\n#### 71|#### 1,72|#### 70 to 72",
    ),
    "negative numbers": (["-72", "5"], "72 (−) 72 7-2 +72 --"),
    "JSON": (['{"a": 5}', '{"a": 7}'], '5|{"a": 6}|{"b": 5}|{"a": "5"}|[5]'),
    "boxes": ([r"\boxed{5}", r"\boxed{7}"], r"\boxed{6}|\boxed{15}|\boxed{5.5}|\boxed{-5}|\boxed{3-5}"),
}  # fmt: skip


def answers(text):
    return text.split("|") if "|" in text else text.split(" ")


PAIRS = [(kind, targets, wrong) for kind, (targets, text) in WRONG.items() for wrong in answers(text)]


def test_there_are_at_least_two_hundred_pairs():
    assert len(PAIRS) >= 200


@pytest.mark.parametrize(("kind", "targets", "wrong"), PAIRS)
def test_a_wrong_answer_is_never_right(kind, targets, wrong):
    found = grade(infer_task(targets), wrong, targets[0])
    assert not found.correct
    assert not found.meant_correct


@pytest.mark.parametrize("kind", WRONG)
def test_every_target_is_its_own_right_answer(kind):
    targets, _ = WRONG[kind]
    task = infer_task(targets)
    for target in targets:
        assert grade(task, f" {target}\n", target).correct
        assert grade(task, target, target).meant_correct is not False


@pytest.mark.parametrize(
    ("targets", "right"),
    [
        (["3,5", "4,25"], "3,50|Es sind 3,5.|3,5 km"),
        (["1.234,56 €", "7,50 €"], "1234,56|1 234,56 €|€ 1.234,56|EUR 1.234,56|1'234,56"),
        (["12 345", "7 100"], "12345|12,345|12\u00a0345|12'345|12 345.0"),
        (["1,23,456", "12,34,567"], "123456|123,456|₹1,23,456"),
        (["1 1/2", "2 3/4", "3"], "1.5|3/2|1½|It takes 1 1/2 cups."),
        (["(500)", "(20)"], "-500|−500|(500)|500-|-500.00"),
        (["500-", "20-"], "-500|(500)"),
        (["-500", "20"], "(500)|500-|−500|–500"),
        (["$1,234.50", "$3.10"], "1234.5|1,234.50 dollars|USD 1,234.50|The total is **$1,234.50**."),
        (["50 %", "12 %"], "50|50%|50 percent|50 per cent"),
        (["20 °C", "-5 °C"], "20|20°C|20 degrees Celsius|20 degrees"),
        (["5 million", "7 million"], "5,000,000|5 million|5M|5e6|5 Mio."),
        (["1.5e6", "2.5e-3"], "1.5 × 10^6|1500000|1.5*10**6|1.5 million"),
        (["72", "5"], r"72|72.0|So 12 + 60 = 72 clips.|#### 72|\boxed{72}|x = 72|72 in total|共72个|72!|**72**"),
        (["1.500,-", "20,-"], "1.500,-|1500|1.500,00"),
        (["#### 1,000", "#### 5"], "1000|#### 1,000|1,000 apples"),
    ],
)  # fmt: skip
def test_a_right_answer_in_other_words(targets, right):
    for answer in right.split("|"):
        assert grade(infer_task(targets), answer, targets[0]).correct, answer


LETTERS = Task("label", labels=("A", "B", "C", "D"))


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("B", "B"), ("B.", "B"), ("B)", "B"), ("(B)", "B"),
        ("[B]", "B"), ("**B**", "B"), ('"B"', "B"), ("B\n\nIt is a dog.", "B"),
        ("B) a large dog", "B"), ("B. A large dog", "B"), ("B: a large dog", "B"), ("B - a large dog", "B"),
        ("The answer is B", "B"), ("The answer is (B).", "B"), ("Answer: B", "B"), ("Option A is correct.", "A"),
        ("I choose C because it is a dog.", "C"), ("I'd go with D.", "D"),
        (r"\boxed{\text{C}}", "C"), ("选B", "B"), ("答案是B。", "B"),
        ("A is right", "A"), ("So it must be A.", "A"), ("Ｂ", "B"),
        ("It is a dog.", None), ("A dog.", None), ("The answer is a dog", None), ("b", None), ("Hepatitis B", None),
        ("B-52", None), ("J. B. Smith", None), ("C'est un chien", None), ("Vitamin C is good", None), ("A or B", None),
        ("U.S.A.", None), ("C++", None), ("A/B", None), ("A and D", None), ("37 C", None), ("Big Dog", None),
        ("Mr. B", None), ("None of A, B", None),
    ],
)  # fmt: skip
def test_a_label_of_one_letter(output, label):
    found = grade(LETTERS, output, label or "A")
    assert found.meant == label
    assert found.meant_correct is (label is not None)


@pytest.mark.parametrize(
    ("labels", "output", "label"),
    [
        (("I", "E"), "I think so.", None),
        (("I", "E"), "I", "I"),
        (("a", "b"), "It is a dog.", None),
        (("a", "b"), "a) a dog", "a"),
        (("Y", "N"), "Y", "Y"),
        (("Y", "N"), "My answer: N.", "N"),
        (("R", "Python"), "python", "Python"),
    ],
)
def test_other_letters(labels, output, label):
    assert grade(Task("label", labels=labels), output, labels[0]).meant == label


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("4/5", "4"), ("4 / 5", "4"), ("4 out of 5", "4"),
        ("I'd give it 4 out of 5.", "4"), ("4 of 5", "4"), ("4.0", "4"), ("4,0", "4"),
        ("4.00", "4"), ("4.0/5", "4"), ("4/5 stars", "4"),
        ("4 stars out of 5", "4"), ("4 stars", "4"), ("Rating: 4", "4"), ("5/5", "5"),
        ("4/6", None), ("4 out of 6", None), ("4/10", None), ("8/10", None),
        ("9/5", None), ("14", None), ("4.5", None), ("4,5", None),
        ("-4", None), ("4+", None), ("4 1/2", None), ("4½", None),
        ("3-5", None), ("1/5/2024", None), ("4,000", None), ("40", None), ("4:5", None),
        ("3/5 or 4/5", None), ("3.4", None), ("0.4", None), ("4th", None), ("≤4", None),
        ("4%", None), ("$4", None), ("+4", "4"),
    ],
)  # fmt: skip
def test_a_rating(output, label):
    assert grade(Task("label", labels=("1", "2", "3", "4", "5")), output, "4").meant == label


STRICT_HITS = [
    (Task("label", labels=("us", "US")), "us", "us"),
    (Task("label", labels=("A", "B")), "A", "A"),
    (Task("label", labels=("I", "It")), "I", "I"),
    (Task("label", labels=("no", "not")), "no", "no"),
    (Task("label", labels=("Straße", "STRASSE")), "Straße", "Straße"),
    (Task("label", labels=("</think>", "x")), "</think>", "</think>"),
    (Task("label", labels=("4/5", "5")), "4/5", "4/5"),
    (Task("label", labels=("+", "-")), "-", "-"),
    (Task("label", labels=("the answer is A", "A")), "the answer is A", "the answer is A"),
    (Task("label", labels=("caf\u00e9", "bar")), "cafe\u0301\u200b", "caf\u00e9"),
    (Task("math"), r"\boxed{4} <think>or \boxed{3}", r"\boxed{4}"),
    (Task("math"), r"\boxed{4}. The answer is 5.", "4"),
    (Task("json"), '"a [1]"', '"a [1]"'),
    (Task("short"), "The answer is: no. The answer is yes", "The answer is: no. The answer is yes"),
    (Task("short"), "The", "The"),
    (Task("exact", by_number=True), "none", "none"),
    (Task("exact", by_number=True), "3-5", "3-5"),
    (Task("regex", pattern="(.*) apples", by_number=True), "5 apples of 7", "5 apples"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "output", "target"), STRICT_HITS)
def test_what_is_strictly_right_is_right_by_meaning(task, output, target):
    found = grade(task, output, target)
    assert found.correct
    assert found.meant_correct


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("3.5", "35"),
        ("-5", "5"),
        ("14:30", "1430"),
        ("3-5", "35"),
        ("3,5", "35"),
        ("Vitamin A", "Vitamin"),
        ("A", "The"),
    ],
)
def test_short_answers_keep_what_makes_a_number(target, wrong):
    assert not grade(Task("short"), wrong, target).meant_correct
    assert grade(Task("short"), f"{target}.", target).meant_correct
