"""Which runs and sweeps lie under the folders that somebody named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embedgrad.errors import UsageError
from embedgrad.run.demo_tables import DemoTables, TrialResult
from embedgrad.run.grid import Grid, read_grid
from embedgrad.run.json_files import read_if_any
from embedgrad.run.learning_curve import LearningCurve, read_learning_curve
from embedgrad.run.names import DEMO, LEARNING_CURVE, RESULT, SEEDS, SETTINGS, SWEEP
from embedgrad.run.record import RunRecord, read_run
from embedgrad.run.seeds import Seeds, read_seeds

_REPEAT_DEMO = "Repeat the demo."


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder and its grid."""

    folder: Path
    grid: Grid


@dataclass(frozen=True)
class Collected:
    """What was found under some folders, in their order.

    left_out  a sentence for each unfinished run
    trials    the demo's tables by block, where a folder is a demo's
    seeds     what folders of several seeds have in the mean
    curves    learning curves
    """

    runs: tuple[RunRecord, ...]
    sweeps: tuple[Sweep, ...]
    left_out: tuple[str, ...]
    trials: dict[str, tuple[TrialResult, ...]] = field(default_factory=dict)
    seeds: tuple[tuple[Path, Seeds], ...] = ()
    curves: tuple[tuple[Path, LearningCurve], ...] = ()


def collect(folders: Sequence[Path]) -> Collected:
    """Runs and sweeps at `folders`; a folder that is neither counts as those right inside it, in order of their names.

    Unfinished runs inside such a folder are left out. Raises UsageError for a folder that holds neither runs nor
    sweeps, or only unfinished runs, and what `read_run` raises: FileMissing, EmbedgradError.
    """
    runs: dict[Path, RunRecord] = {}
    sweeps: dict[Path, Sweep] = {}
    left_out: list[str] = []
    trials: dict[str, tuple[TrialResult, ...]] = {}
    seeds: list[tuple[Path, Seeds]] = []
    curves: list[tuple[Path, LearningCurve]] = []
    for given in folders:
        trials |= _trials(given)
        if (several := read_seeds(given / SEEDS)) is not None:
            seeds.append((given, several))
        if (curve := read_learning_curve(given / LEARNING_CURVE)) is not None:
            curves.append((given, curve))
        for folder in _inside(given):
            if (grid := read_grid(folder / SWEEP)) is not None:
                sweeps.setdefault(folder.resolve(), Sweep(folder, grid))
            elif folder is not given and not (folder / RESULT).exists():
                left_out.append(f"{folder.name} has not finished and is left out.")
            elif folder.resolve() not in runs:
                runs[folder.resolve()] = read_run(folder)
    if not runs and not sweeps:
        raise UsageError(
            f"No run in {' or '.join(map(str, folders))} has finished. Continue them with "
            "`embedgrad tune --resume FOLDER`, or repeat them."
        )
    return Collected(tuple(runs.values()), tuple(sweeps.values()), tuple(left_out), trials, tuple(seeds), tuple(curves))


def unsealed(collected: Collected) -> list[str]:
    """A sentence for each run whose result carries no checksum."""
    return [
        f"{run.folder.name}: its result.json has no content_sha256, as an earlier embedgrad wrote it; whether it was "
        "changed since then cannot be told."
        for run in collected.runs
        if not run.is_sealed
    ]


def _inside(given: Path) -> list[Path]:
    inside = sorted(entry for entry in given.iterdir() if entry.is_dir()) if given.is_dir() else []
    found = [entry for entry in inside if _is_ours(entry)]
    if not given.is_dir() or (_is_ours(given) and not found):
        return [given]
    if not found:
        raise UsageError(
            f"{given} holds no run: neither it nor a folder in it has a {SETTINGS}. Give a folder that tune, demo or "
            "sweep wrote."
        )
    return found


def _trials(folder: Path) -> dict[str, tuple[TrialResult, ...]]:
    tables = read_if_any(folder / DEMO, DemoTables, _REPEAT_DEMO)
    return {} if tables is None else {"paper": tables.paper, "own": tables.own}


def _is_ours(folder: Path) -> bool:
    return any((folder / name).exists() for name in (SETTINGS, RESULT, SWEEP))
