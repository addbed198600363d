"""Grouping of an assembly by coordinates: `multi_groupby`, and `groupby` by one level.

Groups are numbered from the integer codes of the index (`levels.group_rows`), reduced by number (`reductions`), and get
their coordinates at the end. Other reductions and kinds of values go through xarray's groupby over the group numbers,
without coordinates. Functions of groups are in `group_functions`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from xarray.groupers import EncodedGroups, Grouper

from brainio.assemblies.coordinates import dimensions_of, is_whole_multi_index, levels_of
from brainio.assemblies.group_functions import call_reduction, map_groups
from brainio.assemblies.index import AssemblyIndex, dimension_index
from brainio.assemblies.reductions import (
    REDUCTIONS,
    GroupNumbers,
    can_reduce,
    merge_axes,
    reduce_groups,
    reduce_lazy_groups,
)
from brainio.errors import GroupbyError
from brainio.levels import Grouping, Level, factorize_level, group_rows
from brainio.xarray_compat import (
    DataArrayGroupBy,
    GroupedArray,
    coords_of,
    group_by_values,
    indexes_of,
    regroup,
    replace_parts,
    with_dims,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from xarray.indexes import PandasIndex

_GROUP = "group_number"


class GroupbyBridge:
    """An assembly grouped by one or more coordinates of one dimension, from `DataAssembly.multi_groupby`.

    Has every reduction of xarray's groupby (`mean`, `sum`, `count`, `std`, `first`, ...), and `map`, `apply`, `reduce`.
    If a result has one value for each group, the grouping coordinates are the index of its grouped dimension.
    """

    def __init__(
        self, assembly: xr.DataArray, dim: Hashable, group_coord_names: Sequence[str], grouping: Grouping, **kwargs: Any
    ) -> None:
        self._assembly = assembly
        self.dim = dim
        self._names = list(group_coord_names)
        self._grouping = grouping
        self._kwargs = kwargs

    def __len__(self) -> int:
        return self._grouping.size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for key, positions in self.groups.items():
            yield key, self._assembly.isel({self.dim: positions})

    @property
    def groups(self) -> dict[Any, list[int]]:
        """The positions of each group, by its value (one coordinate) or the tuple of its values."""
        numbers = GroupNumbers(self._grouping.codes, len(self))
        columns = [level.to_numpy().tolist() for level in self._grouping.levels]
        keys = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
        return dict(zip(keys, (part.tolist() for part in numbers.positions()), strict=True))

    def map(self, func: Callable[..., Any], args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Call `func` on each group, an assembly with all its coordinates, and combine the results.

        `func` returns an assembly without the grouped dimension, or with as many positions along it as the group.
        """
        positions = GroupNumbers(self._grouping.codes, len(self)).positions()
        result = map_groups(self._assembly, self.dim, positions, lambda group: func(group, *args, **kwargs), _GROUP)
        if _GROUP in result.dims:
            other = [name for name in coords_of(result) if self.dim in coords_of(result)[name].dims or name == _GROUP]
            return self._with_groups(result.drop_vars(other, errors="ignore"))
        return result.drop_vars(_GROUP, errors="ignore")

    def apply(self, func: Callable[..., Any], args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Call `map`, under xarray's older name."""
        return self.map(func, args=args, **kwargs)

    def reduce(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `func(values, axis=..., **kwargs)` on the values of each group as an array, see xarray's `reduce`."""
        return self._reduce("reduce", functools.partial(call_reduction, func), *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not callable(getattr(DataArrayGroupBy, name, None)):
            raise AttributeError(f"grouped assemblies have no attribute {name!r}")
        return functools.partial(self._reduce, name)

    def reduce_by_codes(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Reduce by the group numbers alone; return None for methods, values or arguments that need xarray."""
        if method not in REDUCTIONS:
            return None
        names = ("skipna", "keep_attrs") if method in ("first", "last") else ("dim",)
        options = {**dict(zip(names, args, strict=False)), **kwargs}
        dim, skipna, keep_attrs = (options.pop(name, None) for name in ("dim", "skipna", "keep_attrs"))
        dim = dimensions_of(self._assembly, dim)
        allowed = {"ddof"} if method in ("std", "var") else set()
        others = self._other_reduced_dims(dim)
        if len(args) > len(names) or others is None or not options.keys() <= allowed:
            return None
        reduced = self._reduced_values(method, others, skipna is not False, **options)
        return None if reduced is None else self._grouped_result(reduced, others, _should_keep_attrs(keep_attrs))

    def _reduced_values(self, method: str, others: list[Hashable], skipna: bool, **options: float) -> Any:
        """Return the reduced values, or None for kinds of values that only xarray reduces."""
        variable, codes = self._assembly.variable, self._grouping.codes
        axis = self._assembly.get_axis_num(self.dim)
        is_lazy = variable.chunks is not None
        values = variable.data
        if not (is_lazy or isinstance(values, np.ndarray)) or not can_reduce(values) or (is_lazy and others):
            return None
        place = [d for d in self._assembly.dims if d not in others].index(self.dim)
        if others:
            values, codes = merge_axes(values, codes, axis, self._assembly.get_axis_num(others))
            axis = values.ndim - 1
        reduce = reduce_lazy_groups if is_lazy else reduce_groups
        return np.moveaxis(reduce(method, values, axis, GroupNumbers(codes, len(self)), skipna, **options), axis, place)

    def _other_reduced_dims(self, dim: Any) -> list[Hashable] | None:
        """Return the dimensions to reduce over besides that of the groups, or None if that is not reduced."""
        all_dims = list(self._assembly.dims)
        dims = [self.dim] if dim is None else all_dims if dim is ... else [dim] if isinstance(dim, str) else list(dim)
        if self.dim not in dims or not set(dims) <= set(all_dims) or len(set(all_dims)) < len(all_dims):
            return None
        return [d for d in all_dims if d in dims and d != self.dim]

    # --------------------------------------------------------- implementation

    def _numbers(self) -> xr.DataArray:
        return xr.DataArray(self._grouping.codes, dims=[self.dim], name=_GROUP)

    def _reduce(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Reduce by the group numbers, or else by xarray's groupby over them; then add the coordinates."""
        reduced = self.reduce_by_codes(method, *args, **kwargs)
        if reduced is not None:
            return reduced
        if "dim" in kwargs:
            kwargs["dim"] = dimensions_of(self._assembly, kwargs["dim"])
        bare = xr.DataArray(self._assembly.variable, name=self._assembly.name)
        if kwargs.get("min_count") is not None and bare.dtype.kind in "iub":
            bare = bare.astype(float)  # integers cannot represent a group with too few values
        result = getattr(bare.groupby(self._numbers(), **self._kwargs), method)(*args, **kwargs)
        if not isinstance(result, xr.DataArray):
            return result
        result = result.drop_vars(_GROUP, errors="ignore")
        source = self._assembly
        wrapped = replace_parts(
            source,
            result.variable,
            {
                **{name: variable for name, variable in coords_of(source).items() if self._fits_into(variable, result)},
                **{name: variable for name, variable in coords_of(result).items() if name not in coords_of(source)},
            },
            indexes={n: i for n, i in indexes_of(source).items() if self._fits_into(coords_of(source)[n], result)},
        )
        return self._with_groups(wrapped) if _GROUP in result.dims else wrapped

    @staticmethod
    def _fits_into(variable: xr.Variable, result: xr.DataArray) -> bool:
        return all(result.sizes.get(dim) == size for dim, size in variable.sizes.items())

    def _with_groups(self, result: Any) -> Any:
        """Replace the dimension of group numbers by one with the grouping coordinates."""
        dim, index = self._group_index()
        variable = result.variable
        renamed = with_dims(variable, [dim if d == _GROUP else d for d in variable.dims])
        variables = index.create_variables(coords_of(self._assembly))  # with their attrs
        coords = {name: v for name, v in coords_of(result).items() if name not in variables and name != _GROUP}
        indexes = {name: i for name, i in indexes_of(result).items() if name in coords}
        return replace_parts(
            result, renamed, {**coords, **variables}, indexes={**indexes, **dict.fromkeys(variables, index)}
        )

    def _group_index(self) -> tuple[Hashable, PandasIndex]:
        levels: dict[Hashable, Level] = dict(zip(self._names, self._grouping.levels, strict=True))
        if len(levels) > 1:
            return self.dim, AssemblyIndex.from_levels(self.dim, levels)
        ((name, level),) = levels.items()
        return name, dimension_index(name, level.to_numpy())

    def _grouped_result(self, values: np.ndarray, others: list[Hashable], keep_attrs: bool) -> Any:
        source = self._assembly
        dims = [_GROUP if dim == self.dim else dim for dim in source.dims if dim not in others]
        coords = {name: v for name, v in coords_of(source).items() if not {self.dim, *others} & set(v.dims)}
        indexes = {name: index for name, index in indexes_of(source).items() if name in coords}
        variable = xr.Variable(dims, values, source.attrs if keep_attrs else None)
        return self._with_groups(replace_parts(source, variable, coords, indexes=indexes))


def _should_keep_attrs(argument: bool | None) -> bool:
    """Return whether a result keeps attrs: by the argument, else by the option of xarray, which is True by default."""
    if argument is not None:
        return argument
    option = xr.get_options()["keep_attrs"]
    return True if option == "default" else bool(option)


class _PositionLists(Sequence[list[int]]):
    """The positions of each group as lists, built at the first use: reductions by codes do not need them."""

    def __init__(self, numbers: GroupNumbers) -> None:
        self._numbers = numbers

    @functools.cached_property
    def _lists(self) -> list[list[int]]:
        return [part.tolist() for part in self._numbers.positions()]

    def __len__(self) -> int:
        return self._numbers.size

    def __getitem__(self, number: Any) -> Any:
        return self._lists[number]


class LevelGrouper(Grouper):
    """Group by one level, with missing values as the last group (xarray's own grouper drops them)."""

    def factorize(self, group: Any) -> EncodedGroups:
        """Number the groups."""
        grouping = group_rows([self._level(group)])
        values = grouping.levels[0].to_numpy()
        return EncodedGroups(
            group.copy(data=grouping.codes, deep=False),
            pd.Index(values, dtype=values.dtype),
            group_indices=cast("Any", _PositionLists(GroupNumbers(grouping.codes, grouping.size))),
            unique_coord=xr.Variable(group.name, values, group.attrs),
        )

    def reset(self) -> LevelGrouper:
        """Return a new grouper."""
        return type(self)()

    def _level(self, group: Any) -> Level:
        return levels_of(group, [group.name])[0]


class _ArrayGrouper(LevelGrouper):
    """Group by the values of an array, not by a coordinate of the same name."""

    def _level(self, group: Any) -> Level:
        return factorize_level(np.asarray(group.values))


def _by_codes(method: str) -> Callable[..., Any]:
    """Return a reduction by codes, with that of xarray for all cases that need it."""
    inherited = getattr(DataArrayGroupBy, method)

    @functools.wraps(inherited)
    def reduce(self: LevelGroupBy, *args: Any, **kwargs: Any) -> Any:
        reduced = group_by_levels(self._array, [str(self.groupers[0].name)]).reduce_by_codes(method, *args, **kwargs)
        if reduced is not None:
            return reduced
        if "dim" in kwargs:
            kwargs["dim"] = dimensions_of(self._array, kwargs["dim"])
        elif args and method not in ("first", "last"):
            args = (dimensions_of(self._array, args[0]), *args[1:])
        return inherited(self, *args, **kwargs)

    return reduce


class LevelGroupBy(GroupedArray):
    """The result of `groupby` by one level: reductions by codes, everything else by xarray."""

    __slots__ = ()

    mean = _by_codes("mean")
    sum = _by_codes("sum")
    count = _by_codes("count")
    std = _by_codes("std")
    var = _by_codes("var")
    median = _by_codes("median")
    min = _by_codes("min")
    max = _by_codes("max")
    first = _by_codes("first")
    last = _by_codes("last")

    def _operate(self, other: Any, function: Callable[..., Any], reflexive: bool) -> Any:
        """Combine each group with its value; scalar coordinates stay scalars (xarray would make them levels)."""
        if not isinstance(other, xr.DataArray):
            return super()._operate(other, function, reflexive)
        scalars = {name: variable for name, variable in coords_of(other).items() if variable.ndim == 0}
        result = super()._operate(other.drop_vars(scalars), function, reflexive)
        own = coords_of(self._array)
        conflicts = [name for name, value in scalars.items() if name in own and not own[name].identical(value)]
        added = {name: value for name, value in scalars.items() if name not in own}
        return result.drop_vars(conflicts).assign_coords(added)


def level_groupers(assembly: xr.DataArray, group: Any) -> Any:
    """Replace the name of a level, as an argument of `groupby`, by a `LevelGrouper`; return other arguments unchanged.

    Raises
    ------
    GroupbyError
        Several coordinates of an indexed dimension are named.
    KeyError
        There is no such coordinate.
    """
    key = group[0] if isinstance(group, list | tuple) and len(group) == 1 else group
    if isinstance(key, list | tuple):
        _require_no_levels(assembly, key)
        return group
    if isinstance(key, xr.DataArray) and key.name in coords_of(assembly) and key.identical(assembly[key.name]):
        key = key.name
    if isinstance(key, str) and key not in coords_of(assembly) and key.partition(".")[0] in coords_of(assembly):
        return _date_component(assembly, key)
    if isinstance(key, str) and key not in coords_of(assembly) and key not in assembly.dims:
        raise _unknown(assembly, key)
    if not isinstance(key, str) or key not in coords_of(assembly) or coords_of(assembly)[key].ndim != 1:
        return group
    return group if is_whole_multi_index(assembly, key) else {key: LevelGrouper()}


def require_one_grouper(assembly: xr.DataArray, groupers: Mapping[str, Any]) -> None:
    """Raise GroupbyError for groupers of several levels, see `level_groupers`."""
    names = [name for name, grouper in groupers.items() if isinstance(grouper, Grouper)]
    if len(names) > 1:
        _require_no_levels(assembly, names)


def _require_no_levels(assembly: xr.DataArray, names: Sequence[Any]) -> None:
    columns = [name if isinstance(name, xr.DataArray) else assembly[name] for name in names]
    dims = {dim for column in columns for dim in column.dims}
    if any(isinstance(indexes_of(assembly).get(dim), AssemblyIndex) for dim in dims):
        keys = [name.name if isinstance(name, xr.DataArray) else name for name in names]
        raise GroupbyError(
            f"groupby takes one coordinate of an assembly, got {keys}; to group by all combinations of several, call "
            f"multi_groupby({list(map(str, keys))})"
        )


def _date_component(assembly: xr.DataArray, key: str) -> xr.DataArray:
    """Return a coordinate that xarray derives from dates, such as `when.hour`."""
    try:
        return assembly[key]
    except (AttributeError, TypeError) as error:
        raise _unknown(assembly, key) from error


def group_by_missing_values(assembly: xr.DataArray, group: Any) -> DataArrayGroupBy | None:
    """Group by a one-dimensional array with missing values, which form the last group; None for other arguments."""
    if not isinstance(group, xr.DataArray) or group.ndim != 1 or not group.isnull().any():
        return None
    return group_by_values(assembly, _ArrayGrouper(), group)


def with_reductions_by_codes(grouped: Any) -> Any:
    """Give the result of `groupby` by one level the reductions by codes; return any other unchanged."""
    if len(grouped.groupers) == 1 and isinstance(grouped.groupers[0].grouper, LevelGrouper):
        return regroup(grouped, LevelGroupBy)
    return grouped


def group_by_levels(assembly: xr.DataArray, names: Sequence[str], *args: Any, **kwargs: Any) -> GroupbyBridge:
    """Group an assembly by coordinates of one dimension, see `DataAssembly.multi_groupby`."""
    if isinstance(names, str) or not names:
        raise GroupbyError(f"expected a list of one or more coordinate names to group by, got {names!r}")
    names = [level for name in names for level in _levels_of_dimension(assembly, name)]
    for name in names:
        if name not in coords_of(assembly):
            raise _unknown(assembly, name)
    dims = {name: coords_of(assembly)[name].dims for name in names}
    if len(set(dims.values())) != 1 or len(dims[names[0]]) != 1:
        raise GroupbyError(
            f"the coordinates to group by have the dimensions {dims}; expected the same single dimension for all. "
            "A level that was selected by one value is a scalar: omit it, or select with `multisel`."
        )
    if args:
        kwargs["squeeze"] = args[0]
    (dim,) = dims[names[0]]
    return GroupbyBridge(assembly, dim, names, group_rows(levels_of(assembly, names)), **kwargs)


def _unknown(assembly: xr.DataArray, name: str) -> KeyError:
    return KeyError(f"there is no coordinate {name!r} to group by; there are {list(coords_of(assembly))}")


def _levels_of_dimension(assembly: xr.DataArray, name: str) -> list[str]:
    """Return all levels of an index for the name of its dimension, else the name itself."""
    index = indexes_of(assembly).get(name)
    if isinstance(index, AssemblyIndex) and is_whole_multi_index(assembly, name):
        return [str(level) for level in index.index.names]
    return [name]
