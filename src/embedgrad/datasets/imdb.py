"""IMDB: film reviews, positive or negative.

**Source** Maas et al. 2011 (https://aclanthology.org/P11-1015). No license is stated.
"""

from __future__ import annotations

from embedgrad.data.draws import as_published
from embedgrad.data.example import Example
from embedgrad.data.hub import HubFile
from embedgrad.datasets.data_set import LARGE, PAPER, DataSet, Split, Target, label
from embedgrad.datasets.source_file import SourceFile
from embedgrad.tasks.task import Task

_REPOSITORY, _REVISION = "stanfordnlp/imdb", "e6281661ce1c48d982bc483cf8a173c1bbeb5d31"
_MEANING = {"1": "positive", "0": "negative", "pos": "positive", "neg": "negative"}
_ROWS = 2000  # the whole set would take hours to answer and narrow the interval by little

IMDB = DataSet(
    name="imdb",
    title="IMDB",
    origin=("https://huggingface.co/datasets/stanfordnlp/imdb", "https://ai.stanford.edu/~amaas/data/sentiment/"),
    license="none stated; published for research",
    shown=Example("Two good hours.<br /><br />I would watch it again for the chase alone.", "positive"),
    prompt="Please determine whether the following statement is positive or negative. Let's think step by step.",
    input="text",
    targets={"label": Target(label("label", _MEANING), Task("label", ("positive", "negative")))},
    files={
        "train": SourceFile(
            ("train*", "plain_text/train*"),
            HubFile(
                _REPOSITORY,
                _REVISION,
                "plain_text/train-00000-of-00001.parquet",
                sha256="db47d16b5c297cc0dd625e519c81319c24c9149e70e8496de5475f6fa928342c",
            ),
        ),
        "test": SourceFile(
            ("test*", "plain_text/test*"),
            HubFile(
                _REPOSITORY,
                _REVISION,
                "plain_text/test-00000-of-00001.parquet",
                sha256="b52e26e2f872d282ffac460bf9770b25ac6f102cda0e6ca7158df98c94e8b3da",
            ),
        ),
    },
    splits={
        LARGE: Split(
            "2,000 training reviews to tune on and 2,000 test reviews, drawn from each", as_published(_ROWS, _ROWS)
        ),
        PAPER: Split(
            "84 test reviews, as the figures tell; 84 training reviews to tune on, a guess",
            as_published(84, 84),
        ),
    },
    columns=("rating", "id"),
    max_new_tokens=512,
)
