"""Statistics of columns: every array is described correctly."""

import datetime
import itertools
import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brainio.cards import compute_card
from brainio.cards.columns import bin_edges, count_by_bin, factorize_column, to_json_value
from brainio.stimuli import StimulusSet

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
FINITE = st.floats(allow_nan=False, allow_infinity=False)
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
    most_common = described.get("most_common", [])
    for record in most_common:
        if record["value"] in counts:  # a card escapes characters that UTF-8 cannot encode
            assert counts[record["value"]] == record["count"]
    assert [record["count"] for record in most_common] in ([], sorted(counts.values(), reverse=True)[:10])


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
def test_the_kind_of_a_column_is_recognized(values: Any, kind: str) -> None:
    assert factorize_column(values).kind == kind


def test_equally_frequent_values_are_sorted() -> None:
    described = factorize_column(objects(["b", "a", "c", "c"])).describe()
    assert [record["value"] for record in described["most_common"]] == ["c", "a", "b"]


def test_many_equally_frequent_values_are_not_listed() -> None:
    assert "most_common" not in factorize_column(np.arange(1000)).describe()
    assert "most_common" not in factorize_column(np.repeat(np.arange(1000), 20)).describe()


def test_dates_outside_the_range_of_pandas_are_described() -> None:
    described = factorize_column(np.array(["-5000", "90000"], dtype="datetime64[Y]")).describe()
    assert (described["minimum"], described["maximum"]) == ("-5000", "90000")


def test_a_card_contains_no_memory_addresses() -> None:
    assert to_json_value(object()) == "<object>"
    assert "0x" not in to_json_value((object(),))


def test_long_text_is_truncated() -> None:
    assert to_json_value("x" * 1000) == "x" * 119 + "…"


# ------------------------------------------------------------------ histograms


@given(st.lists(FINITE, min_size=1), st.integers(1, 60))
@example([5e-324], 1)
def test_every_number_is_in_a_bin_and_edges_ascend(values: list[float], bins: int) -> None:
    edges = bin_edges(min(values), max(values), bins)
    assert edges == sorted(set(edges))
    assert 2 <= len(edges) <= bins + 2
    assert edges[0] <= min(values)
    assert max(values) <= edges[-1]
    counts = count_by_bin(np.array(values), edges)
    own = [sum(low <= value < high for value in values) for low, high in itertools.pairwise(edges)]
    own[-1] += values.count(edges[-1])
    assert counts == own


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.integers(1, 60))
def test_bins_of_integers_have_equal_widths_and_edges_between_integers(values: list[int], bins: int) -> None:
    edges = bin_edges(min(values), max(values), bins, integers=True)
    assert {edge % 1 for edge in edges} == {0.5}
    assert len(set(np.diff(edges))) == 1
    assert edges[0] < min(values) <= max(values) < edges[-1]


def describe(values: Any) -> dict[str, Any]:
    (column,) = compute_card(StimulusSet({"size": values}))["columns"]
    return column


def test_a_numeric_column_has_a_histogram_of_its_finite_rows() -> None:
    histogram = describe([*np.arange(30) / 10, np.nan, np.inf, 0.0])["histogram"]
    assert histogram["edges"][:3] == [0.0, 0.2, 0.4]
    assert histogram["counts"] == [3, *[2] * 14]


@pytest.mark.parametrize("values", [np.arange(10), [f"{number}" for number in range(20)], np.arange(20) > 3])
def test_few_numbers_texts_and_booleans_have_no_histogram(values: Any) -> None:
    assert "histogram" not in describe(values)


def test_a_histogram_omits_numbers_too_large_for_floats() -> None:
    values = np.array([*range(12), 10**400], dtype=object)
    assert sum(describe(values)["histogram"]["counts"]) == 12
