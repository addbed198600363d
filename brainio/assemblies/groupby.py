"""Grouping an assembly by combinations of coordinates, and applying functions to groups over several dimensions.

Groups are numbered from the integer codes of the index (`codes.group_rows`), reduced by those numbers, and get their
coordinates back at the end. Sums, means and counts of floats take a path of their own; every other reduction goes
through xarray's groupby over the group numbers, without coordinates to carry along.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from xarray.groupers import EncodedGroups, Grouper
from xarray.indexes import PandasIndex

from brainio.assemblies.codes import Grouping, Level, factorize_level, group_rows
from brainio.assemblies.index import AssemblyIndex
from brainio.errors import GroupbyError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

T = TypeVar("T", bound=xr.DataArray)
_GROUP = "group_number"


class GroupbyBridge:
    """An assembly grouped by one or more coordinates of one dimension; made by `DataAssembly.multi_groupby`.

    Every reduction of xarray's groupby is here (`mean`, `sum`, `count`, `std`, `first`, ...), and `map`, `apply`,
    `reduce`. A result that has one value a group gets the grouping coordinates as the index of the grouped dimension.
    """

    def __init__(
        self, assembly: xr.DataArray, dim: Hashable, group_coord_names: Sequence[str], grouping: Grouping, **kwargs: Any
    ) -> None:
        self._assembly = assembly
        self._dim = dim
        self._names = list(group_coord_names)
        self._grouping = grouping
        self._kwargs = kwargs

    def __len__(self) -> int:
        return self._grouping.size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for key, positions in self.groups.items():
            yield key, self._assembly.isel({self._dim: positions})

    @property
    def groups(self) -> dict[Any, list[int]]:
        """The positions of each group, under its value (one coordinate) or the tuple of its values."""
        order = np.argsort(self._grouping.codes, kind="stable")
        starts = np.cumsum(np.bincount(self._grouping.codes, minlength=len(self)))[:-1]
        columns = [level.to_numpy().tolist() for level in self._grouping.levels]
        keys = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
        return dict(zip(keys, (part.tolist() for part in np.split(order, starts)), strict=True))

    def mean(
        self, dim: Any = None, *, skipna: bool | None = None, keep_attrs: bool | None = None, **kwargs: Any
    ) -> Any:
        """Average over the grouped dimension (default) or `dim`; NaN is left out unless `skipna=False`."""
        if not self._is_quick(dim, kwargs):
            return self._reduce("mean", dim=dim, skipna=skipna, keep_attrs=keep_attrs, **kwargs)
        sums, counts = self._sums_and_counts(skipna is not False)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._grouped_result(sums / counts, keep_attrs)

    def sum(self, dim: Any = None, *, skipna: bool | None = None, keep_attrs: bool | None = None, **kwargs: Any) -> Any:
        """Add up over the grouped dimension (default) or `dim`; NaN is left out unless `skipna=False`."""
        if not self._is_quick(dim, kwargs):
            return self._reduce("sum", dim=dim, skipna=skipna, keep_attrs=keep_attrs, **kwargs)
        return self._grouped_result(self._sums_and_counts(skipna is not False)[0], keep_attrs)

    def map(self, func: Callable[..., Any], args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Call `func` on each group, an assembly with all its coordinates, and put the results together."""
        grouped = self._assembly.groupby(self._numbers(), **self._kwargs)
        result = grouped.map(func, args=args, **kwargs)
        if _GROUP in result.dims:
            other = [name for name in result._coords if self._dim in result._coords[name].dims or name == _GROUP]
            return self._with_groups(result.drop_vars(other, errors="ignore"))
        return result.drop_vars(_GROUP, errors="ignore") if isinstance(result, xr.DataArray) else result

    def apply(self, func: Callable[..., Any], args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Do the same as `map`."""
        return self.map(func, args=args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not callable(getattr(xr.core.groupby.DataArrayGroupBy, name, None)):
            raise AttributeError(f"grouped assemblies have no {name!r}")
        return lambda *args, **kwargs: self._reduce(name, *args, **kwargs)

    # ------------------------------------------------------------ the parts

    def _numbers(self) -> xr.DataArray:
        return xr.DataArray(self._grouping.codes, dims=[self._dim], name=_GROUP)

    def _reduce(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Reduce bare values by xarray's groupby over the group numbers, then put coordinates back."""
        bare = xr.DataArray(self._assembly.variable, name=self._assembly.name)
        result = getattr(bare.groupby(self._numbers(), **self._kwargs), method)(*args, **kwargs)
        if not isinstance(result, xr.DataArray):
            return result
        result = result.drop_vars(_GROUP, errors="ignore")
        source = self._assembly
        wrapped = source._replace(
            result.variable,
            {
                **{name: variable for name, variable in source._coords.items() if self._fits(variable, result)},
                **{name: variable for name, variable in result._coords.items() if name not in source._coords},
            },
            indexes={n: i for n, i in source._indexes.items() if self._fits(source._coords[n], result)},
        )
        return self._with_groups(wrapped) if _GROUP in result.dims else wrapped

    @staticmethod
    def _fits(variable: xr.Variable, result: xr.DataArray) -> bool:
        return all(result.sizes.get(dim) == size for dim, size in variable.sizes.items())

    def _with_groups(self, result: Any) -> Any:
        """Replace the dimension of group numbers by one that has the grouping coordinates."""
        dim, index = self._group_index()
        variable = result.variable
        renamed = variable._replace(dims=[dim if d == _GROUP else d for d in variable.dims])
        variables = index.create_variables()
        coords = {name: v for name, v in result._coords.items() if name not in variables and name != _GROUP}
        indexes = {name: i for name, i in result._indexes.items() if name in coords}
        return result._replace(renamed, {**coords, **variables}, indexes={**indexes, **dict.fromkeys(variables, index)})

    def _group_index(self) -> tuple[Hashable, PandasIndex]:
        levels: dict[Hashable, Level] = dict(zip(self._names, self._grouping.levels, strict=True))
        if len(levels) > 1:
            return self._dim, AssemblyIndex.from_levels(self._dim, levels)
        ((name, level),) = levels.items()
        values = level.to_numpy()
        return name, PandasIndex(xr.Variable((name,), values).to_index().astype(values.dtype), name, values.dtype)

    def _is_quick(self, dim: Any, kwargs: Mapping[str, Any]) -> bool:
        values = self._assembly._variable._data
        one = dim is None or dim == self._dim or (isinstance(dim, list | tuple) and list(dim) == [self._dim])
        return one and not kwargs and isinstance(values, np.ndarray) and values.dtype in (np.float32, np.float64)

    def _sums_and_counts(self, skipna: bool) -> tuple[np.ndarray, np.ndarray]:
        """Sum the values of each group, and count those that are not left out; the groups are the last axis."""
        codes, groups = self._grouping.codes, len(self)
        rows = np.moveaxis(self._assembly.values, self._assembly.get_axis_num(self._dim), -1)
        shape = (*rows.shape[:-1], groups)
        rows = rows.reshape(int(np.prod(rows.shape[:-1])), len(codes))
        sums = np.empty((len(rows), groups))
        counts = np.empty((len(rows), groups))
        counts[:] = np.bincount(codes, minlength=groups)
        for number, row in enumerate(rows):
            sums[number] = np.bincount(codes, weights=row, minlength=groups)
            if skipna and np.isnan(sums[number]).any():
                present = ~np.isnan(row)
                sums[number] = np.bincount(codes[present], weights=row[present], minlength=groups)
                counts[number] = np.bincount(codes[present], minlength=groups)
        return sums.reshape(shape), counts.reshape(shape)

    def _grouped_result(self, last_axis: np.ndarray, keep_attrs: bool | None) -> Any:
        source = self._assembly
        axis = source.get_axis_num(self._dim)
        values = np.moveaxis(last_axis, -1, axis).astype(source.dtype)
        dims = [_GROUP if dim == self._dim else dim for dim in source.dims]
        attrs = {} if keep_attrs is False else dict(source.attrs)
        coords = {name: v for name, v in source._coords.items() if self._dim not in v.dims}
        indexes = {name: index for name, index in source._indexes.items() if name in coords}
        return self._with_groups(source._replace(xr.Variable(dims, values, attrs), coords, indexes=indexes))


class LevelGrouper(Grouper):
    """Group by one level, its missing values being the last group (xarray's own grouper leaves them out)."""

    def factorize(self, group: Any) -> EncodedGroups:
        """Number the groups."""
        grouping = group_rows(_levels_of(group, [group.name]))
        values = grouping.levels[0].to_numpy()
        codes = xr.DataArray(grouping.codes, dims=group.dims, name=group.name)
        return EncodedGroups(codes, pd.Index(values, dtype=values.dtype), unique_coord=xr.Variable(group.name, values))

    def reset(self) -> LevelGrouper:
        """Give a fresh grouper."""
        return LevelGrouper()


def group_by_levels(assembly: xr.DataArray, names: Sequence[str], *args: Any, **kwargs: Any) -> GroupbyBridge:
    """Group an assembly by coordinates of one dimension, see `DataAssembly.multi_groupby`."""
    if isinstance(names, str) or not names:
        raise GroupbyError(f"expected a list of one or more coordinate names to group by, got {names!r}")
    names = [level for name in names for level in _expand(assembly, name)]
    for name in names:
        if name not in assembly._coords:
            raise KeyError(f"there is no coordinate {name!r} to group by; there are {list(assembly._coords)}")
    dims = {name: assembly._coords[name].dims for name in names}
    if len(set(dims.values())) != 1 or len(dims[names[0]]) != 1:
        raise GroupbyError(
            f"all coordinates to group by must lie on one and the same dimension, but they lie on {dims}. "
            "A level that was selected with one value is a scalar: leave it out, or select with `multisel`."
        )
    if args:
        kwargs["squeeze"] = args[0]
    (dim,) = dims[names[0]]
    return GroupbyBridge(assembly, dim, names, group_rows(_levels_of(assembly, names)), **kwargs)


def _expand(assembly: xr.DataArray, name: str) -> list[str]:
    """Name all levels of an index where its dimension is named."""
    index = assembly._indexes.get(name)
    return [str(n) for n in index.index.names] if isinstance(index, AssemblyIndex) and index.dim == name else [name]


def _levels_of(assembly: xr.DataArray, names: Sequence[Hashable]) -> list[Level]:
    levels = []
    for name in names:
        index = assembly._indexes.get(name)
        if isinstance(index, AssemblyIndex) and name in index.index.names:
            levels.append(index.levels[name])
        else:
            levels.append(factorize_level(np.asarray(assembly._coords[name].values)))
    return levels


def multi_dim_apply(assembly: T, groups: Sequence[str], apply: Callable[..., Any]) -> T:
    """Apply a function to the groups of all dimensions, see `DataAssembly.multi_dim_apply`."""
    by_dim: dict[Hashable, str] = {}
    for name in groups:
        dims = (name,) if name in assembly.dims else assembly.coords[name].dims
        if len(dims) != 1 or dims[0] in by_dim:
            raise KeyError(f"{name!r} lies on {dims}; expected one coordinate for each dimension, got {list(groups)}")
        by_dim[dims[0]] = name
    missing = tuple(dim for dim in assembly.dims if dim not in by_dim)
    if missing:
        raise KeyError(
            f"no group was given for the dimensions {missing}; give one coordinate for each of {assembly.dims}"
        )
    values = assembly.values
    result = np.zeros(values.shape)
    parts = [list(_parts(assembly, dim, by_dim[dim])) for dim in assembly.dims]
    for combination in itertools.product(*parts):
        place: Any = tuple(positions for positions, _ in combination)
        coords = {name: value for _, own in combination for name, value in own.items()}
        if sum(not isinstance(positions, int) for positions in place) > 1:
            place = np.ix_(*[np.atleast_1d(positions) for positions in place])
            answer = np.asarray(apply(values[place].squeeze(), **coords))
            result[place] = answer if answer.ndim == 0 else answer.reshape([p.size for p in place])
        else:
            result[place] = apply(values[place], **coords)
    return assembly._replace(assembly.variable._replace(data=result))


def _parts(assembly: xr.DataArray, dim: Hashable, name: Hashable) -> Iterator[tuple[int | np.ndarray, dict[str, Any]]]:
    """Yield the positions of each group of one dimension (one position as an int) and its coordinates."""
    columns = {
        str(c): np.asarray(variable.values)
        for c, variable in assembly._coords.items()
        if variable.dims == (dim,) and not (c == dim and isinstance(assembly._indexes.get(c), AssemblyIndex))
    }
    index = assembly._indexes.get(name)
    if name == dim and isinstance(index, AssemblyIndex):
        levels = list(index.levels.values())
    elif name in assembly._coords:
        levels = _levels_of(assembly, [name])
    else:
        levels = [factorize_level(np.arange(assembly.sizes[dim]))]
    grouping = group_rows(levels)
    order = np.argsort(grouping.codes, kind="stable")
    starts = np.cumsum(np.bincount(grouping.codes, minlength=grouping.size))[:-1]
    for positions in np.split(order, starts):
        place = int(positions[0]) if len(positions) == 1 else positions
        yield place, {c: values[place] for c, values in columns.items()}
