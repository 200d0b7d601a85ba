"""Draws the pictures of docs/methods from what `embedgrad analyze` found in a run, and from a sweep.

    python tools/methods_pictures.py RUN [SWEEP_FOLDER] [--output docs/methods]

What a run does not have is left as it is, and said.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from embedgrad.analysis.anchoring import ANCHORING
from embedgrad.analysis.blend import BLEND
from embedgrad.analysis.entropy import ENTROPY
from embedgrad.analysis.position_sensitivity import POSITION_SENSITIVITY
from embedgrad.analysis.read_back import READ_BACK
from embedgrad.analysis.reading import READING
from embedgrad.analysis.reading.shown import reading_figure
from embedgrad.analysis.records import Records, read_records
from embedgrad.durable import make_folder, write_file
from embedgrad.report import figures
from embedgrad.run.grid import read_grid
from embedgrad.run.names import SWEEP

DOCS = Path(__file__).resolve().parent.parent / "docs" / "methods"
NAMES = {"entropy": "trajectory-entropy"}
# On a page of its own a picture has no text colour to follow.
_INK = "<style>svg { color: #24292f } @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }</style>"


def pictures(found: Records, sweep: Path | None) -> Iterator[tuple[str, str | None]]:
    """(name of the file, its SVG), None for what was not found."""
    for analysis in (ANCHORING, ENTROPY, POSITION_SENSITIVITY, BLEND, READ_BACK):
        record = found.of(analysis)
        section = None if record is None else analysis.section(record)
        yield NAMES.get(analysis.name, analysis.name.replace("_", "-")), section.figures[0] if section else None
    readings = found.of(READING)
    concepts = readings.concepts if readings else ()
    yield "reading", reading_figure(concepts[0]) if concepts else None
    for concept in concepts[1:]:
        yield f"reading-{concept.concept}", reading_figure(concept)
    grid = read_grid(sweep / SWEEP) if sweep else found.calibration
    yield "sensitivity", figures.heat_map(grid) if grid else None


def standalone(svg: str) -> str:
    """An inline figure as a file of its own, readable on a light and on a dark page."""
    head = svg.index(">") + 1
    return f"{svg[:head]}{_INK}{svg[head:]}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("sweep", type=Path, nargs="?")
    parser.add_argument("--output", type=Path, default=DOCS)
    arguments = parser.parse_args()
    make_folder(arguments.output)
    for name, svg in pictures(read_records(arguments.run), arguments.sweep):
        if svg is None:
            print(f"{name}: not in {arguments.run}")
        else:
            write_file(arguments.output / f"{name}.svg", standalone(svg).encode("utf-8"))
            print(f"{name}: {arguments.output / name}.svg")


if __name__ == "__main__":
    main()
