"""Merging, joining and subsetting random assemblies agrees with dictionaries and sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly, StimulusMergeAssemblyLoader, merge_data_arrays
from brainio.errors import AssemblyFormatError, SubsetError
from brainio.stimuli import StimulusSet
from brainio.transform import subset
from tests.tiers import scaled_examples

cells = st.sampled_from(["a", "b", None]) | st.sampled_from([1.5, 2.5, float("nan")]) | st.integers(0, 3)
KEYS = ("stimulus_id", "repetition")
keys: dict[str, Any] = {
    "text": st.sampled_from(["s1", "s2", "s3", "s4", None]),
    "integers": st.integers(0, 4),
    "floats": st.sampled_from([0.5, 1.0, 2.0, float("nan")]),
    "booleans": st.booleans(),
}


def plain(values: Any) -> list[Any]:
    """Return comparable values, with None for NaN."""
    return [
        None if pd.isna(value) else value for value in (values.tolist() if isinstance(values, np.ndarray) else values)
    ]


def along_presentation(columns: dict[str, list[Any]]) -> NeuroidAssembly:
    length = len(next(iter(columns.values())))
    coords = {n: ("presentation", np.array(c, dtype=object if None in c else None)) for n, c in columns.items()}
    return NeuroidAssembly(np.arange(float(length)), coords=coords, dims=["presentation"])


@settings(max_examples=scaled_examples(60), deadline=None)
@given(st.data())
def test_joining_stimulus_metadata_agrees_with_a_dictionary(data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.text("xyz", min_size=1, max_size=3), min_size=1, max_size=8, unique=True))
    columns = data.draw(st.lists(st.sampled_from(["size", "object_name", "label"]), max_size=3, unique=True))
    rows = {i: {name: data.draw(cells) for name in columns} for i in ids}
    shown = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=15))
    a = along_presentation({"stimulus_id": shown, "repetition": list(range(len(shown)))})
    stimuli = StimulusSet([{"stimulus_id": i, **row} for i, row in rows.items()])
    loader = StimulusMergeAssemblyLoader(NeuroidAssembly, Path("unread.nc"), stimulus_set=stimuli)
    joined = loader.merge_stimulus_set_meta(a, stimuli)
    assert joined.values.tolist() == a.values.tolist()
    assert list(joined.indexes["presentation"].names) == ["stimulus_id", "repetition", *columns]
    for name in columns:
        assert plain(joined[name].values) == plain([rows[i][name] for i in shown])


@settings(max_examples=scaled_examples(60), deadline=None)
@given(st.data())
def test_joining_missing_stimuli_agrees_with_a_dictionary(data: st.DataObject) -> None:
    known = data.draw(st.lists(st.sampled_from(["s1", "007", "12", "x"]), unique=True))
    rows: dict[str | None, Any] = {i: data.draw(cells) for i in known}
    shown = data.draw(st.lists(st.sampled_from(["s1", "s2", "007", "7", "12", "x", None]), min_size=1, max_size=15))
    a = along_presentation({"stimulus_id": shown, "repetition": list(range(len(shown)))})
    stimuli = StimulusSet({"stimulus_id": known, "column": pd.Series([rows[i] for i in known], dtype=object)})
    written = [next((k for k in known if i in (k, k.lstrip("0"))), i) for i in shown]
    loader = StimulusMergeAssemblyLoader(
        NeuroidAssembly, Path("unread.nc"), stimulus_set=stimuli, allow_missing_stimuli=True
    )
    joined = loader.merge_stimulus_set_meta(a, stimuli)
    assert plain(joined["column"].values) == plain([rows.get(i) for i in written])
    assert plain(joined["stimulus_id"].values) == written
    strict = StimulusMergeAssemblyLoader(NeuroidAssembly, Path("unread.nc"), stimulus_set=stimuli)
    if lacking := set(written) - set(known):
        with pytest.raises(AssemblyFormatError, match=f"has {len(lacking)} stimuli"):
            strict.merge_stimulus_set_meta(a, stimuli)
    else:
        assert strict.merge_stimulus_set_meta(a, stimuli).identical(joined)


@settings(max_examples=scaled_examples(40), deadline=None)
@given(st.sets(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), min_size=1, max_size=12), st.data())
def test_merging_parts_agrees_with_a_dictionary_of_their_positions(
    rows: set[tuple[str, int]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(rows)))
    values = {row: float(number) for number, row in enumerate(order)}
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        own = data.draw(st.lists(st.sampled_from(order), min_size=1, unique=True))
        a = along_presentation({"stimulus_id": [s for s, _ in own], "repetition": [r for _, r in own]})
        parts.append(a.copy(data=[values[row] for row in own]))
    expected = {
        row: values[row] for a in parts for row in zip(a["stimulus_id"].values, a["repetition"].values, strict=True)
    }
    merged = merge_data_arrays(parts)
    found = zip(merged["stimulus_id"].values, merged["repetition"].values, merged.values.tolist(), strict=True)
    assert {(stimulus, repetition): value for stimulus, repetition, value in found} == expected
    assert merged.sizes["presentation"] == len(expected)


@settings(max_examples=scaled_examples(150), deadline=None)
@given(st.sampled_from(sorted(keys)), st.sampled_from(sorted(keys)), st.data())
def test_a_subset_has_the_rows_with_values_of_the_target(kind: str, other_kind: str, data: st.DataObject) -> None:
    source_values = data.draw(st.lists(keys[kind], min_size=1, max_size=12))
    target_values = data.draw(st.lists(keys[other_kind], min_size=1, max_size=12))
    source = along_presentation({"key": source_values, "position": list(range(len(source_values)))})
    target = along_presentation({"key": target_values, "other": list(range(len(target_values)))})
    target_keys = set(plain(target_values))
    expected = [position for position, value in enumerate(plain(source_values)) if value in target_keys]
    cut = subset(source, target, subset_dims=["key"], dims_must_match=False)
    assert cut["position"].values.tolist() == expected
    part = subset(DataAssembly(source), target[:1], subset_dims=["key"], dims_must_match=False)
    assert part["position"].values.tolist() == [
        position for position, value in enumerate(plain(source_values)) if value == plain(target_values)[0]
    ]


tables = st.lists(st.tuples(st.sampled_from(["s1", "s2", None]), st.integers(0, 2)), min_size=1, max_size=10)


@settings(max_examples=scaled_examples(100), deadline=None)
@given(tables, tables, st.lists(st.sampled_from("nmo"), min_size=1, max_size=4))
def test_a_subset_of_dimensions_has_the_rows_with_all_levels_in_the_target(
    source_rows: list[tuple[str | None, int]], target_rows: list[tuple[str | None, int]], neuroids: list[str]
) -> None:
    source, target = (
        along_presentation({"stimulus_id": [s for s, _ in rows], "repetition": [r for _, r in rows]})
        for rows in (source_rows, target_rows)
    )
    wide = NeuroidAssembly(
        np.arange(3.0 * len(source_rows)).reshape(3, -1),
        coords={"neuroid_id": ("neuroid", list("mno")), **{n: ("presentation", source[n].values) for n in KEYS}},
        dims=["neuroid", "presentation"],
    )
    other = target.expand_dims(neuroid=len(neuroids)).assign_coords(neuroid_id=("neuroid", neuroids))
    sets = [set(column) for column in zip(*target_rows, strict=True)]
    rows = [n for n, row in enumerate(source_rows) if all(value in own for value, own in zip(row, sets, strict=True))]
    cut = subset(wide, other, dims_must_match=False)
    assert (
        cut.values.tolist()
        == wide.values[np.ix_([n for n, neuroid in enumerate("mno") if neuroid in neuroids], rows)].tolist()
    )
    if cut.shape == (len(neuroids), len(target_rows)):
        assert subset(wide, other).identical(cut)
    else:
        with pytest.raises(SubsetError, match="rows match along"):
            subset(wide, other)
