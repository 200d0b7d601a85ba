"""Judging a prompt: answers read as the task says, the same for any batching, compared on the same rows only."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.errors import DataError, NonFiniteLoss, OverlongRows, UsageError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.prompt.rows import lay_out_rows

LABELS = eg.Task("label", labels=("negative", "positive"))
EXAMPLES = [
    eg.Example(row["text"], row["label"], line=number) for number, row in enumerate(rows.sentiment(24), start=1)
]


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def prompt(model):
    return eg.start(model, "Is it positive or negative?")


def test_scores_agree_with_the_records(model, prompt):
    found = eg.evaluate(model, prompt, EXAMPLES, LABELS, score_by="both", max_new_tokens=6)
    score, predictions = found.score, found.predictions
    assert score.total == len(predictions) == 24
    assert score.correct == sum(p.correct for p in predictions)
    assert score.by_meaning.correct == sum(p.meant == p.target for p in predictions)
    assert score.by_likelihood.correct == sum(p.likeliest == p.target for p in predictions)
    assert score.loss == pytest.approx(sum(p.nats for p in predictions) / sum(p.tokens for p in predictions))
    assert score.truncated == sum(p.truncated for p in predictions)
    low, high = score.interval
    assert low <= score.accuracy <= high


def test_likelihood_is_the_summed_log_probability_of_label_and_end(model, prompt):
    found = eg.evaluate(model, prompt, EXAMPLES[:4], LABELS, score_by="likelihood")
    for prediction, example in zip(found.predictions, EXAMPLES, strict=False):
        losses = [
            eg.forward(model, prompt, [eg.Example(example.input, label)]).row_nats.item() for label in LABELS.labels
        ]
        assert prediction.likeliest == LABELS.labels[losses.index(min(losses))]
        assert prediction.output == prediction.likeliest
        assert not prediction.truncated


def test_a_model_that_answers_right_is_scored_right(model, prompt, monkeypatch):
    """Answers of several styles through the whole path, by a generator that says what we want."""
    from embedgrad.engine.generate import GeneratedIds
    from embedgrad.evaluation import judge

    said = ["positive", " negative\n", "Positive.", "It is negative, surely", "positive or negative", ""]
    ids = [tuple(model.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in said]

    def answers(*arguments, **options):
        yield from ((number, GeneratedIds(ids[number], number == 5)) for number in reversed(range(6)))

    monkeypatch.setattr(judge, "generate_ids", answers)
    found = eg.evaluate(model, prompt, EXAMPLES[:6], LABELS)
    assert [p.output for p in found.predictions] == said
    assert [p.correct for p in found.predictions] == [True, True, False, False, False, False]
    assert [p.meant_correct for p in found.predictions] == [True, True, True, True, False, False]
    assert found.score.truncated == 1
    assert (found.score.accuracy, found.score.by_meaning.correct) == (2 / 6, 4)


@pytest.fixture
def slow(model, monkeypatch):
    """A model that answers 1+x, 2+x and 3; pairs with 1+x are not compared in time."""
    from embedgrad.engine.generate import GeneratedIds
    from embedgrad.evaluation import judge
    from embedgrad.tasks import math_answer

    class Slow:
        def are_equal(self, answer, target):
            return None if answer == "1+x" else False

    def answers(model, requests, *_, **__):
        for number, text in enumerate(["1+x", "2+x", "3"]):
            ids = model.tokenizer(f"\\boxed{{{text}}}", add_special_tokens=False)["input_ids"]
            yield number, GeneratedIds(tuple(ids), False)

    monkeypatch.setattr(judge, "generate_ids", answers)
    monkeypatch.setattr(math_answer, "MATH", Slow())
    math_answer._verified.cache_clear()
    yield [eg.Example(f"question {number}", "y^2", line=number) for number in range(1, 4)]
    math_answer._verified.cache_clear()


def test_answers_that_could_not_be_compared_are_told(model, prompt, slow):
    told: list[str] = []
    for _ in range(2):  # the second time what is kept of the first says so too
        found = eg.evaluate(model, prompt, slow, eg.Task("math"), say=told.append)
        assert [p.undecided for p in found.predictions] == [True, False, False]
        assert found.score.correct == 0
    sentences = [sentence for sentence in told if "compared" in sentence]
    assert sentences == ["1 answer could not be compared with its target within 2 s and counts as wrong."] * 2


def test_of_prompts_side_by_side_all_such_answers_are_told_once(capsys, model, prompt, slow):
    from embedgrad.cli.console import Terminal
    from embedgrad.jobs.judged import judged_side_by_side

    judging = Judging(eg.Task("math"))
    judged_side_by_side([prompt.bind(model)] * 2, slow, judging, ["a", "b"], Terminal(False, False).watch)
    said = capsys.readouterr().err
    assert said.count("compared") == 1
    assert said.endswith("2 answers could not be compared with their targets within 2 s and count as wrong.\n")


def test_batching_does_not_matter(model, prompt):
    whole = eg.evaluate(model, prompt, EXAMPLES, LABELS, max_new_tokens=6)
    small = eg.evaluate(model, prompt, EXAMPLES, LABELS, max_new_tokens=6, batch_tokens=64)
    assert [p.output for p in whole.predictions] == [p.output for p in small.predictions]
    for first, second in zip(whole.predictions, small.predictions, strict=True):
        assert first.nats == pytest.approx(second.nats, rel=1e-5)


def test_free_text_is_not_generated(model, prompt, monkeypatch):
    from embedgrad.evaluation import judge

    monkeypatch.setattr(judge, "generate_ids", None)
    score = eg.evaluate(model, prompt, EXAMPLES, eg.Task("text")).score
    assert (score.accuracy, score.correct, score.interval, score.truncated) == (None, None, None, 0)


def test_progress_counts_to_the_end(model, prompt):
    bound = prompt.bind(model)
    judge = Judge.prepare(bound, EXAMPLES, Judging(LABELS, "both", 2))
    told = []
    judge.judge(bound, "x", lambda done, total: told.append((done, total)))
    assert told[-1] == (24 * 4, 24 * 4)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_prompts_are_compared_on_the_same_rows(model, prompt):
    first = eg.evaluate(model, prompt, EXAMPLES[:10], LABELS, max_new_tokens=4)
    same = eg.compare(first, first)
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert str(same) == "+0.000, 95 % interval +0.000 to +0.000, p = 1.000"
    other = eg.evaluate(model, prompt, EXAMPLES[1:11], LABELS, max_new_tokens=4)
    with pytest.raises(UsageError) as error:
        eg.compare(first, other)
    assert str(error.value) == (
        "Two prompts can only be compared on the same rows; these were evaluated on different ones (10 and 10 rows)."
    )


def test_what_cannot_be_judged(model, prompt):
    with pytest.raises(DataError, match="at least one row, and a target in every row"):
        eg.evaluate(model, prompt, [])
    with pytest.raises(DataError, match="at least one row, and a target in every row"):
        eg.evaluate(model, prompt, [eg.Example("no target")])
    with pytest.raises(DataError) as error:
        eg.evaluate(model, prompt, [*EXAMPLES, eg.Example("x", "neutral", line=25)], LABELS)
    assert str(error.value) == (
        "1 of 25 rows has a target that is none of the labels negative, positive; the first is 'neutral' at line 25. "
        "Name all labels with eg.Task(..., labels=...), or correct the rows."
    )
    long = [*EXAMPLES, eg.Example("word " * 600, "positive", line=25)]
    with pytest.raises(OverlongRows, match="1 of 25 rows does not fit the 512 tokens"):
        eg.evaluate(model, prompt, long, LABELS)
    skipped = eg.evaluate(model, prompt, long, LABELS, overlong="skip", max_new_tokens=2)
    assert (skipped.skipped, skipped.score.total) == (1, 24)
    with pytest.raises(DataError) as error:
        eg.evaluate(model, prompt, long[-1:], LABELS, overlong="skip")
    assert str(error.value) == "Every row is longer than the model's context: there is nothing to evaluate."
    cut = eg.evaluate(model, prompt, long, LABELS, overlong="truncate-input", max_new_tokens=2)
    assert (cut.skipped, cut.score.total) == (0, 25)


def test_a_prompt_that_is_not_finite_is_told(model, prompt):
    broken = eg.SoftPrompt(torch.full((3, model.width), 1e30), template=prompt.template, base=prompt.base)
    broken.embeddings[0] = torch.nan
    with pytest.raises(NonFiniteLoss) as error:
        eg.evaluate(model, broken, EXAMPLES[:2], LABELS)
    assert str(error.value) == (
        "The loss of '3 tokens without a text' is NaN or infinite on 2 of 2 rows, at lines 1, 2. Look at the prompt's "
        'learning rate, or use eg.load_model(..., dtype="float32").'
    )


def test_room_is_kept_for_the_longest_label_not_only_for_the_targets(tiny_model):
    gpt2 = tiny_model("gpt2")  # learned positions: one token too many is an IndexError there
    labels = eg.Task("label", labels=("positive", "negative", "neither " * 60 + "nor"))
    long_label = len(gpt2.tokenizer(labels.labels[2])["input_ids"])
    row = eg.Example("x" * 400, "positive", line=1)
    row_tokens = len(gpt2.tokenizer(row.input)["input_ids"])
    assert row_tokens + 60 < gpt2.context_tokens < row_tokens + long_label
    with pytest.raises(OverlongRows):
        eg.evaluate(gpt2, "Good?", [row], labels, score_by="likelihood")
    short = eg.Task("label", labels=labels.labels[:2])
    assert eg.evaluate(gpt2, "Good?", [row], short, score_by="likelihood").score.total == 1


@pytest.mark.parametrize(
    ("target_words", "room"), [(600, "{longest:,} tokens of the longest target"), (1, "500 tokens of answer")]
)
def test_the_error_says_whose_room_the_rows_lack(model, prompt, target_words, room):
    examples = [eg.Example("word " * 20, "good " * target_words, line=7)]
    longest = len(lay_out_rows(model, prompt, examples, overlong="skip", answer_tokens=-10_000)[0].target)
    limit = 4 if target_words > 1 else 500
    with pytest.raises(OverlongRows) as error:
        eg.evaluate(model, prompt, examples, eg.Task("exact"), max_new_tokens=limit)
    assert str(error.value) == (
        f"1 of 1 row does not fit the 512 tokens that {model.identity.name} takes, with the {len(prompt)} tokens of "
        f"the prompt and {room.format(longest=longest)}: line 7. Shorten them, or pass "
        'overlong="skip" or overlong="truncate-input".'
    )


def test_shortened_inputs_are_counted(model):
    told: list[str] = []
    long = [*EXAMPLES, eg.Example("word " * 600, "positive", line=25)]
    eg.tune(
        model, "Good?", long, validation=EXAMPLES[:8], overlong="truncate-input", epochs=0.1, min_steps=1,
        max_new_tokens=2, task=LABELS, say=told.append,
    )  # fmt: skip
    assert told[0] == "8 tuning rows are left out because validation has their input too."
    assert "Inputs whose end was cut to fit the model's context: 1 tuning row, 0 validation rows." in told


def test_columns_of_the_template_tell_rows_apart(model):
    template = eg.Template.chat("{prompt}\n\n{title}\n{input}")
    rows_ = [eg.Example("Is it good?", "positive", {"title": f"book {i}"}, line=i + 1) for i in range(40)]
    told: list[str] = []
    placed = eg.start(model, "Answer.", template)
    for prompt, given in (("Answer.", template), (placed, None)):
        run = eg.tune(
            model, prompt, rows_, template=given, epochs=0.1, min_steps=1, task=eg.Task("text"), say=told.append
        )
        assert run.steps == 1
    assert not any("left out" in sentence for sentence in told)


def test_tune_from_python(model, tmp_path):
    run = eg.tune(model, "Is it good?", EXAMPLES, epochs=1, min_steps=30, max_new_tokens=3, batch_size=8)
    assert len(run.prompt) == len(run.start)
    assert run.prompt.text == "Is it good?"
    first = next(event for event in run.events if hasattr(event, "best"))
    assert run.prompt.metrics["validation_loss"] <= first.loss
    run.prompt.save(tmp_path / "p.safetensors")
    loaded = eg.SoftPrompt.load(tmp_path / "p.safetensors")
    assert torch.equal(loaded.embeddings, run.prompt.embeddings)
    again = eg.start(model, tmp_path / "p.safetensors")
    answers = [eg.generate(model, p, ["I loved it"], max_new_tokens=4) for p in (run.prompt, again)]
    assert answers[0] == answers[1]
