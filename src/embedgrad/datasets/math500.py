"""MATH-500: 500 competition problems with worked solutions, in five levels of difficulty.

**Source** Hendrycks et al. 2021 (arXiv 2103.03874); the 500 were drawn by Lightman et al. 2023 (arXiv 2305.20050).
"""

from __future__ import annotations

from embedgrad.data.draws import as_published, halves, or_else
from embedgrad.data.example import Example
from embedgrad.data.hub import HubFile
from embedgrad.datasets.data_set import LARGE, PAPER, DataSet, Split, Target, field
from embedgrad.datasets.source_file import SourceFile
from embedgrad.tasks.task import Task

_HALF = halves("test", by="level")

MATH500 = DataSet(
    name="math500",
    title="MATH-500",
    origin=("https://huggingface.co/datasets/HuggingFaceH4/MATH-500", "https://github.com/openai/prm800k"),
    license="MIT",
    shown=Example(
        "What is the sum of the two solutions of $x^2 - 7x + 10 = 0$?",
        r"The polynomial factors into $(x - 2)(x - 5)$, so the solutions are 2 and 5. Their sum is $\boxed{7}$.",
        {"level": "2", "subject": "Algebra"},
    ),
    prompt=r"please reason step by step, and put your final answer with \boxed{}.",
    input="problem",
    targets={"solution": Target(field("solution"), Task("math")), "answer": Target(field("answer"), Task("math"))},
    files={
        "test": SourceFile(
            ("test*",),
            HubFile(
                "HuggingFaceH4/MATH-500",
                "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
                "test.jsonl",
                sha256="35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132",
            ),
        ),
        "train": SourceFile(("train*", "math_train/*")),
    },
    splits={
        LARGE: Split(
            "all 500 problems for the test where other problems of MATH are there to tune on, else as in `paper`",
            or_else("train", as_published(), _HALF),
        ),
        PAPER: Split("251 problems for the test (22, 45, 53, 64 and 67 of levels 1 to 5), 249 to tune on", _HALF),
    },
    columns=("level", "subject", "unique_id"),
    group="level",
)
