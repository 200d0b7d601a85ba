import pytest

from embedgrad.errors import SettingsError
from embedgrad.tasks.grade import is_correct
from embedgrad.tasks.metrics import macro_f1
from embedgrad.tasks.task import Task, infer_task


def numbers(first, end, words=""):
    return [f"{number}{words}" for number in range(first, end)]


TWENTY = tuple(sorted(numbers(0, 20, " stars")))


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (["b", "a "] * 5, Task("label", labels=("a", "b"))),
        (["0", "1"] * 5, Task("label", labels=("0", "1"))),
        (["a", "b"] * 4, Task("exact")),
        (["only"] * 100, Task("exact")),
        (TWENTY * 5, Task("label", labels=TWENTY)),
        (numbers(0, 21, " stars") * 50, Task("exact")),
        (["x" * 41, "y"] * 10, Task("text")),
        (numbers(1, 90, ",555"), Task("number", decimal_mark=".")),
        (numbers(0, 30, " clips and some more.\n#### 72"), Task("number")),
        ([*numbers(0, 95), *numbers(0, 5, " apples")], Task("exact")),
        ([*numbers(0, 94), *numbers(0, 6, " apples")], Task("exact")),
        ([*numbers(0, 99), "none"], Task("exact")),
        (["A long free text without any number at its end, again."] * 2, Task("text")),
        (["a"], Task("exact")),
        ([f"So $x = \\boxed{{{n}}}$." for n in range(9)], Task("math")),
        ([r"\boxed{1}", "2"], Task("number")),
        ([r"\boxed{1}", r"\boxed{2"], Task("number")),
        ([r"\boxed{1}", r"\boxed{2}"] * 5, Task("label", labels=(r"\boxed{1}", r"\boxed{2}"))),
        (['{"a": 1}', '[{"a": 2}, 3]'], Task("json")),
        (['{"a": 1}', "{x}"], Task("exact")),
        (['{"a": 1}', '"a"'], Task("exact")),
        (["3.9", "3.10", "3.11"], Task("exact")),
        (["3.10", "3.20", "3.30"], Task("exact")),
        (["1.10", "2.20", "10.30"], Task("exact")),
        (["10,20", "30,40"], Task("exact")),
        (["12.05", "13.06", "21.10"], Task("exact")),
        (["01.02", "31.12"], Task("exact")),
        (["5,12", "7,11"], Task("exact")),
        (["3.1", "3.2", "3.9"], Task("number", decimal_mark=".")),
        (["7.30", "8.15", "9.45"], Task("number", decimal_mark=".")),
        (["2.50", "3.50", "4.00"], Task("number", decimal_mark=".")),
        (["$3.10", "$3.20", "$3.30"], Task("number", decimal_mark=".")),
        (["3,10 €", "3,20 €"], Task("number", decimal_mark=",")),
        (["3.14", "2.72", "1.41"], Task("number", decimal_mark=".")),
        (["12.05", "13.06", "45.10"], Task("number", decimal_mark=".")),
        (["12.05", "13.06", "21"], Task("number", decimal_mark=".")),
        (["0.5", "0.25"], Task("number", decimal_mark=".")),
        (["10.5", "20.25", "7"], Task("number", decimal_mark=".")),
    ],
)
def test_infer_task(targets, task):
    assert infer_task(targets) == task


def test_no_targets():
    with pytest.raises(ValueError, match=r"^a task cannot be inferred from no targets$"):
        infer_task([])


def test_free_text_is_not_graded():
    for prediction in ("a", None):
        with pytest.raises(ValueError, match=r"^a text task has no right and wrong; ask task\.has_metric first$"):
            is_correct(Task("text"), prediction, "a")


BELONGS = 'A task of kind "label" needs labels, one of kind "regex" a pattern, others neither; got kind '
CANNOT = "cannot be used: labels must be distinct, not empty and without whitespace around them."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "label"}, f"{BELONGS}'label', 0 labels, pattern None."),
        ({"kind": "number", "labels": ("a",)}, f"{BELONGS}'number', 1 labels, pattern None."),
        ({"kind": "exact", "pattern": "a"}, f"{BELONGS}'exact', 0 labels, pattern 'a'."),
        ({"kind": "label", "labels": ("a ", "b")}, f"The label 'a ' {CANNOT}"),
        ({"kind": "label", "labels": ("a", "a")}, f"The label 'a' {CANNOT}"),
        ({"kind": "label", "labels": ("a", "")}, f"The label '' {CANNOT}"),
        (
            {"kind": "regex", "pattern": "("},
            "The pattern '(' is no regular expression: missing ), unterminated subpattern at position 0.",
        ),
    ],
)
def test_impossible_tasks(settings, message):
    with pytest.raises(SettingsError) as caught:
        Task(**settings)
    assert str(caught.value) == message


def test_macro_f1_by_hand():
    targets = ["a", "a", "a", "b", "b", "c"]
    predictions = ["a", "a", "b", "b", None, "a"]
    # a: 2 TP, 1 FP, 1 FN; b: 1 TP, 1 FP, 1 FN; c: 1 FN; d occurs nowhere
    assert macro_f1(predictions, targets, ["a", "b", "c", "d"]) == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    assert macro_f1(targets, targets, ["a", "b", "c"]) == 1.0
    assert macro_f1([None], ["a"], ["a"]) == 0.0
    assert macro_f1(["b"], ["a"], ["a", "b"]) == 0.0


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        (["a"], ["a", "b"], "1 predictions for 2 targets"),
        ([], [], "no rows to measure"),
        (["x"], ["a"], "'x' is none of the 2 labels"),
    ],
)
def test_macro_f1_refuses(predictions, targets, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        macro_f1(predictions, targets, ["a", "b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accepted": {"maybe": ("perhaps",)}}, "There are accepted forms for 'maybe', which is none of the labels."),
        ({"accepted": {"yes": (" ",)}}, "An accepted form of 'yes' is empty."),
        ({"accepted": {"yes": ("NO",)}}, "The accepted form 'NO' of 'yes' also means 'no'."),
        ({"accepted": {"yes": ("y",), "no": ("Y",)}}, "The accepted form 'Y' of 'no' also means 'yes'."),
        ({"by_number": True}, "Only exact and regex answers can be read by_number; got kind 'label'."),
    ],
)
def test_accepted_forms_that_cannot_work(options, message):
    with pytest.raises(SettingsError) as error:
        Task("label", labels=("yes", "no"), **options)
    assert str(error.value) == message


def test_accepted_forms_of_short_answers_belong_to_targets():
    assert Task("short", accepted={"Paris": ["Paname"]}).accepted == {"Paris": ("Paname",)}
    assert Task("short", accepted={"Denver Broncos": ["Broncos"], "Broncos": ["Denver Broncos"]})
    with pytest.raises(SettingsError) as error:
        Task("short", accepted={"Paris": [" "]})
    assert str(error.value) == "An accepted form of 'Paris' is empty."
    with pytest.raises(SettingsError) as error:
        Task("math", accepted={"1": ["one"]})
    assert str(error.value) == "There are accepted forms for '1', which is none of the labels."


def test_a_task_with_accepted_forms_can_still_be_hashed():
    assert hash(Task("label", labels=("yes",), accepted={"yes": ("y",)}))
