"""Rows for tuning, for validation and for the final test, with none of them on two sides."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embedgrad.data.draws import groups_of
from embedgrad.data.example import Example
from embedgrad.errors import DataError, SettingsError
from embedgrad.faces import setting
from embedgrad.folding import folded
from embedgrad.units import counted

LEAST_TRAIN = 8
_LEAST, _MOST_TEST, _MOST_VALIDATION = 50, 1000, 500  # rows of a part that is drawn
_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_EXAMPLES = {2: ("80", "20"), 3: ("70", "15", "15")}


@dataclass(frozen=True)
class Parts:
    """The three parts in file order, and how many rows were removed because a later part has them too. `drawn` says
    in words how large the parts are that were split off, and why; empty where none was."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    removed_train: int
    removed_validation: int
    drawn: str = ""

    def without_test(self) -> Parts:
        """What tuning may see; what was removed on the way here is not told again."""
        return Parts(self.train, self.validation, (), 0, 0)


def split(
    rows: Sequence[Example],
    *,
    validation: Sequence[Example] | None = None,
    test: Sequence[Example] | None = None,
    seed: int,
    columns: Sequence[str] = (),
    together: str | None = None,
    shares: Sequence[float] | None = None,
) -> Parts:
    """`rows` split by `seed` into whatever part is not given; the same rows and seed give the same parts.

    Test first: 20 % of the rows, 50 to 1000 of them, at most a third. Then validation: 20 % of what is left,
    50 to 500, at most half. Then duplicates: a train row that is also in validation or test leaves train, a
    validation row that is also in test leaves validation. Two rows are the same if input, history and the `columns`
    that the template shows the model agree after NFKC, casefold and folding of whitespace; the target is not looked
    at, since a contradicting label leaks as much. Test rows are never touched, duplicates within a part stay.

    `shares`, per cent of the rows for tuning and for the parts that are split off, validation first, take the place of
    the 20 % and their bounds.

    With `together`, rows that agree in that column are drawn as one, so a drawn part may be larger by most of a group.

    `test=()` means that there is no test part. Raises DataError where another part would be empty or train
    would have fewer than 8 rows.
    """
    if validation is not None and not validation:
        raise DataError("The validation part has no rows. Give it some, or leave it out to have it split off.")
    draws_test, draws_validation = test is None, validation is None
    if shares is None:
        test_size, validation_size = _sizes(len(rows), draws_test, draws_validation)
    else:
        test_size, validation_size = _shared_out(len(rows), shares, draws_test, draws_validation)
    if len(rows) - test_size - validation_size < LEAST_TRAIN:
        if shares is not None:
            left = len(rows) - test_size - validation_size
            raise DataError(
                f"Too few rows for this split: of {counted(len(rows), 'row')} {left} are left to train on, at least "
                f"{LEAST_TRAIN} are needed. Give more rows, or train a larger share."
            )
        raise DataError(_too_few(len(rows), draws_test, draws_validation))
    groups = groups_of(rows, together)
    random.Random(f"split:{seed}").shuffle(groups)
    drawn_test, drawn_validation = _drawn(groups, test_size), _drawn(groups, validation_size)
    drawn_train = itertools.chain(*groups)
    test = _picked(rows, drawn_test) if test is None else tuple(test)
    advice = (
        "Give validation other rows" if validation is not None else "They were drawn from the rest: give test others"
    )
    validation = _picked(rows, drawn_validation) if validation is None else tuple(validation)
    train = _picked(rows, drawn_train)

    test_keys = {_key(row, columns) for row in test}
    kept_validation = tuple(row for row in validation if _key(row, columns) not in test_keys)
    if not kept_validation:
        raise DataError(
            f"All {counted(len(validation), 'validation row')} have inputs that are in the test rows too. "
            f"{advice}, or take the repeated inputs out."
        )
    held_out = test_keys | {_key(row, columns) for row in validation}
    kept_train = tuple(row for row in train if _key(row, columns) not in held_out)
    if len(kept_train) < LEAST_TRAIN:
        raise DataError(
            f"Of {counted(len(train), 'training row')} {len(kept_train)} are left without those whose inputs are in "
            f"the validation or test rows too; at least {LEAST_TRAIN} are needed. Give other validation and test "
            "rows, or more training rows."
        )
    return Parts(
        kept_train,
        kept_validation,
        test,
        removed_train=len(train) - len(kept_train),
        removed_validation=len(validation) - len(kept_validation),
        drawn=_drawn_words(len(rows), test_size, validation_size) if shares is None else f"as {setting('split')} says",
    )


