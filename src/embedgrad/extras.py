"""The packages that the base install does without, and what is said where one of them is missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

Extra = Literal["report", "baselines", "hub"]
_PACKAGES: dict[Extra, str] = {"report": "matplotlib", "baselines": "scikit-learn", "hub": "pyarrow"}
_MODULES = {"scikit-learn": "sklearn"}  # where it is not the package's name


def lacking(extra: Extra, what: str) -> str | None:
    """That `what` needs the extra's package, and the command that installs it; None where it is installed. Imports
    nothing."""
    package = _PACKAGES[extra]
    if find_spec(_MODULES.get(package, package)) is not None:
        return None
    return f"{what} needs {package}. Install it: pip install 'embedgrad[{extra}]'"
