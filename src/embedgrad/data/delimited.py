"""Rows of CSV and TSV as people's programs write them: the delimiter is told from the file."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from embedgrad.data.decoding import IS_NOT_UTF8, not_utf8
from embedgrad.data.records import LIMITS, Collected, Limits, Records, Row
from embedgrad.errors import RowProblem

_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE_CHARACTERS, _SAMPLE_ROWS = 200_000, 200
_SEP_LINE = re.compile(r'"?sep=(.)"?,*[ \t]*(\r\n|\n|\r)', re.IGNORECASE)  # Excel's own first line
_LINE_END = re.compile(r"\r\n|\n|\r")
# A cell that begins with a quote and is not closed by one at its end, on a line without further quoting.
_STRAY_QUOTE = re.compile(r'(?:^|\t)"(?!(?:[^"\t\r\n]++|"")*+"(?:\t|\r|\n|\Z))', re.MULTILINE)


@dataclass(frozen=True)
class Dialect:
    """What stands between cells, and whether quotes around a cell are taken off."""

    delimiter: str
    quoted: bool = True


def read_delimited(text: str, usual: str, limits: Limits = LIMITS) -> Records:
    """A header and rows; quotes and line breaks inside quotes as in RFC 4180. Lines count as in an editor.

    The delimiter is what a first line `sep=;` says, else the one that splits header and rows consistently (`usual`
    where several do). In tables with tabs quotes are letters where some are not closed and the tabs alone fit. Blank
    rows (`,,,` too) are left out, and columns without a name: no slot could ask for them. Raises TooMuchError.
    """
    named = _SEP_LINE.match(text)
    body = text[named.end() :] if named else text
    dialect = Dialect(named[1]) if named else _chosen(body, usual)
    collected = Collected(limits)
    header: list[str] | None = None
    for line, cells in _cells(body, dialect, first_line=2 if named else 1):
        problem = cells if isinstance(cells, str) else _damage(cells)
        if header is None:
            header = [] if isinstance(cells, str) else [cell.strip() for cell in cells]
            problem = problem or _repeated(header)
            if problem:
                return Records(problems=[RowProblem(line, f"in the header: {problem}")])
        elif not isinstance(cells, str) and collected.too_long(line, sum(map(len, cells))):
            continue
        else:
            collected.add(line, problem or _row(header, list(cells)))
    return collected.records(tuple(name for name in header or () if name), notes=_notes(dialect, usual))


def _chosen(text: str, usual: str) -> Dialect:
    """The delimiter of the most consistent table; of equally consistent ones the usual, then in the order of _WORDS."""
    candidates = sorted(_WORDS, key=lambda delimiter: delimiter != usual)
    sample = text[:_SAMPLE_CHARACTERS]
    best = max(candidates, key=lambda delimiter: _consistency(sample, Dialect(delimiter)))  # max takes the first
    if _consistency(sample, Dialect(best)) == 0:
        best = usual
    return Dialect(best, quoted=best != "\t" or not _quotes_are_letters(text))


def _consistency(sample: str, dialect: Dialect) -> float:
    """Share of the rows with as many cells as the header; 0 where the header is one cell."""
    rows = [cells for _, cells in itertools.islice(_cells(sample, dialect), _SAMPLE_ROWS)]
    if not rows or isinstance(header := rows[0], str) or len(header) < 2:
        return 0.0
    if len(sample) == _SAMPLE_CHARACTERS:
        rows = rows[:-1] or rows  # the last one may be cut
    return sum(not isinstance(cells, str) and len(_fitted(cells, header)) == len(header) for cells in rows) / len(rows)


def _quotes_are_letters(text: str) -> bool:
    if not _STRAY_QUOTE.search(text):
        return False
    tabs = {line.count("\t") for line in _LINE_END.split(text) if line.strip()}
    return len(tabs) == 1


def _notes(dialect: Dialect, usual: str) -> tuple[str, ...]:
    between = _WORDS.get(dialect.delimiter, repr(dialect.delimiter))
    notes = [f"with {between} between the cells"] if dialect.delimiter != usual else []
    return (*notes, *(() if dialect.quoted else ("with quotes as part of the cells",)))


def _cells(text: str, dialect: Dialect, first_line: int = 1) -> Iterator[tuple[int, list[str] | str]]:
    """First physical line and cells of each row that is not blank, or what is wrong with it."""
    with _fields_up_to(len(text)):
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
            strict=True,
        )
        while True:
            line = reader.line_num + first_line
            try:
                cells = next(reader, None)
            except csv.Error as error:
                unclosed = "unexpected end" in str(error)
                yield (
                    line,
                    "a quote opened here is never closed"
                    if unclosed
                    else 'text follows a closing quote; inside quotes a quote is written twice, ""',
                )
                continue
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield line, cells


@contextmanager
def _fields_up_to(characters: int) -> Iterator[None]:
    # Trap: csv refuses fields over 131,072 characters and then reads on inside the quotes.
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, characters))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _row(header: Sequence[str], cells: list[str]) -> Row | str:
    cells = _fitted(cells, header)
    if len(cells) != len(header):
        return f"{len(cells)} cell{'s' * (len(cells) != 1)}, but the header has {len(header)}"
    return {name: cell for name, cell in zip(header, cells, strict=True) if name}


def _fitted(cells: Sequence[str], header: Sequence[str]) -> list[str]:
    """`cells` without empty ones beyond the header's, and with empty ones for columns without a name at its end."""
    fitted = list(cells)
    while len(fitted) > len(header) and not fitted[-1].strip():
        fitted.pop()
    missing = header[len(fitted) :]
    return fitted if any(missing) else fitted + [""] * len(missing)


def _damage(cells: list[str]) -> str | None:
    row = "".join(cells)
    if bad := not_utf8(row):
        return f"{IS_NOT_UTF8}: byte 0x{bad[0]:02x}"
    return "holds a NUL byte" if "\0" in row else None


def _repeated(header: list[str]) -> str | None:
    twice = [name for name, times in Counter(header).items() if name and times > 1]
    return f'two columns are called "{twice[0]}"' if twice else None
