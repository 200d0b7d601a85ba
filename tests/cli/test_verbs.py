"""The verbs as a person or a script uses them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import rows
import tiny
from embedgrad.cli.main import main
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt import sealed
from embedgrad.run.score import Comparison, Score
from kept import kept_settings


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


@pytest.fixture(scope="module")
def work(model, tmp_path_factory) -> Path:
    """A folder with rows and one finished run."""
    folder = tmp_path_factory.mktemp("work")
    rows.write_jsonl(folder / "train.jsonl", rows.sentiment(100))
    rows.write_jsonl(folder / "test.jsonl", rows.sentiment(40, first=500))
    arguments = ["tune", "--model", model, "--prompt", "Is it good?", "--train", str(folder / "train.jsonl")]
    settings = ["--test", str(folder / "test.jsonl"), "--min-steps", "40", "--epochs", "1", "--max-new-tokens", "4"]
    assert main([*arguments, *settings, "--score-by", "both", "--output", str(folder / "run"), "--quiet"]) == 0
    return folder


def output_of(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_run_folder(work):
    names = {path.name for path in (work / "run").iterdir()}
    assert names == {
        *("settings.toml", "metrics.jsonl", "checkpoint", "prompt.safetensors"),
        *("predictions.jsonl", "result.json", "report.html", "split.json", "trajectory"),
    }
    result = json.loads((work / "run" / "result.json").read_text())
    before, after = (Score.model_validate_json(json.dumps(result[key])) for key in ("before", "after"))
    Comparison.model_validate_json(json.dumps(result["comparison"]))
    assert before.total == after.total == 40
    assert before.prompt == "Is it good?"
    assert after.by_likelihood is not None
    assert after.loss < before.loss
    assert result["prompt_file"] == "prompt.safetensors"
    assert {"steps", "seconds", "peak_bytes", "versions"} <= result.keys()
    assert result["engine"] == {
        "path": "shared prefix",
        "techniques": ["own attention", "the last layer only at targets", "packed rows", "fused norms and MLPs"],
        "reason": "shared prefix: the prompt goes through the model once a step",
    }
    predictions = [json.loads(line) for line in (work / "run" / "predictions.jsonl").read_text().splitlines()]
    assert [p["target"] for p in predictions] == [row["label"] for row in rows.sentiment(40, first=500)]
    correct = sum(p["after"]["correct"] for p in predictions)
    assert correct == after.correct


def test_prompt_is_the_best_by_validation(work):
    lines = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
    validations = [line for line in lines if line["event"] == "validation"]
    assert validations[0]["step"] == 0, "the text itself is a candidate"
    best = max(validations, key=lambda v: (v["accuracy"], -v["loss"]))
    record = prompt_file.read(work / "run" / "prompt.safetensors").record
    assert record.metrics["step"] == best["step"]
    assert record.metrics["validation_loss"] == best["loss"]
    assert record.text == "Is it good?"


def test_settings_alone_re_run_the_run(work, tmp_path):
    settings = kept_settings(work / "run")
    assert "output" not in settings
    again = tmp_path / "again"
    arguments = ["--settings", str(work / "run" / "settings.toml"), "--output", str(again), "--quiet"]
    assert main(["tune", *arguments]) == 0
    first, second = (json.loads((f / "result.json").read_text()) for f in (work / "run", again))
    for key in ("before", "after", "comparison", "loss_comparison", "best_step", "rows"):
        assert first[key] == second[key], key
    assert (again / "settings.toml").read_bytes() == (work / "run" / "settings.toml").read_bytes()


def test_flags_go_over_the_settings_file(work, model, tmp_path):
    settings = ["--settings", str(work / "run" / "settings.toml"), "--min-steps", "2", "--epochs", "0.1"]
    assert main(["tune", *settings, "--output", str(tmp_path / "short"), "--quiet"]) == 0
    assert json.loads((tmp_path / "short" / "result.json").read_text())["steps"] == 2


def test_tune_prints_one_json_object(capsys, work, model, tmp_path):
    arguments = ["tune", "--settings", str(work / "run" / "settings.toml"), "--min-steps", "1", "--epochs", "0.01"]
    printed = json.loads(output_of(capsys, *arguments, "--output", str(tmp_path / "r"), "--json", "--quiet"))
    on_disk = json.loads(rows.said(tmp_path / "r" / "result.json"))
    assert set(on_disk.pop("files")) == {"predictions.jsonl", "metrics.jsonl", "prompt.safetensors"}
    assert {key: printed[key] for key in on_disk} == on_disk


def test_rows_from_stdin_stay_in_the_run_folder(work, model, tmp_path, monkeypatch):
    data = (work / "train.jsonl").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    arguments = ["tune", "--model", model, "--prompt", "Good?", "--train", "-", "--min-steps", "2", "--epochs", "0.1"]
    assert main([*arguments, "--output", str(tmp_path / "run"), "--quiet"]) == 0
    assert (tmp_path / "run" / "train.jsonl").read_bytes() == data
    settings = kept_settings(tmp_path / "run")
    assert settings["train"] == str(tmp_path / "run" / "train.jsonl")


def test_the_model_sees_test_rows_only_after_tuning(work, model, tmp_path, monkeypatch):
    import embedgrad.tuning.tune
    from embedgrad.engine.plan import Engine

    tested = {row["text"] for row in rows.sentiment(40, first=500)}
    seen: dict[bool, set[str]] = {False: set(), True: set()}  # before and after tuning has ended
    has_ended = False
    tune = embedgrad.tuning.tune.run_tuning

    def watched_tune(*arguments, **options):
        nonlocal has_ended
        run = tune(*arguments, **options)
        has_ended = True
        return run

    def watched(method):
        def call(engine, prompt, layouts, *rest):
            decode = engine.model.tokenizer.decode
            seen[has_ended] |= {decode(row.ids[row.input.start : row.input.stop]) for row in layouts}
            return method(engine, prompt, layouts, *rest)

        return call

    monkeypatch.setattr(embedgrad.tuning.tune, "run_tuning", watched_tune)
    monkeypatch.setattr(Engine, "row_nats", watched(Engine.row_nats))
    monkeypatch.setattr(Engine, "loss_and_gradient", watched(Engine.loss_and_gradient))
    arguments = ["tune", "--model", model, "--prompt", "Good?", "--train", str(work / "train.jsonl"), "--quiet"]
    further = ["--test", str(work / "test.jsonl"), "--min-steps", "3", "--epochs", "0.1"]
    assert main([*arguments, *further, "--output", str(tmp_path / "run")]) == 0
    assert len(seen[False]) > 50
    assert seen[False].isdisjoint(tested)
    assert seen[True] == tested


def test_evaluate_compares_prompts_side_by_side(capsys, work, model, tmp_path):
    prompts = ["--prompt", "Is it good?", "--prompt", str(work / "run" / "prompt.safetensors")]
    common = ["evaluate", "--model", model, *prompts, "--data", str(work / "test.jsonl"), "--max-new-tokens", "4"]
    every = ["--score-by", "both", "--predictions", str(tmp_path / "p.jsonl")]
    found = json.loads(output_of(capsys, *common, *every, "--json", "--quiet"))
    result = json.loads((work / "run" / "result.json").read_text())
    # Trap: a Score's name is how the table calls the prompt, everything else must agree with what tune measured.
    for score, wanted in zip(found["scores"], (result["before"], result["after"]), strict=True):
        assert score | {"prompt": ""} == wanted | {"prompt": ""}
    assert found["comparisons"] == [result["comparison"]]
    assert found["loss_comparisons"] == [result["loss_comparison"]]
    lines = (tmp_path / "p.jsonl").read_text().splitlines()
    assert len(lines) == 80
    table = output_of(capsys, *common, "--quiet")  # the scores are the result
    assert "prompt.safetensors" in table
    assert table == output_of(capsys, *common)


def test_generate_answers_arguments(capsys, work, model):
    prompt = str(work / "run" / "prompt.safetensors")
    common = ["generate", "--model", model, "--prompt", prompt, "--max-new-tokens", "4"]
    answers = output_of(capsys, *common, "a joy to watch, number 500", "no fun, number 507", "--quiet")
    predictions = [json.loads(line) for line in (work / "run" / "predictions.jsonl").read_text().splitlines()]
    single = output_of(capsys, *common, predictions[0]["input"], "--quiet")
    assert single == predictions[0]["after"]["output"] + "\n"
    assert len(answers.splitlines()) >= 2


def test_generate_is_a_jsonl_filter(work, model):
    command = [sys.executable, "-m", "embedgrad", "generate", "--model", model, "--prompt", "Is it good?"]
    data = (work / "test.jsonl").read_text()
    done = subprocess.run([*command, "--max-new-tokens", "3"], input=data, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    rows_in = [json.loads(line) for line in data.splitlines()]
    assert [{name: answer[name] for name in row} for answer, row in zip(answers, rows_in, strict=True)] == rows_in
    assert all(
        answer.keys() == {*row, "output", "truncated", "tokens"} for answer, row in zip(answers, rows_in, strict=True)
    )
    assert "Traceback" not in done.stderr


def test_a_reader_that_stops_reading_is_no_error(work, model):
    command = f"{sys.executable} -m embedgrad generate --model {model} --prompt Good? --max-new-tokens 2"
    many = (work / "test.jsonl").read_text() * 40
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -n 1"], input=many, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_inspect(capsys, work):
    path = work / "run" / "prompt.safetensors"
    facts = json.loads(output_of(capsys, "inspect", str(path), "--json"))
    assert facts["text"] == "Is it good?"
    assert (facts["tokens"], facts["width"]) == prompt_file.read(path).embeddings.shape
    assert facts["content_sha256"] == sealed.content_sha256(path.read_bytes())
    words = output_of(capsys, "inspect", str(path))
    assert "Is it good?" in words
    damaged = path.with_name("damaged.safetensors")
    damaged.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert main(["inspect", str(damaged)]) == 1
    assert main(["inspect", "nowhere.safetensors"]) == 2


def test_wrong_base_of_equal_width_is_refused(capsys, work, tmp_path):
    sibling = tiny.make_model_folder(tmp_path / "sibling", "qwen2", seed=1)
    prompt = str(work / "run" / "prompt.safetensors")
    assert main(["generate", "--model", str(sibling), "--prompt", prompt, "Hello"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("embedgrad: This prompt was tuned on tiny (weights ")
    assert "the model given is sibling (weights " in error
    assert (
        "): they differ in weights. Give the model it was tuned on, or pass --allow-mismatch to try it anyway.\n"
        in error
    )
    assert main(["generate", "--model", str(sibling), "--prompt", prompt, "Hello", "--allow-mismatch"]) == 0


def test_other_starts(work, model, tmp_path):
    common = ["tune", "--model", model, "--train", str(work / "train.jsonl"), "--test", str(work / "test.jsonl")]
    short = ["--min-steps", "2", "--epochs", "0.1", "--quiet"]
    for start in ("random", "vocabulary"):
        folder = tmp_path / start
        arguments = ["--prompt", "Is it good?", "--start", start, "--tokens", "5", "--output", str(folder)]
        assert main([*common, *short, *arguments]) == 0
        assert prompt_file.read(folder / "prompt.safetensors").embeddings.shape[0] == 5
        result = json.loads((folder / "result.json").read_text())
        assert result["before"]["prompt"] == "Is it good?", "the text stays the baseline"
    further = [
        "--prompt",
        str(work / "run" / "prompt.safetensors"),
        "--freeze",
        "0-1",
        "--output",
        str(tmp_path / "on"),
    ]
    assert main([*common, *short, *further]) == 0
    first, on = (prompt_file.read(f / "prompt.safetensors").embeddings for f in (work / "run", tmp_path / "on"))
    assert (first[:2] == on[:2]).all()


def test_help_and_version_load_no_torch():
    code = "import sys; from embedgrad.cli.main import main; main({}); sys.exit('torch' in sys.modules)"
    for arguments in (["--help"], ["tune", "--help"], ["evaluate", "--help"], ["inspect", "--help"], ["--version"]):
        done = subprocess.run([sys.executable, "-c", code.format(arguments)], capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stdout


def test_debug_shows_the_traceback(capsys):
    with pytest.raises(Exception, match="nowhere"):
        main(["inspect", "nowhere.safetensors", "--debug"])


def test_help_names_every_verb(capsys):
    text = output_of(capsys, "--help")
    for verb in ("tune", "evaluate", "generate", "inspect"):
        assert verb in text
        assert "For example:" in output_of(capsys, verb, "--help")


def test_a_flag_with_a_wrong_value(capsys):
    assert main(["tune", "--epochs", "0"]) == 2
    assert capsys.readouterr().err == "embedgrad: --epochs is '0': input should be greater than 0. See --help.\n"
    assert main(["tune", "--start", "randm"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --start is 'randm': input should be 'text', 'random' or 'vocabulary'. See --help.\n"
    )


def test_evaluate_takes_a_seed_for_a_data_set_only(capsys):
    assert main(["evaluate", "--model", "m", "--prompt", "p", "--data", "rows.jsonl", "--seed", "0"]) == 2
    assert capsys.readouterr().err == "embedgrad: --seed belongs to --dataset, which is not given.\n"


def test_settings_of_a_run_leave_nothing_to_defaults(work):
    settings = kept_settings(work / "run")
    assert settings["task"] == "label"
    assert float(settings["learning_rate"]) > 0
    assert settings["max_new_tokens"] == 4


def test_whatever_the_rows_tuning_ends_with_a_result(work, model, tmp_path):
    """Targets with spaces around them, and a label that only a removed duplicate has: both were failures at the end."""
    data = rows.sentiment(60)
    data[3]["label"] += " "
    duplicate = {"text": rows.sentiment(1, first=500)[0]["text"], "label": "neutral"}
    rows.write_jsonl(tmp_path / "train.jsonl", [*data, duplicate])
    arguments = ["tune", "--model", model, "--prompt", "Good?", "--train", str(tmp_path / "train.jsonl"), "--quiet"]
    rows.write_jsonl(tmp_path / "v.jsonl", rows.sentiment(20, first=900))
    further = ["--test", str(work / "test.jsonl"), "--validation", str(tmp_path / "v.jsonl"), "--task", "label"]
    assert main([*arguments, *further, "--min-steps", "2", "--epochs", "0.1", "--output", str(tmp_path / "r")]) == 0
    assert json.loads((tmp_path / "r" / "result.json").read_text())["rows"]["removed_duplicates"] == 1


def test_a_prompt_file_brings_the_columns_of_its_template(model, tmp_path):
    data = [
        {"input": f"question {i % 3}", "title": f"book {i}", "output": "yes" if i % 2 else "no"} for i in range(160)
    ]
    rows.write_jsonl(tmp_path / "train.jsonl", data)
    common = ["tune", "--model", model, "--train", str(tmp_path / "train.jsonl"), "--min-steps", "2", "--epochs", "0.1"]
    first = ["--prompt", "Good?", "--template", "{prompt}\\n\\n{title}\\n{input}", "--output", str(tmp_path / "a")]
    second = ["--prompt", str(tmp_path / "a"), "--output", str(tmp_path / "b")]
    for arguments in (first, second):
        assert main([*common, *arguments, "--quiet"]) == 0
    counts = [json.loads((tmp_path / run / "result.json").read_text())["rows"] for run in ("a", "b")]
    assert counts[0] == counts[1] == {"train": 60, "validation": 50, "test": 50, "removed_duplicates": 0}


def test_rows_that_do_not_fit_are_not_counted(capsys, work, model, tmp_path):
    data = rows.sentiment(80)
    for row in data[:20]:
        row["text"] += " word" * 600
    rows.write_jsonl(tmp_path / "train.jsonl", data)
    files = ["--train", str(tmp_path / "train.jsonl"), "--test", str(work / "test.jsonl")]
    rows.write_jsonl(tmp_path / "v.jsonl", rows.sentiment(20, first=900))
    arguments = ["--validation", str(tmp_path / "v.jsonl"), "--overlong", "skip", "--epochs", "1", "--min-steps", "1"]
    command = ["tune", "--model", model, "--prompt", "Good?", *files, *arguments, "--output", str(tmp_path / "r")]
    assert main([*command, "--max-new-tokens", "2"]) == 0
    told = capsys.readouterr().err
    assert "up to 4 steps of 16 rows (1.07 epochs)" in told
    assert "Left out because they are longer than the model's context: 20 tuning rows, 0 validation rows." in told
    result = json.loads((tmp_path / "r" / "result.json").read_text())
    assert (result["steps"], result["rows"]["train"]) == (4, 60)


def test_a_moved_run_finds_the_rows_that_came_through_stdin(model, tmp_path, monkeypatch):
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows.sentiment(120))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    arguments = ["tune", "--model", model, "--prompt", "Good?", "--train", "-", "--min-steps", "2", "--epochs", "0.1"]
    assert main([*arguments, "--output", str(tmp_path / "old"), "--quiet"]) == 0
    (tmp_path / "old" / "result.json").unlink()
    (tmp_path / "old").rename(tmp_path / "new")
    assert main(["tune", "--resume", str(tmp_path / "new"), "--quiet"]) == 0


def test_two_files_of_one_name_are_told_apart(capsys, work, model, tmp_path):
    copy = tmp_path / "prompt.safetensors"
    copy.write_bytes((work / "run" / "prompt.safetensors").read_bytes())
    paths = [str(work / "run" / "prompt.safetensors"), str(copy)]
    arguments = ["evaluate", "--model", model, "--prompt", paths[0], "--prompt", paths[1]]
    found = json.loads(output_of(capsys, *arguments, "--data", str(work / "test.jsonl"), "--json", "--quiet"))
    assert [score["prompt"] for score in found["scores"]] == paths
    assert found["comparisons"][0]["difference"] == 0


def test_answers_keep_the_fields_of_their_rows(capsys, model, monkeypatch):
    rows_in = b'{"id": 7, "input": "Hello"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rows_in)))
    answer = json.loads(output_of(capsys, "generate", "--model", model, "--prompt", "Hi", "--max-new-tokens", "2"))
    assert (answer["id"], answer["input"]) == (7, "Hello")
