import pytest

from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant
from embedgrad.tasks.json_answer import json_value, last_json
from embedgrad.tasks.task import Task

JSON = Task("json")
CALL = '{"name": "add", "arguments": {"a": 1, "b": [2, 3.5]}}'


@pytest.mark.parametrize(
    ("output", "is_right"),
    [
        (CALL, True),
        (' {"arguments":{"b":[2.0,35e-1],"a":1.00},\n"name":"\\u0061dd"}\n', True),
        (CALL.replace("1", "true"), False),
        (CALL.replace("1", '"1"'), False),
        (CALL.replace("3.5", "3.5000000000000000001"), False),
        (CALL.replace("[2, 3.5]", "[3.5, 2]"), False),
        (CALL.replace('"a": 1', '"a": 1, "a": 1'), False),
        (CALL + CALL, False),
        (f"```json\n{CALL}\n```", False),
        ("", False),
    ],
)
def test_strictly_the_whole_output_is_the_value(output, is_right):
    assert is_correct(JSON, read_strict(JSON, output), CALL) is is_right


@pytest.mark.parametrize(
    "output",
    [
        CALL,
        f"```json\n{CALL}\n```",
        f"Sure! First I thought of [1, 2], see {{this}}, but here it is:\n\n```\n{CALL}\n```\nAnything else?",
        f'<think>[[[ {{"a": \n</think>The call is {CALL}.',
        f"[1, 2] [see note] {CALL} {{",
        f'It says "{CALL}"',
    ],
)
def test_by_meaning_the_last_value_counts(output):
    meant = read_by_meaning(JSON, output)
    assert meant == CALL
    assert is_meant(JSON, meant, CALL)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("true", "true"),
        ("null", "null"),
        ("the answer is true", None),
        ("The answer:\n```json\n3.0\n```", "3.0"),
        ("{1: 2}", None),
        ("[1, 2", None),
        ("{'a': 1}", None),
        ("NaN", None),
        ("[Infinity]", None),
        ('"\x00"', None),
        ("", None),
    ],
)
def test_other_values(output, value):
    assert last_json(output) == value


def test_values_are_told_apart():
    texts = ["1", "true", "null", "0", "false", '""', '"1"', "[]", "{}", "[1]", "[true]", "[null]", '{"a":1,"a":1}']
    for number, first in enumerate(texts):
        for second in texts[number + 1 :]:
            assert json_value(first) != json_value(second), (first, second)
    assert json_value("1") == json_value("1.0") == json_value("10e-1")
    assert json_value('{"a":1,"a":1}') != json_value('{"a":1,"a":1}')
    assert json_value("1e999999999") != json_value("1")
    assert not is_correct(JSON, "1", "no JSON")


@pytest.mark.parametrize(
    "output",
    ["[" * 100_000, '{"a":' * 50_000, "[" * 100_000 + "]" * 100_000, "[1," * 50_000, '["' * 50_000, "9" * 100_000,
     "1e" + "9" * 1000, "```\n" * 30_000, "{}" * 50_000, '{"a":1,' * 20_000],
    ids=range(10),
)  # fmt: skip
def test_hostile_outputs_are_read_without_an_error(output):
    for read in (read_strict, read_by_meaning):
        is_correct(JSON, read(JSON, output), "[]")
