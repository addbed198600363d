"""Applying a function to the groups of all dimensions at once: `multi_dim_apply`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr

from brainio.assemblies.coords import is_whole_multi_index, no_such_name
from brainio.assemblies.groupby import levels_of
from brainio.assemblies.index import AssemblyIndex
from brainio.assemblies.reductions import GroupNumbers
from brainio.errors import GroupbyError
from brainio.levels import factorize_level, group_rows
from brainio.xarray_compat import coords_of, indexes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

T = TypeVar("T", bound=xr.DataArray)
Place = int | np.ndarray | tuple[()]  # positions along one dimension; the empty tuple serves an array without any
Part = tuple[Place, dict[str, Any]]


def multi_dim_apply(assembly: T, groups: Sequence[str], apply: Callable[..., Any]) -> T:
    """Apply a function to the groups of all dimensions, see `DataAssembly.multi_dim_apply`."""
    by_dim = _group_of_each_dim(assembly, groups)
    values = assembly.values
    result = np.zeros(values.shape)
    parts: list[list[Part]] = [list(_parts(assembly, dim, by_dim[dim])) for dim in assembly.dims]
    *outer_parts, last = parts or [[((), {})]]
    for combination in itertools.product(*outer_parts):
        outer = tuple(place for place, _ in combination)
        coords = {name: value for _, own in combination for name, value in own.items()}
        if all(isinstance(place, int) for place in outer):
            _apply_along(values[(*outer, ...)], result[(*outer, ...)], last, apply, coords)
        else:
            _apply_to_blocks(values, result, outer, last, apply, coords)
    return assembly.copy(deep=False, data=result)


def _apply_along(values: np.ndarray, result: np.ndarray, parts: Any, apply: Any, coords: dict[str, Any]) -> None:
    """Apply along the last dimension, all others having one position; everything that repeats is done outside."""
    for place, own in parts:
        answer = apply(values[place], **coords, **own)
        try:
            result[place] = answer
        except (TypeError, ValueError) as error:
            result[place] = _fitting(answer, np.shape(values[place]), {**coords, **own}, error)


def _apply_to_blocks(
    values: np.ndarray, result: np.ndarray, outer: tuple[Place, ...], parts: Any, apply: Any, coords: dict[str, Any]
) -> None:
    for last, own in parts:
        places = (*outer, last)
        block: Any = np.ix_(*[np.atleast_1d(place) for place in places])
        chosen = values[block]
        answer = apply(chosen.squeeze(), **coords, **own)
        try:
            result[block] = answer if np.ndim(answer) == 0 else np.reshape(answer, chosen.shape)
        except (TypeError, ValueError) as error:
            expected = chosen.squeeze().shape
            result[block] = np.reshape(_fitting(answer, expected, {**coords, **own}, error), chosen.shape)


def _fitting(answer: Any, expected: tuple[int, ...], coords: dict[str, Any], error: Exception) -> np.ndarray:
    """Give an answer the expected shape if it has as many values, or one for all; else say what is wrong."""
    found = np.shape(answer)
    if found in ((), expected):
        raise error
    if np.prod(found) == 1:
        return np.broadcast_to(np.reshape(answer, ()), expected)
    if np.prod(found) == np.prod(expected):
        return np.reshape(answer, expected)
    where = {name: np.unique(np.asarray(value, dtype=str)).tolist()[:3] for name, value in coords.items()}
    raise GroupbyError(
        f"the function gave shape {found}; expected {expected}, or one value for all (in the group that has {where})"
    ) from error


def _group_of_each_dim(assembly: xr.DataArray, groups: Sequence[str]) -> dict[Hashable, str]:
    by_dim: dict[Hashable, str] = {}
    for name in groups:
        if name not in assembly.dims and name not in coords_of(assembly):
            raise KeyError(no_such_name(assembly, name, " to group by"))
        dims = (name,) if name in assembly.dims else coords_of(assembly)[name].dims
        if len(dims) != 1 or dims[0] in by_dim:
            also = f" as does {by_dim[dims[0]]!r}" if len(dims) == 1 else ""
            raise KeyError(
                f"{name!r} lies on {dims}{also}; expected one coordinate for each of the dimensions {assembly.dims}, "
                f"got {list(groups)}"
            )
        by_dim[dims[0]] = name
    missing = tuple(dim for dim in assembly.dims if dim not in by_dim)
    if missing:
        raise KeyError(
            f"no group was given for the dimensions {missing}; give one coordinate for each of {assembly.dims}"
        )
    return by_dim


def _parts(assembly: xr.DataArray, dim: Hashable, name: Hashable) -> Iterator[Part]:
    """Yield the positions of each group of one dimension (one position as an int) and its coordinates."""
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