def parse_shares(text: str) -> tuple[float, ...]:
    """(70.0, 15.0, 15.0) from "70/15/15": per cent for tuning and for each part split off. Raises ValueError."""
    pieces = text.split("/")
    if all(_SHARE.fullmatch(piece) for piece in pieces) and len(pieces) in (2, 3):
        shares = tuple(map(float, pieces))
        if min(shares) > 0 and abs(sum(shares) - 100) < 1e-9:
            return shares
    raise ValueError("expected per cent of tuning, validation and test rows that sum to 100, like 70/15/15")


def _shared_out(rows: int, shares: Sequence[float], draws_test: bool, draws_validation: bool) -> tuple[int, int]:
    """Rows for the test and for validation. Raises SettingsError where there are other parts than shares."""
    names = ["tuning", *(["validation"] if draws_validation else []), *(["test"] if draws_test else [])]
    if len(names) == 1:
        raise SettingsError(
            f"{setting('split')} has nothing to split off: validation and test rows have files of their own."
        )
    if len(shares) != len(names):
        raise SettingsError(
            f"{setting('split')} names {len(shares)} shares, but the rows are parted into {len(names)}: "
            f"{', '.join(names)}. Give {len(names)}, like {'/'.join(_EXAMPLES[len(names)])}."
        )
    by_name = dict(zip(names, shares, strict=True))
    test, validation = (
        max(1, round(rows * by_name[name] / 100)) if name in by_name else 0 for name in ("test", "validation")
    )
    return test, validation


def _drawn_words(rows: int, test: int, validation: int) -> str:
    """`the test: 20 % of 150 would be 30; at least 50 are wanted`, and the same of validation."""
    left = rows - test
    drawn = [
        ("the test", test, rows, _MOST_TEST, "a third"),
        ("validation", validation, left, _MOST_VALIDATION, "half"),
    ]
    words = []
    for name, size, of, most, part in drawn:
        if not size:
            continue
        if size == of // 5:
            why = f"20 % of {of:,}"
        elif size == most:
            why = f"20 % of {of:,} would be {of // 5:,}; at most {most:,} are taken"
        elif size < _LEAST:
            why = f"20 % of {of:,} would be {of // 5:,}; {_LEAST} are wanted, but at most {part}"
        else:
            why = f"20 % of {of:,} would be {of // 5:,}; at least {_LEAST} are wanted"
        words.append(f"{name}: {why}")
    return "; ".join(words)


def data_sha256(rows: Iterable[Example]) -> str:
    """64 hex digits over the content of the rows in order: input, target, columns, history; not the lines."""
    digest = hashlib.sha256()
    for row in rows:
        content = [row.input, row.target, sorted(row.columns.items()), row.history]
        digest.update(json.dumps(content).encode() + b"\n")
    return digest.hexdigest()


def _sizes(rows: int, draws_test: bool, draws_validation: bool) -> tuple[int, int]:
    test = min(max(rows // 5, _LEAST), _MOST_TEST, rows // 3) if draws_test else 0
    left = rows - test
    return test, min(max(left // 5, _LEAST), _MOST_VALIDATION, left // 2) if draws_validation else 0


def _too_few(rows: int, draws_test: bool, draws_validation: bool) -> str:
    needed = next(
        n for n in itertools.count(rows + 1) if n - sum(_sizes(n, draws_test, draws_validation)) >= LEAST_TRAIN
    )
    drawn = [name for name, draws in (("test", draws_test), ("validation", draws_validation)) if draws]
    *most, last = *drawn, "training"
    purpose = f"{', '.join(most)} and {last}" if most else last
    return f"Too few rows for {purpose}: {rows}; at least {needed} are needed, {LEAST_TRAIN} of them to train on."


def _drawn(groups: list[list[int]], size: int) -> list[int]:
    """Row numbers of the first groups, at least `size` of them, which leave `groups`."""
    drawn: list[int] = []
    while groups and len(drawn) < size:
        drawn += groups.pop(0)
    return drawn


def _picked(rows: Sequence[Example], numbers: Iterable[int]) -> tuple[Example, ...]:
    return tuple(rows[number] for number in sorted(numbers))


def _key(row: Example, columns: Sequence[str]) -> tuple[str, ...]:
    shown = [row.input, *(row.columns.get(name, "") for name in columns), *(t for turn in row.history for t in turn)]
    return tuple(map(folded, shown))
