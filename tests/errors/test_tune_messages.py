"""Whatever goes wrong with `embedgrad tune`: one clear message, the right exit code, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

import rows
import tiny
from embedgrad.cli.main import main


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.make_model_folder(folder / "tiny", "qwen2")
    tiny.make_bert_folder(folder / "bert")
    shutil.copytree(folder / "tiny", folder / "empty")
    (folder / "empty" / "model.safetensors").unlink()
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder with 100 good rows."""
    monkeypatch.chdir(tmp_path)
    rows.write_jsonl(tmp_path / "train.jsonl", rows.sentiment(100))
    return tmp_path


def failure(capsys, models: Path, *arguments: str, model: str = "tiny", code: int) -> str:
    """The message on stderr of a tuning that must fail, notes left out."""
    command = ["tune", "--model", str(models / model), "--prompt", "Is it good?", "--min-steps", "4", "--epochs", "0.1"]
    assert main([*command, *arguments]) == code
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    _, mark, message = output.err.rpartition("embedgrad: ")
    assert mark
    return message.strip()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_missing_file(capsys, models, here):
    message = failure(capsys, models, "--train", "trian.jsonl", code=2)
    assert message == f'{here}/trian.jsonl is not there. Did you mean "train.jsonl"?'
    assert left(here) == ["train.jsonl"]


def test_bad_row_17(capsys, models, here):
    broken = rows.sentiment(40)
    broken[16] = {"text": "no label here"}
    rows.write_jsonl(here / "bad.jsonl", broken)
    message = failure(capsys, models, "--train", "bad.jsonl", code=1)
    assert message == (
        f"{here}/bad.jsonl: 1 row cannot be used.\n"
        '  line 17: no field "label"\n'
        "Correct these lines or take them out: a file is used whole or not at all."
    )
    assert left(here) == ["bad.jsonl", "train.jsonl"]


def test_bad_rows_are_told_before_the_model_is_looked_for(capsys, models, here):
    (here / "bad.jsonl").write_text("{}\n")
    message = failure(capsys, models, "--train", "bad.jsonl", model="not-there", code=1)
    assert "bad.jsonl" in message


def test_label_outside_labels(capsys, models, here):
    message = failure(capsys, models, "--train", "train.jsonl", "--labels", "positive,negativ", code=1)
    first, *listed, more, advice = message.splitlines()
    assert first == f"{here}/train.jsonl: 50 rows cannot be used."
    assert listed[0] == '  line 2: "negative" is none of the 2 labels. Did you mean "negativ"?'
    assert len(listed) == 10
    assert more == "  and 40 more"
    assert advice == "Correct these lines, take them out, or name other labels: a file is used whole or not at all."
    assert left(here) == ["train.jsonl"]


def test_row_longer_than_the_context(capsys, models, here):
    long = rows.sentiment(100)
    long[16]["text"] = "word " * 600
    rows.write_jsonl(here / "long.jsonl", long)
    rows.write_jsonl(here / "test.jsonl", rows.sentiment(20, first=300))
    arguments = ("--train", "long.jsonl", "--validation", "train.jsonl", "--test", "test.jsonl")
    rows.write_jsonl(here / "train.jsonl", rows.sentiment(20, first=200))
    message = failure(capsys, models, *arguments, code=1)
    assert message == (
        "Among the tuning rows, 1 of 100 rows does not fit the 512 tokens that tiny takes, with the 11 tokens of the "
        "prompt: line 17. Shorten them, or pass --overlong skip or --overlong truncate-input."
    )
    assert left(here) == ["long.jsonl", "test.jsonl", "train.jsonl"]


def test_an_overlong_test_row_is_told_before_tuning(capsys, models, here):
    long = rows.sentiment(20, first=300)
    long[4]["text"] = "word " * 600
    rows.write_jsonl(here / "test.jsonl", long)
    message = failure(capsys, models, "--train", "train.jsonl", "--test", "test.jsonl", code=1)
    assert message.startswith("Among the test rows, 1 of 20 rows does not fit")
    assert left(here) == ["test.jsonl", "train.jsonl"]


