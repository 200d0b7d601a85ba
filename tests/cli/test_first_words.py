"""What the verbs say: how rows were parted, the task that was taken, what was gained and what was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import rows
import tiny
from embedgrad.cli.main import main
from embedgrad.prompt import file as prompt_file
from kept import kept_settings


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


@pytest.fixture(scope="module")
def work(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    rows.write_jsonl(folder / "train.jsonl", rows.sentiment(150))
    rows.write_jsonl(folder / "test.jsonl", rows.sentiment(20, first=500))
    settings = ["--test", str(folder / "test.jsonl"), "--min-steps", "8", "--epochs", "0.1", "--max-new-tokens", "4"]
    command = ["tune", "--model", model, "--prompt", "Is it good?", "--train", str(folder / "train.jsonl"), *settings]
    assert main([*command, "--learning-rate", "0.5rms", "--output", str(folder / "run"), "--quiet"]) == 0
    return folder


def heard(capsys, *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert main(list(arguments)) == code
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return found.out, found.err


def tune(capsys, model: str, work: Path, folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    command = ["tune", "--model", model, "--prompt", "Is it good?", "--train", str(work / "train.jsonl")]
    short = ["--min-steps", "2", "--epochs", "0.01", "--max-new-tokens", "3", "--output", str(folder)]
    return heard(capsys, *command, *short, *arguments, code=code)


def test_the_first_line_says_how_the_rows_were_parted_and_why(capsys, model, work, tmp_path):
    _, err = tune(capsys, model, work, tmp_path / "run")
    assert err.splitlines()[0] == (
        "50 rows to tune on, 50 for validation, 50 for the test (the test: 20 % of 150 would be 30; at least 50 are "
        "wanted; validation: 20 % of 100 would be 20; at least 50 are wanted)"
    )


def test_shares(capsys, model, work, tmp_path):
    _, err = tune(capsys, model, work, tmp_path / "run", "--split", "70/20/10")
    assert err.splitlines()[0] == "105 rows to tune on, 30 for validation, 15 for the test (as --split says)"
    assert kept_settings(tmp_path / "run")["split"] == "70/20/10"
    assert main(["report", str(tmp_path / "run")]) == 0


SUM = "expected per cent of tuning, validation and test rows that sum to 100, like 70/15/15."
NO_SHARES = {
    "70/30": "--split names 2 shares, but the rows are parted into 3: tuning, validation, test. Give 3, like 70/15/15.",
    "70/20/20": f"--split is '70/20/20': {SUM}",
    "100/0/0": f"--split is '100/0/0': {SUM}",
    "a third": f"--split is 'a third': {SUM}",
    "large": "--split large belongs to --dataset, which is not given; rows of your own take shares like --split "
    "70/15/15.",
    "1/49/50": "Too few rows for this split: of 150 rows 1 are left to train on, at least 8 are needed. Give more "
    "rows, or train a larger share.",
}


@pytest.mark.parametrize(("shares", "message"), NO_SHARES.items())
def test_shares_that_cannot_be(capsys, model, work, tmp_path, shares, message):
    _, err = tune(capsys, model, work, tmp_path / "run", "--split", shares, code=1 if "Too few" in message else 2)
    assert err.strip().removesuffix(" See --help.").removeprefix("embedgrad: ") == message


def test_settings_keep_how_the_rate_was_asked_for(work):
    settings = kept_settings(work / "run")
    assert settings["learning_rate_asked"] == "0.5rms"
    assert float(settings["learning_rate"]) > 0


def test_a_rate_on_top_of_a_settings_file_leaves_no_other_beside_it(capsys, work, tmp_path):
    command = ["tune", "--settings", str(work / "run" / "settings.toml"), "--output", str(tmp_path / "run")]
    heard(capsys, *command, "--learning-rate", "0.01", "--min-steps", "2", "--quiet")
    settings = kept_settings(tmp_path / "run")
    assert settings["learning_rate"] == "0.01"
    assert "learning_rate_asked" not in settings


@pytest.mark.parametrize("rate", ["fast", "1e300", "-1", "0.5rsm", "9" * 400])
def test_a_wrong_rate_is_told_of_auto(capsys, model, work, tmp_path, rate):
    _, err = tune(capsys, model, work, tmp_path / "run", f"--learning-rate={rate}", code=2)
    assert err.strip().endswith('one relative to the table like "0.5rms", or "auto", which chooses it in short runs. '
                                "See --help.")  # fmt: skip


def test_what_needs_no_language_model_is_said_and_kept(capsys, model, work, tmp_path):
    out, _ = tune(capsys, model, work, tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())["baselines"]
    assert result["majority_label"] in ("positive", "negative")
    assert result["majority"]["total"] == result["bag_of_words"]["total"] == 50
    sentence = f"Without a language model: always {result['majority_label']!r} is right on "
    assert sentence in out
    assert sentence.split("'")[0] in (tmp_path / "run" / "report.html").read_text()


def test_when_nothing_beat_the_start(capsys, model, work, tmp_path, monkeypatch):
    from embedgrad.tuning.state import State

    real = State.judged

    def never_better(state, found):
        judged = real(state, found)
        return replace(judged, candidates=state.candidates, stale=1) if state.candidates else judged

    monkeypatch.setattr(State, "judged", never_better)
    out, _ = tune(capsys, model, work, tmp_path / "run")
    assert "Use it:" not in out
    assert "No step beat the start on the validation rows: the prompt file holds the start itself, unchanged." in out
    assert "The validation loss " in out
    assert "To try: " in out


def test_inspect_takes_a_run_folder(capsys, work):
    in_folder, _ = heard(capsys, "inspect", str(work / "run"), "--json")
    of_file, _ = heard(capsys, "inspect", str(work / "run" / "prompt.safetensors"), "--json")
    assert in_folder == of_file


def test_evaluate_quiet_prints_the_scores(capsys, model, work):
    command = ["evaluate", "--model", model, "--data", str(work / "test.jsonl"), "--prompt", "Is it good?"]
    out, err = heard(capsys, *command, "--max-new-tokens", "3", "--quiet")
    assert "Is it good?" in out
    assert "strict accuracy" in out
    assert err == ""


@pytest.mark.parametrize(
    ("prompt", "flags", "said", "record"),
    [
        ("Is it good?", (), "task: label (negative, positive), told from the targets", "targets"),
        ("RUN", (), "task: label (negative, positive), as the prompt was tuned; --task names another", "prompt"),
        ("RUN", ("--task", "exact"), "task: exact", "settings"),
    ],
)
def test_evaluate_says_which_task_it_took(capsys, model, work, prompt, flags, said, record):
    given = str(work / "run") if prompt == "RUN" else prompt
    command = ["evaluate", "--model", model, "--data", str(work / "test.jsonl"), "--prompt", given, *flags]
    out, err = heard(capsys, *command, "--max-new-tokens", "3", "--json")
    assert err.splitlines()[0] == said
    assert json.loads(out)["task"]["told_from"] == record
    assert json.loads(out)["task"]["task"] == said.split()[1].rstrip(",")


def test_a_prompt_file_keeps_all_of_its_task(work):
    settings = prompt_file.read(work / "run" / "prompt.safetensors").record.settings
    assert (settings["task"], settings["labels"]) == ("label", ["negative", "positive"])


def test_evaluate_checks_the_rows_before_it_looks_for_the_model(capsys, work, tmp_path):
    rows.write_jsonl(tmp_path / "other.jsonl", [{"text": "a", "label": "maybe"}])
    command = [
        "evaluate",
        "--model",
        "not-there",
        "--data",
        str(tmp_path / "other.jsonl"),
        "--prompt",
        str(work / "run"),
    ]
    _, err = heard(capsys, *command, code=1)
    assert err.strip() == (
        "embedgrad: 1 of 1 row has a target that is none of the labels negative, positive; the first is 'maybe' at "
        "line 1. Name all labels with --labels, or correct the rows."
    )
    command = ["evaluate", "--model", "not-there", "--data", str(work / "test.jsonl"), "--prompt", "Good?"]
    _, err = heard(capsys, *command, "--task", "exact", "--score-by", "likelihood", code=2)
    assert "Scoring by likelihood" in err


def test_a_batch_of_more_rows_than_there_are(capsys, model, work, tmp_path):
    _, err = tune(capsys, model, work, tmp_path / "run", "--batch-size", "64")
    assert "A batch of 64 rows is more than there are: every step takes all 50 tuning rows." in err
    assert "steps of 50 rows" in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(work, closed):
    command = f"{sys.executable} -m embedgrad inspect {work / 'run'} {closed}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ, timeout=120)
    assert found.returncode == 0
    assert "Traceback" not in found.stderr


HOSTILE = {
    "epochs": ["1e300", "nan", "inf", "9" * 400],
    "min_steps": ["9" * 400, "-1"],
    "batch_size": ["9" * 400, "9" * 5000, "0"],
    "batch_tokens": ["-5", "9" * 400],
    "seed": ["9" * 400, "-1"],
    "tokens": ["9" * 400, "0"],
    "clip_norm": ["1e300", "0"],
    "radius": ["1e300", "-1"],
    "distance_penalty": ["1e300"],
    "patience": ["9" * 400],
    "evaluate_every": ["9" * 400],
    "max_new_tokens": ["9" * 400],
    "checkpoint_seconds": ["1e300"],
    "memory_limit": ['"' + "9" * 400 + 'GB"', "9" * 400],
    "learning_rate": ["1e300", "9" * 400, '"1e400rms"'],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HOSTILE.items() for value in values])
@pytest.mark.parametrize("way", ["flag", "file"])
def test_numbers_without_sense(capsys, model, work, tmp_path, monkeypatch, way, name, value):
    monkeypatch.chdir(tmp_path)
    command = ["tune", "--model", model, "--prompt", "Is it good?", "--train", str(work / "train.jsonl")]
    if way == "flag":
        command.append(f"--{name.replace('_', '-')}={value.strip(chr(34))}")
    else:
        (tmp_path / "s.toml").write_text(f"{name} = {value}\n")
        command += ["--settings", "s.toml"]
    _, err = heard(capsys, *command, code=2)
    assert err.startswith("embedgrad: ")
    assert len(err) < 2000 or len(value) > 1000
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["model", "train", "test", "validation", "output", "prompt", "device", "revision"])
def test_NUL_in_a_settings_file(capsys, model, work, tmp_path, monkeypatch, name):  # noqa: N802
    monkeypatch.chdir(tmp_path)
    values = {
        "model": model,
        "prompt": "Is it good?",
        "train": str(work / "train.jsonl"),
        "min_steps": 1,
        "epochs": 0.01,
    }
    values |= {name: "a\\u0000b"}
    (tmp_path / "s.toml").write_text(
        "".join(
            f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n" for key, value in values.items()
        )
    )
    capsys.readouterr()
    code = main(["tune", "--settings", "s.toml", "--quiet"])
    assert code in ((0, 1, 2) if name in ("prompt", "revision") else (1, 2))


@pytest.mark.parametrize("flag", ["--model", "--train", "--test", "--output", "--prompt", "--device", "--settings"])
def test_arguments_that_are_no_UTF_8(capsys, model, work, tmp_path, monkeypatch, flag):  # noqa: N802
    monkeypatch.chdir(tmp_path)
    given = {"--model": model, "--prompt": "Is it good?", "--train": str(work / "train.jsonl"), "--min-steps": "1"}
    given |= {"--epochs": "0.01", flag: "a\udcffb"}
    capsys.readouterr()
    assert main(["tune", *(text for pair in given.items() for text in pair), "--quiet"]) in (
        (0, 1, 2) if flag == "--output" else (1, 2)
    )
