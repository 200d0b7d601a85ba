"""`embedgrad analyze`: on a finished run, and on a prompt before it is tuned."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import rows
import tiny
from embedgrad.analysis.analyses import ANALYSES
from embedgrad.cli.main import main
from embedgrad.jobs.diagnose import DiagnosisRows


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


@pytest.fixture(scope="module")
def work(model, tmp_path_factory) -> Path:
    """A folder with rows, contrast pairs, a finished run `run` and one from a random start `random`."""
    folder = tmp_path_factory.mktemp("work")
    rows.write_jsonl(folder / "train.jsonl", rows.sentiment(60))
    rows.write_jsonl(folder / "test.jsonl", rows.sentiment(20, first=500))
    pairs = [{"positive": f"I am happy about {n}", "negative": f"I am sad about {n}"} for n in range(10)]
    rows.write_jsonl(folder / "mood.jsonl", pairs)
    for name, further in (("run", ()), ("random", ("--start", "random"))):
        files = ["--train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl")]
        settings = ["--min-steps", "10", "--epochs", "0.1", "--max-new-tokens", "4", "--learning-rate", "1rms"]
        command = ["tune", "--model", model, "--prompt", "Is it good?", *files, *settings, *further]
        assert main([*command, "--output", str(folder / name), "--quiet"]) == 0
    return folder


@pytest.fixture
def run(work, tmp_path) -> Path:
    """A copy of the finished run, to write into."""
    return Path(shutil.copytree(work / "run", tmp_path / "run"))


def analyzed(capsys, *arguments: str) -> dict:
    assert main(["analyze", *arguments, "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def failure(capsys, *arguments: str, code: int) -> str:
    assert main(["analyze", *arguments]) == code
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return output.err.rpartition("embedgrad: ")[2].strip()


def test_everything_of_a_run(capsys, run, work):
    found = analyzed(capsys, str(run), "--concepts", str(work / "mood.jsonl"))
    assert found["folder"] == str(run)
    assert found["left_out"] == {}
    assert list(found["analyses"]) == list(ANALYSES)
    for name, analysis in ANALYSES.items():
        written = rows.said(run / "analysis" / f"{name}.json")
        assert json.loads(written) == found["analyses"][name]
        assert analysis.record.model_validate_json(written).format_version == 1
    assert found["analyses"]["blend"]["rows"] == found["analyses"]["entropy"]["rows"] == 20
    steps = [at["step"] for at in found["analyses"]["anchoring"]["along"]]
    kept = sorted(int(path.stem.removeprefix("step-")) for path in (run / "trajectory").glob("*.safetensors"))
    assert steps == kept


def test_what_it_prints(capsys, run):
    assert main(["analyze", str(run), "--only", "anchoring,blend", "--rows", "6"]) == 0
    output = capsys.readouterr()
    assert "6 of 20 test rows; nothing is chosen by them" in output.err
    assert output.out.startswith("\nanchoring\n  The original token is still the nearest at ")
    assert "\nblend\n  From start to tuned on 6 rows, the loss is lowest at weight " in output.out
    page = " ".join(unescape((run / "report.html").read_text(encoding="utf-8")).replace("\u00a0", " ").split())
    told = [line.strip() for line in output.out.splitlines() if line.startswith("  ")]
    assert len(told) == 7
    for sentence in told:
        assert sentence in page, "the page says it in the same words"
    assert output.out.endswith(f"\nanalyses  {run / 'analysis'}\nreport    {run / 'report.html'}\n")
    assert sorted(path.name for path in (run / "analysis").iterdir()) == ["anchoring.json", "blend.json"]


def test_the_report_is_written_anew(run):
    (run / "report.html").unlink()
    assert main(["analyze", str(run), "--only", "anchoring", "--quiet"]) == 0
    assert (run / "report.html").is_file()


def test_same_run_same_findings(capsys, run):
    arguments = (str(run), "--only", "position_sensitivity,read_back,diagnosis", "--rows", "20")
    assert analyzed(capsys, *arguments) == analyzed(capsys, *arguments)


def test_scored_as_the_run_was(capsys, run):
    settings = run / "settings.toml"
    text = settings.read_text(encoding="utf-8")
    assert 'score_by = "generation"' in text
    settings.write_text(text.replace('score_by = "generation"', 'score_by = "both"'), encoding="utf-8")
    found = analyzed(capsys, str(run), "--only", "read_back", "--rows", "6")["analyses"]["read_back"]
    assert {found[side]["by_likelihood"]["total"] for side in ("before", "after", "read_back")} == {6}


def test_a_random_start_has_no_anchors(capsys, work):
    found = analyzed(capsys, str(work / "random"), "--only", "anchoring,blend,read_back", "--rows", "4")
    reason = "This prompt started from random rows: it has no original tokens to compare it with."
    assert found["left_out"] == {"anchoring": reason}
    assert list(found["analyses"]) == ["blend", "read_back"]


def test_the_only_analysis_asked_for_does_not_fit(capsys, work):
    message = failure(capsys, str(work / "random"), "--only", "anchoring", code=1)
    assert message == "This prompt started from random rows: it has no original tokens to compare it with."


def test_blend_with_another_prompt(capsys, run, work):
    other = run.parent / "other.safetensors"
    shutil.copy(run / "prompt.safetensors", other)
    found = analyzed(capsys, str(run), "--only", "blend", "--rows", "4", "--with", str(other))["analyses"]["blend"]
    assert (found["first"], found["second"]) == ("other.safetensors", "tuned")
    assert len({point["loss"] for point in found["points"]}) == 1


def test_blend_with_a_prompt_of_other_length(capsys, run, model, tmp_path):
    import embedgrad as eg

    loaded = eg.load_model(model)
    eg.start(loaded, "Is it good or bad, or something else?").save(tmp_path / "long.safetensors")
    message = failure(capsys, str(run), "--with", str(tmp_path / "long.safetensors"), code=1)
    assert message.startswith("A blend needs two prompts of equal length on one model: these have ")
    assert not (run / "analysis").exists(), "told before the first analysis"


def test_stopped_in_the_middle(capsys, run, monkeypatch):
    from embedgrad.analysis.blend import measure

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "measure", stopped)
    message = failure(capsys, str(run), "--only", "anchoring,blend,read_back", "--rows", "4", code=1)
    assert message == f"Stopped. What is done is in {run / 'analysis'}. Do the rest with --only blend,read_back."
    assert [path.name for path in (run / "analysis").iterdir()] == ["anchoring.json"]


def test_usage(capsys, run, work, model):
    names = ", ".join(ANALYSES)
    cases = {
        (): "Give the folder of a run, or --diagnose with --model, --prompt and --data.",
        (
            str(run),
            "--only",
            "entropie",
        ): f"There is no analysis 'entropie'; write some of {names}. Did you mean \"entropy\"?",
        (str(run), "--only", ""): f"--only '' names no analysis; write some of {names}, or omit --only.",
        (str(run), "--only", "anchoring", "--with", "p.safetensors"): (
            "--with is for blend, which --only leaves out. Add blend to --only, or omit --with."
        ),
        (str(run), "--only", "anchoring", "--concepts", "mood.jsonl"): (
            "--concepts is for reading, which --only leaves out. Add reading to --only, or omit --concepts."
        ),
        (str(run), "--rows", "0"): "--rows 0: an analysis needs at least one row.",
        (str(run), "--diagnose"): (
            "--diagnose judges a prompt before tuning: it takes no run folder and none of its flags."
        ),
        (str(run), "--model", model): (
            "A run is analyzed with its own settings: --model, --data and the like go with --diagnose."
        ),
        ("--diagnose", "--model", model): (
            "--prompt and --data must be given, as a flag or in a --settings file. See --help."
        ),
    }
    for arguments, message in cases.items():
        assert failure(capsys, *arguments, code=2) == message


def test_no_run_there(capsys, tmp_path):
    message = failure(capsys, str(tmp_path), code=1)
    assert message == f"{tmp_path} is no run folder: it has no settings.toml. Give the folder that tune wrote."


def test_an_unfinished_run(capsys, run):
    (run / "result.json").unlink()
    message = failure(capsys, str(run), code=1)
    assert message == (
        f"The run folder {run} has no result.json: the run has not finished. First continue it: "
        f"`embedgrad tune --resume {run}`"
    )


def test_rows_that_are_no_longer_those_of_the_run(capsys, run, work, tmp_path):
    moved = tmp_path / "test.jsonl"
    rows.write_jsonl(moved, rows.sentiment(19, first=501))
    settings = run / "settings.toml"
    settings.write_text(settings.read_text().replace(str(work / "test.jsonl"), str(moved)))
    message = failure(capsys, str(run), code=1)
    assert message == (
        f"The test rows are not those that the run began with (20 rows then, 19 now; {run / 'split.json'} lists them). "
        "Restore the rows and try again, or start a new run."
    )


def test_without_the_record_of_the_split(capsys, run):
    (run / "split.json").unlink()
    assert main(["analyze", str(run), "--only", "anchoring"]) == 0
    notes = capsys.readouterr().err
    assert notes.count("split.json is missing: it cannot be checked that these are the run's rows\n") == 1


def test_too_few_rows_for_a_diagnosis(capsys, run, work, model):
    reason = (
        "Whether this start is worth tuning cannot be judged: that takes at least 11 pairs of rows with different "
        "targets, and 1 row gives 0. Give more rows, of more than one target."
    )
    prompt = ("--diagnose", "--model", model, "--prompt", "Is it good?", "--data", str(work / "train.jsonl"))
    assert failure(capsys, *prompt, "--rows", "1", code=1) == reason
    found = analyzed(capsys, str(run), "--only", "anchoring,diagnosis", "--rows", "1")
    assert found["left_out"] == {"diagnosis": reason}


def test_diagnosis_before_tuning(capsys, work, model):
    arguments = ("--diagnose", "--model", model, "--prompt", "Is it good?", "--data", str(work / "train.jsonl"))
    found = analyzed(capsys, *arguments, "--rows", "24", "--max-new-tokens", "4")
    ANALYSES["diagnosis"].record.model_validate_json(json.dumps(found["analyses"]["diagnosis"]))
    assert found["analyses"]["diagnosis"]["rows"] == 24
    assert main(["analyze", *arguments, "--rows", "24"]) == 0
    assert capsys.readouterr().out.startswith("\ndiagnosis\n  ")


def test_diagnosis_reads_parquet_as_it_says(capsys, work, model, tmp_path):
    lines = (work / "train.jsonl").read_text().splitlines()
    parquet.write_table(pyarrow.Table.from_pylist([json.loads(line) for line in lines]), tmp_path / "rows.parquet")
    arguments = ("--diagnose", "--model", model, "--prompt", "Is it good?", "--data", str(tmp_path / "rows.parquet"))
    found = analyzed(capsys, *arguments, "--rows", "60", "--max-new-tokens", "4")
    assert found["analyses"]["diagnosis"]["rows"] == 60
    assert "Parquet" in (DiagnosisRows.model_fields["data"].description or "")


def test_wrong_flags_do_not_load_torch(tmp_path):
    code = (
        "import sys; from embedgrad.cli.main import main; main(['analyze', '--only', 'x']); "
        "main(['analyze', '--help']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False"
