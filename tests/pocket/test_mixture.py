"""The training text of a seed stays the same, byte for byte: the bundled model and the tasks' rows come from it."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from random import Random

import pytest

from tools.pocket.mixture import draw_document

# Of 3,000 documents each, from the generators that the bundled model was trained on.
DIGESTS = {
    0: {
        "arithmetic": "60bf57d52ea0e272",
        "causal": "877b8ba7e01cc018",
        "emotion": "19564e1aaaa9184c",
        "examples": "7a669652c8348b71",
        "points": "28e85afdd7722d6d",
        "sentiment": "40fb9f9127096f08",
        "small": "7a544ba9c841761a",
    },
    1: {
        "arithmetic": "e5b9dfbba10e7645",
        "causal": "c4fb7be1c5787611",
        "emotion": "ad6e10414834f549",
        "examples": "f545fe8bb9474a8b",
        "points": "9ef29027d606d5b1",
        "sentiment": "39ea6cc68746a8d6",
        "small": "c3a39039d5abc2af",
    },
    2: {
        "arithmetic": "4cdc64d8f6826fe7",
        "causal": "7a7f75871edc348b",
        "emotion": "0a581ad532095bc8",
        "examples": "948b95a877f03152",
        "points": "e16fcdc85b10bc15",
        "sentiment": "405fd9e042c5acbb",
        "small": "31bc9948e50cf989",
    },
}


@pytest.mark.parametrize("seed", DIGESTS)
def test_the_documents_of_a_seed_are_those_that_the_model_was_trained_on(seed):
    rng = Random(seed)
    digests = defaultdict(sha256)
    for _ in range(3000):
        document = draw_document(rng)
        digests[document.source].update("\0".join((*document.parts, document.answer, "")).encode())
    assert {source: digest.hexdigest()[:16] for source, digest in sorted(digests.items())} == DIGESTS[seed]
