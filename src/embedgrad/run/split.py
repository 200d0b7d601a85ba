"""`split.json` of a run folder: which rows are in which part, so that a split can be checked and made again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from embedgrad.data.example import Example
from embedgrad.data.splits import Parts, data_sha256
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume
from embedgrad.json_shape import Sha256, Shape
from embedgrad.named_file import read_named
from embedgrad.run.json_files import Stored, check_version
from embedgrad.strict_json import MalformedError, sealed_json, unsealed_json
from embedgrad.units import counted


class PartRecord(Shape):
    """The rows of one part: their number, the digest of their contents in order, their lines in the part's file."""

    rows: int
    sha256: Sha256
    lines: tuple[int, ...]


class SplitRecord(Stored):
    """`dataset` and `split` are None for rows of one's own. `removed`: rows left out because a later part has them."""

    dataset: str | None
    split: str | None
    seed: int
    train: PartRecord
    validation: PartRecord
    test: PartRecord
    removed: int


def split_record(parts: Parts, seed: int, dataset: str | None = None, split: str | None = None) -> SplitRecord:
    """What `split.json` says of `parts`."""
    return SplitRecord(
        dataset=dataset,
        split=split,
        seed=seed,
        train=_part(parts.train),
        validation=_part(parts.validation),
        test=_part(parts.test),
        removed=parts.removed_train + parts.removed_validation,
    )


def keep_split(path: Path, now: SplitRecord) -> None:
    """Write `path`, or check that it says the same. Raises CannotResume where the rows are others than it was written
    for, OutputError."""
    if path.exists():
        check_split(path, now)
    else:
        write_file(path, sealed_json(now.model_dump(mode="json")))


def check_split(path: Path, now: SplitRecord) -> None:
    """Raises CannotResume where the rows are others than `path` was written for; nothing where there is no `path`."""
    if not path.exists():
        return
    try:
        then = SplitRecord.model_validate_json(unsealed_json(read_named(path))[0])
    except ValidationError as error:
        check_version(path, error)
        raise CannotResume(f"{path} cannot be read: it was damaged or changed. Start the run anew.") from error
    except (OSError, MalformedError) as error:
        raise CannotResume(f"{path} cannot be read: it was damaged or changed. Start the run anew.") from error
    for name, was, is_now in (
        ("tuning", then.train, now.train),
        ("validation", then.validation, now.validation),
        ("test", then.test, now.test),
    ):
        if was.sha256 != is_now.sha256:
            raise CannotResume(
                f"The {name} rows are not those that the run began with ({counted(was.rows, 'row')} then, "
                f"{is_now.rows} now; {path} lists them). Restore the rows and try again, or start a new run."
            )


def _part(rows: Sequence[Example]) -> PartRecord:
    return PartRecord(rows=len(rows), sha256=data_sha256(rows), lines=tuple(row.line for row in rows))
