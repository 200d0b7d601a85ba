"""GSM8K: grade-school word problems with worked answers that end in `#### n`. Not one of the paper's data sets.

**Source** Cobbe et al. 2021 (arXiv 2110.14168).
"""

from __future__ import annotations

from embedgrad.data.draws import as_published
from embedgrad.data.example import Example
from embedgrad.data.hub import HubFile
from embedgrad.data.records import Row
from embedgrad.data.row_reader import RowError
from embedgrad.datasets.data_set import LARGE, DataSet, Split, Target, field, present
from embedgrad.datasets.source_file import SourceFile
from embedgrad.tasks.task import Task

_REPOSITORY, _REVISION = "openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866"


def _number(row: Row) -> str:
    solution = str(present(row, "answer"))
    _, marker, number = solution.rpartition("####")
    if not marker or not number.strip():
        raise RowError('"answer" does not end in "#### " and a number')
    return number.strip()


GSM8K = DataSet(
    name="gsm8k",
    title="GSM8K",
    origin=("https://huggingface.co/datasets/openai/gsm8k", "https://github.com/openai/grade-school-math"),
    license="MIT",
    shown=Example(
        "A baker fills 4 trays with 6 rolls each and sells 15 of them. How many rolls are left?",
        "There are 4*6 = <<4*6=24>>24 rolls.\nSo 24-15 = <<24-15=9>>9 are left.\n#### 9",
    ),
    prompt='Solve the following problem step by step. End with a line that has "####" and the final number.',
    input="question",
    targets={"solution": Target(field("answer"), Task("number")), "answer": Target(_number, Task("number"))},
    files={
        "train": SourceFile(
            ("train*", "main/train*"),
            HubFile(
                _REPOSITORY,
                _REVISION,
                "main/train-00000-of-00001.parquet",
                sha256="ea82612ea9582142387730c793eb67d3b12849002bc0b7fa6f8efafa7351419d",
            ),
        ),
        "test": SourceFile(
            ("test*", "main/test*"),
            HubFile(
                _REPOSITORY,
                _REVISION,
                "main/test-00000-of-00001.parquet",
                sha256="ee7b8da9e381df27b9e3f7758a159ab2bdaa4dbaa910546cbbc47e0cb44e4f59",
            ),
        ),
    },
    splits={LARGE: Split("as published: 7,473 problems to tune on, 1,319 for the test", as_published())},
)
