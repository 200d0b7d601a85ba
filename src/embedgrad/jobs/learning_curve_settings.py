"""The settings of a learning curve: those of a tuning, with several numbers of tuning rows."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field

from embedgrad.data.splits import LEAST_TRAIN
from embedgrad.errors import DataError, SettingsError
from embedgrad.faces import setting
from embedgrad.jobs.seeds_settings import SeedsSettings
from embedgrad.settings import MOST
from embedgrad.units import counted

FEWEST = 16
"""Rows that a curve begins with where nothing else is said."""
ALL = "all"


def _checked_rows(text: str | None) -> str | None:
    if text is not None:
        _numbers(text)
    return text


def _numbers(text: str) -> list[int | None]:
    """[16, 64, None] from "16,64,all". Raises ValueError."""
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    if not pieces or not all(piece == ALL or (piece.isascii() and piece.isdecimal()) for piece in pieces):
        raise ValueError(f'expected numbers of rows like "16,64,256,{ALL}"')
    found = [None if piece == ALL else int(piece[:12]) for piece in pieces]
    if not all(number is None or LEAST_TRAIN <= number <= MOST for number in found):
        raise ValueError(f"expected at least {LEAST_TRAIN} rows each, and at most {MOST:,}")
    return found


class LearningCurveSettings(SeedsSettings):
    """A tuning's settings, and on how many rows to tune."""

    rows_grid: Annotated[str | None, AfterValidator(_checked_rows)] = Field(
        None,
        description='Numbers of tuning rows, such as "16,64,256,all"; default: 16 (of few rows 8), twice as many, ..., '
        "all.",
    )

    def sizes(self, rows: int) -> list[int]:
        """On how many of `rows` tuning rows to tune, each once, rising. Raises DataError for more than there are."""
        if self.rows_grid is None:
            found = [FEWEST if rows > 4 * FEWEST else LEAST_TRAIN]  # a law needs four numbers
            while 2 * found[-1] < rows:
                found.append(2 * found[-1])
            return [size for size in found if size < rows] + [rows]
        asked = sorted({rows if number is None else number for number in _numbers(self.rows_grid)})
        if asked[-1] > rows:
            raise DataError(
                f"{setting('rows_grid')} asks for {asked[-1]:,} rows, and there are {counted(rows, 'tuning row')}. Ask "
                f"for fewer, or write {ALL}."
            )
        return asked

    def resolved(self) -> Self:
        """As of a tuning. Raises SettingsError."""
        if self.rows.tuning_rows is not None:
            raise SettingsError(
                f"A learning curve has several numbers of rows: write {setting('rows_grid')} instead of "
                f"{setting('tuning_rows')}."
            )
        return super().resolved()
