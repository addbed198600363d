"""Factorization of columns: types of mixed values, and the order of distinct values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.assemblies.stimulus_metadata import column_level
from brainio.levels import factorize_level, in_order


def objects(*values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((3, 1), [3, 1]),
        ((3, 1.5), [3.0, 1.5]),
        ((3, None), [3.0, np.nan]),
        ((True, False), [True, False]),
        ((np.float32(0.5), 2), [0.5, 2.0]),
    ],
)
def test_objects_that_are_all_numbers_are_numbers(values: tuple[Any, ...], expected: list[Any]) -> None:
    read = factorize_level(objects(*values)).to_numpy()
    assert read.dtype == np.array(expected).dtype
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    "values", [(True, None), (2**70, 1), ("1", 2), ("7", "8"), (None, None), (pd.Timestamp("2020-01-01"), 1)]
)
def test_other_objects_stay_objects(values: tuple[Any, ...]) -> None:
    level = factorize_level(objects(*values))
    assert level.dtype == object
    assert [None if value != value else value for value in level.to_numpy().tolist()] == list(values)


def test_values_of_mixed_types_are_sorted_with_text_last_even_in_tuples() -> None:
    assert factorize_level(objects("b", 2, "a", True)).values.tolist() == [True, 2, "a", "b"]
    tuples = factorize_level(objects(("a", 1), (1, "b"), ("a", 0), (0, "b")))
    assert tuples.values.tolist() == [(0, "b"), (1, "b"), ("a", 0), ("a", 1)]


def test_values_that_cannot_be_compared_keep_their_order() -> None:
    date = pd.Timestamp("2020-01-01")
    level = factorize_level(objects(3, date, 1))
    assert level.values.tolist() == [3, date, 1]
    left = in_order(level.at(np.array([0, 2])))
    assert left.values.tolist() == [1, 3]
    assert left.to_numpy().tolist() == [3, 1]


cells = st.integers(-3, 3) | st.sampled_from("abc") | st.tuples(st.sampled_from("ab"), st.integers(0, 2)) | st.none()


@given(st.lists(cells), st.data())
def test_a_level_returns_its_values_in_any_order(column: list[Any], data: st.DataObject) -> None:
    level = factorize_level(objects(*column))
    rows = data.draw(st.lists(st.sampled_from(range(len(column))))) if column else []
    for part in (level.at(np.array(rows, dtype=int)), in_order(level.at(np.array(rows, dtype=int)))):
        read = part.to_numpy().tolist()
        assert [None if value != value else value for value in read] == [column[row] for row in rows]


def test_large_integers_next_to_missing_values_are_exact() -> None:
    level = factorize_level(pd.array([2**53 + 1, None, 3], dtype="Int64").to_numpy(dtype=object))
    assert level.to_numpy().tolist()[::2] == [2**53 + 1, 3]
    assert factorize_level(np.array([2**53 + 1, 3])).at(np.array([0, -1])).to_numpy().tolist()[0] == 2**53 + 1
    assert factorize_level(np.array([1, 3])).at(np.array([0, -1])).dtype == float


def test_integers_with_missing_values_join_without_changing() -> None:
    large, small = (column_level(pd.Series(pd.array([value, None], dtype="Int64"))) for value in (2**53 + 1, 2**53))
    assert (large.dtype, large.to_numpy().tolist()[0]) == (object, 2**53 + 1)
    assert (small.dtype, small.to_numpy().tolist()[0]) == (float, 2**53)


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4", ">u2"])
def test_a_level_has_the_native_byte_order(dtype: str) -> None:
    level = factorize_level(np.array([3, 1, 3], dtype=dtype))
    assert level.to_numpy().dtype == np.dtype(dtype).newbyteorder("=")
    assert level.to_numpy().tolist() == [3, 1, 3]
