"""BIG-bench causal judgement: did this cause that, or was it done on purpose, as most people would say?

**Source** Srivastava et al. 2022 (arXiv 2206.04615), task `causal_judgment`. Two stories occur twice with opposite
labels: as duplicates they never stand on both sides of a split.
"""

from __future__ import annotations

from embedgrad.data.draws import halves, whole_groups
from embedgrad.data.example import Example
from embedgrad.data.hub import WebFile
from embedgrad.data.records import Row
from embedgrad.data.row_reader import RowError
from embedgrad.datasets.data_set import LARGE, PAPER, DataSet, Split, Target, present
from embedgrad.datasets.source_file import SourceFile
from embedgrad.tasks.task import Task

_LABELS = ("Yes", "No")


def _label(row: Row) -> object:
    """The choice with score 1; `target` in rows without scores."""
    if "target_scores" not in row:
        return present(row, "target")
    scores = row["target_scores"]
    best = [choice for choice, score in scores.items() if score == "1"] if isinstance(scores, dict) else []
    if len(best) != 1:
        raise RowError('"target_scores" does not give one of its choices the score 1')
    return best[0]


def _rationale(row: Row) -> str:
    """The row's comment and its label, the label alone where there is no comment."""
    label, comment = _label(row), row.get("comment")
    if label not in _LABELS:
        raise RowError(f'"{label}" is none of the 2 labels', str(label), _LABELS)
    return f"{comment.strip()}\n{label}" if isinstance(comment, str) and comment.strip() else str(label)


CAUSAL_JUDGEMENT = DataSet(
    name="causal_judgement",
    title="BIG-bench causal judgement",
    origin=("https://github.com/google/BIG-bench/tree/main/bigbench/benchmark_tasks/causal_judgment",),
    license="Apache-2.0",
    shown=Example(
        "Ann waters the office plants on Mondays; it is her task. This Monday she forgot, and so did the guard, whose "
        "task it is not. The plants died. Did Ann's forgetting cause the plants to die?",
        "Yes",
    ),
    prompt=(
        "How would a typical person answer each of the following questions about causation? Please think step by "
        'step, and then answer "Yes" or "No".'
    ),
    input="input",
    targets={
        "label": Target(_label, Task("label", _LABELS)),
        # A target of several words is no label: the last Yes or No is read from it, and from the output.
        "rationale": Target(_rationale, Task("regex", pattern=r"\b(Yes|No)\b")),
    },
    files={
        "rows": SourceFile(
            ("task.json", "bigbench*.jsonl", "causal_judg*"),
            WebFile(
                "https://raw.githubusercontent.com/google/BIG-bench/092b196c1f8f14a54bbc62f24759d43bde46dd3b/"
                "bigbench/benchmark_tasks/causal_judgment/task.json"
            ),
            rows_sha256="d350bdc692485ede7153c6009f57600a07c3b4bb9d0266e5325ac9c513021b51",
        )
    },
    splits={
        LARGE: Split(
            "half of the 190 stories for the test; stories of one source, which differ in a few words, stay together",
            whole_groups("rows", by="comment"),
            together="comment",
        ),
        PAPER: Split("95 stories for the test, 95 to tune on", halves("rows")),
    },
    columns=("comment",),
    max_new_tokens=512,
)
