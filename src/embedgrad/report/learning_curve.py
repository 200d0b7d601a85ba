"""What to say of a learning curve: how many rows a task needs, as far as that can be told."""

from __future__ import annotations

from embedgrad.evaluation.power_law import LEAST_SIZES
from embedgrad.run.learning_curve import Difference, LearningCurve, Size
from embedgrad.run.score import Proportion
from embedgrad.units import counted, number, per_cent, points
from embedgrad.words import per_cent_interval, range_words

_NONE = "-"


def curve_note(found: LearningCurve) -> str:
    """How to read the table."""
    seeds = len(found.sizes[0].folders)
    over = "rows" if seeds == 1 else f"{seeds} seeds and rows"
    return (
        f"{'Strict accuracy' if found.measure == 'accuracy' else 'Loss'} on the same "
        f"{counted(found.test_rows, 'test row')} throughout; in brackets 95 % intervals over {over}. To all: what all "
        "rows have more. Validation had "
        f"{counted(found.validation_rows, 'row')} of its own throughout, however few there were to tune on."
    )


def curve_table(found: LearningCurve) -> list[list[str]]:
    """A line per number of rows; columns that nothing is in are left out."""
    is_share = found.measure == "accuracy"
    columns = [
        ["rows", *(f"{size.rows:,}" for size in found.sizes)],
        ["steps", *(_steps(size) for size in found.sizes)],
        ["strict accuracy" if is_share else "loss", *(_value(size, is_share) for size in found.sizes)],
        ["to all", *(_to_all(size, is_share) for size in found.sizes[:-1]), _NONE],
        ["majority", *(_share(size.baselines.majority if size.baselines else None) for size in found.sizes)],
        ["bag of words", *(_share(size.baselines.bag_of_words if size.baselines else None) for size in found.sizes)],
    ]
    kept = [column for column in columns if any(cell != _NONE for cell in column[1:])]
    return [list(line) for line in zip(*kept, strict=True)]


def curve_words(found: LearningCurve) -> list[str]:
    """What was reached with how many rows, from how many on more do not show, and what twice as many would bring."""
    first, last = found.sizes[0], found.sizes[-1]
    is_share = found.measure == "accuracy"
    told = per_cent if is_share else _loss
    reached = (
        f"{told(found.before_value)} with the text prompt, {told(first.value)} tuned on {first.rows:,} rows, "
        f"{told(last.value)} on {last.rows:,}."
    )
    return [
        reached,
        *_still_learning(found),
        *_enough(found),
        _doubling(found),
        *_without_a_model(last),
        *_one_seed(found),
    ]


def at_rows(found: LearningCurve, rows: float) -> float:
    """The law's value; a loss falls to its floor."""
    law = found.law
    if law is None:
        raise ValueError("this curve has no law")
    sign = 1.0 if found.measure == "accuracy" else -1.0
    return law.ceiling - sign * law.factor * float(rows**-law.exponent)


def _still_learning(found: LearningCurve) -> list[str]:
    """That tunings ended too early, where some did: what follows compares them as they are."""
    count, tunings = sum(size.still_learning for size in found.sizes), sum(len(size.folders) for size in found.sizes)
    if not count:
        return []
    were = "was" if count == 1 else "were"
    return [
        f"{count} of {tunings} tunings {were} still learning when the steps ran out (their reports say which): with "
        "more --epochs or --min-steps the curve may be another."
    ]


def _enough(found: LearningCurve) -> list[str]:
    """The fewest rows from which on no size shows a difference to all."""
    last = found.sizes[-1]
    shows = [_shows(size.to_all) for size in found.sizes]
    if not any(shows[:-1]):
        return []
    enough = found.sizes[max(at for at, is_shown in enumerate(shows) if is_shown) + 1]
    tests = counted(found.test_rows, "test row")
    if enough is last:
        return [f"More rows helped up to the last: the {tests} show that {last.rows:,} are better than fewer."]
    return [
        f"From {enough.rows:,} rows on, the {tests} show no difference to {last.rows:,}: {last.rows:,} minus "
        f"{enough.rows:,} rows is {_change(found, enough.to_all)}."
    ]


def _doubling(found: LearningCurve) -> str:
    last, first = found.sizes[-1], found.sizes[0]
    if found.law is not None and found.doubling is not None:
        law = found.law
        if found.measure == "accuracy":
            ceiling = f"{per_cent(law.ceiling)} (95 % interval {per_cent_interval(law.ceiling_interval)})"
        else:
            ceiling = f"{_loss(law.ceiling)} (95 % interval {range_words(law.ceiling_interval, 3)})"
        return (
            f"If the curve goes on like this, {2 * last.rows:,} rows would change {found.measure} by "
            f"{_change(found, found.doubling)}, and ever more rows would lead to {ceiling}."
        )
    if len(found.sizes) < LEAST_SIZES:
        why = f"{counted(len(found.sizes), 'number')} of rows cannot show how a curve goes on; {LEAST_SIZES} can"
    else:
        tests = counted(found.test_rows, "test row")
        why = f"the {tests} do not show that {last.rows:,} rows are better than {first.rows:,}"
    return f"What {2 * last.rows:,} rows would bring is unknown: {why}."


def _without_a_model(last: Size) -> list[str]:
    """Where a bag of words is as good."""
    words = last.baselines.bag_of_words if last.baselines else None
    if words is None or words.correct / words.total < last.value:
        return []
    return [f"A bag of words, without a language model, reaches {_share(words)} with {last.rows:,} rows."]


def _one_seed(found: LearningCurve) -> list[str]:
    if len(found.sizes[0].folders) > 1:
        return []
    return [
        "Each point is one tuning: how far another seed would have moved it is in no interval. --seeds 3 shows that."
    ]


def _shows(difference: Difference) -> bool:
    low, high = difference.interval
    return low > 0 or high < 0


def _change(found: LearningCurve, difference: Difference) -> str:
    if found.measure == "accuracy":
        change = f"{points(difference.value, sign=True)} points"
        return f"{change} (95 % interval {per_cent_interval(difference.interval)})"
    change = number(difference.value, digits=3, sign=True)
    return f"{change} (95 % interval {range_words(difference.interval, 3)})"


def _steps(size: Size) -> str:
    low, high = min(size.steps), max(size.steps)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _value(size: Size, is_share: bool) -> str:
    if is_share:
        return f"{per_cent(size.value)} ({per_cent_interval(size.interval)})"
    return f"{_loss(size.value)} ({range_words(size.interval, 3)})"


def _to_all(size: Size, is_share: bool) -> str:
    if is_share:
        return f"{points(size.to_all.value, sign=True)} ({per_cent_interval(size.to_all.interval)})"
    return f"{number(size.to_all.value, digits=3, sign=True)} ({range_words(size.to_all.interval, 3)})"


def _share(found: Proportion | None) -> str:
    return _NONE if found is None else per_cent(found.correct / found.total)


def _loss(loss: float) -> str:
    return number(loss, digits=3)
