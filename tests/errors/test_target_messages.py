"""What is wrong with targets is told with its lines, before the model is loaded where that is possible."""

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

import embedgrad as eg
from embedgrad.errors import BadRows, DataError, EmbedgradError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import EvaluationSettings
from embedgrad.model.special_tokens import special_tokens_of, stored_special_tokens
from embedgrad.prompt.rows import target_ids
from embedgrad.tasks.targets import check_special_tokens, settled
from embedgrad.tasks.task import Task


def rows(targets):
    return [eg.Example(input=f"row {n}", target=target, line=n) for n, target in enumerate(targets, start=1)]


READ_IN_TWO_WAYS = (
    "The targets' numbers can be read in two ways: '1.234' may have three decimals or be in the thousands, and no "
    'target tells which ({}). Pass eg.Task(..., decimal_mark=".") where the point parts decimals, eg.Task(..., '
    'decimal_mark=",") where it parts thousands, or task=eg.Task("exact") to compare them as texts.'
)


@pytest.mark.parametrize(
    ("targets", "places"),
    [
        (["1.234", "5.678"], "2 rows at lines 1, 2"),
        (["72", "5", "1.234"], "1 row at line 3"),
        (["1.234", "1,234"], "2 rows at lines 1, 2"),
        (["€ 1.234", "€ 20"], "1 row at line 1"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways(targets, places):
    with pytest.raises(DataError) as error:
        settled(None, rows(targets))
    number = next(t for t in targets if "." in t)
    assert str(error.value) == READ_IN_TWO_WAYS.format(places).replace("'1.234'", repr(number))


@pytest.mark.parametrize("task", [None, Task("json")])
@pytest.mark.parametrize("target", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "a": 1}}]'])
def test_json_with_a_key_twice(task, target):
    with pytest.raises(DataError) as error:
        settled(task, rows(['{"a": 1}', target, '{"a": 2}']))
    assert str(error.value) == (
        f"1 of 3 rows has a target that has a key twice in one object, which no answer can equal; the first is "
        f'{target!r} at line 2. Correct the rows, or use task=eg.Task("exact") to compare them as texts.'
    )


@pytest.mark.parametrize("mark", [".", ","])
def test_the_setting_says_how_they_are_read(mark):
    task = EvaluationSettings(decimal_mark=mark).task_for(rows(["1.234", "5.678"]))
    assert task == Task("number", decimal_mark=mark)


@pytest.mark.parametrize(
    ("targets", "mark"),
    [
        (["72", "5"], "."),
        (["1,234", "72"], "."),
        (["0.123", "1.234"], "."),
        (["1.234", "3.5"], "."),
        (["1.234", "3,5"], ","),
        (["1.234.567", "1.234"], ","),
        (["1 234,567", "72"], ","),
        (["1'234.567", "72"], "."),
        (["1,23,456", "1,234"], "."),
        (["1234,567", "1"], ","),
        (["20,-", "1.500"], ","),
        (["#### 3,5", "Es sind 1.234.\n#### 72"], ","),
    ],
)
def test_the_decimal_mark_that_the_targets_tell(targets, mark):
    assert settled(None, rows(targets)).decimal_mark == mark


def test_numbers_written_in_two_ways():
    with pytest.raises(DataError) as error:
        settled(None, rows(["1.234,56", "72", "1,234.56", "3,5"]))
    assert str(error.value) == (
        "The targets' numbers are written in two ways: '1,234.56' has decimals behind a point (1 row at line 3), "
        "'1.234,56' behind a comma (2 rows at lines 1, 4). Write them in one way, or pass "
        'task=eg.Task("exact") to compare them as texts.'
    )


def test_a_target_without_a_number():
    with pytest.raises(DataError) as error:
        settled(Task("number"), rows(["72", "3-5"]))
    assert str(error.value) == (
        "1 of 2 rows has a target that gives no number with the decimal mark '.'; the first is '3-5' at line 2. "
        'Correct the rows, or use task=eg.Task("exact") (or eg.Task(..., decimal_mark=",") if that is how they are '
        "written)."
    )


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (["Good", "good", "bad"] * 5,
         "'Good' (5 rows at lines 1, 4, 7, 10, 13) and 'good' (5 rows at lines 2, 5, 8, 11, 14)"),
        (["Straße", "STRASSE"] * 5,
         "'STRASSE' (5 rows at lines 2, 4, 6, 8, 10) and 'Straße' (5 rows at lines 1, 3, 5, 7, 9)"),
        (["very good"] * 6 + ["very  good", "bad", "bad", "bad"] * 3,
         "'very  good' (3 rows at lines 7, 11, 15) and 'very good' (6 rows at lines 1, 2, 3, 4, 5, 6)"),
        (["card_arrival", "card arrival"] * 5,
         "'card arrival' (5 rows at lines 2, 4, 6, 8, 10) and 'card_arrival' (5 rows at lines 1, 3, 5, 7, 9)"),
        (["１", "1"] * 5, "'1' (5 rows at lines 2, 4, 6, 8, 10) and '１' (5 rows at lines 1, 3, 5, 7, 9)"),
    ],
)  # fmt: skip
def test_labels_that_a_reader_takes_for_one(targets, told):
    for find in (
        lambda: settled(None, rows(targets)),
        lambda: EvaluationSettings(task="label").task_for(rows(targets)),
    ):
        with pytest.raises(DataError) as error:
            find()
        assert str(error.value) == (
            f"Some labels differ only in case, spacing or forms of letters: {told}. Write each label in one way, or "
            "name all of them with eg.Task(..., labels=...) if they are meant to differ."
        )
    named = EvaluationSettings(labels=tuple(sorted(set(targets))))
    assert named.task_for(rows(targets)).kind == "label"


