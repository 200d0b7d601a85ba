"""Each data set in the layout that it was published in, on made-up rows; then on the real files where they are."""

import csv
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from embedgrad.cli.main import main
from embedgrad.data import hub
from embedgrad.data.draws import halves, whole_groups
from embedgrad.data.example import Example
from embedgrad.data.sources import load_records
from embedgrad.datasets.catalog import DATA_SETS, data_set
from embedgrad.datasets.data_set import digest
from embedgrad.datasets.medd import MEANING
from embedgrad.errors import BadRows, CannotResume, DataError, FileMissing, SettingsError
from embedgrad.faces import on_command_line
from embedgrad.folding import folded
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.run.split import SplitRecord, keep_split, split_record
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.template.template import CHAT_DEFAULT
from kept import kept_settings
from rows import said
from tiny import SHARED

REAL = SHARED / "data"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not here")
ROWS = 40


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_parquet(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def problem(number, **more):
    level = 1 + number % 5
    solution = f"Adding gives $\\boxed{{{2 * number}}}$."
    return {
        "problem": f"What is {number} + {number}?",
        "solution": solution,
        "answer": str(2 * number),
        "level": level,
        **more,
    }


def word_problem(number):
    return {"question": f"{number} eggs and {number} eggs?", "answer": f"<<{number}+{number}>>\n#### {2 * number:,}"}


def story(number):
    label = "Yes" if number % 2 else "No"
    scores = {"Yes": 0, "No": 0, label: 1}
    return {"input": f"Story {number}. Did it?", "target_scores": scores, "comment": f"Study {number // 2}"}


def write_all(folder):
    """Every data set as its origin publishes it, each in a folder of its name."""
    write_lines(folder / "math500" / "test.jsonl", map(problem, range(ROWS)))
    for part, start in (("train", 0), ("test", 1000)):
        rows = [word_problem(number) for number in range(start, start + ROWS)]
        write_parquet(folder / "gsm8k" / "main" / f"{part}-00000-of-00001.parquet", rows)
        reviews = [{"text": f"Review {number}<br />", "label": number % 2} for number in range(start, start + ROWS)]
        write_parquet(folder / "imdb" / "plain_text" / f"{part}-00000-of-00001.parquet", reviews)
    (folder / "medd").mkdir()
    with (folder / "medd" / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("text", "emotion"), *((f"第{number}句，「好」", list(MEANING)[number % 8]) for number in range(ROWS))]
        )
    (folder / "causal_judgement").mkdir()
    task = {"name": "causal_judgment", "examples": [story(number) for number in range(ROWS)]}
    (folder / "causal_judgement" / "task.json").write_text(json.dumps(task, indent=2))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("sets"))


@pytest.fixture
def message():
    def run(kind, call, *arguments, **options):
        with pytest.raises(kind) as caught:
            call(*arguments, **options)
        assert type(caught.value) is kind
        return str(caught.value)

    return run


def inputs(rows):
    return [row.input for row in rows]


def keys(rows):
    return {folded(row.input) for row in rows}


EVERY = [(name, split) for name, found in DATA_SETS.items() for split in found.splits]


