"""Rows of instructions and of chats, and texts that no slot shows."""

import json

import pytest
from read_rows import pairs, read

from embedgrad.data.sources import load_examples
from embedgrad.errors import BadRows, DataError

ABOVE = (
    'Each input is the row\'s "instruction", then a blank line and its "input" where it has one. '
    'To place them yourself: template=eg.Template.chat("{prompt}\\n\\n{instruction}\\n\\n{input}")'
)


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_instructions(tmp_path):
    content = jsonl(
        {"instruction": "Add the two.", "input": "1 2", "output": "3"},
        {"instruction": "Say hi.", "input": "", "output": "hi"},
        {"instruction": "Say ho.", "input": None, "output": "ho"},
        {"instruction": "Say hm.", "output": 5},
    )
    wanted = ["Add the two.\n\n1 2", "Say hi.", "Say ho.", "Say hm."]
    rows, said = read(tmp_path, "alpaca.jsonl", content)
    assert pairs(rows) == list(zip((1, 2, 3, 4), wanted, ("3", "hi", "ho", "5"), strict=True))
    assert said == [ABOVE]
    rows, said = read(tmp_path, "alpaca.csv", "instruction;input;output\nAdd;1 2;3\nSay;;hi\n")
    assert [(row.input, row.target) for row in rows] == [("Add\n\n1 2", "3"), ("Say", "hi")]
    assert said == ["alpaca.csv is read with semicolons between the cells.", ABOVE]


def test_a_template_may_place_instructions(tmp_path):
    content = jsonl(
        {"instruction": "Add.", "input": "1 2", "output": "3"}, {"instruction": "Hi.", "input": "", "output": "3"}
    )
    rows, said = read(tmp_path, "alpaca.jsonl", content, columns=("instruction",))
    assert [(row.input, row.columns["instruction"]) for row in rows] == [("1 2", "Add."), ("", "Hi.")]
    assert said == []


def test_instructions_of_other_names(tmp_path):
    row = {"instruction": "Who was she?", "context": "A long passage on her.", "response": "Ada"}
    rows, said = read(tmp_path, "dolly.jsonl", jsonl(row), target_field="response")
    assert pairs(rows) == [(1, "Who was she?", "Ada")]
    assert said[1:] == [
        'The texts in "context" are not used. To show them to the model: '
        'template=eg.Template.chat("{prompt}\\n\\n{context}\\n\\n{input}")'
    ]
    (to_answer,), _ = read(tmp_path, "rows.jsonl", jsonl({"instruction": "Hi."}), needs_target=False)
    assert (to_answer.input, to_answer.target) == ("Hi.", None)
    (plain,), said = read(
        tmp_path,
        "rows.jsonl",
        jsonl({"instruction": "Add these two numbers.", "input": "1 2", "output": "3"}),
        input_field="input",
    )
    assert (plain.input, said) == (
        "1 2",
        [
            'The texts in "instruction" are not used. To show them to the model: '
            'template=eg.Template.chat("{prompt}\\n\\n{instruction}\\n\\n{input}")'
        ],
    )
    with pytest.raises(DataError, match="several ways: instruction/input/output, text/label"):
        read(tmp_path, "rows.jsonl", jsonl({"instruction": "a", "output": "b", "text": "c", "label": "d"}))


def test_an_instruction_must_be_there(tmp_path):
    rows = [
        {"instruction": "a", "input": "", "output": "b"},
        {"instruction": " ", "input": "x", "output": "b"},
        {"output": 1},
    ]
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.jsonl", jsonl(*rows))
    assert [(p.line, p.problem) for p in caught.value.problems] == [
        (2, '"instruction" is only whitespace'),
        (3, 'no field "instruction"'),
    ]


