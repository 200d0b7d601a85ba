"""The paper's Table 2 with our runs beside it: as objects for `--json`, as rows for the terminal, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from embedgrad.evaluation.statistics import paired_accuracy, proportion, wilson
from embedgrad.json_shape import Shape
from embedgrad.recipes.catalog import Accuracy, Recipe
from embedgrad.run.record import RunRecord
from embedgrad.run.score import Comparison, Proportion
from embedgrad.units import points
from embedgrad.words import p_words, per_cent_interval

TABLE2_NOTE = (
    "Accuracy in per cent. paper: arXiv 2508.03533, Table 2, which gives no intervals and no test sizes; its rows are "
    "told from its fractions. Ours: strict, with 95 % intervals; meaning: what a person would accept; -: nobody has "
    "run it."
)
_NONE = "-"


@dataclass(frozen=True)
class RecipeRun:
    """A run that names a recipe, and in what it differs from it; nothing where it repeats it."""

    recipe: Recipe
    record: RunRecord
    differences: tuple[str, ...] = ()


class Measured(Shape):
    """What one run measured on the rows that one line of the table is about."""

    folder: str
    differences: tuple[str, ...]
    before: Proportion
    after: Proportion
    comparison: Comparison
    before_by_meaning: Proportion | None = None
    after_by_meaning: Proportion | None = None


class Reported(Shape):
    """What the paper reports, in fractions, with Wilson intervals where its test rows are known."""

    before: float
    after: float
    rows: int | None
    before_interval: tuple[float, float] | None = None
    after_interval: tuple[float, float] | None = None


class Table2Row(Shape):
    """A line of Table 2, all test rows or one group of them; `ours` is None where nobody has run it."""

    recipe: str
    task: str
    model: str
    group: str | None
    paper: Reported
    ours: Measured | None


def table2_rows(recipes: Sequence[Recipe], runs: Sequence[RecipeRun]) -> tuple[Table2Row, ...]:
    """Every recipe's lines in the order of `recipes`: once for each run of it, else once."""
    found: list[Table2Row] = []
    for recipe in recipes:
        own: list[RecipeRun | None] = [run for run in runs if run.recipe.name == recipe.name]
        for run in own or [None]:
            found.extend(_lines(recipe, run))
    return tuple(found)


def table2_table(rows: Sequence[Table2Row]) -> list[list[str]]:
    """A header and one line per row. A run that differs from its recipe has a number, explained by `table2_notes`."""
    marks = _marks(rows)
    header = ["task", "model", "paper", "rows", "before", "after", "difference", "by meaning", "rows", "run"]
    return [header, *(_cells(row, marks) for row in rows)]


def table2_notes(rows: Sequence[Table2Row]) -> list[str]:
    """What the numbers in the last column stand for: `[1] runs/a does not repeat table2/...: epochs 1, not 10.`"""
    marks = _marks(rows)
    notes = {
        marks[row.ours.folder]: f"{row.ours.folder} does not repeat {row.recipe}: {'; '.join(row.ours.differences)}."
        for row in rows
        if row.ours is not None and row.ours.differences
    }
    return [f"[{mark}] {notes[mark]}" for mark in sorted(notes)]


def as_markdown(rows: Sequence[Table2Row], further: Sequence[str] = ()) -> str:
    """Table and notes as a Markdown document."""
    header, *body = [[cell.replace("|", r"\|") for cell in line] for line in table2_table(rows)]
    lines = [header, ["---"] * len(header), *body]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(["# Table 2", table, TABLE2_NOTE, *table2_notes(rows), *further]) + "\n"


def _lines(recipe: Recipe, run: RecipeRun | None) -> Iterator[Table2Row]:
    groups: list[tuple[str | None, Accuracy]] = [(None, recipe.about.paper)]
    for group, paper in [*groups, *((level.group, level) for level in recipe.about.levels)]:
        yield Table2Row(
            recipe=recipe.name,
            task=recipe.about.task,
            model=recipe.model,
            group=group,
            paper=_reported(paper),
            ours=None if run is None else _whole(run) if group is None else _of_group(run, group),
        )


def _reported(paper: Accuracy) -> Reported:
    rows = paper.rows
    return Reported(
        before=paper.before,
        after=paper.after,
        rows=rows,
        before_interval=wilson(round(paper.before * rows), rows) if rows else None,
        after_interval=wilson(round(paper.after * rows), rows) if rows else None,
    )


def _whole(run: RecipeRun) -> Measured | None:
    result = run.record.result
    before, after = result.before.strictly, result.after.strictly
    if before is None or after is None or result.comparison is None:
        return None
    return Measured(
        folder=str(run.record.folder),
        differences=run.differences,
        before=before,
        after=after,
        comparison=result.comparison,
        before_by_meaning=result.before.by_meaning,
        after_by_meaning=result.after.by_meaning,
    )


def _of_group(run: RecipeRun, group: str) -> Measured | None:
    rows = [row for row in run.record.predictions if row.group == group and row.after.correct is not None]
    if not rows:
        return None
    before, after = ([bool(getattr(row, side).correct) for row in rows] for side in ("before", "after"))
    return Measured(
        folder=str(run.record.folder),
        differences=run.differences,
        before=proportion(sum(before), len(rows)),
        after=proportion(sum(after), len(rows)),
        comparison=paired_accuracy(before, after),
    )


def _marks(rows: Sequence[Table2Row]) -> dict[str, int]:
    """A number for each run that differs from its recipe, by its folder."""
    folders = (row.ours.folder for row in rows if row.ours is not None and row.ours.differences)
    return {folder: mark for mark, folder in enumerate(dict.fromkeys(folders), start=1)}


def _cells(row: Table2Row, marks: dict[str, int]) -> list[str]:
    paper, ours = row.paper, row.ours
    task = row.task if row.group is None else f"{row.task}, level {row.group}"
    model = row.model.rpartition("/")[2]
    start = [task, model, f"{100 * paper.before:.2f} -> {100 * paper.after:.2f}", str(paper.rows or _NONE)]
    if ours is None:
        return [*start, *[_NONE] * 6]
    mark = f" [{marks[ours.folder]}]" if ours.folder in marks else ""
    difference = f"{points(ours.comparison.difference, sign=True)} "
    difference += f"({per_cent_interval(ours.comparison.interval)}), {p_words(ours.comparison.p_value)}"
    meant = [_share(side) for side in (ours.before_by_meaning, ours.after_by_meaning)]
    return [
        *start,
        _with_interval(ours.before),
        _with_interval(ours.after),
        difference,
        _NONE if _NONE in meant else " -> ".join(meant),
        str(ours.after.total),
        f"{ours.folder}{mark}",
    ]


def _share(found: Proportion | None) -> str:
    return _NONE if found is None or not found.total else points(found.correct / found.total)


def _with_interval(found: Proportion) -> str:
    return f"{_share(found)} ({per_cent_interval(found.interval)})"