def test_no_tuning_row_fits(capsys, models, here):
    long = [row | {"text": "word " * 600 + row["text"]} for row in rows.sentiment(20, first=300)]
    rows.write_jsonl(here / "long.jsonl", long)
    rows.write_jsonl(here / "test.jsonl", rows.sentiment(10, first=500))
    arguments = ("--train", "long.jsonl", "--validation", "train.jsonl", "--test", "test.jsonl", "--output", "run")
    message = failure(capsys, models, *arguments, "--overlong", "skip", code=1)
    assert message == "Every tuning row is longer than the model's context: there is nothing to tune on."
    assert left(here) == ["long.jsonl", "test.jsonl", "train.jsonl"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_read_only_output_folder(capsys, models, here, monkeypatch, code):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)  # a mode does not stop root, who may run this test
    message = failure(capsys, models, "--train", "train.jsonl", "--output", "run", code=1)
    assert message == f"Could not write run: {os.strerror(code)}. Choose a folder that you may write to."
    assert left(here) == ["train.jsonl"]


def test_a_prompt_longer_than_the_context(capsys, models, here):
    words = "word " * 400
    for verb in ("tune", "sweep"):
        arguments = (verb, "--model", str(models / "tiny"), "--prompt", words, "--train", "train.jsonl", "--quiet")
        assert main([*arguments, "--output", "run"]) == 1
        message = capsys.readouterr().err
        assert message.startswith("embedgrad: The prompt alone has "), message
        assert message.endswith(" tokens for prompt, input and answer together. Shorten the prompt.\n")
    assert left(here) == ["train.jsonl"]


def test_test_rows_that_are_the_tuning_rows(capsys, models, here):
    message = failure(capsys, models, "--train", "train.jsonl", "--test", "train.jsonl", code=1)
    assert message == (
        "All 50 validation rows have inputs that are in the test rows too. They were drawn from the rest: give test "
        "others, or take the repeated inputs out."
    )


def test_existing_run_folder(capsys, models, here):
    (here / "run").mkdir()
    message = failure(capsys, models, "--train", "train.jsonl", "--output", "run", code=2)
    assert message == "The folder run exists already. Choose another --output."
    assert left(here / "run") == []
    (here / "run" / "settings.toml").touch()
    message = failure(capsys, models, "--train", "train.jsonl", "--output", "run", code=2)
    assert message == (
        "The run folder run exists already. Choose another --output, or continue that run with "
        "`embedgrad tune --resume run`."
    )
    assert left(here / "run") == ["settings.toml"]


def test_model_folder_without_weights(capsys, models, here):
    message = failure(capsys, models, "--train", "train.jsonl", model="empty", code=1)
    assert message == ("The model folder of empty holds no weights. Put model.safetensors beside its config.json.")
    assert left(here) == ["train.jsonl"]


def test_encoder_only_model(capsys, models, here):
    message = failure(capsys, models, "--train", "train.jsonl", model="bert", code=1)
    assert message == (
        "bert (bert) is an encoder-only model: it cannot continue a prompt. Use a decoder such as Qwen, Llama or GPT-2."
    )
    assert left(here) == ["train.jsonl"]


@pytest.mark.parametrize("full_at", [1, 3, 5, 8, 14, 15, 16, 17, 18, 19, 20])
def test_full_disk(capsys, models, here, monkeypatch, full_at):
    """The disk fills at the n-th sync: before the first checkpoint nothing is left, after it the run resumes."""
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    arguments = ("--train", "train.jsonl", "--output", "run", "--checkpoint-seconds", "0")
    message = failure(capsys, models, *arguments, code=1)
    assert message.startswith("Could not write run/")
    assert "No space left on device. Make room on that disk." in message
    monkeypatch.setattr(os, "fsync", real)
    if (here / "run").exists():
        assert message.endswith("Continue with: embedgrad tune --resume run")
        assert not list((here / "run").rglob("*.part"))
        assert main(["tune", "--resume", "run", "--quiet"]) == 0
        assert json.loads((here / "run" / "result.json").read_text())["steps"] == 4
        assert (here / "run" / "report.html").exists()
    else:
        assert left(here) == ["train.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epoks", "3"], "Unknown option: --epoks. Did you mean --epochs? See --help."),
        (["--freeze", "1-x"], "--freeze takes token positions like 0-3,7, counted from 0; got '1-x'."),
        (["--freeze", "5-3"], "--freeze takes token positions like 0-3,7, counted from 0; got '5-3'."),
        (["--freeze", "²"], "--freeze takes token positions like 0-3,7, counted from 0; got '²'."),
        (["--freeze", "0-99999999999"],
         "--freeze takes token positions like 0-3,7, counted from 0; got '0-99999999999'."),
        (["--freeze", "99"], "There is no token 99 to freeze: the prompt has 11, counted from 0."),
        (["--layout", "text", "--system", "Be kind."],
         "--system needs --layout chat: plain text has no system message."),
        (["--tokens", "5"],
         "A text start has the text's own length; --tokens goes with --start random or --start vocabulary."),
        (["--device", "abacus"], "'abacus' is no device; write cpu, cuda or cuda:1."),
        (["--score-by", "likelihood", "--task", "exact"],
         "Scoring by likelihood chooses among labels: pass --labels, or --score-by generation."),
    ],
)  # fmt: skip
def test_bad_usage(capsys, models, here, arguments, message):
    assert failure(capsys, models, "--train", "train.jsonl", *arguments, code=2) == message
    assert left(here) == ["train.jsonl"]


