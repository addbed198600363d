"""Packaged arrays of every kind load unchanged, or are refused before anything is stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brainio.assemblies import AssemblyLoader, DataAssembly, flatten_index
from brainio.errors import PackagingError
from brainio.packaging import package_data_assembly, write_netcdf
from brainio.packaging.netcdf import write_groups
from tests.tiers import scaled_examples

Draw = Callable[[st.SearchStrategy[Any]], Any]

GOOD_DIMS, OTHER_DIMS = ["presentation", "neuroid", "x"], ["string3", "data", "a b"]
GOOD_NAMES = ["k", "stimulus_id", "image_id", "region", "é", "_hidden", "depth"]
OTHER_NAMES = ["presentation", "neuroid", "x", "x_", "a b", "data", "a/b"]
ATTRIBUTE_NAMES = [
    *("scale_factor", "add_offset", "_FillValue", "missing_value", "units", "calendar", "dtype", "coordinates"),
    *("_Unsigned", "bounds", "grid_mapping", "_Encoding", "NAME", "note", "brainio_attr_units", "brainio_missing"),
]
GOOD_DTYPES = ["?", "i1", "u1", "i2", "i4", "i8", "u8", "f4", "f8", "M8[ns]", "M8[s]", "m8[ns]", "m8[s]"]
OTHER_DTYPES = ["f2", ">f8", ">i2", "c8"]
GOOD_TEXTS = st.one_of(
    st.sampled_from(["", "a", "NaN", "007", "a\nb", "a\r", "🧠", "x" * 1500]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3),
)
MISSING = st.sampled_from([None, np.nan, pd.NA])


def sixes(*values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(*values), min_size=6, max_size=6)


GOOD_OBJECTS = st.one_of(
    sixes(GOOD_TEXTS),
    sixes(GOOD_TEXTS, MISSING),
    sixes(st.integers(-(2**63), 2**63 - 1)),
    sixes(st.integers(-9, 9), MISSING),
    sixes(st.floats(), st.integers(0, 9), MISSING),
    sixes(st.booleans()),
)
OTHER_OBJECTS = st.one_of(
    sixes(st.just("a\0"), GOOD_TEXTS),
    sixes(st.integers(-(2**70), 2**70), MISSING),
    sixes(st.booleans(), st.integers(0, 1), GOOD_TEXTS, MISSING),
)
GOOD_SCALARS = st.one_of(GOOD_TEXTS, st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none())
GOOD_ATTRIBUTES = st.one_of(
    GOOD_SCALARS,
    st.sampled_from(["ms since onset", "seconds", "days since 2000-01-01", "bool", "k region", "timedelta64[ns]"]),
    st.lists(GOOD_SCALARS, max_size=3),
    st.dictionaries(GOOD_TEXTS, st.lists(GOOD_SCALARS, max_size=2), max_size=2),
    hnp.arrays(st.sampled_from(["?", "i2", ">i4", "f4", "u8"]), hnp.array_shapes(max_dims=1, max_side=2)),
    st.just(np.float32(0.1)),
)
OTHER_ATTRIBUTES = st.sampled_from([np.datetime64("2026-01-01"), b"x", 1j, {1, 2}, "a\0", "\ud800", np.zeros((2, 2))])


def attributes(*, is_hard: bool) -> st.SearchStrategy[dict[str, Any]]:
    values = st.one_of(GOOD_ATTRIBUTES, OTHER_ATTRIBUTES) if is_hard else GOOD_ATTRIBUTES
    return st.dictionaries(st.sampled_from(ATTRIBUTE_NAMES), values, max_size=3)


def values_of_shape(draw: Draw, shape: tuple[int, ...], *, is_hard: bool) -> np.ndarray:
    size = int(np.prod(shape, dtype=int))
    if draw(st.booleans()):
        drawn = np.empty(size, dtype=object)
        objects = st.one_of(GOOD_OBJECTS, OTHER_OBJECTS) if is_hard else GOOD_OBJECTS
        drawn[:] = (draw(objects) * (size // 6 + 1))[:size]
        return drawn.reshape(shape)
    dtype = draw(st.sampled_from(GOOD_DTYPES + OTHER_DTYPES if is_hard else GOOD_DTYPES))
    if dtype[0] in "Mm":
        return draw(hnp.arrays("i8", shape, elements=st.integers(-(10**9), 10**9))).astype(dtype)
    return np.asarray(draw(hnp.arrays(dtype, shape)))


@st.composite
def arrays(draw: Draw) -> xr.DataArray:
    """Draw an array. One in four has parts that a file cannot store."""
    is_hard = draw(st.integers(0, 3)) == 3
    known = GOOD_DIMS + OTHER_DIMS if is_hard else GOOD_DIMS
    dims = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
    shape = tuple(draw(st.integers(0 if is_hard else 1, 3)) for _ in dims)
    sizes = dict(zip(dims, shape, strict=True))
    coords = {}
    names = [name for name in OTHER_NAMES if name not in known or name in dims]
    names = GOOD_NAMES + names if is_hard else GOOD_NAMES
    for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
        own = [name] if name in dims else draw(st.lists(st.sampled_from(dims), max_size=2, unique=True))
        values = values_of_shape(draw, tuple(sizes[dim] for dim in own), is_hard=is_hard)
        coords[name] = (own, values, draw(attributes(is_hard=is_hard)))
    values = values_of_shape(draw, shape, is_hard=is_hard)
    name = draw(st.sampled_from([None, "data", "rate", "a b", "é", ""]))
    return xr.DataArray(values, dims=dims, coords=coords, attrs=draw(attributes(is_hard=is_hard)), name=name)


def as_bits(values: np.ndarray) -> list[Any]:
    """Return values for a comparison of types and bits, except for missing values."""
    if values.dtype.kind == "f":
        return [value if not np.isnan(value) else "missing" for value in values.ravel().tolist()]
    if values.dtype.kind in "mM":
        return ["missing" if np.isnat(value) else value for value in values.ravel()]
    return ["missing" if pd.isna(value) else value for value in values.ravel().tolist()]


def require_same(before: xr.DataArray, after: xr.DataArray) -> None:
    """Compare with code that is independent of packaging."""
    assert after.dims == before.dims
    assert after.name == ("data" if before.name is None else before.name)
    same_values(before.values, after.values, is_text_id=False)
    if before.dtype.kind == "f":
        assert before.values.tobytes() == after.values.tobytes()
    flat_before, flat_after = flatten_index(before), flatten_index(after)
    added = {"stimulus_id"} if "image_id" in flat_before.coords else set()
    assert set(flat_after.coords) - added == set(flat_before.coords) - added
    for name, coord in flat_before.coords.items():
        found = flat_after.coords[name]
        assert found.dims == coord.dims
        same_values(coord.values, found.values, is_text_id=name == "stimulus_id")
        same_attributes(coord.attrs, found.attrs)
    same_attributes(before.attrs, after.attrs)


def same_values(before: np.ndarray, after: np.ndarray, *, is_text_id: bool) -> None:
    if before.dtype.kind not in "OUmM" and not is_text_id:
        assert after.dtype == before.dtype
    first, second = as_bits(before), as_bits(after)
    if is_text_id and before.dtype.kind in "iuf":
        first = [
            value if value == "missing" else str(int(value) if float(value).is_integer() else value) for value in first
        ]
    assert first == second
    assert [isinstance(value, str) for value in first] == [isinstance(value, str) for value in second]


def same_attributes(before: dict[Any, Any], after: dict[Any, Any]) -> None:
    kept = {name: value for name, value in before.items() if value is not None}
    assert {name for name, value in after.items() if value is not None} == set(kept)
    for name, value in kept.items():
        assert plain(after[name]) == plain(value)


def plain(value: Any) -> Any:
    """Return an attribute as nested lists of pairs of type and value."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return "nan"
    return ("text" if isinstance(value, str) else "truth" if isinstance(value, bool) else "value", value)


