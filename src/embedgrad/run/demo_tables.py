"""`demo.json`: the tables of a demo, a line per task."""

from __future__ import annotations

from embedgrad.json_shape import Shape
from embedgrad.run.json_files import Stored
from embedgrad.run.score import Comparison, Score


class TrialComparisons(Shape):
    """The tuned prompt minus the first written one, and minus the best written one, in strict accuracy."""

    after_vs_before: Comparison
    after_vs_best_written: Comparison


class TrialResult(Shape):
    """One task of a demo. All Scores are on `test_rows` rows that nothing was chosen on.

    `before` is the first written prompt, `best_written` the best of them on the validation rows, `after` the tuned
    one. `majority` and `bag_of_words` are accuracies (fractions of the test rows) without any language model.
    """

    name: str
    test_rows: int
    before: Score
    best_written: Score
    after: Score
    majority: float
    bag_of_words: float
    comparisons: TrialComparisons
    seconds: float


class DemoTables(Stored):
    """The demo's tasks by block: the paper's prompts on their labels, and tasks with labels and forms of one's own."""

    paper: tuple[TrialResult, ...] = ()
    own: tuple[TrialResult, ...] = ()

    @classmethod
    def blocks(cls) -> tuple[str, ...]:
        """The blocks by name."""
        return tuple(name for name in cls.model_fields if name not in Stored.model_fields)
