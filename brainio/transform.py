"""Cutting one assembly to the coordinates of another. Knows no catalog, no network."""

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
        The assembly to cut.
    target_assembly : xarray.DataArray
        Where the coordinates to keep stand.
    subset_dims : sequence of str, optional
        Dimensions or levels to cut by; default: the dimensions of the target. A dimension stands for those levels that
        source and target both have, each of which must match on its own.
    dims_must_match : bool, default True
        Check that the cut assembly has as many rows as the target along each of `subset_dims`. Rows are not compared
        one by one: the target may have fewer levels, or others, than the source.
    repeat : bool, default False
        Repeat a row as often as the target names it, see `index_efficient`; rows then come sorted by the coordinate.

    Returns
    -------
    DataAssembly
        Of the source's class, with all its coordinates and attrs.

    Raises
    ------
    SubsetError
        The source lacks one of `subset_dims`, both share no coordinate along it, or the numbers of rows differ.

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
            positions = _repeated(source, target) if repeat else np.flatnonzero(_is_in(source, target))
            source_assembly = source_assembly.isel({dim: positions})
    if dims_must_match:
        for name in names:
            _check_length(source_assembly, target_assembly, name)
    return source_assembly


def index_efficient(
    source_values: Sequence[object] | np.ndarray, target_values: Sequence[object] | np.ndarray
) -> list[int]:
    """Find the positions of the source whose values the target has, sorted by value.

    A value that the target names n times gives its first position in the source n times, and each further one once.

    >>> index_efficient(np.array(["b", "a", "c"]), np.array(["c", "b", "c"]))
    [0, 2, 2]
    """
    return _repeated(factorize_level(np.asarray(source_values)), factorize_level(np.asarray(target_values))).tolist()


def _repeated(source_level: Level, target_level: Level) -> np.ndarray:
    joined = union_levels([source_level, target_level])
    source, target = np.split(joined.codes, [len(source_level.codes)])
    wanted = np.bincount(target[target >= 0], minlength=int(max(source.max(initial=-1), target.max(initial=-1))) + 1)
    order = np.argsort(source, kind="stable")
    order = order[source[order] >= 0]
    order = order[wanted[source[order]] > 0]
    sorted_codes = source[order]
    is_first = np.append(True, sorted_codes[1:] != sorted_codes[:-1])[: len(order)]
    return np.repeat(order, np.where(is_first, wanted[sorted_codes], 1))


def _levels(source: xr.DataArray, target: xr.DataArray, name: Hashable) -> list[Hashable]:
    """Name the coordinates that a dimension stands for: those of the target along it that the source has too."""
    levels = _all_levels(target, name)
    if levels == [name] and name not in source.coords and name not in target.coords:
        return levels  # bare dimensions: positions stand for themselves
    shared = [level for level in levels if level in source.coords and level in target.coords]
    if not shared:
        raise SubsetError(f"source and target share no coordinate along {name!r}; the target has {levels}")
    return shared


def _codes(assembly: xr.DataArray, name: Hashable) -> tuple[Level, Hashable]:
    """Give the codes of a coordinate, those of the index where it has any, and the dimension that it lies on."""
    if name in assembly.dims and name not in assembly.coords:
        return factorize_level(np.arange(assembly.sizes[name])), name
    if name not in assembly.coords or assembly.coords[name].ndim != 1:
        raise SubsetError(f"{name!r} is no one-dimensional coordinate of the assembly; it has {list(assembly.coords)}")
    return levels_of(assembly, [name])[0], coords_of(assembly)[name].dims[0]


def _is_in(source: Level, target: Level) -> np.ndarray:
    """Tell for each row of the source whether the target has its value; a missing value is a value."""
    table = np.zeros(len(source.values) + 1, dtype=bool)  # the last place serves code -1
    present = np.unique(target.codes)
    places = present if same_values(source.values, target.values) else _places(source.values, target.values, present)
    table[places[places >= 0]] = True
    table[-1] = present[:1].tolist() == [-1]
    return table[source.codes]


def _places(values: pd.Index, others: pd.Index, codes: np.ndarray) -> np.ndarray:
    """Find where the values that other codes stand for are in a list of values; -1 is not there."""
    wanted = others[codes[codes >= 0]]
    if {values.dtype.kind, wanted.dtype.kind} & set("Ob"):  # pandas finds no True among numbers, Python does
        values, wanted = values.astype(object), wanted.astype(object)
    return values.get_indexer(wanted)


def _check_length(source: xr.DataArray, target: xr.DataArray, name: Hashable) -> None:
    """Check that there are as many rows as the target has; the error names a row that is one too many or too few."""
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
        f"{count} rows match along {name!r}, the target has {expected}: {row} stands {mine[wrong]} times in the source "
        f"and {theirs[wrong]} times in the target; pass dims_must_match=False to leave it at that"
    )


def _all_levels(assembly: xr.DataArray, name: Hashable) -> list[Hashable]:
    """Name all coordinates along a dimension, in order; anything else stands for itself."""
    index = indexes_of(assembly).get(name)
    if isinstance(index, PandasMultiIndex) and index.dim == name:
        return list(index.index.names)
    along = [c for c, variable in coords_of(assembly).items() if variable.dims == (name,)]
    return [name] if name in along or name not in assembly.dims or not along else along
