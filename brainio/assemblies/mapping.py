"""Calling a function with each group of an assembly, and putting its answers together.

Answers that are alike are put together by numpy. What is not alike (coordinates or dtypes that differ, lazy values) is
handed to xarray, which compares and aligns every coordinate of every group. How groups are made is in `groupby`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.errors import GroupbyError
from brainio.xarray_compat import coords_of, indexes_of, replace_parts, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

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
