"""Python's users hand over the wrong thing: one message that says what was expected, never a traceback from within."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.errors import EmbedgradError, UsageError

ROWS = [eg.Example(f"film {i} was {'good' if i % 2 else 'bad'}", "good" if i % 2 else "bad") for i in range(40)]
TEXT = "Is it good?"
SHORT = {"epochs": 0.1, "min_steps": 1}
MODEL = 'expected a FrozenModel. Load one: eg.load_model("pocket").'
PROMPT = "expected a text, the path of a prompt file, or a SoftPrompt."
TASK = 'expected a Task. Make one: eg.Task("label", labels=["yes", "no"]), eg.Task("number").'
TEMPLATE = r'expected a Template. Make one: eg.Template.chat("{prompt}\n\n{input}"), .text or .messages.'
EXAMPLE = 'expected an Example. Make one: eg.Example(row["input"], row["output"]).'
SOFT = "expected a SoftPrompt. Make one: eg.start(model, text), or eg.SoftPrompt.load(path)."
COUNT = "expected a whole number from 1 to 1000000000."
OVERLONG = "expected one of 'error', 'skip', 'truncate-input'."


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> eg.FrozenModel:
    return eg.load_model(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


CALLS = {
    "a model's name": (lambda m: eg.tune("pocket", TEXT, ROWS), f"model is the text 'pocket'; {MODEL}"),
    "no model": (lambda m: eg.evaluate(None, TEXT, ROWS), f"model is None; {MODEL}"),
    "a name to generate": (lambda m: eg.generate("pocket", TEXT, ["x"]), f"model is the text 'pocket'; {MODEL}"),
    "no prompt": (lambda m: eg.tune(m, None, ROWS), f"prompt is None; {PROMPT}"),
    "a number as prompt": (lambda m: eg.start(m, 5), f"prompt is 5; {PROMPT}"),
    "one of several prompts": (lambda m: eg.generate(m, [TEXT, 5], ["x", "y"]), f"prompt[1] is 5; {PROMPT}"),
    "half a pair": (
        lambda m: eg.start(m, "\ud800 x"),
        r"prompt is the text '\ud800 x'; expected a text that UTF-8 can hold: half of a surrogate pair is no "
        "character.",
    ),
    "no rows": (
        lambda m: eg.tune(m, TEXT, None),
        "examples is None; expected a list of Examples, or the path of a file of rows.",
    ),
    "rows as dicts": (lambda m: eg.tune(m, TEXT, [{"input": "a"}] * 40), f"examples[0] is of type dict; {EXAMPLE}"),
    "dicts to evaluate": (
        lambda m: eg.evaluate(m, TEXT, [ROWS[0], {"text": "a"}]),
        f"examples[1] is of type dict; {EXAMPLE}",
    ),
    "a number as input": (
        lambda m: eg.evaluate(m, TEXT, [eg.Example(5, "a")]),
        "examples[0].input is 5; expected a text.",
    ),
    "a number as target": (
        lambda m: eg.tune(m, TEXT, [eg.Example("a", 1)] * 40),
        "examples[0].target is 1; expected a text.",
    ),
    "a column of numbers": (
        lambda m: eg.evaluate(m, TEXT, [eg.Example("a", "b", {"c": 1})]),
        "examples[0].columns['c'] is 1; expected a text.",
    ),
    "a history of texts": (
        lambda m: eg.evaluate(m, TEXT, [eg.Example("a", "b", history=("user", "hi"))]),
        "examples[0].history is of type tuple; expected pairs of role and content.",
    ),
    "a text as template": (
        lambda m: eg.tune(m, TEXT, ROWS, template="{prompt} {input}"),
        f"template is the text '{{prompt}} {{input}}'; {TEMPLATE}",
    ),
    "a text as task": (lambda m: eg.tune(m, TEXT, ROWS, task="label"), f"task is the text 'label'; {TASK}"),
    "a kind of task to evaluate": (
        lambda m: eg.evaluate(m, TEXT, ROWS, "number"),
        f"task is the text 'number'; {TASK}",
    ),
    "overlong": (lambda m: eg.tune(m, TEXT, ROWS, overlong="xx"), f"overlong is the text 'xx'; {OVERLONG}"),
    "a near word": (
        lambda m: eg.generate(m, TEXT, ["x"], overlong="skipp"),
        f"overlong is the text 'skipp'; {OVERLONG} Did you mean \"skip\"?",
    ),
    "score_by": (
        lambda m: eg.evaluate(m, TEXT, ROWS, score_by=None),
        "score_by is None; expected one of 'generation', 'likelihood', 'both'.",
    ),
    "negative tokens": (lambda m: eg.evaluate(m, TEXT, ROWS, batch_tokens=-1), f"batch_tokens is -1; {COUNT}"),
    "no tokens": (lambda m: eg.generate(m, TEXT, ["x"], batch_tokens=0), f"batch_tokens is 0; {COUNT}"),
    "half a token": (lambda m: eg.generate(m, TEXT, ["x"], max_new_tokens=1.5), f"max_new_tokens is 1.5; {COUNT}"),
    "400 digits": (
        lambda m: eg.evaluate(m, TEXT, ROWS, max_new_tokens=10**400),
        f"max_new_tokens is a number of more than 12 digits; {COUNT}",
    ),
    "no inputs": (lambda m: eg.generate(m, TEXT, None), "inputs is None; expected a list of texts or Examples."),
    "nothing as input": (lambda m: eg.generate(m, TEXT, [None]), "inputs[0] is None; expected a text or an Example."),
    "stop": (
        lambda m: eg.generate(m, TEXT, ["x"], stop=[5]),
        "stop is of type list; expected a text or a list of texts.",
    ),
    "frozen": (
        lambda m: eg.start(m, TEXT, frozen=["x"]),
        "frozen is of type list; expected a list of token positions, counted from 0.",
    ),
    "seed": (
        lambda m: eg.start(m, TEXT, kind="random", seed=-1),
        "seed is -1; expected a whole number from 0 to 9223372036854775807.",
    ),
    "a prompt longer than the context": (
        lambda m: eg.start(m, TEXT, kind="random", tokens=10**9),
        "tokens 1,000,000,000: a prompt must leave room for a row in the 512 tokens that tiny takes.",
    ),
    "a setting that there is not": (
        lambda m: eg.tune(m, TEXT, ROWS, learning_rat=0.1),
        "tune: there is no setting 'learning_rat'. Did you mean \"learning_rate\"?",
    ),
    "an unknown keyword beside a missing argument": (
        lambda m: eg.generate(m, promt=TEXT),
        "generate: there is no setting 'promt'. Did you mean \"prompt\"?",
    ),
    "a keyword like no other": (lambda m: eg.load_model("pocket", xyz=1), "load_model: there is no setting 'xyz'."),
    "no function": (lambda m: eg.tune(m, TEXT, ROWS, listen=None), "listen is None; expected a function."),
    "NUL in a checkpoint": (
        lambda m: eg.tune(m, TEXT, ROWS, checkpoint="a\0b"),
        r"checkpoint is the text 'a\x00b'; expected a path, which has no NUL character.",
    ),
    "a text to forward": (lambda m: eg.forward(m, TEXT, ROWS), f"prompt is the text 'Is it good?'; {SOFT}"),
    "a text to save": (lambda m: eg.save_peft(m, TEXT, "x"), f"prompt is the text 'Is it good?'; {SOFT}"),
    "other embeddings": (
        lambda m: eg.forward(m, eg.start(m, TEXT), ROWS[:2], embeddings=torch.zeros(2, 3)),
        "embeddings is a float32 tensor [2, 3]; expected floating-point numbers [11, 32] like the prompt's own.",
    ),
    "no name": (lambda m: eg.load_model(None), "name is None; expected a path."),
    "NUL in a name": (
        lambda m: eg.load_model("a\0b"),
        r"name is the text 'a\x00b'; expected a path, which has no NUL character.",
    ),
    "a dtype of torch": (
        lambda m: eg.load_model("pocket", dtype=torch.float32),
        "dtype is of type dtype; expected a text.",
    ),
    "no file": (lambda m: eg.load_examples(None), "source is None; expected a path."),
    "NUL in a file": (
        lambda m: eg.load_examples("a\0b.jsonl"),
        r"source is the text 'a\x00b.jsonl'; expected a path, which has no NUL character.",
    ),
    "one label": (
        lambda m: eg.load_examples("x.jsonl", labels="yes"),
        "labels is the text 'yes'; expected a list of texts.",
    ),
    "a kind that is none": (
        lambda m: eg.Task("lable"),
        "kind is the text 'lable'; expected one of 'label', 'number', 'math', 'json', 'short', 'exact', 'regex', "
        "'text'. Did you mean \"label\"?",
    ),
    "numbers as labels": (
        lambda m: eg.Task("label", labels=[1, 2]),
        "an entry of labels is 1; expected a text.",
    ),
    "a number as pattern": (lambda m: eg.Task("regex", pattern=5), "pattern is 5; expected a text."),
    "forms in one text": (
        lambda m: eg.Task("label", labels=["a", "b"], accepted={"a": "xyz"}),
        "accepted['a'] is the text 'xyz'; expected a list of texts.",
    ),
    "a list as soft prompt": (
        lambda m: eg.SoftPrompt([[1.0]]),
        "embeddings is of type list; expected a tensor [P, D].",
    ),
    "nothing to load": (lambda m: eg.SoftPrompt.load(None), "path is None; expected a path."),
    "a number as template": (lambda m: eg.Template.text(5), "text is 5; expected a text."),
    "nothing to compare": (
        lambda m: eg.compare(None, None),
        "first is None; expected an Evaluation. eg.evaluate gives one.",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument(model, name):
    call, message = CALLS[name]
    with pytest.raises(UsageError) as error:
        call(model)
    assert str(error.value) == message


def test_what_else_is_wrong_with_a_call_python_says(model):
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'examples'"):
        eg.tune(model, TEXT)


STRANGE = [
    None,
    5,
    -1,
    1.5,
    10**400,
    True,
    "x",
    "\ud800",
    "a\0b",
    b"x",
    [],
    [None],
    {},
    {"a": 1},
    object(),
    torch.ones(2),
]
PUBLIC = {
    "tune": lambda m: (m, TEXT, ROWS[:1]),
    "evaluate": lambda m: (m, TEXT, ROWS[:2]),
    "generate": lambda m: (m, TEXT, ["x"]),
    "stream": lambda m: (m, TEXT, "x"),
    "start": lambda m: (m, TEXT),
    "forward": lambda m: (m, eg.start(m, TEXT), ROWS[:1]),
    "save_peft": lambda m: (m, eg.start(m, TEXT), "/dev/null/x"),
    "load_examples": lambda m: ("/dev/null/x.jsonl",),
    "load_model": lambda m: ("/dev/null/x",),
    "compare": lambda m: (None, None),
    "Task": lambda m: ("text",),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_no_argument_of_any_kind_leads_to_a_traceback(model, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = PUBLIC[name](model)
    for place in range(len(good)):
        for strange in STRANGE:
            arguments = [*good[:place], strange, *good[place + 1 :]]
            try:
                found = getattr(eg, name)(*arguments)
                if name == "stream":
                    next(found, None)
            except EmbedgradError as error:
                assert str(error), (place, strange)  # noqa: PT017


def test_messages_of_a_template():
    for messages in ("x", None, [5], [{"role": 1}], 7):
        with pytest.raises(EmbedgradError):
            eg.Template.messages(messages)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_everything_works_without_gradients_around_it(model, mode, tmp_path):
    plain = eg.tune(model, TEXT, ROWS, **SHORT)
    with mode():
        loaded = eg.load_model("pocket")
        started = eg.start(model, TEXT)
        tuned = eg.tune(model, started, ROWS, **SHORT)
        gradient = eg.forward(model, started, ROWS[:3]).gradient
        score = eg.evaluate(model, tuned.prompt, ROWS[:4]).score
        answers = eg.generate(model, TEXT, ["a", "b"], max_new_tokens=3)
        streamed = "".join(eg.stream(model, TEXT, "a", max_new_tokens=3))
    assert torch.equal(tuned.prompt.embeddings, plain.prompt.embeddings)
    assert torch.equal(gradient, eg.forward(model, eg.start(model, TEXT), ROWS[:3]).gradient)
    assert score == eg.evaluate(model, plain.prompt, ROWS[:4]).score
    assert answers == eg.generate(model, TEXT, ["a", "b"], max_new_tokens=3)
    assert streamed == answers[0].text
    assert not any(parameter.is_inference() for parameter in loaded.lm.parameters())
