"""What needs no language model: the most frequent label, and a bag of words. A prompt that does not beat them is not
worth its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import eq

from embedgrad.data.example import Example
from embedgrad.evaluation.statistics import proportion
from embedgrad.extras import lacking
from embedgrad.run.score import Baselines, Proportion
from embedgrad.tasks.task import Task

_WORD = r"\w+|[^\w\s]"


def baselines(task: Task, train: Sequence[Example], test: Sequence[tuple[str, str]]) -> Baselines | None:
    """How often each is right on `test`, pairs of input and target; both know the rows of `train` alone. None where the
    task has no labels.

    The bag of words is scikit-learn's logistic regression with its default penalty on which words and signs an input
    has, case aside; None where there is but one label to learn, or no word, or no scikit-learn (the extra `baselines`).
    """
    if not task.labels or not train or not test:
        return None
    labels = [(example.target or "").strip() for example in train]
    wanted = [target.strip() for _, target in test]
    most = Counter(labels).most_common(1)[0][0]
    guesses = _by_words([example.input for example in train], labels, [text for text, _ in test])
    return Baselines(
        majority_label=most,
        majority=_share([most] * len(wanted), wanted),
        bag_of_words=None if guesses is None else _share(guesses, wanted),
    )


def _share(guesses: Sequence[str], wanted: Sequence[str]) -> Proportion:
    return proportion(sum(map(eq, guesses, wanted)), len(wanted))


def _by_words(inputs: Sequence[str], labels: Sequence[str], unseen: Sequence[str]) -> list[str] | None:
    if len(set(labels)) < 2 or lacking("baselines", "A bag of words"):
        return None
    from sklearn.feature_extraction.text import CountVectorizer  # late: it takes a second to import
    from sklearn.linear_model import LogisticRegression

    words = CountVectorizer(token_pattern=_WORD, binary=True)
    try:
        has_word = words.fit_transform(inputs)
    except ValueError:  # "empty vocabulary"
        return None
    fitted = LogisticRegression(max_iter=1000).fit(has_word, labels)
    return [str(label) for label in fitted.predict(words.transform(unseen))]