def outcome(store: Callable[[], object]) -> bool:
    try:
        store()
    except PackagingError:
        event("refused")
        return False
    event("stored")
    return True


SETTINGS = settings(
    deadline=None,
    max_examples=scaled_examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(before=arrays())
@pytest.mark.filterwarnings("ignore")
def test_an_array_loads_unchanged_or_is_refused(tmp_path: Path, before: xr.DataArray) -> None:
    path = tmp_path / "a.nc"
    path.unlink(missing_ok=True)
    if not outcome(lambda: write_netcdf(before, path)):
        assert not list(tmp_path.glob("*a.nc*"))
        return
    for options in ({}, {"in_blocks": True}):
        require_same(before, AssemblyLoader(DataAssembly, path, **options).load())  # type: ignore[arg-type]


@SETTINGS
@given(before=arrays(), extra=arrays())
@pytest.mark.filterwarnings("ignore")
def test_groups_load_unchanged_or_are_refused(tmp_path: Path, before: xr.DataArray, extra: xr.DataArray) -> None:
    path = tmp_path / "a.nc"
    path.unlink(missing_ok=True)
    if outcome(lambda: write_groups({"": before, "more": extra}, path)):
        loaded = AssemblyLoader(DataAssembly, path).load()
        require_same(extra, loaded.attrs.pop("more"))
        require_same(before, loaded)


@SETTINGS
@given(before=arrays())
@pytest.mark.filterwarnings("ignore")
def test_a_published_array_loads_unchanged_or_is_not_published(tmp_path: Path, before: xr.DataArray) -> None:
    folder = tmp_path / "files"
    for path in folder.glob("*"):
        path.unlink()
    options: dict[str, Any] = {
        "assembly_identifier": "lab.Doe2026",
        "stimulus_set_identifier": "lab.Set",
        "assembly_class_name": "PropertyAssembly",
        "bucket_name": folder,
    }
    if not outcome(lambda: package_data_assembly(None, before, **options)):
        assert not list(folder.glob("*"))
        return
    (path,) = folder.iterdir()
    loaded = AssemblyLoader(DataAssembly, path).load()
    assert loaded.attrs.pop("identifier") == "lab.Doe2026"
    assert loaded.attrs.pop("stimulus_set_identifier") == "lab.Set"
    require_same(before, loaded)
