"""Dropping a dimension leaves the same scalar coordinates as in xarray."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from brainio.assemblies import NeuroidAssembly, average_repetition, walk_coords
from brainio.packaging import write_netcdf
from brainio.validation import assembly_problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEVELS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from(["b", "a", "c"]),
    "integer": st.integers(-2, 2),
    "float": st.sampled_from([0.5, -1.0, 2.0]),
    "bool": st.booleans(),
    "date": st.sampled_from([np.datetime64("2020-01-02", "ns"), np.datetime64("2019-01-01", "ns")]),
}
DIMS = ("presentation", "neuroid", "time_bin")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NeuroidAssembly, xr.DataArray]:
    """An assembly with one to three levels on each dimension, and a DataArray with the same multi-indexes."""
    sizes = [draw(st.integers(1, 3)) for _ in DIMS]
    coords: dict[str, Any] = {}
    names: dict[str, Any] = {}
    for dim, size in zip(DIMS, sizes, strict=True):
        kinds = draw(st.lists(st.sampled_from(sorted(LEVELS)), min_size=1, max_size=3))
        names[dim] = [f"{dim}_{number}" for number in range(len(kinds))]
        for name, kind in zip(names[dim], kinds, strict=True):
            cells = draw(st.lists(LEVELS[kind], min_size=size, max_size=size))
            coords[name] = (dim, np.array(cells, dtype=object if kind == "text" else None))
    values = np.arange(float(np.prod(sizes))).reshape(sizes)
    plain = xr.DataArray(values, dims=DIMS, coords=coords)
    for dim, levels in names.items():
        if len(levels) > 1:
            plain = plain.set_index({dim: levels})
        else:  # xarray has no multi-index of one level: its coordinate has the name of the dimension
            plain = plain.assign_coords({dim: plain[levels[0]].values})
    return NeuroidAssembly(values, dims=DIMS, coords=coords), plain


def scalars(array: xr.DataArray) -> dict[Any, tuple[str, Any, list[str]]]:
    """Return scalar coordinates with the types of their values and of the elements of tuples, with text as `str`."""
    found = {}
    for name, coord in array.coords.items():
        if coord.ndim == 0:
            value = coord.values[()]
            kind = "text" if isinstance(value, str) else str(coord.dtype)
            parts = [type(part).__name__ for part in value] if isinstance(value, tuple) else []
            found[name] = (kind, value, parts)
    return found


DROPS: dict[str, Callable[[Any, str], Any]] = {
    "isel": lambda a, dim: a.isel({dim: 0}),
    "isel by keyword": lambda a, dim: a.isel(**{dim: -1}),
    "isel that drops coordinates": lambda a, dim: a.isel({dim: 0}, drop=True),
    "isel of a number of numpy": lambda a, dim: a.isel({dim: np.int64(0)}),
    "isel of an array without dimensions": lambda a, dim: a.isel({dim: xr.DataArray(0)}),
    "squeeze": lambda a, dim: a.isel({dim: [0]}).squeeze(dim),
    "squeeze of a list": lambda a, dim: a.isel({dim: [0]}).squeeze([dim]),
    "squeeze that drops coordinates": lambda a, dim: a.isel({dim: [0]}).squeeze(dim, drop=True),
    "squeeze of every dimension": lambda a, _: a.isel({d: [0] for d in DIMS}).squeeze(),
    "a position": lambda a, dim: a[(slice(None),) * DIMS.index(dim) + (0,)],
    "a dict of positions": lambda a, dim: a[{dim: 0}],
    "iteration": lambda a, dim: next(iter(a.transpose(dim, ...))),
    "positions of every dimension": lambda a, _: a[0, 0, 0],
    "two dimensions": lambda a, dim: a.isel({dim: 0, DIMS[DIMS.index(dim) - 1]: 0}),
    "then arithmetic": lambda a, dim: a.isel({dim: 0}) + a.isel({dim: 0}),
    "then arithmetic with another position": lambda a, dim: a.isel({dim: 0}) - a.isel({dim: -1}),
    "then a reduction": lambda a, dim: a.isel({dim: 0}).mean(DIMS[DIMS.index(dim) - 1]),
    "then a copy": lambda a, dim: a.isel({dim: 0}).copy(deep=True),
    "then a pickle": lambda a, dim: pickle.loads(pickle.dumps(a.isel({dim: 0}))),
}


@given(pairs(), st.sampled_from(sorted(DROPS)), st.sampled_from(DIMS))
def test_the_scalar_coordinates_equal_those_of_xarray(
    pair: tuple[NeuroidAssembly, xr.DataArray], drop: str, dim: str
) -> None:
    assembly, plain = pair
    result, expected = DROPS[drop](assembly, dim), DROPS[drop](plain, dim)
    ours, theirs = scalars(result), scalars(expected)
    assert type(result) is NeuroidAssembly
    assert (result.dims, result.values.tolist()) == (expected.dims, expected.values.tolist())
    assert ours == {name: theirs[name] for name in ours if name in theirs} | {
        name: value for name, value in ours.items() if name not in theirs and f"{name[:-2]}_1" not in assembly.coords
    }
    assert set(theirs) <= set(ours)


def recording() -> NeuroidAssembly:
    coords = {
        "stimulus_id": ("presentation", ["a", "b"]),
        "repetition": ("presentation", [0, 1]),
        "neuroid_id": ("neuroid", [1, 2, 3]),
        "region": ("neuroid", ["V4", "IT", "IT"]),
        "time_bin_start": ("time_bin", [70]),
        "time_bin_end": ("time_bin", [170]),
    }
    return NeuroidAssembly(np.arange(6.0).reshape(2, 3, 1), dims=DIMS, coords=coords)


@pytest.mark.parametrize(
    "operation",
    [
        lambda a: a,
        lambda a: a + a,
        lambda a: a.mean("presentation"),
        lambda a: a.sel(region="IT"),
        lambda a: a.multi_groupby(["stimulus_id"]).mean(),
        lambda a: a.groupby("region").mean(),
        lambda a: a.stack(pair=("presentation", "neuroid")),
        lambda a: xr.concat([a[:1], a[1:]], dim="presentation", coords="different", compat="equals"),
        lambda a: type(a)(a.values, coords={c: (d, v) for c, d, v in walk_coords(a)}, dims=a.dims),
        average_repetition,
    ],
)
def test_the_tuple_of_a_dropped_dimension_survives_operations(operation: Callable[[Any], Any]) -> None:
    result = operation(recording().squeeze("time_bin"))
    assert result["time_bin"].values[()] == (70, 170)
    assert (result["time_bin_start"].item(), result["time_bin_end"].item()) == (70, 170)


def test_an_array_with_a_dropped_dimension_is_stored_without_the_tuple(tmp_path: Path) -> None:
    squeezed = recording().squeeze("time_bin")
    assert assembly_problems(squeezed, NeuroidAssembly) == assembly_problems(recording()[:, :, 0], NeuroidAssembly)
    for number, array in enumerate([squeezed, squeezed.expand_dims("time_bin", axis=2)]):
        write_netcdf(array, tmp_path / f"{number}.nc")
        loaded = NeuroidAssembly.from_files(tmp_path / f"{number}.nc")
        assert {name: loaded[name].item() for name in ("time_bin_start", "time_bin_end")} == {
            "time_bin_start": 70,
            "time_bin_end": 170,
        }
        assert "time_bin" not in loaded.coords


@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
def test_the_tuple_of_a_dropped_dimension_follows_its_levels() -> None:
    squeezed = recording().squeeze("time_bin")
    later = squeezed.assign_coords(time_bin_start=170, time_bin_end=270)
    assert later["time_bin"].item() == (170, 270)
    assert squeezed.assign_coords(other=1)["time_bin"].item() == (70, 170)
    both = NeuroidAssembly(xr.concat([squeezed, later], dim="time_bin"))
    assert list(both.indexes["time_bin"].names) == ["time_bin_start", "time_bin_end"]
    assert both["time_bin"].values.tolist() == [(70, 170), (170, 270)]


@pytest.mark.parametrize("start", [70, 0])
def test_expanding_a_dropped_dimension_replaces_the_tuple_with_its_levels(start: int) -> None:
    a = recording().squeeze("time_bin").expand_dims("time_bin")
    a["time_bin_start"] = "time_bin", [start]
    a["time_bin_end"] = "time_bin", [170]
    assert list(a.indexes["time_bin"].names) == ["time_bin_start", "time_bin_end"]
    assert a["time_bin"].values.tolist() == [(start, 170)]


def test_identical_compares_arrays_whose_tuples_have_missing_values() -> None:
    a = recording()
    a["region"] = "neuroid", ["V4", None, "IT"]
    first = a.isel(neuroid=1)
    assert first.identical(pickle.loads(pickle.dumps(first)))
    assert not first.identical(a.isel(neuroid=0))


@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
def test_concatenated_dropped_dimensions_are_selected_like_any_level(assembly: NeuroidAssembly) -> None:
    parts = [assembly.isel(neuroid=number) for number in range(assembly.sizes["neuroid"])]
    joined = xr.concat(parts, dim="neuroid").transpose(*assembly.dims)
    for labels in ({"region": "V4"}, {"region": ["V4"]}, {"region": "V4", "neuroid_id": "n1"}):
        assert joined.sel(labels).identical(assembly.sel(labels))
        assert joined.multisel(**labels).identical(assembly.multisel(**labels))
