"""Promises of columns: whatever an array holds, it is described, and truly."""

import datetime
import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brainio.cards.columns import factorize_column, to_json_value

HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.complex_numbers(),
    st.fractions(),
    st.tuples(st.text(), st.floats()),
    st.just(pd.NA),
    st.just(pd.NaT),
    st.builds(object),
)
ANYTHING = HASHABLE | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers())


def objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def as_json(described: dict[str, Any]) -> str:
    return json.dumps(described, allow_nan=False, ensure_ascii=False).encode().decode()


@given(st.lists(ANYTHING, max_size=30))
def test_any_objects_are_described_as_json(values: list[Any]) -> None:
    as_json(factorize_column(objects(values)).describe())


@given(hnp.arrays(hnp.array_dtypes() | hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_arrays_of_any_dtype_are_described_as_json(values: np.ndarray) -> None:
    as_json(factorize_column(values).describe())


@given(st.lists(st.text(max_size=3) | st.none(), max_size=60))
def test_texts_are_counted(values: list[str | None]) -> None:
    described = factorize_column(objects(values)).describe()
    counts = Counter(value for value in values if value is not None)
    assert described["missing"] == values.count(None)
    assert described["distinct"] == len(counts)
    for one in described.get("most_common", []):
        if one["value"] in counts:  # what UTF-8 cannot write is shown otherwise
            assert counts[one["value"]] == one["count"]
    found = [one["count"] for one in described.get("most_common", [])]
    assert found in ([], sorted(counts.values(), reverse=True)[:10])


@given(hnp.arrays(st.sampled_from([np.float16, np.float32, np.float64]), st.integers(0, 50)))
def test_the_range_is_that_of_the_finite_numbers(values: np.ndarray) -> None:
    described = factorize_column(values).describe()
    finite = values[np.isfinite(values)]
    assert described["missing"] == np.isnan(values).sum()
    if finite.size:
        assert values.dtype.type(described["minimum"]) == finite.min()
        assert values.dtype.type(described["maximum"]) == finite.max()
    else:
        assert "minimum" not in described


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["IT", None], "text"),
        (np.array([b"IT", b"\xff"]), "text"),
        ([1, 2], "integer"),
        (objects([1, 2.5]), "number"),
        ([True, False], "boolean"),
        (objects([True, None]), "boolean"),
        (np.array(["2026-11-22", "NaT"], dtype="datetime64[D]"), "date"),
        (objects([datetime.date(2026, 11, 22)]), "date"),
        (np.array([5], dtype="timedelta64[s]"), "duration"),
        (objects(["a", 1]), "mixed"),
        (objects([["a"], None]), "other"),
        ([1j], "other"),
        ([np.nan, np.nan], "none"),
        ([], "none"),
    ],
)
def test_kinds_are_told_apart(values: Any, kind: str) -> None:
    assert factorize_column(values).kind == kind


def test_equally_frequent_values_come_in_their_own_order() -> None:
    described = factorize_column(objects(["b", "a", "c", "c"])).describe()
    assert [one["value"] for one in described["most_common"]] == ["c", "a", "b"]


def test_many_values_that_are_equally_frequent_are_not_listed() -> None:
    assert "most_common" not in factorize_column(np.arange(1000)).describe()
    assert "most_common" not in factorize_column(np.repeat(np.arange(1000), 20)).describe()


def test_dates_beyond_those_of_pandas_are_described() -> None:
    described = factorize_column(np.array(["-5000", "90000"], dtype="datetime64[Y]")).describe()
    assert (described["minimum"], described["maximum"]) == ("-5000", "90000")


def test_no_address_in_memory_gets_into_a_card() -> None:
    assert to_json_value(object()) == "<object>"
    assert "0x" not in to_json_value((object(),))


def test_long_text_is_cut() -> None:
    assert to_json_value("x" * 1000) == "x" * 119 + "…"
