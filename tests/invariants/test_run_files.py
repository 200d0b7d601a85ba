"""The docstring of `runs` names every file of a run folder that `runs` has a name for."""

from pathlib import Path

from embedgrad.run import names as runs


def test_every_file_is_described() -> None:
    names = {value for name, value in vars(runs).items() if name.isupper() and isinstance(value, str | Path)}
    names = {Path(name).parts[0] for name in names}
    assert len(names) > 10
    described = {line.split()[0].rstrip("/") for line in (runs.__doc__ or "").splitlines()[2:] if line}
    assert names == described
