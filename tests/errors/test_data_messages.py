"""What a user reads when a data file cannot be used: whole messages."""

import pytest

from embedgrad.data.sources import load_examples
from embedgrad.errors import BadRows, DataError, FileMissing

ADVICE = "Correct these lines or take them out: a file is used whole or not at all."


@pytest.fixture
def message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def told(content, error, name="train.jsonl", **options):
        (tmp_path / name).write_text(content)
        with pytest.raises(error) as caught:
            load_examples(name, **options)
        return str(caught.value)

    return told


def test_bad_rows(message):
    rows = ['{"text": "a", "label": "joy"}', '{"text": "a", "label": "joyy"}', '{"text": ""}', "nope"]
    assert message("\n".join(rows), BadRows, labels=["joy", "fear"]) == (
        "train.jsonl: 3 rows cannot be used.\n"
        '  line 2: "joyy" is none of the 2 labels. Did you mean "joy"?\n'
        '  line 3: "text" is empty\n'
        "  line 4: not JSON: Expecting value at column 1\n"
        "Correct these lines, take them out, or name other labels: a file is used whole or not at all."
    )


def test_many_bad_rows(message):
    assert message('{"text": "a", "label": "b"}\n' + '{"text": "a"}\n' * 12, BadRows) == (
        "train.jsonl: 12 rows cannot be used.\n"
        + "".join(f'  line {line}: no field "label"\n' for line in range(2, 12))
        + "  and 2 more\n"
        + ADVICE
    )


def test_no_row_can_be_read(message):
    assert message('"text"', BadRows) == (
        'train.jsonl: 1 row cannot be used.\n  line 1: not an object like {"input": "...", "output": "..."}\n' + ADVICE
    )


def test_unknown_fields(message):
    assert message('{"review": "a", "stars": 5}', DataError) == (
        "train.jsonl has no fields known without being named: input/output, prompt/completion, "
        "question/answer, text/label, instruction/input/output, messages or conversations.\n"
        "Columns found: review, stars. Name them with input_field and target_field of eg.load_examples."
    )


def test_several_known_pairs(message):
    assert message("text,label,question,answer\na,b,c,d", DataError, "train.csv") == (
        "train.csv can be read in several ways: question/answer, text/label.\n"
        "Columns found: text, label, question, answer. Name them with input_field and target_field of eg.load_examples."
    )


def test_a_named_field_is_in_no_row(message):
    assert message('{"review": "a", "stars": 5}', DataError, input_field="reveiw") == (
        'train.jsonl has no field "reveiw" (input_field). Did you mean "review"?\nColumns found: review, stars.'
    )


def test_one_field_for_both(message):
    assert message('{"text": "a"}', DataError, input_field="text", target_field="text") == (
        'input_field and target_field both name "text" of train.jsonl.'
    )


def test_template_columns(message):
    row = '{"text": "a", "label": "b", "context": "c"}'
    assert message(row, DataError, columns=("input", "contxt")) == (
        'The template asks for {contxt}, but no row of train.jsonl has that field. Did you mean "context"?'
    )
    assert message(row, DataError, columns=("label",)) == (
        "The template shows {label}, the target of train.jsonl: the model would only have to copy it."
    )


def test_no_rows(message):
    assert message("\n", DataError) == (
        'train.jsonl has no rows. Expected one per line, like {"input": "...", "output": "..."} in JSONL, '
        "or a header and rows in CSV."
    )


def test_a_missing_file(message, tmp_path):
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(FileMissing) as caught:
        load_examples("trian.jsonl")
    assert str(caught.value) == 'trian.jsonl is not there. Did you mean "train.jsonl"?'
    with pytest.raises(FileMissing) as caught:
        load_examples("nowhere/x.jsonl")
    assert str(caught.value) == "nowhere/x.jsonl is not there."


def test_a_folder(message, tmp_path):
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(FileMissing) as caught:
        load_examples("rows.csv")
    assert str(caught.value) == "rows.csv is a folder; expected a file of rows."


def test_other_kinds_of_files(message):
    assert message("x", DataError, "train.yaml") == (
        "train.yaml is of no known kind; expected .jsonl, .ndjson, .json, .csv, .tsv or .parquet, "
        "or - for JSONL from standard input."
    )
    assert message("x", DataError, "train.xlsx") == ("train.xlsx is a workbook; save its sheet as CSV, and give that.")