@pytest.mark.parametrize(("name", "split"), EVERY)
@pytest.mark.parametrize("place", ["above", "own folder"])
def test_parts_are_disjoint_and_the_seed_decides(folder, name, split, place):
    data = folder if place == "above" else folder / name
    parts = DATA_SETS[name].parts(data, split_name=split, seed=3)
    sides = [keys(parts.train), keys(parts.validation), keys(parts.test)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert parts == DATA_SETS[name].parts(data, split_name=split, seed=3)
    assert DATA_SETS[name].test_rows(data, split_name=split, seed=3) == list(parts.test)
    assert parts != DATA_SETS[name].parts(data, split_name=split, seed=4)


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_shown_row_is_right_by_its_own_task(name):
    found = DATA_SETS[name]
    task = found.target().task
    assert is_correct(task, read_strict(task, found.shown.target), found.shown.target)
    assert set(found.shown.columns) <= set(found.columns)
    assert found.name == name
    assert "large" in found.splits


def test_the_prompts_are_the_papers():
    # Table 1 of arXiv 2508.03533; GSM8K is not in it
    assert {name: found.prompt for name, found in DATA_SETS.items() if name != "gsm8k"} == {
        "math500": r"please reason step by step, and put your final answer with \boxed{}.",
        "imdb": ("Please determine whether the following statement is positive or negative. Let's think step by step."),
        "medd": (
            "Determine the main emotion or mood expressed in the following text, choosing only from: [sad, angry, "
            "concerned, surprised, happy, calm, disgusted, doubtful]. Requirement: Let's think step by step and "
            "choose the strongest one."
        ),
        "causal_judgement": (
            "How would a typical person answer each of the following questions about causation? Please think step by "
            'step, and then answer "Yes" or "No".'
        ),
    }
    assert CHAT_DEFAULT.turns[0].content == "{prompt}\n\n{input}"  # the paper's h(0) = [E_p, E_u]


def test_targets(folder):
    def first(name, target=None, row=1):
        return next(iter(data_set(name).read(folder, target).values()))[row]

    assert first("math500").target == r"Adding gives $\boxed{2}$."
    assert first("math500", "answer").target == "2"
    assert first("math500").columns == {"level": "2"}
    assert first("gsm8k").target == "<<1+1>>\n#### 2"
    assert first("gsm8k", "answer").target == "2"
    assert (first("imdb").input, first("imdb").target) == ("Review 1<br />", "positive")
    assert first("imdb", row=0).target == "negative"
    assert first("medd", row=0).target == "sad"
    assert first("causal_judgement").target == "Yes"
    assert first("causal_judgement", "rationale").target == "Study 0\nYes"


def test_a_rationale_is_judged_by_its_last_word():
    task = data_set("causal_judgement").target("rationale").task
    target = "A study asks whether Yes or No is said.\nNo"
    assert is_correct(task, read_strict(task, "One could say Yes. But it was planned, so the answer is No."), target)
    assert not is_correct(task, read_strict(task, "No wonder: Yes"), target)
    assert not is_correct(task, read_strict(task, "Nobody knows"), target)


def test_stories_without_a_comment_or_with_a_plain_target(tmp_path):
    rows = [
        {"input": "a", "target": "Yes"},
        {"input": "b", "target_scores": {"Yes": 1, "No": 0}, "comment": " "},
        {"input": "c", "target": "No", "comment": " It was planned. "},
    ]
    write_lines(tmp_path / "mine.jsonl", rows)
    (read,) = data_set("causal_judgement").read(tmp_path / "mine.jsonl", "rationale").values()
    assert [row.target for row in read] == ["Yes", "Yes", "It was planned.\nNo"]


@pytest.mark.parametrize("label", MEANING.values())
def test_chinese_words_for_a_mood_are_accepted_by_meaning(label):
    task = data_set("medd").target().task
    own = next(raw for raw, meaning in MEANING.items() if meaning == label)
    for output in (own, f"答案是：{own}。", f"这句话的情绪是{task.accepted[label][2]}", label.upper()):
        assert read_by_meaning(task, output) == label
        assert read_strict(task, output) is None
    assert len(task.labels) == len(set(MEANING.values())) == 8


def test_rows_that_say_what_no_label_says(tmp_path):
    for name, raw, text in (
        ("imdb", {"text": "x", "label": 2}, '"2"'),
        ("medd", {"text": "x", "emotion": "恐懼"}, '"恐懼"'),
    ):
        path = tmp_path / f"{name}.jsonl"
        write_lines(path, [raw])
        with pytest.raises(BadRows) as caught:
            data_set(name).read(path, None)
        count = len(data_set(name).target().task.labels)
        assert [p.problem for p in caught.value.problems] == [f"{text} is none of the {count} labels"]


def test_rows_that_lack_what_the_set_needs(tmp_path):
    path = tmp_path / "rows.jsonl"
    for name, target, raw, expected in (
        ("math500", None, {"problem": "x"}, 'no field "solution"'),
        ("math500", None, {"problems": "x"}, 'no field "problem". Did you mean "problems"?'),
        ("gsm8k", "answer", {"question": "x", "answer": "12"}, '"answer" does not end in "#### " and a number'),
        (
            "causal_judgement",
            None,
            {"input": "x", "target_scores": {"Yes": 1, "No": 1}},
            '"target_scores" does not give one of its choices the score 1',
        ),
        ("causal_judgement", "rationale", {"input": "x", "target": "Maybe"}, '"Maybe" is none of the 2 labels'),
    ):
        write_lines(path, [raw])
        with pytest.raises(BadRows) as caught:
            data_set(name).read(path, target)
        assert [(p.line, p.problem) for p in caught.value.problems] == [(1, expected)]


def test_other_problems_of_math_leave_all_500_for_the_test(tmp_path):
    write_lines(tmp_path / "math500" / "test.jsonl", map(problem, range(40)))
    write_lines(tmp_path / "math_train" / "others.jsonl", map(problem, range(38, 80)))  # two of them are test problems
    parts = data_set("math500").parts(tmp_path, split_name="large", seed=0)
    assert inputs(parts.test) == [problem(number)["problem"] for number in range(40)]
    assert len(parts.train) + len(parts.validation) == 40
    assert parts.removed_train + parts.removed_validation == 2
    paper = data_set("math500").parts(tmp_path, split_name="paper", seed=0)
    assert Counter(row.columns["level"] for row in paper.test) == dict.fromkeys("12345", 4)
    assert keys(paper.train) | keys(paper.validation) | keys(paper.test) == keys(parts.test)


def test_stories_of_one_source_stay_together(folder):
    parts = data_set("causal_judgement").parts(folder, split_name="large", seed=0)
    train, validation, test = (
        {row.columns["comment"] for row in part} for part in (parts.train, parts.validation, parts.test)
    )
    assert test.isdisjoint(train | validation)
    assert validation.isdisjoint(train), "near-copies of a tuned story would choose the prompt"
    assert len(parts.test) == ROWS // 2
    assert (len(parts.train), len(parts.validation)) == (ROWS // 4, ROWS // 4)


def test_halves_and_whole_groups():
    rows = [Example(str(n), "x", {"by": "ab"[n % 3 == 0]}, line=n) for n in range(9)]  # six a, three b
    tuning, test = halves("rows", by="by")({"rows": rows}, random.Random(0))
    assert Counter(row.columns["by"] for row in test) == {"a": 3, "b": 2}
    assert sorted([*tuning, *test], key=lambda row: row.line) == rows
    assert [row.line for row in test] == sorted(row.line for row in test)
    lone = [Example(str(n), "x", {}, line=n) for n in range(9)]  # without the column each is a group
    tuning, test = whole_groups("rows", by="by")({"rows": lone}, random.Random(0))
    assert (len(tuning), len(test)) == (4, 5)
    tuning, test = whole_groups("rows", by="by")({"rows": rows}, random.Random(0))
    assert len({row.columns["by"] for row in tuning} & {row.columns["by"] for row in test}) == 0


def test_whole_messages(folder, tmp_path, message, monkeypatch):
    assert message(SettingsError, data_set, "math-500") == (
        "There is no data set 'math-500'; dataset takes math500, gsm8k, imdb, medd, causal_judgement. "
        'Did you mean "math500"?'
    )
    gsm8k, math500 = data_set("gsm8k"), data_set("math500")
    assert message(SettingsError, gsm8k.target, "answers") == (
        "target 'answers' is none of GSM8K's: solution, answer. Did you mean \"answer\"?"
    )
    assert message(SettingsError, gsm8k.split_of, "paper") == "GSM8K has no split 'paper': it has large."
    assert message(SettingsError, math500.read, folder, None, ["levels"]) == (
        "MATH-500 has no column 'levels': it has level, subject, unique_id. Did you mean \"level\"?"
    )
    monkeypatch.chdir(tmp_path)
    assert message(FileMissing, math500.read, Path("nowhere"), None) == "data nowhere is not there."
    Path("empty").mkdir()
    assert message(FileMissing, math500.read, Path("empty"), None) == (
        "empty has no file of MATH-500. Expected test: test*; train: train* or math_train/*."
    )
    for name in ("test.jsonl", "test_2.csv", "test.md"):
        (Path("empty") / name).write_text("")
    assert message(DataError, math500.read, Path("empty"), None) == (
        "empty has several files that may be MATH-500's test rows: test.jsonl, test_2.csv. Leave one of them there."
    )
    write_lines(Path("test.jsonl"), map(word_problem, range(9)))
    assert message(DataError, gsm8k.parts, Path("test.jsonl"), split_name="large", seed=0) == (
        "GSM8K: test.jsonl has only rows for the test, none to tune on. Expected train: train* or main/train*; "
        "test: test* or main/test*."
    )
    assert len(gsm8k.test_rows(Path("test.jsonl"), split_name="large", seed=0)) == 9
    Path("test.jsonl").rename("train.jsonl")
    assert message(DataError, gsm8k.parts, Path("train.jsonl"), split_name="large", seed=0) == (
        "GSM8K: train.jsonl has only rows to tune on, none for the test. Expected train: train* or main/train*; "
        "test: test* or main/test*."
    )


def test_a_part_that_was_never_published(folder, monkeypatch, message):
    gsm8k = data_set("gsm8k")
    monkeypatch.setattr(hub.HubFile, "download", lambda self: folder / "gsm8k" / self.path)
    for part, other, purposes in (("test", "train", ("for the test", "to tune on")),
                                  ("train", "test", ("to tune on", "for the test"))):  # fmt: skip
        file = replace(gsm8k.files[part], rows_sha256=None)
        published = replace(file, origin=replace(file.origin, path=f"main/{part}-00000-of-00001.parquet", sha256=None))
        one = replace(gsm8k, files={part: published, other: replace(gsm8k.files[other], origin=None)})
        assert message(DataError, one.parts, None, split_name="large", seed=0).startswith(
            f"GSM8K: its origin has only rows {purposes[0]}, none {purposes[1]}. Expected "
        )


def test_downloaded_rows_must_be_the_expected_ones(folder, monkeypatch, message):
    found = data_set("medd")
    origin = found.files["rows"].origin
    monkeypatch.setattr(hub.HubFile, "download", lambda self: folder / "medd" / "data.csv")
    (rows,) = found.read(folder, None).values()
    assert message(DataError, found.read, None, None) == (
        f"{origin.url} has other rows than expected: their digest is {digest(rows)}, expected "
        f"{found.files['rows'].rows_sha256}. Nothing of it was used. If you trust a copy of yours, name it with data."
    )
    expected = replace(found.files["rows"], rows_sha256=digest(rows))
    assert replace(found, files={"rows": expected}).read(None, None) == {"rows": rows}


# What the settings say


def resolved(**given):
    return TuneSettings(model="m", **given).resolved()


def test_a_data_set_fills_in_what_nobody_set(tmp_path):
    job = resolved(dataset="medd", data=str(tmp_path))
    found = data_set("medd")
    assert (job.prompt, job.rows.split, job.rows.target, job.judging.group_by) == (found.prompt, "large", "label", None)
    judging = job.judging
    assert (judging.task, judging.labels, judging.max_new_tokens) == ("label", tuple(MEANING.values()), 512)
    assert judging.resolved_task([]) == found.target().task
    assert resolved(dataset="math500").judging.group_by == "level"
    rationale = resolved(dataset="causal_judgement", target="rationale").judging
    assert (rationale.task, rationale.labels, rationale.pattern) == ("regex", None, r"\b(Yes|No)\b")


def test_flags_go_on_top():
    job = resolved(dataset="math500", prompt="Mine:", task="exact", group_by="subject", split="paper", target="answer")
    assert (job.prompt, job.judging.task, job.judging.group_by, job.rows.split, job.rows.target) == (
        "Mine:",
        "exact",
        "subject",
        "paper",
        "answer",
    )
    assert resolved(dataset="medd", labels=("sad", "happy"), max_new_tokens=9).judging.labels == ("sad", "happy")


def by_flags(**given):
    with on_command_line():
        return resolved(**given)


def test_messages_of_the_settings(message):
    assert message(SettingsError, by_flags, dataset="imdb", train="rows.jsonl") == (
        "--train and --dataset exclude each other: the rows are your own or those of IMDB. Give one of the two."
    )
    assert message(SettingsError, by_flags, dataset="imdb", input_field="text") == (
        "--input-field and --dataset exclude each other: the rows are your own or those of IMDB. Give one of the two."
    )
    for name in ("data", "split", "target"):
        value = "large" if name == "split" else "x"
        assert message(SettingsError, by_flags, prompt="p", train="t", **{name: value}) == (
            "--split large belongs to --dataset, which is not given; rows of your own take shares like "
            "--split 70/15/15."
            if name == "split"
            else f"--{name} belongs to --dataset, which is not given."
        )
    assert message(SettingsError, by_flags, dataset="gsm8k", split="paper") == (
        "GSM8K has no split 'paper': it has large."
    )


def test_groups_of_ones_own_rows(tmp_path, message):
    path = tmp_path / "rows.jsonl"
    write_lines(path, [{"input": f"row {n}", "output": "x", "kind": "a", "tags": ["b"]} for n in range(30)])
    job = resolved(prompt="p", train=str(path), group_by="kind")
    assert {row.columns["kind"] for row in job.read_parts().test} == {"a"}
    for name in ("tags", "output"):
        other = job.changed(group_by=name)
        assert message(DataError, other.read_parts) == (
            f'group_by="{name}": 10 of 10 test rows have no such column with a text or number beside input and '
            "target. Columns found: kind."
        )


# What a run writes down


def test_split_json_is_kept_and_checked(folder, tmp_path, message):
    path = tmp_path / "split.json"
    found = data_set("medd")
    parts = found.parts(folder, split_name="large", seed=0)
    record = split_record(parts, 0, "medd", "large")
    keep_split(path, record)
    assert SplitRecord.model_validate_json(said(path)) == record
    assert record.test.lines == tuple(row.line for row in parts.test)
    assert sorted((*record.train.lines, *record.validation.lines, *record.test.lines)) == list(range(2, ROWS + 2))
    keep_split(path, record)
    other = split_record(found.parts(folder, split_name="large", seed=1), 0, "medd", "large")
    assert message(CannotResume, keep_split, path, other) == (
        f"The tuning rows are not those that the run began with ({record.train.rows} rows then, {other.train.rows} "
        f"now; {path} lists them). Restore the rows and try again, or start a new run."
    )
    path.write_text("{}")
    assert message(CannotResume, keep_split, path, record) == (
        f"{path} cannot be read: it was damaged or changed. Start the run anew."
    )


SHORT = ["--epochs", "0.1", "--min-steps", "2", "--batch-size", "4", "--max-new-tokens", "3", "--quiet"]


def test_a_run_on_a_data_set(capsys, folder, tiny_folder, tmp_path):
    model, run, again = str(tiny_folder("qwen2")), tmp_path / "run", tmp_path / "again"
    data = ["--dataset", "causal_judgement", "--data", str(folder), "--split", "paper", "--group-by", "comment"]
    assert main(["tune", "--model", model, *data, *SHORT, "--output", str(run)]) == 0
    settings = kept_settings(run)
    assert (settings["dataset"], settings["split"], settings["target"]) == ("causal_judgement", "paper", "label")
    assert settings["labels"] == ["Yes", "No"]
    split = SplitRecord.model_validate_json(said(run / "split.json"))
    predictions = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    assert [row["line"] for row in predictions] == list(split.test.lines)
    numbers = {
        line: number for number, (line, _) in enumerate(load_records(folder / "causal_judgement" / "task.json").rows)
    }
    assert [row["group"] for row in predictions] == [f"Study {numbers[row['line']] // 2}" for row in predictions]
    assert main(["tune", "--settings", str(run / "settings.toml"), "--quiet", "--output", str(again)]) == 0
    for name in ("settings.toml", "split.json", "predictions.jsonl"):
        assert (again / name).read_bytes() == (run / name).read_bytes()

    answers = tmp_path / "answers.jsonl"
    evaluate = ["evaluate", "--model", model, *data, "--max-new-tokens", "3", "--json", "--quiet"]
    assert main([*evaluate, "--prompt", str(run / "prompt.safetensors"), "--predictions", str(answers)]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores[0]["total"] == split.test.rows
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [(row["line"], row["group"], row["output"]) for row in rows] == [
        (row["line"], row["group"], row["after"]["output"]) for row in predictions
    ]
    assert main(evaluate) == 0  # without --prompt it is the data set's
    assert json.loads(capsys.readouterr().out)["scores"][0]["prompt"].startswith("How would a typical")


def test_a_run_refuses_to_go_on_with_other_rows(capsys, folder, tiny_folder, tmp_path):
    path, run = tmp_path / "task.json", tmp_path / "run"
    path.write_bytes((folder / "causal_judgement" / "task.json").read_bytes())
    data = ["--dataset", "causal_judgement", "--data", str(path)]
    assert main(["tune", "--model", str(tiny_folder("qwen2")), *data, *SHORT, "--output", str(run)]) == 0
    (run / "result.json").unlink()
    path.write_text(path.read_text().replace("Story 7.", "Story seven."))
    assert main(["tune", "--resume", str(run), "--quiet"]) == 1
    assert "rows are not those that the run began with" in capsys.readouterr().err


# The real files


@real
def test_the_real_sets_are_whole():
    def first(name):
        return {part: len(rows) for part, rows in data_set(name).read(REAL, None).items()}

    assert first("math500") == {"test": 500, "train": 4500}
    assert first("gsm8k") == {"train": 7473, "test": 1319}
    assert first("medd") == {"rows": 4159}
    assert first("causal_judgement") == {"rows": 190}
    moods = Counter(row.target for row in data_set("medd").read(REAL, None)["rows"])
    assert sorted(moods.values(), reverse=True) == [705, 592, 560, 527, 499, 486, 404, 386]
    assert (moods["calm"], moods["doubtful"]) == (705, 386)
    stories = data_set("causal_judgement").read(REAL, None)["rows"]
    assert Counter(row.target for row in stories) == {"Yes": 99, "No": 91}
    twice = [text for text, count in Counter(inputs(stories)).items() if count == 2]
    assert [len({row.target for row in stories if row.input == text}) for text in twice] == [2, 2]


@real
@pytest.mark.parametrize("name", ["medd", "causal_judgement"])
def test_the_pinned_digests_are_those_of_the_real_rows(name):
    found = data_set(name)
    assert digest(found.read(REAL, None)["rows"]) == found.files["rows"].rows_sha256


@real
def test_the_papers_sizes():
    math = data_set("math500").parts(REAL, split_name="paper", seed=0)
    assert (len(math.test), len(math.train) + len(math.validation)) == (251, 249)
    levels = Counter(row.columns["level"] for row in math.test)
    assert [levels[level] for level in "12345"] == [22, 45, 53, 64, 67]
    causal = data_set("causal_judgement").parts(REAL, split_name="paper", seed=0)
    assert len(causal.test) == 95
    assert len(causal.train) + len(causal.validation) + causal.removed_train + causal.removed_validation == 95
    imdb = data_set("imdb").parts(REAL, split_name="paper", seed=0)
    assert (len(imdb.test), len(imdb.train) + len(imdb.validation)) == (84, 84)


@real
@pytest.mark.parametrize(
    ("name", "test"), [("math500", 500), ("gsm8k", 1319), ("imdb", 2000), ("medd", 2080), ("causal_judgement", 96)]
)
def test_the_large_split(name, test):
    parts = data_set(name).parts(REAL, split_name="large", seed=0)
    assert len(parts.test) == test
    if name == "causal_judgement":
        sources = [{row.columns["comment"] for row in part} for part in (parts.train, parts.validation)]
        assert sources[0].isdisjoint(sources[1])
    assert keys(parts.test).isdisjoint(keys(parts.train) | keys(parts.validation))
    assert keys(parts.train).isdisjoint(keys(parts.validation))


def fits(percent, size):
    """Whether some number of right answers out of `size` is printed as `percent`."""
    return any(
        f"{100 * right / size:.2f}" == f"{percent:.2f}" for right in (int(percent * size / 100) + i for i in (0, 1))
    )


def test_what_the_papers_figures_tell_of_its_test_sizes():
    # Table 2 of arXiv 2508.03533
    table = {
        "math500": (14.74, 58.96, 56.18, 65.34),
        "imdb": (20.24, 59.52, 69.05, 70.24, 57.14, 34.52, 71.43, 78.57, 77.38, 64.29),
        "medd": (16.03, 66.37, 87.36, 84.67, 83.57, 90.57, 93.41, 92.10, 92.90),
        "causal_judgement": (50.53, 54.74, 62.11, 69.47, 61.05, 63.16, 65.26, 71.58),
    }
    rows = {"math500": 500, "imdb": 250, "medd": 4159, "causal_judgement": 190}
    sizes = {
        name: [size for size in range(10, rows[name] + 1) if all(fits(percent, size) for percent in figures)]
        for name, figures in table.items()
    }
    assert sizes == {"math500": [251], "imdb": [84, 168], "medd": [], "causal_judgement": [95, 190]}
