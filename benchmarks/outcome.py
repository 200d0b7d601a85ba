"""What every benchmark shares at its two ends: the flags, and the table, the figures and the chart."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models import DTYPES, PRESETS

Row = dict[str, Any]
Columns = Mapping[str, Callable[[Row], object]]  # header -> cell

PEFT, OURS, OTHER = "#8b929c", "#2f7fd6", "#b9781f"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "embedgrad",  # otherwise clip paths get random ids
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def flags(about: str | None, *, presets: bool = True) -> argparse.ArgumentParser:
    """The flags that all benchmarks have."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="float32")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    if presets:
        parser.add_argument("--preset", choices=tuple(PRESETS), default="small", help="the model's shape")
        parser.add_argument("--vocabulary", type=int, help="another size of the vocabulary than the preset's")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of the table")
    parser.add_argument("--output", type=Path, help="folder for table.md, figures.json and chart.svg")
    return parser


def say(words: str) -> None:
    """Progress, beside the result."""
    print(words, file=sys.stderr, flush=True)


def setup(arguments: argparse.Namespace, **further: Any) -> dict[str, Any]:
    """Where and how it was measured."""
    on_gpu = arguments.device != "cpu"
    return {
        "machine": torch.cuda.get_device_name(arguments.device) if on_gpu else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "embedgrad")},
        "flags": {name: _written(value) for name, value in vars(arguments).items() if name not in ("json", "output")},
        **further,
    }


def deliver(
    arguments: argparse.Namespace,
    rows: Sequence[Row],
    columns: Columns,
    draw: Callable[[Sequence[Row]], Figure],
    about: Mapping[str, Any],
) -> None:
    """Print the table (or one line of JSON), and write the files where a folder is asked for."""
    cells = [[str(cell(row)) for cell in columns.values()] for row in rows]
    print(json.dumps({"rows": [*rows]}) if arguments.json else plain_table([*columns], cells))
    if arguments.output is None:
        return
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "table.md").write_text(markdown_table([*columns], cells), encoding="utf-8")
    figures = json.dumps({"setup": about, "rows": [*rows]}, indent=1)
    (arguments.output / "figures.json").write_text(figures + "\n", encoding="utf-8")
    if rows:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            no_dates = {"Date": None, "Creator": None}
            draw(rows).savefig(arguments.output / "chart.svg", format="svg", metadata=no_dates)


def plain_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Columns aligned for a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *cells)]
    return "\n".join(lines)


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def bars(groups: Sequence[str], series: Mapping[str, Sequence[float]], label: str, colours: Sequence[str]) -> Figure:
    """Bars side by side, a group per row of the table, each with its number."""
    figure = Figure(figsize=(max(6.4, 1.1 * len(groups) + 1), 3.4), layout="constrained")
    panel: Axes = figure.subplots()
    width = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        places = [group + (number - (len(series) - 1) / 2) * width for group in range(len(groups))]
        drawn = panel.bar(places, values, width, label=name, color=colours[number])
        panel.bar_label(drawn, fmt="%.3g", fontsize=8)
    panel.set_xticks(range(len(groups)), groups, fontsize=8)
    panel.set_ylabel(label)
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=len(series), borderaxespad=0)
    return figure


def seconds(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def megabytes(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.0f}"


def _written(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    names = [line for line in path.read_text().splitlines() if "model name" in line] if path.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()
