"""All row paths, by the names that results have for them."""

from __future__ import annotations

from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import FASTER

PATHS = {path.name: path for path in (*FASTER, Plain)}
