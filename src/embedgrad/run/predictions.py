"""`predictions.jsonl`: every test row, before and after."""

from __future__ import annotations

from embedgrad.json_shape import Shape


class Answer(Shape):
    """What one prompt made of one test row: `prediction` and `correct` (strict) are None without a metric, `meant`
    is the label a person would read, `likeliest` the label of highest likelihood where labels were scored."""

    output: str
    prediction: str | None
    correct: bool | None
    meant: str | None = None
    likeliest: str | None = None
    truncated: bool
    loss: float


class PredictedRow(Shape):
    """One test row under the prompt text (`before`) and the tuned prompt (`after`); `group` is what it is counted
    under (`group_by`), such as a problem's level."""

    line: int
    input: str
    target: str
    group: str | None = None
    before: Answer
    after: Answer
