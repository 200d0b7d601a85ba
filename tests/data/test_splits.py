import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedgrad.data.example import Example
from embedgrad.data.splits import data_sha256, split
from embedgrad.errors import DataError


def rows(count, start=0):
    return [Example(f"row {number}", "x", line=number + 1) for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("count", "train", "validation", "test"),
    [
        (22, 8, 7, 7),
        (24, 8, 8, 8),
        (100, 34, 33, 33),
        (150, 50, 50, 50),
        (400, 256, 64, 80),
        (10_000, 8500, 500, 1000),
    ],
)
def test_sizes(count, train, validation, test):
    parts = split(rows(count), seed=1)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (train, validation, test)


@settings(deadline=None)
@given(count=st.integers(22, 400), seed=st.integers(0, 10**9))
def test_every_row_is_in_one_part_in_file_order(count, seed):
    parts = split(rows(count), seed=seed)
    assert sorted([*parts.train, *parts.validation, *parts.test], key=lambda row: row.line) == rows(count)
    for part in (parts.train, parts.validation, parts.test):
        assert list(part) == sorted(part, key=lambda row: row.line)
    assert parts == split(rows(count), seed=seed)


@given(count=st.integers(60, 200), size=st.integers(1, 6), seed=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_rows_kept_together_are_in_one_part(count, size, seed):
    rows = [Example(f"row {n}", "x", {"by": str(n // size)}, line=n + 1) for n in range(count)]
    parts = split(rows, seed=seed, together="by")
    sides = [{row.columns["by"] for row in part} for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert sorted([*parts.train, *parts.validation, *parts.test], key=lambda row: row.line) == rows
    alone = split(rows, seed=seed)
    assert all(0 <= len(more) - len(part) < size for more, part in (
        (parts.validation, alone.validation), (parts.test, alone.test)
    ))  # fmt: skip
    assert split(rows, seed=seed, together="no such column") == alone


def test_the_seed_decides():
    assert split(rows(100), seed=1) != split(rows(100), seed=2)


def test_given_parts_are_kept():
    validation, test = rows(3, start=200), rows(5, start=300)
    parts = split(rows(8), validation=validation, test=test, seed=0)
    assert (parts.train, parts.validation, parts.test) == (tuple(rows(8)), tuple(validation), tuple(test))
    assert len(split(rows(50), validation=validation, seed=0).test) == 16
    assert len(split(rows(50), test=test, seed=0).validation) == 25


@pytest.mark.parametrize(
    ("count", "given_parts", "message"),
    [
        (21, (), "test, validation and training: 21; at least 22"),
        (14, ("test",), "validation and training: 14; at least 15"),
        (1, ("validation",), "test and training: 1; at least 11"),
        (7, ("validation", "test"), "training: 7; at least 8"),
    ],
)
def test_too_few_rows(count, given_parts, message):
    with pytest.raises(DataError) as caught:
        split(rows(count), seed=0, **{name: rows(2, start=900) for name in given_parts})
    assert str(caught.value) == f"Too few rows for {message} are needed, 8 of them to train on."


def test_duplicates_leave_the_tuning_side():
    validation = [Example("only here", "v"), Example("ROW\u00a02", "a"), Example("shared", "v")]
    test = [Example("Shared ", "t"), Example("  row\n1", "another target"), Example("ｒｏｗ 1", "t")]
    parts = split([*rows(12), rows(1, start=5)[0]], validation=validation, test=test, seed=0)
    assert [row.input for row in parts.validation] == ["only here", "ROW\u00a02"]
    assert parts.test == tuple(test)
    assert [row.input for row in parts.train] == [f"row {number}" for number in (0, *range(3, 12), 5)]
    assert (parts.removed_train, parts.removed_validation) == (2, 1)


def test_a_row_with_another_history_is_another_row():
    earlier = dataclasses.replace(rows(1)[0], history=(("user", "hello"), ("assistant", "hi")))
    parts = split(rows(9), validation=rows(1, start=50), test=[earlier], seed=0)
    assert parts.removed_train == 0


def test_parts_emptied_by_duplicates():
    with pytest.raises(DataError, match=r"^All 3 validation rows have inputs that are in the test rows too\."):
        split(rows(20), validation=rows(3), test=rows(3), seed=0)
    with pytest.raises(DataError, match=r"^Of 10 training rows 7 are left"):
        split(rows(10), validation=rows(3), test=rows(3, start=50), seed=0)
    with pytest.raises(DataError, match=r"^The validation part has no rows\."):
        split(rows(20), validation=[], seed=0)


def test_a_test_part_is_not_needed():
    parts = split(rows(16), test=(), seed=0)
    assert (len(parts.train), len(parts.validation), parts.test) == (8, 8, ())


def test_digest_sees_content_and_order_but_not_lines():
    one, two = rows(2)
    assert data_sha256([one, two]) == data_sha256([dataclasses.replace(one, line=99), two])
    for other in (
        [two, one],
        [one],
        [dataclasses.replace(one, target=None), two],
        [dataclasses.replace(one, columns={"a": "b"}), two],
        [dataclasses.replace(one, history=(("user", "x"),)), two],
    ):
        assert data_sha256(other) != data_sha256([one, two])
    assert len(data_sha256([])) == 64


def test_rows_that_differ_in_a_column_the_model_sees_are_no_duplicates():
    def about(count: int, first: int = 0) -> list[Example]:
        return [Example("Is it true?", "yes", {"context": f"text {i}"}) for i in range(first, first + count)]

    parts = split(about(30), validation=about(5, 100), test=about(5, 28), seed=0, columns=("context",))
    assert (len(parts.train), parts.removed_train) == (28, 2)
    with pytest.raises(DataError):
        split(about(30), validation=about(5, 100), test=about(5, 28), seed=0)