def test_a_prompt_that_is_not_utf_8(capsys):
    assert main(["generate", "--model", "some", "--prompt", "caf\udce9 now", "Hi"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: The prompt 'caf\\udce9 now' is not valid UTF-8. Set a UTF-8 locale, or put it into a file: @FILE.\n"
    )


def test_what_must_be_given(capsys):
    assert main(["tune", "--model", "some"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --prompt and --train must be given, as a flag or in a --settings file. See --help.\n"
    )


def test_settings_file(capsys, models, here):
    (here / "s.toml").write_text('epoks = 3\nprompt = "Is it good?"\n')
    assert failure(capsys, models, "--settings", "s.toml", "--train", "train.jsonl", code=2) == (
        "s.toml: there is no setting 'epoks'. Did you mean \"epochs\"?"
    )
    (here / "s.toml").write_text("epochs = -1\n")
    assert failure(capsys, models, "--settings", "s.toml", "--train", "train.jsonl", code=2) == (
        "s.toml: epochs is -1: input should be greater than 0."
    )
    (here / "s.toml").write_text("epochs = = 1\n")
    assert failure(capsys, models, "--settings", "s.toml", "--train", "train.jsonl", code=2) == (
        "s.toml is not TOML: Invalid value (at line 1, column 10)."
    )


def test_messages_and_a_template(capsys, models, here):
    messages = '[[messages]]\nrole = "user"\ncontent = "{prompt} {input}"\n'
    for other in ('template = "{prompt} {input}"\n', 'system = "Be kind."\n'):
        (here / "s.toml").write_text(other + messages)
        assert failure(capsys, models, "--settings", "s.toml", "--train", "train.jsonl", code=2) == (
            "messages and template/system exclude each other: both place the prompt."
        )
    assert left(here) == ["s.toml", "train.jsonl"]


def test_resume(capsys, here):
    assert main(["tune", "--resume", "nowhere"]) == 1
    assert capsys.readouterr().err == (
        "embedgrad: nowhere is no run folder: it has no settings.toml. Give the folder that tune wrote.\n"
    )
    assert main(["tune", "--resume", "nowhere", "--epochs", "3"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --resume continues a run with its own settings: give no others with it.\n"
    )


def test_a_failed_run_leaves_other_runs_alone(here):
    from embedgrad.run.folder import RunFolder

    first = RunFolder.create(here / "runs" / "deep" / "first")
    second = RunFolder.create(here / "runs" / "second")
    first.discard()
    assert left(here / "runs") == ["second"]
    second.discard()
    assert left(here) == ["runs", "train.jsonl"], "that folder was the first run's, and it was not empty then"


def test_a_changed_test_file_is_not_resumed(capsys, models, here):
    rows.write_jsonl(here / "test.jsonl", rows.sentiment(40, first=500))
    arguments = [
        "tune",
        "--model",
        str(models / "tiny"),
        "--prompt",
        "Is it good?",
        "--min-steps",
        "4",
        "--epochs",
        "0.1",
    ]
    files = ["--train", "train.jsonl", "--test", "test.jsonl", "--output", "run", "--quiet"]
    assert main([*arguments, *files]) == 0
    (here / "run" / "result.json").unlink()
    rows.write_jsonl(here / "test.jsonl", rows.sentiment(10, first=500))
    assert main(["tune", "--resume", "run", "--quiet"]) == 1
    assert "The test rows are not those that the run began with" in capsys.readouterr().err


def test_rows_that_change_while_tuning_are_those_that_were_read(capsys, models, here, monkeypatch):
    from embedgrad.tuning import tune as tuning

    real = tuning.run_tuning

    def tune_and_change(*arguments, **options):
        run = real(*arguments, **options)
        rows.write_jsonl(here / "test.jsonl", rows.sentiment(10, first=700))
        return run

    first = rows.sentiment(10, first=500)
    rows.write_jsonl(here / "test.jsonl", first)
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "run_tuning", tune_and_change)
        arguments = ("--train", "train.jsonl", "--test", "test.jsonl", "--output", "run", "--quiet")
        assert (
            main(["tune", "--model", str(models / "tiny"), "--prompt", "Is it good?", "--min-steps", "2", *arguments])
            == 0
        )
    answered = [json.loads(line) for line in (here / "run" / "predictions.jsonl").read_text().splitlines()]
    assert [row["input"] for row in answered] == [row["text"] for row in first]
    (here / "run" / "result.json").unlink()
    assert main(["tune", "--resume", "run", "--quiet"]) == 1
    assert "split.json" in capsys.readouterr().err, "resuming reads them again, and they are others"


def test_predictions_are_not_lost_after_the_work(capsys, models, here):
    command = ["evaluate", "--model", str(models / "tiny"), "--prompt", "Good?", "--data", "train.jsonl"]
    assert main([*command, "--predictions", "nowhere/p.jsonl"]) == 2
    assert capsys.readouterr().err == "embedgrad: There is no folder nowhere to write --predictions to.\n"


def test_a_diverged_run_keeps_its_best_prompt(capsys, models, here, monkeypatch):
    from embedgrad.engine.plan import Engine

    real, calls = Engine.loss_and_gradient, []

    def breaks_at_three(engine, prompt, layouts):
        found = real(engine, prompt, layouts)
        calls.extend(layouts if len(layouts) == 16 else [])  # the self-check takes two rows
        if len(calls) == 3 * 16:
            found.row_nats[1] = float("nan")
        return found

    monkeypatch.setattr(Engine, "loss_and_gradient", breaks_at_three)
    message = failure(capsys, models, "--train", "train.jsonl", "--output", "run", code=1)
    assert message.startswith("The loss became NaN or infinite at step 3, in the row at line ")
    assert message.endswith(" The best prompt so far is in run/prompt.safetensors.")
    assert main(["inspect", "run/prompt.safetensors", "--quiet"]) == 0


def test_a_validation_that_is_not_finite(capsys, tiny_folder, here):
    model = tiny_folder("gpt2")  # a norm of its layers overflows; an RMSNorm would give zeros
    rows.write_jsonl(here / "validation.jsonl", rows.sentiment(4, first=500))
    files = ("--train", "train.jsonl", "--validation", "validation.jsonl", "--output", "run")
    far = ("--optimizer", "adamw", "--warmup-steps", "0", "--learning-rate", "1e20", "--evaluate-every", "1")
    message = failure(capsys, model.parent, *files, *far, model=model.name, code=1)
    assert message == (
        "At the validation after step 1: The loss of 'Is it good?' is NaN or infinite on 4 of 4 rows, at lines 1, 2, "
        "3, 4. Look at the prompt's learning rate, or use --dtype float32. The best prompt so far is in "
        "run/prompt.safetensors."
    )
    assert main(["inspect", "run/prompt.safetensors", "--quiet"]) == 0


def test_changed_rows_are_not_resumed(capsys, models, here):
    arguments = ["tune", "--model", str(models / "tiny"), "--prompt", "Is it good?", "--min-steps", "4"]
    assert main([*arguments, "--epochs", "0.1", "--train", "train.jsonl", "--output", "run", "--quiet"]) == 0
    (here / "run" / "result.json").unlink()
    rows.write_jsonl(here / "train.jsonl", rows.sentiment(101))
    assert main(["tune", "--resume", "run", "--quiet"]) == 1
    assert capsys.readouterr().err == (
        "embedgrad: The tuning rows are not those that the run began with (34 rows then, 34 now; run/split.json lists "
        "them). Restore the rows and try again, or start a new run.\n"
    )
