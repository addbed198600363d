"""Subsets of an assembly: the part whose coordinates another assembly has.

Knows no catalog, no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.coordinates import levels_of
from brainio.errors import SubsetError
from brainio.levels import Level, factorize_level, group_rows, same_values, union_levels
from brainio.xarray_compat import coords_of, indexes_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

T = TypeVar("T", bound=xr.DataArray)


def subset(
    source_assembly: T,
    target_assembly: xr.DataArray,
    subset_dims: Sequence[str] | None = None,
    dims_must_match: bool = True,
    repeat: bool = False,
) -> T:
    """Keep the part of an assembly whose coordinates another one has, in the source's own order.

    Parameters
    ----------
    source_assembly : DataAssembly
        The assembly to select from.
    target_assembly : xarray.DataArray
        The assembly with the coordinates to keep.
    subset_dims : sequence of str, optional
        Dimensions or levels to match; default: the dimensions of the target. A dimension means all levels that source
        and target have in common, each of which must match separately.
    dims_must_match : bool, default True
        Check that the result has as many rows as the target along each of `subset_dims`. Rows are not compared one by
        one: the target may have fewer or other levels than the source.
    repeat : bool, default False
        Repeat a row as often as the target has it, see `index_efficient`; rows are then sorted by the coordinate.

    Returns
    -------
    DataAssembly
        Of the source's class, with all its coordinates and attrs.

    Raises
    ------
    SubsetError
        The source lacks one of `subset_dims`, has no coordinate along it in common with the target, or the numbers of
        rows differ.

    >>> from brainio.assemblies import DataAssembly
    >>> a = DataAssembly([1, 2, 3], coords={"stimulus_id": ("presentation", ["a", "b", "c"])}, dims=["presentation"])
    >>> subset(a, a[[2, 0]]).values.tolist()
    [1, 3]
    """
    names = list(target_assembly.dims if subset_dims is None else subset_dims)
    for name in names:
        if name not in source_assembly.dims and name not in source_assembly.coords:
            raise SubsetError(
                f"the source has no dimension or coordinate {name!r}; it has {list(source_assembly.coords)}"
            )
        for level in _levels(source_assembly, target_assembly, name):
            source, dim = _codes(source_assembly, level)
            target, _ = _codes(target_assembly, level)
            positions = _repeated_positions(source, target) if repeat else np.flatnonzero(_is_in(source, target))
            source_assembly = source_assembly.isel({dim: positions})
    if dims_must_match:
        for name in names:
            _check_length(source_assembly, target_assembly, name)
    return source_assembly


def index_efficient(
    source_values: Sequence[object] | np.ndarray, target_values: Sequence[object] | np.ndarray
) -> list[int]:
    """Find the positions of the source whose values the target has, sorted by value.

    A value that the target has n times selects its first position in the source n times, and each further one once.

    >>> index_efficient(np.array(["b", "a", "c"]), np.array(["c", "b", "c"]))
    [0, 2, 2]
    """
    return _repeated_positions(
        factorize_level(np.asarray(source_values)), factorize_level(np.asarray(target_values))
    ).tolist()


def _repeated_positions(source_level: Level, target_level: Level) -> np.ndarray:
    joined = union_levels([source_level, target_level])
    source, target = np.split(joined.codes, [len(source_level.codes)])
    counts = np.bincount(target[target >= 0], minlength=int(max(source.max(initial=-1), target.max(initial=-1))) + 1)
    order = np.argsort(source, kind="stable")
    order = order[source[order] >= 0]
    order = order[counts[source[order]] > 0]
    sorted_codes = source[order]
    is_first = np.append(True, sorted_codes[1:] != sorted_codes[:-1])[: len(order)]
    return np.repeat(order, np.where(is_first, counts[sorted_codes], 1))


def _levels(source: xr.DataArray, target: xr.DataArray, name: Hashable) -> list[Hashable]:
    """Return the coordinates to match for a dimension: those of the target along it that the source has as well."""
    levels = _all_levels(target, name)
    if levels == [name] and name not in source.coords and name not in target.coords:
        return levels  # no coordinates: positions are matched
    shared = [level for level in levels if level in source.coords and level in target.coords]
    if not shared:
        raise SubsetError(f"source and target have no common coordinate along {name!r}; the target has {levels}")
    return shared


def _codes(assembly: xr.DataArray, name: Hashable) -> tuple[Level, Hashable]:
    """Return a coordinate as a level, and its dimension."""
    if name in assembly.dims and name not in assembly.coords:
        return factorize_level(np.arange(assembly.sizes[name])), name
    if name not in assembly.coords or assembly.coords[name].ndim != 1:
        raise SubsetError(f"the assembly has no one-dimensional coordinate {name!r}; it has {list(assembly.coords)}")
    return levels_of(assembly, [name])[0], coords_of(assembly)[name].dims[0]


def _is_in(source: Level, target: Level) -> np.ndarray:
    """Return for each row of the source whether the target has its value; missing values match."""
    table = np.zeros(len(source.values) + 1, dtype=bool)  # the last entry is for the code -1
    present = np.unique(target.codes)
    places = present if same_values(source.values, target.values) else _places(source.values, target.values, present)
    table[places[places >= 0]] = True
    table[-1] = present[:1].tolist() == [-1]
    return table[source.codes]


def _places(values: pd.Index, others: pd.Index, codes: np.ndarray) -> np.ndarray:
    """Find the positions of the values of other codes in a list of values; -1 is missing."""
    selected = others[codes[codes >= 0]]
    if {values.dtype.kind, selected.dtype.kind} & set("Ob"):  # pandas finds no True among numbers, Python does
        values, selected = values.astype(object), selected.astype(object)
    return values.get_indexer(selected)


def _check_length(source: xr.DataArray, target: xr.DataArray, name: Hashable) -> None:
    """Raise SubsetError, which names an unmatched row, unless the numbers of rows are equal."""
    columns = {lv: [_codes(source, lv)[0], _codes(target, lv)[0]] for lv in _levels(source, target, name)}
    count, expected = (len(level.codes) for level in next(iter(columns.values())))
    if count == expected:
        return
    joined = [union_levels(both) for both in columns.values()]
    rows = group_rows(joined)
    mine, theirs = (np.bincount(part, minlength=rows.size) for part in (rows.codes[:count], rows.codes[count:]))
    wrong = int(np.flatnonzero(mine != theirs)[0])
    row = {
        level: column.to_numpy()[wrong : wrong + 1].tolist()[0]
        for level, column in zip(columns, rows.levels, strict=True)
    }
    raise SubsetError(
        f"{count} rows match along {name!r}, the target has {expected}: {row} occurs {mine[wrong]} times in the source "
        f"and {theirs[wrong]} times in the target; pass dims_must_match=False to accept that"
    )


def _all_levels(assembly: xr.DataArray, name: Hashable) -> list[Hashable]:
    """Return all coordinates along a dimension, in order; for any other name, only itself."""
    index = indexes_of(assembly).get(name)
    if isinstance(index, PandasMultiIndex) and index.dim == name:
        return list(index.index.names)
    along = [c for c, variable in coords_of(assembly).items() if variable.dims == (name,)]
    return [name] if name in along or name not in assembly.dims or not along else along