@pytest.mark.parametrize("field", ["conversations", "messages"])
@pytest.mark.parametrize(
    ("role", "content", "names"),
    [
        ("from", "value", ("human", "gpt")),
        ("from", "value", ("user", "assistant")),
        ("role", "content", ("user", "assistant")),
    ],
)
def test_chats(tmp_path, field, role, content, names):
    turns = [("system", "S"), (names[0], "u1"), (names[1], "a1"), (names[0], "u2"), (names[1], "a2")]
    row = {"id": "x1", field: [{role: who, content: text} for who, text in turns]}
    (example,), said = read(tmp_path, "chats.json", json.dumps([row], indent=1))
    assert (example.input, example.target, said) == ("u2", "a2", [])
    assert example.history == (("system", "S"), ("user", "u1"), ("assistant", "a1"))
    assert example.row == row


SHARED = (
    '"messages"; only role and content are read (tools that all rows share: eg.load_model(..., '
    'template_arguments={"tools": [...]}))'
)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"tools": [{"type": "function"}]}, f'there are "tools" beside {SHARED}'),
        ({"functions": [{"name": "f"}]}, f'there are "functions" beside {SHARED}'),
        ({"tools": "[{}]"}, f'there are "tools" beside {SHARED}'),
        ({"tools": None}, None),
        ({"tools": []}, None),
        ({"id": 3}, None),
    ],
)
def test_tools_are_not_left_out_in_silence(tmp_path, row, problem):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    content = jsonl({"messages": turns, **row})
    if problem is None:
        assert pairs(read(tmp_path, "rows.jsonl", content)[0]) == [(1, "a", "b")]
    else:
        with pytest.raises(BadRows) as caught:
            read(tmp_path, "rows.jsonl", content)
        assert [(p.line, p.problem) for p in caught.value.problems] == [(1, problem)]


@pytest.mark.parametrize(
    ("turn", "problem"),
    [
        ({"from": "human"}, 'message 1 has no "value"'),
        ({"from": "tool", "value": "a"}, 'the role of message 1 is "tool"; expected system, user or assistant'),
        ({"from": "human", "value": " "}, "the content of message 1 is only whitespace"),
        ({"from": "human", "value": "a", "weight": 0}, 'message 1 has a "weight"; only from and value are read'),
        ({"role": "user", "content": "a", "weight": 0}, 'message 1 has a "weight"; only role and content are read'),
    ],
)
def test_odd_turns(tmp_path, turn, problem):
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.jsonl", jsonl({"conversations": [turn]}))
    assert [(p.line, p.problem) for p in caught.value.problems] == [(1, problem)]


@pytest.mark.parametrize(
    ("more", "options", "unused"),
    [
        ({"context": "A passage of words."}, {}, '"context"'),
        ({"context": "A passage of words.", "hint": "look at the end"}, {}, '"context" and "hint"'),
        ({"context": "A passage of words."}, {"columns": ("context",)}, None),
        ({"context": "A passage of words."}, {"aside": ("context",)}, None),
        ({"id": "a-17", "source": "web", "day": "2024-01-02", "n": 17, "new": True, "level": "Level 5"}, {}, None),
        ({"context": ["A passage of words."], "meta": {"by": "who knows it all"}, "none": None}, {}, None),
    ],
)
def test_texts_that_no_slot_shows_are_named(tmp_path, more, options, unused):
    _, said = read(tmp_path, "rows.jsonl", jsonl({"question": "Why?", "answer": "b", **more}), **options)
    assert [sentence.split(" are not used.")[0] for sentence in said] == ([f"The texts in {unused}"] if unused else [])


def test_a_column_that_can_have_no_slot(tmp_path):
    _, said = read(tmp_path, "rows.csv", "text,label,further words\na,b,one two three\n")
    assert said == ['The texts in "further words" are not used.']


def test_nothing_need_be_said(tmp_path):
    """Without `say`, what was guessed is not told, and nothing breaks."""
    path = tmp_path / "rows.csv"
    path.write_text("sep=;\ntext;label\na;b\n")
    assert [row.target for row in load_examples(path)] == ["b"]
