"""PLACEHOLDER"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.coordinates import is_whole_multi_index, levels_of, no_such_name
from brainio.assemblies.index import AssemblyIndex
from brainio.assemblies.reductions import GroupNumbers
from brainio.errors import GroupbyError
from brainio.levels import factorize_level, group_rows
from brainio.xarray_compat import coords_of, indexes_of, replace_parts, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence


T = TypeVar("T", bound=xr.DataArray)


def map_groups(source: T, dim: Hashable, positions: Sequence[np.ndarray], func: Callable[[T], Any], name: str) -> T:
    """Call a function with the positions of each group along a dimension, and put the answers together.

    Parameters
    ----------
    positions : sequence of numpy.ndarray
        Those of each group; every position is in one group.
    name : str
        Of the new dimension, one position a group, that stands in place of `dim` where the answers have none.

    Raises
    ------
    GroupbyError
        The function gave something else than an assembly without `dim`, or with as many positions along it as the
        group; or the one for some groups, the other for others.
    """
    answers: list[T] = []
    keeps_rows = True
    for own in positions:
        group = source.isel({dim: own})
        answer = _checked(func(group), group, dim, answers)
        keeps_rows = keeps_rows and _has_rows_of(answer, group, dim)
        answers.append(answer)
    in_place = bool(answers) and dim in answers[0].dims
    if not answers or (in_place and not keeps_rows) or not _are_alike(answers, dim):
        whole = _by_xarray(source, answers, dim, positions, name)
    else:
        whole = _back_in_place(source, answers, dim, positions) if in_place else _stacked(answers, name)
    places = {d: number for number, d in enumerate(source.dims)} | {name: source.get_axis_num(dim)}
    return whole.transpose(*sorted(whole.dims, key=lambda d: places.get(d, len(places))))


def call_reduction(func: Callable[..., Any], values: Any, axis: Any = None, **kwargs: Any) -> Any:
    """Call a function that is to reduce values along axes, and see to it that it did, or left them all."""
    answer = func(values, **({} if axis is None else {"axis": axis}), **kwargs)
    axes = range(values.ndim) if axis is None else np.atleast_1d(axis) % values.ndim
    expected = tuple(np.delete(values.shape, list(axes)).tolist())
    if np.shape(answer) not in (expected, values.shape):
        raise GroupbyError(
            f"the function gave shape {np.shape(answer)} for a group of shape {values.shape}; expected {expected}, "
            f"without axis {axis}"
        )
    return answer


def _checked(answer: Any, group: xr.DataArray, dim: Hashable, earlier: Sequence[xr.DataArray]) -> Any:
    """See to it that an answer can be put together with those of earlier groups."""
    if not isinstance(answer, xr.DataArray):
        raise GroupbyError(
            f"the function gave a {type(answer).__name__} for a group of sizes {dict(group.sizes)}; expected an "
            f"assembly without {dim!r}, or with as many positions along it as the group"
        )
    if answer.sizes.get(dim, group.sizes[dim]) != group.sizes[dim]:
        raise GroupbyError(
            f"the function gave sizes {dict(answer.sizes)} for a group of sizes {dict(group.sizes)}; expected no "
            f"{dim!r}, or {group.sizes[dim]} positions along it"
        )
    if earlier and (dim in answer.dims) != (dim in earlier[0].dims):
        raise GroupbyError(
            f"the function gave the dimensions {answer.dims} for a group of sizes {dict(group.sizes)}; expected "
            f"{earlier[0].dims}, as it gave for the first group"
        )
    return answer


def _has_rows_of(answer: xr.DataArray, group: xr.DataArray, dim: Hashable) -> bool:
    """Tell whether the coordinates along the dimension are those of the group, all of one dimension."""
    mine, theirs = ({n: v for n, v in coords_of(a).items() if dim in v.dims} for a in (answer, group))
    if mine.keys() != theirs.keys() or any(variable.ndim > 1 for variable in theirs.values()):
        return False
    return all(_is_same(name, answer, group) for name in mine)


def _is_same(name: Hashable, first: xr.DataArray, second: xr.DataArray) -> bool:
    """Tell whether two arrays have the same coordinate, and the same index for it."""
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


def _are_alike(answers: Sequence[xr.DataArray], dim: Hashable) -> bool:
    """Tell whether all answers differ in nothing but values, and what lies along the dimension."""
    first = answers[0]
    apart = [name for name, variable in coords_of(first).items() if dim not in variable.dims]
    return all(
        type(answer) is type(first)
        and isinstance(stored_values(answer.variable), np.ndarray)
        and (answer.dims, answer.dtype, answer.name) == (first.dims, first.dtype, first.name)
        and all(answer.sizes[d] == first.sizes[d] for d in first.dims if d != dim)
        and coords_of(answer).keys() == coords_of(first).keys()
        and all(_is_same(name, answer, first) for name in apart)
        for answer in answers
    )


def _stacked(answers: Sequence[T], name: str) -> T:
    first = answers[0]
    values = np.stack([answer.values for answer in answers])
    variable = xr.Variable((name, *first.dims), values, first.attrs)
    return replace_parts(first, variable, dict(coords_of(first)), indexes=dict(indexes_of(first)))


def _back_in_place(source: T, answers: Sequence[T], dim: Hashable, positions: Sequence[np.ndarray]) -> T:
    """Put the positions of the answers back where they were in the source, whose coordinates they have."""
    first = answers[0]
    axis = first.get_axis_num(dim)
    order = np.argsort(np.concatenate(positions))
    values = np.take(np.concatenate([answer.values for answer in answers], axis=axis), order, axis=axis)
    coords = {n: coords_of(source)[n] if dim in v.dims else v for n, v in coords_of(first).items()}
    indexes = {n: indexes_of(source)[n] if dim in coords[n].dims else i for n, i in indexes_of(first).items()}
    return replace_parts(first, xr.Variable(first.dims, values, first.attrs), coords, indexes=indexes)


def _by_xarray(source: T, answers: Sequence[T], dim: Hashable, positions: Sequence[np.ndarray], name: str) -> T:
    codes = np.empty(source.sizes[dim], dtype=int)
    for number, own in enumerate(positions):
        codes[own] = number
    waiting = iter(answers)
    return cast("T", source.groupby(xr.DataArray(codes, dims=[dim], name=name)).map(lambda _: next(waiting)))


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
