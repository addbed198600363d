"""Functions applied to groups: `map` of a grouped assembly and `multi_dim_apply`.

Results of equal form are concatenated by numpy; others (different coordinates or dtypes, lazy values) by xarray, which
compares and aligns every coordinate of every group. Groups are built in `groupby`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.coordinates import is_whole_multi_index, levels_of, unknown_name_message
from brainio.assemblies.index import AssemblyIndex
from brainio.assemblies.reductions import GroupNumbers
from brainio.errors import GroupbyError
from brainio.levels import factorize_level, group_rows
from brainio.xarray_compat import coords_of, indexes_of, replace_parts, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence


T = TypeVar("T", bound=xr.DataArray)
Place = int | np.ndarray | tuple[()]  # positions along one dimension; the empty tuple is for arrays without any
Part = tuple[Place, dict[str, Any]]


def map_groups(source: T, dim: Hashable, positions: Sequence[np.ndarray], func: Callable[[T], Any], name: str) -> T:
    """Call a function on each group along a dimension, and combine the results.

    Parameters
    ----------
    positions : sequence of numpy.ndarray
        The positions of each group; every position is in one group.
    name : str
        Name of the new dimension, with one position for each group, if results lack `dim`.

    Raises
    ------
    GroupbyError
        A result is not an assembly without `dim`, or with as many positions along it as the group; or some results
        have `dim`, and others lack it.
    """
    results: list[T] = []
    keep_coordinates = True
    for own in positions:
        group = source.isel({dim: own})
        result = _check_result(func(group), group, dim, results)
        keep_coordinates = keep_coordinates and _has_coordinates_of(result, group, dim)
        results.append(result)
    keep_dim = bool(results) and dim in results[0].dims
    if not results or (keep_dim and not keep_coordinates) or not _have_equal_form(results, dim):
        combined = _by_xarray(source, results, dim, positions, name)
    else:
        combined = _stack_in_order(source, results, dim, positions) if keep_dim else _stack_results(results, name)
    places = {d: number for number, d in enumerate(source.dims)} | {name: source.get_axis_num(dim)}
    return combined.transpose(*sorted(combined.dims, key=lambda d: places.get(d, len(places))))


def call_reduction(func: Callable[..., Any], values: Any, axis: Any = None, **kwargs: Any) -> Any:
    """Call a function that reduces values along axes, and check the shape of its result."""
    result = func(values, **({} if axis is None else {"axis": axis}), **kwargs)
    axes = range(values.ndim) if axis is None else np.atleast_1d(axis) % values.ndim
    expected = tuple(np.delete(values.shape, list(axes)).tolist())
    if np.shape(result) not in (expected, values.shape):
        raise GroupbyError(
            f"the function returned shape {np.shape(result)} for a group of shape {values.shape}; expected {expected}, "
            f"without axis {axis}"
        )
    return result


def _check_result(result: Any, group: xr.DataArray, dim: Hashable, earlier: Sequence[xr.DataArray]) -> Any:
    """Check that a result can be combined with those of earlier groups, and return it."""
    if not isinstance(result, xr.DataArray):
        raise GroupbyError(
            f"the function returned a {type(result).__name__} for a group of sizes {dict(group.sizes)}; expected an "
            f"assembly without {dim!r}, or with as many positions along it as the group"
        )
    if result.sizes.get(dim, group.sizes[dim]) != group.sizes[dim]:
        raise GroupbyError(
            f"the function returned sizes {dict(result.sizes)} for a group of sizes {dict(group.sizes)}; expected no "
            f"{dim!r}, or {group.sizes[dim]} positions along it"
        )
    if earlier and (dim in result.dims) != (dim in earlier[0].dims):
        raise GroupbyError(
            f"the function returned the dimensions {result.dims} for a group of sizes {dict(group.sizes)}; expected "
            f"{earlier[0].dims}, as for the first group"
        )
    return result


def _has_coordinates_of(result: xr.DataArray, group: xr.DataArray, dim: Hashable) -> bool:
    """Return whether an array has the one-dimensional coordinates of the group along a dimension."""
    mine, theirs = ({n: v for n, v in coords_of(a).items() if dim in v.dims} for a in (result, group))
    if mine.keys() != theirs.keys() or any(variable.ndim > 1 for variable in theirs.values()):
        return False
    return all(_is_same(name, result, group) for name in mine)


def _is_same(name: Hashable, first: xr.DataArray, second: xr.DataArray) -> bool:
    """Return whether two arrays have the same coordinate, and the same index for it."""
    mine, theirs = indexes_of(first).get(name), indexes_of(second).get(name)
    if isinstance(mine, PandasMultiIndex):
        if not isinstance(theirs, PandasMultiIndex) or type(mine) is not type(theirs):
            return False
        return mine is theirs or mine.equals(theirs)
    if (mine is None) != (theirs is None):
        return False
    return coords_of(first)[name] is coords_of(second)[name] or coords_of(first)[name].identical(
        coords_of(second)[name]
    )


def _have_equal_form(results: Sequence[xr.DataArray], dim: Hashable) -> bool:
    """Return whether all results differ only in values, and in coordinates along the dimension."""
    first = results[0]
    other_names = [name for name, variable in coords_of(first).items() if dim not in variable.dims]
    return all(
        type(result) is type(first)
        and isinstance(stored_values(result.variable), np.ndarray)
        and (result.dims, result.dtype, result.name) == (first.dims, first.dtype, first.name)
        and all(result.sizes[d] == first.sizes[d] for d in first.dims if d != dim)
        and coords_of(result).keys() == coords_of(first).keys()
        and all(_is_same(name, result, first) for name in other_names)
        for result in results
    )


def _stack_results(results: Sequence[T], name: str) -> T:
    first = results[0]
    values = np.stack([result.values for result in results])
    variable = xr.Variable((name, *first.dims), values, first.attrs)
    return replace_parts(first, variable, dict(coords_of(first)), indexes=dict(indexes_of(first)))


def _stack_in_order(source: T, results: Sequence[T], dim: Hashable, positions: Sequence[np.ndarray]) -> T:
    """Concatenate results in the order of the positions of the source, whose coordinates they have."""
    first = results[0]
    axis = first.get_axis_num(dim)
    order = np.argsort(np.concatenate(positions))
    values = np.take(np.concatenate([result.values for result in results], axis=axis), order, axis=axis)
    coords = {n: coords_of(source)[n] if dim in v.dims else v for n, v in coords_of(first).items()}
    indexes = {n: indexes_of(source)[n] if dim in coords[n].dims else i for n, i in indexes_of(first).items()}
    return replace_parts(first, xr.Variable(first.dims, values, first.attrs), coords, indexes=indexes)


def _by_xarray(source: T, results: Sequence[T], dim: Hashable, positions: Sequence[np.ndarray], name: str) -> T:
    codes = np.empty(source.sizes[dim], dtype=int)
    for number, own in enumerate(positions):
        codes[own] = number
    remaining = iter(results)
    return cast("T", source.groupby(xr.DataArray(codes, dims=[dim], name=name)).map(lambda _: next(remaining)))


def multi_dim_apply(assembly: T, groups: Sequence[str], apply: Callable[..., Any]) -> T:
    """Apply a function to the groups of all dimensions, see `DataAssembly.multi_dim_apply`."""
    by_dim = _group_of_each_dim(assembly, groups)
    values = assembly.values
    output = np.zeros(values.shape)
    parts: list[list[Part]] = [list(_parts(assembly, dim, by_dim[dim])) for dim in assembly.dims]
    *outer_parts, last = parts or [[((), {})]]
    for combination in itertools.product(*outer_parts):
        outer = tuple(place for place, _ in combination)
        coords = {name: value for _, own in combination for name, value in own.items()}
        if all(isinstance(place, int) for place in outer):
            _apply_along(values[(*outer, ...)], output[(*outer, ...)], last, apply, coords)
        else:
            _apply_to_blocks(values, output, outer, last, apply, coords)
    return assembly.copy(deep=False, data=output)


def _apply_along(values: np.ndarray, output: np.ndarray, parts: Any, apply: Any, coords: dict[str, Any]) -> None:
    """Apply along the last dimension, where all others have one position: no work is repeated for each call."""
    for place, own in parts:
        result = apply(values[place], **coords, **own)
        try:
            output[place] = result
        except (TypeError, ValueError) as error:
            output[place] = _reshaped_result(result, np.shape(values[place]), {**coords, **own}, error)


def _apply_to_blocks(
    values: np.ndarray, output: np.ndarray, outer: tuple[Place, ...], parts: Any, apply: Any, coords: dict[str, Any]
) -> None:
    for last, own in parts:
        places = (*outer, last)
        block: Any = np.ix_(*[np.atleast_1d(place) for place in places])
        chosen = values[block]
        result = apply(chosen.squeeze(), **coords, **own)
        try:
            output[block] = result if np.ndim(result) == 0 else np.reshape(result, chosen.shape)
        except (TypeError, ValueError) as error:
            expected = chosen.squeeze().shape
            output[block] = np.reshape(_reshaped_result(result, expected, {**coords, **own}, error), chosen.shape)


def _reshaped_result(result: Any, expected: tuple[int, ...], coords: dict[str, Any], error: Exception) -> np.ndarray:
    """Reshape a result that has the expected number of values, or one for all; else raise GroupbyError."""
    shape = np.shape(result)
    if shape in ((), expected):
        raise error
    if np.prod(shape) == 1:
        return np.broadcast_to(np.reshape(result, ()), expected)
    if np.prod(shape) == np.prod(expected):
        return np.reshape(result, expected)
    where = {name: np.unique(np.asarray(value, dtype=str)).tolist()[:3] for name, value in coords.items()}
    raise GroupbyError(
        f"the function returned shape {shape}; expected {expected}, or one value for all (in the group with {where})"
    ) from error


def _group_of_each_dim(assembly: xr.DataArray, groups: Sequence[str]) -> dict[Hashable, str]:
    by_dim: dict[Hashable, str] = {}
    for name in groups:
        if name not in assembly.dims and name not in coords_of(assembly):
            raise KeyError(unknown_name_message(assembly, name, " to group by"))
        dims = (name,) if name in assembly.dims else coords_of(assembly)[name].dims
        if len(dims) != 1 or dims[0] in by_dim:
            also = f" like {by_dim[dims[0]]!r}" if len(dims) == 1 else ""
            raise KeyError(
                f"{name!r} is along {dims}{also}; expected one coordinate for each of the dimensions {assembly.dims}, "
                f"got {list(groups)}"
            )
        by_dim[dims[0]] = name
    missing = tuple(dim for dim in assembly.dims if dim not in by_dim)
    if missing:
        raise KeyError(f"the dimensions {missing} have no group; pass one coordinate for each of {assembly.dims}")
    return by_dim


def _parts(assembly: xr.DataArray, dim: Hashable, name: Hashable) -> Iterator[Part]:
    """Yield the positions of each group along a dimension (a single one as int) and its coordinates."""
    columns = {
        str(c): np.asarray(variable.values)
        for c, variable in coords_of(assembly).items()
        if variable.dims == (dim,) and not is_whole_multi_index(assembly, c)
    }
    index = indexes_of(assembly).get(name)
    if isinstance(index, AssemblyIndex) and is_whole_multi_index(assembly, name):
        levels = list(index.levels.values())
    elif name in coords_of(assembly):
        levels = levels_of(assembly, [name])
    else:
        levels = [factorize_level(np.arange(assembly.sizes[dim]))]
    grouping = group_rows(levels)
    for positions in GroupNumbers(grouping.codes, grouping.size).positions():
        place = int(positions[0]) if len(positions) == 1 else positions
        yield place, {c: values[place] for c, values in columns.items()}
