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


ONE = '{"a":1}'


@pytest.mark.parametrize(
    "output",
    [
        '[{"a":1},', '{"b":{"a":1}', '{"b":{"a":1}}', '[[{"a":1}]', '{"b": 2, "c": [{"a":1}', "{b: {\"a\":1}}",
        '{"b":{"a":1}, \'c\': 2}', 'So: [{"a":1}, {"b":', '{"a":1} or rather [{"a":2},', '{"a":1}, no: {"a": 2',
        '```json\n[{"a":1},\n```', '{"x": "}", "b": {"a":1}', '[1, {"a":1}', "{'b': {\"a\":1}", '[[1], {"a":1}, oops]',
        '{"a":1,}', '{"a":1,"a":1}', '{"a":1} and [2]', '{"a":1}\n[2]', '[{"a":1}]', '{"b":\n{"a":1}\n',
    ],
)  # fmt: skip
def test_a_fragment_of_a_longer_value_is_no_answer(output):
    meant = read_by_meaning(JSON, output)
    assert meant is None or not is_meant(JSON, meant, ONE)


@pytest.mark.parametrize(
    "output",
    [
        '{"a":1}', '{"a":1}. See [2].', '{"a":1} (see [2])', 'As in the manual[2], it is {"a":1}.', '{"a":1}, cf. [1].',
        '{"a":1} (source: [3])', '{"a":1}. Refs [1-3].', 'The manual [2] says {"a":1}', 'Answer: {"a":1}',
        '```\n{"a":1}\n```', '```json\n{"a":1}\n```\nThis sets a to 1.', '{ "a" : 1.0 }', '{"a":1} {',
        'Use {this} pattern: {"a":1}', 'Not {"a":2}, but {"a":1}', '[note] {"a":1}', '{"a":1} [note]', '`{"a":1}`',
        '<think>{"b": {"a":2}</think>{"a":1}', '<think>[{</think>\n{"a":1}', '{"a":1}!', '**{"a":1}**', '"{"a":1}"',
        'First [1, 2], then {"a":1}', '\\boxed{{"a":1}}', '{"b": {"a":2}} is wrong; {"a":1} is right',
        '{"b": oops} Again: {"a":1}', '[1, oops] Again: {"a":1}', 'f(x) = {x | x > 0}; {"a":1}', 'answer = {"a":1};',
        'The answer is {"a":1} as arr[2] shows', '{\n  "a": 1\n}', '(a) {"a":1}', 'JSON:\n\n{"a":1}\n\nDone :)',
        'For {name} and {age}: {"a":1}', 'a[0] is 1: {"a":1}', '1. {"a":1}', '> {"a":1}',
        '{"a":1} // done', '{"a":1}\n\nNote: a is 1 [see above].', 'Result → {"a":1}',
    ],
)  # fmt: skip
def test_the_answer_stands_among_words(output):
    assert is_meant(JSON, read_by_meaning(JSON, output), ONE)


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
