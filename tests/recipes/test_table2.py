"""Table 2 with our runs beside the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from embedgrad.cli.recipes import differences
from embedgrad.composed import flattened
from embedgrad.evaluation.statistics import paired_accuracy, wilson
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.recipes.catalog import Recipe, all_recipes, load_recipe
from embedgrad.report.table2 import RecipeRun, as_markdown, table2_notes, table2_rows, table2_table
from embedgrad.run.predictions import Answer, PredictedRow
from embedgrad.run.record import RunRecord, read_run
from embedgrad.run.result import Result, RowCounts
from embedgrad.run.score import Comparison, Score
from embedgrad.settings import checked
from embedgrad.words import per_cent_interval

MATH, MEDD = "table2/math500-qwen2.5-math-1.5b", "table2/medd-qwen2.5-0.5b"


def _score(correct: int, total: int) -> Score:
    return Score(
        prompt="p", accuracy=correct / total, correct=correct, total=total, interval=wilson(correct, total),
        loss=1.0, truncated=0,
    )  # fmt: skip


def _answer(correct: bool) -> Answer:
    return Answer(output="o", prediction="o", correct=correct, truncated=False, loss=1.0)


def _record(
    folder: Path, recipe: Recipe, before: list[bool], after: list[bool], groups: list[str | None], **changed: object
) -> RunRecord:
    """A run as `embedgrad tune --recipe` leaves it, `changed` in its settings; None takes a setting out."""
    job = checked(TuneSettings, {**recipe.settings, "recipe": recipe.name}, "test").resolved()
    rate = repr(float(job.tuning.learning_rate or 0))
    settings = (
        flattened(TuneSettings, job.model_dump(mode="json"))
        | {"learning_rate": rate, "data": "/somewhere/rows.jsonl"}
        | changed
    )
    rows = [
        PredictedRow(line=n, input=f"i{n}", target="t", group=group, before=_answer(b), after=_answer(a))
        for n, (b, a, group) in enumerate(zip(before, after, groups, strict=True), start=1)
    ]
    result = Result(
        before=_score(sum(before), len(rows)), after=_score(sum(after), len(rows)),
        comparison=paired_accuracy(before, after),
        loss_comparison=Comparison(difference=0.0, interval=(0.0, 0.0), p_value=1.0),
        prompt_file="prompt.safetensors", steps=1, seconds=1.0, peak_bytes=1, versions={},
        rows=RowCounts(train=8, validation=8, test=len(rows), removed_duplicates=0),
        model=Path(str(settings["model"])).name, prompt_text="p", best_step=1, stopped="all epochs done",
    )  # fmt: skip
    folder.mkdir()
    (folder / "settings.toml").write_text(tomli_w.dumps({k: v for k, v in settings.items() if v is not None}))
    (folder / "metrics.jsonl").write_text("")
    (folder / "predictions.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    (folder / "result.json").write_text(result.model_dump_json())
    return read_run(folder)


@pytest.fixture
def math_run(tmp_path, monkeypatch) -> RecipeRun:
    """251 rows in the paper's levels; before, every fifth row is right, after, every second."""
    recipe = load_recipe(MATH)
    groups: list[str | None] = [
        level for level, rows in zip("12345", (22, 45, 53, 64, 67), strict=True) for _ in range(rows)
    ]
    before, after = [n % 5 == 0 for n in range(251)], [n % 2 == 0 for n in range(251)]
    monkeypatch.chdir(tmp_path)
    record = _record(Path("a"), recipe, before, after, groups)
    return RecipeRun(recipe, record, differences(recipe, record))


def test_nothing_run_is_a_dash_everywhere() -> None:
    rows = table2_rows(all_recipes(), [])
    header, *body = table2_table(rows)
    assert header == ["task", "model", "paper", "rows", "before", "after", "difference", "by meaning", "rows", "run"]
    assert len(body) == 16 + 2 * 5
    assert all(line[4:] == ["-"] * 6 for line in body)
    assert ["MATH-500, level 5", "Qwen2.5-Math-1.5B", "10.45 -> 34.33", "67", *["-"] * 6] in body
    assert ["MEDD", "Qwen2.5-0.5B-Instruct", "16.03 -> 90.57", "-", *["-"] * 6] in body
    assert table2_notes(rows) == []


def test_a_repetition_is_in_the_table_without_a_mark(math_run: RecipeRun) -> None:
    assert math_run.differences == ()
    rows = table2_rows([math_run.recipe], [math_run])
    line = table2_table(rows)[1]
    low, high = (round(100 * bound, 1) for bound in wilson(51, 251))
    assert line[:6] == [
        *("MATH-500", "Qwen2.5-Math-1.5B", "14.74 -> 58.96", "251"),
        f"20.3 ({low} to {high})",
        f"50.2 ({', '.join(f'{100 * bound:.1f}' for bound in wilson(126, 251)).replace(', ', ' to ')})",
    ]
    assert line[6].startswith("+29.9 (")
    assert line[7:] == ["-", "251", "a"]


