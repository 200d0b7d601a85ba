"""Settings in tables and by name alone, the flags that are made of them, and what is said of a key in a wrong place."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedgrad.cli import flags
from embedgrad.cli.main import main
from embedgrad.composed import Composed, fields, flattened
from embedgrad.errors import SettingsError
from embedgrad.jobs.diagnose import DiagnoseSettings
from embedgrad.jobs.evaluate import EvaluateSettings
from embedgrad.jobs.generate import GenerateSettings
from embedgrad.jobs.learning_curve_settings import LearningCurveSettings
from embedgrad.jobs.seeds_settings import SeedsSettings
from embedgrad.jobs.sweep_settings import SweepSettings
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.settings import Settings, checked, read_toml, write_toml
from embedgrad.tuning.settings import TuningSettings

KINDS = (
    TuneSettings,
    SeedsSettings,
    LearningCurveSettings,
    SweepSettings,
    EvaluateSettings,
    GenerateSettings,
    DiagnoseSettings,
)
FLAT = 'model = "m"\nprompt = "p"\nepochs = 2.0\nlabels = ["a", "b"]\ntemplate = "{prompt} {input}"\n'
TABLES = """prompt = "p"

[model]
model = "m"

[template]
template = "{prompt} {input}"

[judging]
labels = ["a", "b"]

[tuning]
epochs = 2.0
"""


def of(text: str, path: Path, kind: type[Composed] = TuneSettings) -> Composed:
    path.write_text(text, encoding="utf-8")
    return checked(kind, read_toml(path), str(path))


def test_a_flat_file_and_one_with_tables_say_the_same(tmp_path):
    flat, tabled = of(FLAT, tmp_path / "flat.toml"), of(TABLES, tmp_path / "tables.toml")
    assert flat == tabled
    assert flat.given == tabled.given
    assert set(flat.given) == {"model", "prompt", "epochs", "labels", "template"}
    assert flattened(TuneSettings, read_toml(tmp_path / "tables.toml")) == read_toml(tmp_path / "flat.toml")


def test_what_is_written_has_tables_and_is_read_again(tmp_path):
    settings = of(FLAT, tmp_path / "flat.toml")
    write_toml(tmp_path / "kept.toml", settings)
    kept = read_toml(tmp_path / "kept.toml")
    assert (kept["prompt"], kept["model"]["model"], kept["tuning"]["epochs"]) == ("p", "m", 2.0)
    assert checked(TuneSettings, kept, "kept") == settings


def test_a_setting_by_its_name():
    settings = TuneSettings.model_validate({"epochs": 3, "tuning": {"seed": 4}})
    assert (settings["epochs"], settings["seed"], settings.tuning.epochs) == (3, 4, 3)
    changed = settings.changed(epochs=5.0, prompt="q")
    assert (changed.tuning.epochs, changed.tuning.seed, changed.prompt) == (5.0, 4, "q")
    assert settings.tuning.epochs == 3
    with pytest.raises(KeyError):
        settings["epoch"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 8", "there is no setting 'epoch'. Did you mean \"epochs\"?"),
        ("[tuning]\nepoch = 8", "there is no setting 'epoch'. Did you mean \"epochs\"?"),
        ("[rows]\nepochs = 8", "epochs stands in [tuning], not in [rows]."),
        ("epochs = 3\n[tuning]\nepochs = 2", "epochs stands twice, above the tables and in [tuning]."),
        (
            "[rating]\nx = 1",
            "there is no table [rating]; the tables are [model], [rows], [template], [judging], [method], [tuning].",
        ),
        ("tuning = 3", "tuning is 3: expected a table."),
        ("tuning = 3\nepochs = 2", "tuning is 3: expected a table."),
        (
            "[[messages]]\nrole = 'user'\ncontent = '{prompt}{input}'\nname = 'x'",
            "there is no setting 'messages.0.name'. Did you mean \"messages\"?",
        ),
        ("labels = 'a,b'", "labels is 'a,b': expected a list."),
        ("[rows]\nprompt = 'p'", "prompt stands above all tables, not in [rows]."),
    ],
)
def test_a_key_in_no_place_or_a_wrong_one(text, message, tmp_path):
    with pytest.raises(SettingsError) as told:
        of(text, tmp_path / "s.toml")
    assert str(told.value) == f"{tmp_path / 's.toml'}: {message}"


def test_a_value_that_is_wrong_is_named_without_its_table(tmp_path, capsys):
    for text in ("epochs = 0", "[tuning]\nepochs = 0"):
        (tmp_path / "s.toml").write_text(text)
        assert main(["tune", "--settings", str(tmp_path / "s.toml")]) == 2
        assert capsys.readouterr().err == (
            f"embedgrad: {tmp_path / 's.toml'}: epochs is 0: input should be greater than 0.\n"
        )


def test_no_two_settings_have_one_name():
    for kind in KINDS:
        assert fields(kind)

    class Twice(Composed):
        seed: int = 0
        tuning: TuningSettings = TuningSettings()

    with pytest.raises(TypeError, match="two settings 'seed'"):
        fields(Twice)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flag_is_a_setting_by_its_name_and_default(kind):
    made = flags.flags_of(kind)
    assert issubclass(made, Settings)
    assert list(made.model_fields) == list(fields(kind))
    for name, (_, info) in fields(kind).items():
        assert made.model_fields[name].get_default() == info.get_default()
        assert made.model_fields[name].description == info.description


def test_what_flags_do_otherwise_is_said_of_settings_that_there_are():
    known = {name for kind in KINDS for name in fields(kind)}
    for names in (flags._READ, flags._IN_FILES_ONLY, flags._WITHOUT_NEGATIVE, flags._MAY_BE_DASH):
        assert set(names) <= known


def test_help_has_a_box_for_each_table(capsys):
    assert main(["tune", "--help"]) == 0
    out = capsys.readouterr().out
    out = out[out.index("─ Parameters ─") :]
    boxes = [out.index(f" {title} ─") for title in ("Model", "Rows", "Template", "Judging", "Method", "Tuning")]
    assert boxes == sorted(boxes)
    assert boxes[1] < out.index("--train") < out.index("--max-rows") < boxes[2]
    assert boxes[5] < out.index("--epochs")
