"""What tunings side by side show, in whole sentences."""

from __future__ import annotations

import json
from typing import Any

import made_up_analyses as made_up
from embedgrad.report.grid import grid_finding
from embedgrad.run.grid import Grid


def told(found: dict[str, Any]) -> list[str]:
    return grid_finding(Grid.model_validate_json(json.dumps(found)))


def test_grid() -> None:
    found = made_up.grid()
    assert told(found) == [
        "Of 9 tunings the chosen one, 0.5rms, 5 epochs, has 60.0 % (95 % interval 40.0 to 70.0) on 200 validation "
        "rows.",
        "1 of 9 tunings failed.",
    ]
    found["cells"] = [found["cells"][3] | {"accuracy": None, "interval": None}]
    assert told(found | {"chosen": 0}) == [
        "Of 1 tunings the chosen one, 0.5rms, 1 epoch, has loss 0.900 on 200 validation rows."
    ]
