"""`DataAssembly`: a DataArray in which all coordinates can be selected by, and whose operations return assemblies.

Knows no catalog, no network, no cache. The methods of xarray that need only their class restored are in `operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self, cast

import xarray as xr
from xarray.indexes import PandasMultiIndex

from brainio.assemblies.assignment import AssemblyCoordinates, drop_levels, without_stale_levels
from brainio.assemblies.coordinates import dimensions_of, unknown_name_message, values_of
from brainio.assemblies.gathering import are_outdated, gather, gather_indexes, is_gathered, rebuild_outdated
from brainio.assemblies.group_functions import multi_dim_apply
from brainio.assemblies.groupby import (
    GroupbyBridge,
    group_by_levels,
    group_by_missing_values,
    level_groupers,
    require_one_grouper,
    with_reductions_by_codes,
)
from brainio.assemblies.index import AssemblyIndex, scalar_variable
from brainio.assemblies.loaders import AssemblyLoader, StimulusMergeAssemblyLoader
from brainio.assemblies.operations import AssemblyOperations, sort_orders
from brainio.assemblies.plots import AssemblyPlots
from brainio.assemblies.stimulus_metadata import STIMULUS_SET, stimulus_coordinates
from brainio.errors import AssemblyFormatError
from brainio.text import printable
from brainio.xarray_compat import (
    UncachedAccessor,
    coords_of,
    indexes_of,
    init_from_parts,
    is_fastpath,
    replace_parts,
    set_coords,
    with_dims,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


class DataAssembly(AssemblyOperations):
    """An n-dimensional array with one index for each dimension, whose levels are the coordinates of that dimension.

    Constructed like an `xarray.DataArray`. `DataAssembly(a)` of an assembly or a DataArray shares its values,
    coordinates and indexes without copying. A coordinate added by `assign_coords` or `a[name] = ...` can be selected by
    at once; after `reset_index`, `type(a)(a)` indexes the coordinates again.

    Selecting one value of a level keeps the dimension and every other level; the selected level becomes a scalar
    coordinate. Selecting several values (list, array, slice) keeps the order of the assembly. Slicing, arithmetic,
    reductions and grouping keep the class, attrs and indexes. Copies share `attrs['stimulus_set']`.

    >>> a = DataAssembly([[1.0, 2.0], [3.0, 4.0]], dims=["presentation", "neuroid"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s2"]), "object_name": ("presentation", ["car", "dog"]),
    ...     "neuroid_id": ("neuroid", [11, 12]), "region": ("neuroid", ["V4", "IT"])})
    >>> it = a.sel(region="IT")
    >>> it.dims, it["neuroid_id"].values.tolist(), it["region"].item()
    (('presentation', 'neuroid'), [12], 'IT')
    """

    __slots__ = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if is_fastpath(*args, **kwargs):
            super().__init__(*args, **kwargs)
            return
        if len(args) == 1 and isinstance(args[0], xr.DataArray) and not set(kwargs) - {"attrs", "name"}:
            self._share(args[0], **kwargs)
        else:
            args, kwargs = without_stale_levels(args, kwargs)
            super().__init__(*args, **kwargs)
        if not is_gathered(coords_of(self), indexes_of(self)):
            set_coords(self, *gather(coords_of(self), indexes_of(self)))

    def _share(self, array: xr.DataArray, attrs: Mapping[Any, Any] | None = None, name: Hashable | None = None) -> None:
        variable = array.variable.to_base_variable()
        variable.attrs = dict(array.attrs if attrs is None else attrs)
        name = array.name if name is None else name
        init_from_parts(self, variable, dict(coords_of(array)), dict(indexes_of(array)), name)

    def __setstate__(self, state: tuple[Any, dict[str, Any]]) -> None:
        """Restore a pickle, including those of brainscore-brainio 1.1.0."""
        for name, value in state[1].items():
            object.__setattr__(self, name, value)
        if are_outdated(indexes_of(self)):
            set_coords(self, *rebuild_outdated(coords_of(self)))

    # --------------------------------------------------------------- files

    @classmethod
    def get_loader_class(cls) -> type[AssemblyLoader]:
        """Return the loader class for assemblies of this class."""
        return StimulusMergeAssemblyLoader

    @classmethod
    def from_files(cls, file_path: str | Path | IO[bytes], **loader_kwargs: Any) -> Self:
        """Load an assembly from a netCDF file.

        Parameters
        ----------
        file_path : path or binary file
            The netCDF-4 file; see `AssemblyLoader`.
        loader_kwargs : optional
            Arguments of the loader: `stimulus_set_identifier`, `stimulus_set`, `allow_missing_stimuli`,
            `group`, `chunks`.

        Raises
        ------
        AssemblyFormatError
            The file is damaged, does not have exactly one data variable, or has stimuli that the set lacks.
        """
        return cast("Self", cls.get_loader_class()(cls, file_path, **loader_kwargs).load())

    def to_netcdf(self, *args: Any, **kwargs: Any) -> Any:
        """Write an array without levels and stimulus set; `brainio.packaging.write_netcdf` writes every assembly.

        Raises
        ------
        AssemblyFormatError
            The assembly has levels or a stimulus set, which xarray cannot write. Nothing was written.
        """
        self._require_plain("to_netcdf")
        return super().to_netcdf(*args, **kwargs)

    def to_zarr(self, *args: Any, **kwargs: Any) -> Any:
        """Write an array without levels and stimulus set; raises the same errors as `to_netcdf`."""
        self._require_plain("to_zarr")
        return super().to_zarr(*args, **kwargs)

    def _require_plain(self, method: str) -> None:
        """Raise AssemblyFormatError for attributes and indexes that xarray refuses only after it has created a file."""
        levels = [str(dim) for dim in self.dims if isinstance(indexes_of(self).get(dim), PandasMultiIndex)]
        if levels or STIMULUS_SET in self.attrs:
            obstacle = f"levels of {', '.join(levels)}" if levels else "the attribute 'stimulus_set'"
            raise AssemblyFormatError(
                f"xarray's {method} cannot write an assembly with {obstacle}; nothing was written. Write it with "
                f"brainio.packaging.write_netcdf(assembly, path), which stores it in the format of BrainIO"
            )

    def validate(self) -> None:
        """Check the dimensions that this class requires; raises AssemblyFormatError."""

    # --------------------------------------------------------- display

    plot = UncachedAccessor(AssemblyPlots)

    def __repr__(self) -> str:
        return printable(super().__repr__())

    def _repr_html_(self) -> str:
        from brainio.views import array_html

        table = self.attrs.get(STIMULUS_SET)
        xarray_html: str = super()._repr_html_()
        if xr.get_options()["display_style"] == "text":
            return xarray_html
        find = getattr(table, "find_local_path", None)
        return array_html(self, xarray_html, find, partial(stimulus_coordinates, self))

    # ----------------------------------------------------- coordinates

    @property
    def coords(self) -> AssemblyCoordinates:
        """The coordinates, including every level; assigning or deleting a level keeps the others."""
        return AssemblyCoordinates(self)

    def _unknown_coordinate(self, key: Any) -> str:
        return unknown_name_message(self, key)

    def drop_vars(self, names: Any, *, errors: Any = "raise") -> Self:
        """Drop coordinates; dropping a level of an index keeps its other levels."""
        if callable(names):
            names = names(self)
        names = {names} if isinstance(names, str) or not isinstance(names, Iterable) else set(names)
        unknown = [name for name in names if name not in coords_of(self)]
        if unknown and errors == "raise":
            raise ValueError(unknown_name_message(self, unknown[0], " to drop"))
        reduced, others = drop_levels(self, names)
        return xr.DataArray.drop_vars(reduced, others, errors=errors) if others else reduced

    def drop(self, labels: Any = None, dim: Any = None, *, errors: Any = "raise", **kwargs: Any) -> Self:
        """Drop coordinates or labels; xarray's older name of `drop_vars` and `drop_sel`."""
        names = {labels} if isinstance(labels, str) else labels
        if dim is None and not kwargs and isinstance(names, Iterable) and not isinstance(names, Mapping):
            return self.drop_vars(names, errors=errors)
        return super().drop(labels, dim, errors=errors, **kwargs)

    def reset_index(self, *args: Any, **kwargs: Any) -> Self:
        """Convert levels to coordinates without an index, in the same order, see `xarray.DataArray.reset_index`."""
        result = super().reset_index(*args, **kwargs)
        order = {name: place for place, name in enumerate(coords_of(self))}
        coords = dict(sorted(coords_of(result).items(), key=lambda item: order.get(item[0], len(order))))
        return replace_parts(result, coords=coords)

    def swap_dims(self, dims_dict: Any = None, **dims_kwargs: Any) -> Self:
        """Rename dimensions to coordinates, with all their levels, see `xarray.DataArray.swap_dims`."""
        dims = {**(dims_dict or {}), **dims_kwargs}
        indexed = [dim for dim in dims if isinstance(indexes_of(self).get(dim), AssemblyIndex)]
        plain = self.reset_index(indexed) if indexed else self
        coords = dict(coords_of(plain))
        for name, variable in coords_of(plain).items():
            if name not in indexes_of(plain) and variable.ndim == 1 and variable.dims[0] in dims:
                # Plain values: xarray would build a multi-index from the values of a level.
                coords[name] = xr.Variable(variable.dims, values_of(plain, name), variable.attrs, variable.encoding)
        swapped = xr.DataArray.swap_dims(replace_parts(plain, coords=coords), dims)
        return gather_indexes(swapped) if indexed else swapped

    def set_index(self, *args: Any, **kwargs: Any) -> Self:
        """Set indexes, see `xarray.DataArray.set_index`; a multi-index takes all coordinates of its dimension."""
        result = super().set_index(*args, **kwargs)
        is_multi = any(type(index) is PandasMultiIndex for index in indexes_of(result).values())
        return gather_indexes(result) if is_multi else result

    def stack(
        self,
        dim: Any = None,
        create_index: bool | None = True,
        index_cls: type[xr.Index] = AssemblyIndex,
        **dim_kwargs: Any,
    ) -> Self:
        """Stack dimensions into one whose index has all levels of the stacked dimensions."""
        dims = {new: dimensions_of(self, names) for new, names in (dim_kwargs if dim is None else dim).items()}
        used = [d for names in dims.values() for d in (self.dims if ... in names else names)]
        indexed = [d for d in used if isinstance(indexes_of(self).get(d), AssemblyIndex)]
        if not indexed:
            return super().stack(dims, create_index=create_index, index_cls=index_cls)
        plain = self.reset_index(indexed)
        return gather_indexes(xr.DataArray.stack(plain, dims, create_index=False))

    def unstack(self, dim: Any = None, *args: Any, **kwargs: Any) -> Self:
        """Convert the levels of dimensions to dimensions, see `xarray.DataArray.unstack`."""
        dim = dimensions_of(self, dim)
        dims = self.dims if dim is None else [dim] if isinstance(dim, str) else list(dim)
        names: dict[Hashable, Hashable] = {}  # one of the new dimensions takes the name of a renamed one
        for old in dims:
            index = indexes_of(self).get(old)
            if isinstance(index, AssemblyIndex) and index.has_dimension_level:
                names[old] = f"{old} of all levels"
        if not names:
            return super().unstack(dim, *args, **kwargs)
        return _with_dims_renamed(self, names).unstack([names.get(d, d) for d in dims], *args, **kwargs)

    # ------------------------------------------------------- selecting

    def isel(self, indexers: Any = None, drop: bool = False, missing_dims: Any = "raise", **kwargs: Any) -> Self:
        """Select by position, see `xarray.DataArray.isel`.

        Selecting one position drops the dimension. As in xarray, the tuple of levels, under the name of the dimension,
        and every level become scalar coordinates.
        """
        return self._with_text_scalars(super().isel(indexers, drop=drop, missing_dims=missing_dims, **kwargs))

    def _with_text_scalars(self, result: Self) -> Self:
        """Convert the text of scalar coordinates, which a dropped dimension left, to objects of `str`."""
        if result.ndim == self.ndim:
            return result
        coords = dict(coords_of(result))
        for name, variable in coords.items():
            if variable.ndim == 0 and variable.dtype.kind == "U":
                coords[name] = scalar_variable(variable.item())
                coords[name].attrs = variable.attrs
        return replace_parts(result, coords=coords)

    def sel(
        self, indexers: Any = None, method: Any = None, tolerance: Any = None, drop: bool = False, **kwargs: Any
    ) -> Self:
        """Select by labels of levels or dimensions.

        Parameters
        ----------
        indexers, kwargs : mapping
            Name of a level or dimension -> label. One label of a level keeps the dimension and the other levels; the
            level becomes a scalar coordinate. A list, array or slice (both ends included) of a level selects by
            membership, in the order of the assembly. A boolean mask as long as the dimension selects positions.
            `neuroid={"region": "IT"}` names the dimension as well.
        method, tolerance : optional
            As in xarray, only for dimensions without levels.
        drop : bool, default False
            Drop the scalar coordinates of selected levels.

        Raises
        ------
        KeyError
            No position has that label; the message names the level and near values.
        """
        labels = {**(indexers or {}), **kwargs}
        for name in labels:
            if name not in coords_of(self) and name not in self.dims:
                raise KeyError(unknown_name_message(self, name, " to select by"))
        if _has_unindexed(self, labels):
            return gather_indexes(self).sel(labels, method=method, tolerance=tolerance, drop=drop)
        result = super().sel(labels, method=method, tolerance=tolerance, drop=drop)
        for index, _ in self.xindexes.group_by_index():
            if isinstance(index, AssemblyIndex):
                own = {k: v for k, v in labels.items() if k == index.dim or k in index.index.names}
                if own and not index._selects_row_tuples(own):
                    scalars = index.match(own).scalars
                    if len(scalars) == index.index.nlevels:
                        names = list(index.index.names)
                        result = _with_scalar_levels(result, index.dim, {} if drop else scalars, names)
        return self._with_text_scalars(result)

    def multisel(self, method: Any = None, tolerance: Any = None, drop: bool = False, **indexers: Any) -> Self:
        """Select like `sel`, but keep every selected level along its dimension."""
        if _has_unindexed(self, indexers):
            return gather_indexes(self).multisel(method, tolerance, drop, **indexers)
        positions: dict[Hashable, np.ndarray] = {}
        others = dict(indexers)
        for index, _ in self.xindexes.group_by_index():
            if isinstance(index, AssemblyIndex):
                own = {k: others[k] for k in indexers if k == index.dim or k in index.index.names}
                if own and not index._selects_row_tuples(own):
                    positions[index.dim] = index.match(own).positions
                    others = {k: v for k, v in others.items() if k not in own}
        selected = self.isel(positions)
        return selected.sel(others, method=method, tolerance=tolerance, drop=drop) if others else selected

    def sortby(self, variables: Any, ascending: bool = True) -> Self:
        """Sort along dimensions, by names of levels or dimensions or by one-dimensional arrays.

        A DataArray is used position by position, unless its index has the rows of the assembly in another order: then
        rows are matched. Missing values come last, ascending or descending.
        """
        if callable(variables):
            variables = variables(self)
        variables = variables if isinstance(variables, list) else [variables]
        orders: dict[Hashable, Any] = dict(sort_orders(self, variables, ascending))
        return self.isel(orders)

    # -------------------------------------------------------- grouping

    def groupby(self, group: Any = None, **kwargs: Any) -> Any:
        """Group like xarray, but with missing values of a level as the last group."""
        group = level_groupers(self, group)
        require_one_grouper(self, kwargs)
        by_array = group_by_missing_values(self, group) if not kwargs else None
        return by_array or with_reductions_by_codes(super().groupby(group, **kwargs))

    def multi_groupby(self, group_coord_names: Sequence[str], *args: Any, **kwargs: Any) -> GroupbyBridge:
        """Group along one dimension by the combinations of several of its coordinates.

        Parameters
        ----------
        group_coord_names : sequence of str
            One or more coordinates of one dimension. Groups come sorted by the first, then the second, ...; missing
            values form the last group.
        args, kwargs : optional
            Further arguments of `xarray.DataArray.groupby`.

        Returns
        -------
        GroupbyBridge
            Reductions (`mean`, `sum`, `count`, ...), `map`, `apply`, `groups`, iteration. Their results have the
            grouped dimension, whose index has the grouping coordinates; with a single one, the dimension takes its
            name.

        Raises
        ------
        GroupbyError
            The coordinates are not along the same dimension.
        KeyError
            There is no such coordinate.

        >>> a = DataAssembly([1.0, 3.0, 5.0], dims=["presentation"], coords={
        ...     "stimulus_id": ("presentation", ["s1", "s1", "s2"]), "repetition": ("presentation", [0, 1, 0])})
        >>> a.multi_groupby(["stimulus_id"]).mean().values.tolist()
        [2.0, 5.0]
        """
        return group_by_levels(self, group_coord_names, *args, **kwargs)

    def multi_dim_apply(self, groups: Sequence[str], apply: Callable[..., Any]) -> Self:
        """Call a function on the values of every combination of groups over several dimensions.

        Parameters
        ----------
        groups : sequence of str
            One coordinate (or dimension) for each dimension of the assembly.
        apply : callable
            Called as `apply(values, **coords)`: the values of one combination as an array without dimensions of length
            one (a scalar if there is one value), and each coordinate as an array, or as a scalar for one position.
            Returns values of the same shape, or one value for all.

        Returns
        -------
        DataAssembly
            Floats in the shape and with the coordinates and attrs of this assembly.

        Raises
        ------
        KeyError
            A dimension has no group, two groups are along the same dimension, or a coordinate does not exist.
        """
        return multi_dim_apply(self, groups, apply)


