"""The recipes that ship: sixteen, as the paper has them, and strict."""

from __future__ import annotations

import re

import pytest

from embedgrad.errors import SettingsError
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.recipes import catalog
from embedgrad.recipes.catalog import Accuracy, Recipe, all_recipes, load_recipe, recipe_names, recipe_text
from embedgrad.recipes.memory import SIZES, peak_bytes
from embedgrad.settings import checked

# arXiv 2508.03533, Table 2, typed a second time: per cent before and after.
TABLE2 = {
    "math500-qwen2.5-math-1.5b": (14.74, 58.96),
    "math500-qwen2.5-math-7b": (56.18, 65.34),
    "imdb-qwen2.5-0.5b": (20.24, 34.52),
    "imdb-qwen2.5-3b": (59.52, 71.43),
    "imdb-qwen2.5-7b": (69.05, 78.57),
    "imdb-llama3.1-8b": (57.14, 64.29),
    "imdb-qwen2.5-14b": (70.24, 77.38),
    "medd-qwen2.5-0.5b": (16.03, 90.57),
    "medd-qwen2.5-3b": (66.37, 93.41),
    "medd-qwen2.5-7b": (87.36, 92.10),
    "medd-llama3.1-8b": (83.57, 92.10),
    "medd-qwen2.5-14b": (84.67, 92.90),
    "causal-qwen2.5-0.5b": (50.53, 61.05),
    "causal-qwen2.5-3b": (54.74, 63.16),
    "causal-qwen2.5-7b": (62.11, 65.26),
    "causal-qwen2.5-14b": (69.47, 71.58),
}
# Table 1.
PROMPTS = {
    "MATH-500": r"please reason step by step, and put your final answer with \boxed{}.",
    "IMDB": "Please determine whether the following statement is positive or negative. Let's think step by step.",
    "MEDD": "Determine the main emotion or mood expressed in the following text, choosing only from: [sad, angry, "
    "concerned, surprised, happy, calm, disgusted, doubtful]. Requirement: Let's think step by step and choose the "
    "strongest one.",
    "causal judgement": "How would a typical person answer each of the following questions about causation? Please "
    'think step by step, and then answer "Yes" or "No".',
}
each = pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)


def test_sixteen_as_the_paper_has_them() -> None:
    found = {r.name: (r.about.paper.before, r.about.paper.after) for r in all_recipes()}
    wanted = {f"table2/{name}": tuple(round(share / 100, 4) for share in pair) for name, pair in TABLE2.items()}
    assert found == wanted
    assert len(found) == 16


def test_names_come_in_order_of_size() -> None:
    causal = [name for name in recipe_names() if "causal" in name]
    assert causal == [f"table2/causal-qwen2.5-{size}" for size in ("0.5b", "3b", "7b", "14b")]


@each
def test_settings_are_those_of_tune(recipe: Recipe) -> None:
    job = checked(TuneSettings, recipe.settings, recipe.name)
    assert job.prompt == PROMPTS[recipe.about.task]
    assert job.model.dtype == "bfloat16", "the memory is computed for it"
    assert (job.tuning.epochs, job.tuning.min_steps) == (10, 0)
    small = ("0.5b", "1.5b", "3b")
    assert job.tuning.learning_rate == ("0.01" if recipe.name.endswith(small) else "0.001")
    assert re.fullmatch("[0-9a-f]{40}", job.model.revision or "")
    assert recipe.name.rpartition("-")[2] in recipe.model.lower()


def test_one_model_has_one_revision() -> None:
    pairs = {(recipe.model, recipe.settings["revision"]) for recipe in all_recipes()}
    assert len(pairs) == len(dict(pairs)) == len(SIZES) == 7


@each
def test_the_papers_shares_are_whole_rows(recipe: Recipe) -> None:
    papers: list[Accuracy] = [recipe.about.paper, *recipe.about.levels]
    for share, rows in ((share, p.rows) for p in papers for share in (p.before, p.after) if p.rows):
        assert round(round(share * rows) / rows, 4) == share


# The paper's levels do not add up to its whole in three of four cases: docs/reproduce.md says so.
@pytest.mark.parametrize(
    ("size", "side", "of_levels", "of_whole"),
    [("1.5b", "before", 37, 37), ("1.5b", "after", 158, 148), ("7b", "before", 142, 141), ("7b", "after", 169, 164)],
)
def test_right_answers_of_the_levels_and_of_the_whole(size: str, side: str, of_levels: int, of_whole: int) -> None:
    about = load_recipe(f"table2/math500-qwen2.5-math-{size}").about
    assert [level.group for level in about.levels] == ["1", "2", "3", "4", "5"]
    assert sum(level.rows or 0 for level in about.levels) == about.paper.rows == 251
    assert sum(round(getattr(level, side) * (level.rows or 0)) for level in about.levels) == of_levels
    assert round(getattr(about.paper, side) * 251) == of_whole


@each
def test_memory_is_what_the_formula_gives(recipe: Recipe) -> None:
    assert recipe.about.memory_gb == round(peak_bytes(SIZES[recipe.model], recipe.about.memory_tokens) / 1e9, 1)
    assert recipe.about.memory_tokens <= recipe.settings["batch_tokens"]
    card = re.fullmatch(r"one GPU of (\d+) GB", recipe.about.hardware)
    assert card is not None
    assert int(card[1]) > recipe.about.memory_gb
    assert "not measured" in recipe.about.memory_from


def test_flags_go_over_a_recipe() -> None:
    job = TuneSettings.model_validate({"epochs": 2, "recipe": "table2/imdb-llama3.1-8b"}).over_recipe()
    assert (job.tuning.epochs, job.tuning.learning_rate) == (2, "0.001")
    assert job.model.model == "meta-llama/Llama-3.1-8B-Instruct"
    assert job.recipe == "table2/imdb-llama3.1-8b"


def test_an_unknown_recipe_is_named_with_the_nearest() -> None:
    for read in (load_recipe, recipe_text):
        with pytest.raises(SettingsError) as error:
            read("table2/medd-qwen-0.5b")
        assert str(error.value) == (
            "There is no recipe 'table2/medd-qwen-0.5b'. Did you mean \"table2/medd-qwen2.5-0.5b\"? "
            "`embedgrad recipes` lists them."
        )


@pytest.mark.parametrize("name", ["../table2/medd-qwen2.5-0.5b", "table2/../table2/medd-qwen2.5-0.5b", "/etc/passwd"])
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(SettingsError, match="There is no recipe"):
        recipe_text(name)


def test_an_unknown_key_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "own").mkdir()
    text = recipe_text("table2/medd-qwen2.5-0.5b").replace("hardware", "hardwear")
    (tmp_path / "own" / "medd.toml").write_text(text)
    monkeypatch.setattr(catalog, "_FOLDER", tmp_path)
    with pytest.raises(SettingsError) as error:
        load_recipe("own/medd")
    assert "there is no setting 'recipe.hardwear'." in str(error.value)
