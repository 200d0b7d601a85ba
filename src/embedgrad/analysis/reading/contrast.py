"""Contrast pairs: the same stimulus under an instruction that asks for a concept and under one that does not.

Pairs for `sentiment`, `emotion` and `reasoning` ship; others come from JSONL files. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedgrad.data.decoding import UndecodableError, decode
from embedgrad.data.json_rows import read_jsonl
from embedgrad.data.records import LIMITS, Row, TooMuchError
from embedgrad.errors import BadRows, DataError, FileMissing, RowProblem, did_you_mean
from embedgrad.named_file import read_named

SHIPPED = ("sentiment", "emotion", "reasoning")
LEAST_PAIRS = 8  # half of them fit a direction, the other half tests it

_FOLDER = Path(__file__).parent / "contrast_pairs"
_SIDES = ("positive", "negative")
_ADVICE = 'Each line is {"positive": "...", "negative": "..."}: with the concept, and without it.'


@dataclass(frozen=True)
class Pair:
    """Two whole texts, at best alike but for the concept."""

    positive: str
    negative: str


@dataclass(frozen=True)
class Concept:
    """A name and the pairs that show what is meant by it."""

    name: str
    pairs: tuple[Pair, ...]


def shipped_concepts() -> tuple[Concept, ...]:
    """The concepts that ship, 48 pairs each.

    sentiment   asks for the verdict of a review, or for a plain fact of it
    emotion     asks to read or show a feeling, or for a plain fact (the paper's "emotional" against "robotic")
    reasoning   asks to work a problem out step by step, or for the bare answer
    """
    return tuple(load_concept(_FOLDER / f"{name}.jsonl") for name in SHIPPED)


def load_concept(path: str | Path) -> Concept:
    """The concept of a JSONL file of pairs, named after the file.

    Raises FileMissing, DataError for too few pairs, BadRows with every line that is no pair.
    """
    path = Path(path)
    try:
        records = read_jsonl(decode(read_named(path, LIMITS.file_bytes)).text)
    except FileNotFoundError:
        raise FileMissing(f"{path} is not there. Expected a JSONL file of contrast pairs.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except (UndecodableError, TooMuchError) as error:
        raise DataError(f"{path} {error}.") from error
    pairs: dict[Pair, int] = {}
    problems = list(records.problems)
    for line, row in records.rows:
        problem = _problem(row)
        if problem is None:
            pair = Pair(str(row["positive"]), str(row["negative"]))
            first = pairs.setdefault(pair, line)
            problem = None if first == line else f"the same pair as in line {first}"
        if problem is not None:
            problems.append(RowProblem(line, problem))
    if problems:
        raise BadRows(str(path), sorted(problems, key=lambda problem: problem.line), _ADVICE)
    if len(pairs) < LEAST_PAIRS:
        raise DataError(
            f"{path} has {len(pairs)} contrast pairs; expected at least {LEAST_PAIRS}: half of them fit the direction, "
            "the other half tests it."
        )
    return Concept(path.stem, tuple(pairs))


def _problem(row: Row) -> str | None:
    """What keeps a line from being a pair, in words."""
    for key in row:
        if key not in _SIDES:
            return f'unknown field "{key}".{did_you_mean(key, _SIDES)}'
    for side in _SIDES:
        if side not in row:
            return f'no field "{side}"'
        text = row[side]
        if not isinstance(text, str) or not text.strip():
            return f'"{side}" is no text, or an empty one'
    return "both sides are the same text" if row["positive"] == row["negative"] else None