def _with_dims_renamed(array: Any, names: Mapping[Hashable, Hashable]) -> Any:
    """Rename dimensions, but not the coordinates of the same names."""
    coords = {
        name: with_dims(variable, [names.get(d, d) for d in variable.dims])
        for name, variable in coords_of(array).items()
        if not isinstance(indexes_of(array).get(name), AssemblyIndex) or indexes_of(array)[name].dim not in names
    }
    indexes = {name: index for name, index in indexes_of(array).items() if name in coords}
    for dim, new in names.items():
        index = AssemblyIndex.from_levels(new, indexes_of(array)[dim].levels)
        variables = index.create_variables()
        coords.update(variables)
        indexes.update(dict.fromkeys(variables, index))
    variable = with_dims(array.variable, [names.get(d, d) for d in array.dims])
    return replace_parts(array, variable, coords, indexes=indexes)


def _has_unindexed(assembly: xr.DataArray, names: Iterable[Hashable]) -> bool:
    """Return whether one of the coordinates has no index, as `xr.concat` leaves those of dropped dimensions."""
    coords, indexes = coords_of(assembly), indexes_of(assembly)
    return any(name in coords and coords[name].ndim == 1 and name not in indexes for name in names)


def _with_scalar_levels(result: Any, dim: Hashable, scalars: Mapping[Hashable, Any], names: list[Hashable]) -> Any:
    """Convert the levels of a dimension, all of which were selected, to scalars; the dimension keeps no index."""
    dropped = {dim, *names}
    coords = {k: v for k, v in coords_of(result).items() if k not in dropped}
    for name, value in scalars.items():
        coords[name] = scalar_variable(value)
        coords[name].attrs = coords_of(result)[name].attrs if name in coords_of(result) else {}
    return replace_parts(
        result, coords=coords, indexes={k: v for k, v in indexes_of(result).items() if k not in dropped}
    )
