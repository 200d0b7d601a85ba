"""`embedgrad recipes`: what ships, the text of one, and Table 2 with finished runs next to the paper's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from embedgrad.cli.console import Terminal
from embedgrad.composed import fields, flattened
from embedgrad.durable import write_file
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.recipes.catalog import Recipe, all_recipes, load_recipe, recipe_names, recipe_text
from embedgrad.run.record import RunRecord, read_run
from embedgrad.settings import checked

AsJson = Annotated[bool, Parameter(help="Print one JSON object.", negative=())]
Quiet = Annotated[bool, Parameter(help="Print only the result and errors, no notes.", negative=())]

recipes = App(name="recipes", help_format="plaintext", result_action="return_value")

# Settings that change time or memory, not results, and those that say where things are.
_FREE = {"model", "revision", "recipe", "data", "output", "device", "batch_tokens", "memory_limit", "compile"}
_FREE |= {"checkpoint_seconds"}


@recipes.default
def list_recipes(*, json: AsJson = False, quiet: Quiet = False) -> None:
    """List the recipes that ship."""
    terminal = Terminal(json, quiet, says_result=True)
    found = all_recipes()
    terminal.result({"recipes": [_facts(recipe) for recipe in found]})
    header = ["recipe", "task", "model", "paper: before -> after, %", "memory, GB"]
    terminal.table([header, *(_line(recipe) for recipe in found)])
    terminal.say("memory: computed, not measured. Run one with: embedgrad tune --recipe NAME [--data FILE]")


@recipes.command
def show(name: str, /, *, json: AsJson = False, quiet: Quiet = False) -> None:
    """Print one recipe's TOML.

    For example:
        embedgrad recipes show table2/medd-qwen2.5-0.5b
    """
    terminal = Terminal(json, quiet, says_result=True)
    recipe = load_recipe(name)
    terminal.result(_facts(recipe))
    terminal.say(recipe_text(name).rstrip("\n"))


@recipes.command
def report(
    *runs: Annotated[Path, Parameter(help="Finished run folders; only runs of a recipe are used.")],
    output: Annotated[Path | None, Parameter(help="Also write the table to this Markdown file.")] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the paper's Table 2 next to finished runs of its recipes.

    For example:
        embedgrad recipes report runs/medd runs/math --output table2.md
    """
    from embedgrad.report.table2 import TABLE2_NOTE, RecipeRun, as_markdown, table2_notes, table2_rows, table2_table

    terminal = Terminal(json, quiet, says_result=True)
    counted: list[RecipeRun] = []
    left_out: list[str] = []
    for record in map(read_run, runs):
        name = tomllib.loads(record.settings).get("recipe")
        if name in recipe_names():
            recipe = load_recipe(name)
            counted.append(RecipeRun(recipe, record, differences(recipe, record)))
        else:
            left_out.append(f"{record.folder} is left out: its settings name no recipe that ships.")
    rows = table2_rows(all_recipes(), counted)
    if output is not None:
        write_file(output, as_markdown(rows, left_out).encode())
    terminal.result({"rows": [row.model_dump(mode="json") for row in rows], "left_out": left_out})
    terminal.table(table2_table(rows))
    for sentence in (TABLE2_NOTE, *table2_notes(rows), *left_out):
        terminal.say(sentence)


def differences(recipe: Recipe, record: RunRecord) -> tuple[str, ...]:
    """What a run did otherwise than its recipe, in words; what changes only time or memory is no difference."""
    job = checked(TuneSettings, recipe.settings, recipe.name).resolved()
    wanted = flattened(TuneSettings, job.model_dump(mode="json", exclude_none=True))
    done = flattened(TuneSettings, tomllib.loads(record.settings))
    found = _other_model(recipe, done, record.result.model)
    for name in fields(TuneSettings):
        asked, had = wanted.get(name), done.get(name)
        if name not in _FREE and not _same(asked, had):
            found.append(_other_setting(name, asked, had))
    rows = recipe.about.paper.rows
    if rows is not None and record.result.rows.test != rows:
        found.append(f"{record.result.rows.test} test rows instead of {rows}")
    return tuple(found)


def _other_model(recipe: Recipe, done: Mapping[str, Any], name: str) -> list[str]:
    """A folder's weights are not compared with the Hub's, so that a run on a folder is said to be one."""
    if done.get("model") != recipe.model:
        is_folder = Path(str(done.get("model"))).is_absolute()
        return [f"model {name}{', a folder,' if is_folder else ''} instead of {recipe.model}"]
    wanted = recipe.settings.get("revision")
    return [] if done.get("revision") == wanted else [f"revision {done.get('revision')} instead of {wanted}"]


def _other_setting(name: str, asked: Any, had: Any) -> str:
    flag = name.replace("_", "-")
    if name == "prompt":
        return "another prompt"
    if asked is None:
        return f"with {flag} {had}"
    return f"without {flag} {asked}" if had is None else f"{flag} {had} instead of {asked}"


def _same(asked: Any, had: Any) -> bool:
    """As numbers where both are: a recipe's "0.01" is 0.01 in a run."""
    try:
        return float(asked) == float(had)
    except (TypeError, ValueError):
        return bool(asked == had)


def _facts(recipe: Recipe) -> dict[str, Any]:
    about = recipe.about.model_dump(mode="json")
    return {"name": recipe.name, "model": recipe.model, **about, "settings": dict(recipe.settings)}


def _line(recipe: Recipe) -> list[str]:
    paper = recipe.about.paper
    change = f"{100 * paper.before:.2f} -> {100 * paper.after:.2f}"
    return [recipe.name, recipe.about.task, recipe.model, change, f"{recipe.about.memory_gb:.1f}"]