@pytest.mark.parametrize(
    "written",
    [
        " negative",
        "negative\n",
        "\u200bnegative",
        "neg\u00adative",
        "\ufeffnegative ",
        "negative\u2060",
        "negative\u200d",
    ],
)
def test_one_form_of_a_label(written, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "x", "completion": written}), encoding="utf-8")
    assert eg.load_examples(path, labels=["negative"])[0].target == "negative"
    assert eg.Example("x", written).target == "negative"
    assert Task("label", labels=("negative", unicodedata.normalize("NFD", "né"))).labels == ("negative", "né")


@pytest.mark.parametrize("kept", ["two  words\n and a line", "👨\u200d👩\u200d👧", "می\u200cخواهم", "क्\u200dष"])
def test_what_a_target_keeps(kept):
    assert eg.Example("x", kept).target == unicodedata.normalize("NFC", kept)


def test_a_target_that_nobody_sees(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"input": "x", "output": "\u200b\u2060"}), encoding="utf-8")
    with pytest.raises(BadRows) as error:
        eg.load_examples(path)
    assert "line 1: the target holds only characters that cannot be seen" in str(error.value)


@pytest.mark.parametrize("template", [eg.Template.text("{prompt}\n{input}\nSentiment:"), None])
def test_a_label_is_trained_and_scored_in_one_form(tiny_model, template):
    model = tiny_model("qwen2")
    placed = eg.start(model, "Answer.", template)
    examples = [eg.Example(f"row {n}", f" {label}") for n, label in enumerate(("yes", "no") * 5)]
    judge = Judge.prepare(placed.bind(model), examples, Judging(score_by="likelihood"))
    assert judge.task.labels == ("no", "yes")
    for row, example in zip(judge.targets, judge.examples, strict=True):
        trained = row.ids[row.target.start :]
        assert trained == target_ids(model, placed, example.target)
        assert trained == judge.label_ids[judge.task.labels.index(example.target)]


def special_message(count, target, token, places, advice):
    return (
        f"{count} a target with a special token of the model, which no answer can hold; the first is {target!r} with "
        f"{token!r}{places}. {advice}"
    )


ADDED = "Leave it out: embedgrad itself adds what ends an answer."


@pytest.mark.parametrize(
    ("targets", "count", "target", "token", "places", "advice"),
    [
        (["yes", " no<|end|>"], "1 row of 2 has", "no<|end|>", "<|end|>", " at line 2", ADDED),
        (["yes</s>", "no</s>"], "2 rows of 2 have", "yes</s>", "</s>", " at lines 1, 2", ADDED),
        (["<s>yes", "no"], "1 row of 2 has", "<s>yes", "<s>", " at line 1", "Take it out of the rows."),
    ],
)
def test_a_target_with_a_special_token(targets, count, target, token, places, advice):
    with pytest.raises(DataError) as error:
        check_special_tokens(rows(targets), {"<s>", "</s>", "<|end|>", ""})
    assert str(error.value) == special_message(count, target, token, places, advice)
    check_special_tokens(rows(targets), ())


def test_special_tokens_are_found_without_and_with_the_model(tiny_model, tmp_path, monkeypatch):
    stored = stored_special_tokens("pocket")
    assert stored
    model = eg.load_model("pocket")
    assert special_tokens_of(model.tokenizer) == stored
    token = sorted(stored)[0]
    with pytest.raises(DataError, match="special token of the model"):
        eg.evaluate(model, "Answer.", rows([f"yes{token}", "no"]))
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(Path(eg.__file__).parent / "pocket" / "model" / "tokenizer.json", folder)
    assert stored_special_tokens(folder) <= stored
    (folder / "tokenizer.json").write_text("[" * 100_000)
    (folder / "tokenizer_config.json").write_text(
        '{"eos_token": {"content": "<e>"}, "added_tokens_decoder": [1], "x": 2}'
    )
    assert stored_special_tokens(folder) == {"<e>"}
    assert stored_special_tokens("no such model !") == frozenset()


@pytest.mark.parametrize("verb", ["evaluate", "tune"])
def test_it_is_told_before_the_model_is_loaded(verb, tmp_path, monkeypatch):
    from embedgrad.cli.evaluate import EvaluateFlags, evaluate
    from embedgrad.cli.tune import TuneFlags, tune

    token = sorted(stored_special_tokens("pocket"))[0]
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"input": f"row {n}", "output": f"{'yes' if n % 2 else 'no'}{token}"}) for n in range(150)]
    path.write_text("\n".join(lines), encoding="utf-8")

    def load(*_args):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("embedgrad.model.load.load_model", load)

    def tell():
        if verb == "evaluate":
            evaluate(flags=EvaluateFlags(model="pocket", prompt=("Answer.",), data=str(path)), quiet=True)
        flags = TuneFlags(model="pocket", prompt="Answer.", train=str(path), output=str(tmp_path / "run"))
        tune(flags=flags, quiet=True)

    with pytest.raises(EmbedgradError, match="embedgrad itself adds what ends an answer"):
        tell()