def test_levels_are_counted_from_the_predictions(math_run: RecipeRun) -> None:
    found = {row.group: row.ours for row in table2_rows([math_run.recipe], [math_run])}
    first = 0
    for level, count in zip("12345", (22, 45, 53, 64, 67), strict=True):
        numbers = range(first, first + count)
        ours = found[level]
        assert ours is not None
        assert (ours.before.correct, ours.after.correct) == (
            sum(n % 5 == 0 for n in numbers),
            sum(n % 2 == 0 for n in numbers),
        )
        assert ours.before.total == ours.after.total == count
        assert ours.comparison.difference == pytest.approx((ours.after.correct - ours.before.correct) / count)
        first += count


def test_the_papers_intervals_are_wilsons() -> None:
    rows = {(row.recipe, row.group): row.paper for row in table2_rows(all_recipes(), [])}
    assert rows["table2/imdb-qwen2.5-0.5b", None].after_interval == wilson(29, 84)
    assert rows[MATH, "1"].before_interval == wilson(2, 22)
    assert rows[MEDD, None].before_interval is None


def test_a_run_that_differs_is_marked_and_said(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(MEDD)
    changed = {"model": "/somewhere/tiny", "revision": None, "epochs": 1.0, "seed": 3, "prompt": "Mood?"}
    changed |= {"test": "/somewhere/test.jsonl", "score_by": "generation", "dtype": "float32", "batch_tokens": 99}
    groups: list[str | None] = [None] * 4
    record = _record(Path("b"), recipe, [False] * 4, [True, True, False, False], groups, **changed)
    run = RecipeRun(recipe, record, differences(recipe, record))
    rows = table2_rows([recipe], [run])
    assert table2_table(rows)[1][-1] == "b [1]"
    (note,) = table2_notes(rows)
    assert note.startswith(
        "[1] b does not repeat table2/medd-qwen2.5-0.5b: model tiny, a folder, instead of Qwen/Qwen2.5-0.5B-Instruct; "
    )
    assert sorted(note.rstrip(".").split("; ")[1:]) == [
        "another prompt",
        "dtype float32 instead of bfloat16",
        "epochs 1.0 instead of 10.0",
        "score-by generation instead of both",
        "seed 3 instead of 0",
        "with test /somewhere/test.jsonl",
    ]


def test_other_test_rows_and_another_revision_are_said(tmp_path) -> None:
    recipe = load_recipe("table2/imdb-qwen2.5-7b")
    record = _record(tmp_path / "run", recipe, [False] * 5, [True] * 5, [None] * 5, revision="0" * 40, split="large")
    assert differences(recipe, record) == (
        f"revision {'0' * 40} instead of {recipe.settings['revision']}",
        "split large instead of paper",
        "5 test rows instead of 84",
    )


def test_two_runs_of_a_recipe_are_two_lines(math_run: RecipeRun) -> None:
    again = RecipeRun(math_run.recipe, _record(Path("c"), math_run.recipe, [False] * 3, [True] * 3, ["1"] * 3), ("x",))
    rows = table2_rows([math_run.recipe], [math_run, again])
    assert len(rows) == 12
    assert [row.ours.folder for row in rows if row.group is None and row.ours] == ["a", "c"]
    assert rows[-1].ours is None, "no row of level 5"


def test_markdown_holds_table_and_notes(math_run: RecipeRun) -> None:
    marked = RecipeRun(math_run.recipe, math_run.record, ("epochs 1.0 instead of 10.0",))
    text = as_markdown(table2_rows([math_run.recipe], [marked]), ["runs/x is left out."])
    lines = text.splitlines()
    assert lines[0] == "# Table 2"
    assert lines[3] == f"| {' | '.join(['---'] * 10)} |"
    assert sum(line.startswith("| MATH-500") for line in lines) == 6
    assert f"[1] a does not repeat {MATH}: epochs 1.0 instead of 10.0." in lines
    assert lines[-1] == "runs/x is left out."


def test_the_document_has_these_figures() -> None:
    """docs/reproduce.md: each line of the table, with the intervals and the memory."""
    text = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.endswith("| not measured |  |")]
    lines += [line.strip("| ").split(" | ") for line in text.splitlines() if line.endswith(" GB |")]
    found = {(line[0], line[1]): line[2:5] for line in lines}
    rows = table2_rows(all_recipes(), [])
    assert len(found) == len(rows)
    for row in rows:
        shown = [
            f"{100 * share:.2f}" + (f" ({per_cent_interval(interval)})" if interval else "")
            for share, interval in (
                (row.paper.before, row.paper.before_interval),
                (row.paper.after, row.paper.after_interval),
            )
        ]
        key = (row.recipe.removeprefix("table2/"), row.group or "all")
        assert found[key] == [*shown, str(row.paper.rows or "not known")], key
    memory = {line[0]: line[-1] for line in lines if line[1] == "all"}
    assert memory == {r.name.removeprefix("table2/"): f"{r.about.memory_gb} GB" for r in all_recipes()}
