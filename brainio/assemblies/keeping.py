"""What operations of xarray would lose on the way: the class, one index a dimension, text as `str`, the stimulus set.

Every method here does what xarray does and sees to it that its result is still an assembly. Nothing is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import xarray as xr

from brainio.assemblies.align import comparable, with_plain_own_indexes
from brainio.assemblies.attrs import STIMULUS_SET, combine_stimulus_set, same_attrs
from brainio.assemblies.coords import repeats_others, rows_as_text
from brainio.assemblies.gather import gather_indexes, with_text_objects
from brainio.assemblies.reflected import ReflectedArithmetic
from brainio.xarray_compat import coords_of, operate, replace_parts

if TYPE_CHECKING:
    from collections.abc import Callable


class KeepingArray(ReflectedArithmetic):
    """An array that stays of its class through operations, with its indexes and attrs."""

    __slots__ = ()

    def _keep(self, result: xr.DataArray, *others: Any) -> Self:
        """Give the result of an operation the class, one index a dimension, and the stimulus set if all agree."""
        kept = result if type(result) is type(self) else type(self)(result)
        combine_stimulus_set(kept.attrs, [self.attrs, *[o.attrs for o in others if isinstance(o, xr.DataArray)]])
        return gather_indexes(kept)

    def _finish_rebuilt(self, result: Self) -> Self:
        return with_text_objects(result)

    def _operate(self, other: Any, function: Callable[..., Any], reflexive: bool) -> Self:
        mine, theirs = with_plain_own_indexes(self, other), with_plain_own_indexes(other, self)
        result = operate(mine, comparable(mine, theirs), function, reflexive)
        return result if result is NotImplemented else self._keep(result, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a numpy function elementwise."""
        result = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        others = [x for x in inputs if x is not self]
        if isinstance(result, tuple):
            return tuple(self._keep(part, *others) for part in result)
        return self._keep(result, *others) if isinstance(result, xr.DataArray) else result

    def where(self, cond: Any, *args: Any, **kwargs: Any) -> Self:
        """Keep values where the condition holds, see `xarray.DataArray.where`."""
        return self._keep(super().where(cond, *args, **kwargs), *args[:1], kwargs.get("other"))

    def fillna(self, value: Any) -> Self:
        """Fill missing values, see `xarray.DataArray.fillna`."""
        return self._keep(super().fillna(value))

    def clip(self, *args: Any, **kwargs: Any) -> Self:
        """Limit values, see `xarray.DataArray.clip`."""
        return self._keep(super().clip(*args, **kwargs))

    def astype(self, dtype: Any, **kwargs: Any) -> Self:
        """Convert values, see `xarray.DataArray.astype`; tuples of levels become text as `str` makes it."""
        return self._keep(xr.DataArray.astype(rows_as_text(self, dtype), dtype, **kwargs))

    def isnull(self, keep_attrs: bool | None = None) -> Self:
        """Tell which values are missing, see `xarray.DataArray.isnull`."""
        return self._keep(super().isnull(keep_attrs))

    def notnull(self, keep_attrs: bool | None = None) -> Self:
        """Tell which values are not missing, see `xarray.DataArray.notnull`."""
        return self._keep(super().notnull(keep_attrs))

    def isin(self, test_elements: Any) -> Self:
        """Tell which values are among others, see `xarray.DataArray.isin`."""
        return self._keep(super().isin(test_elements))

    def combine_first(self, other: Any) -> Self:
        """Fill missing values from another array, see `xarray.DataArray.combine_first`."""
        return self._keep(super().combine_first(other), other)

    def dot(self, other: Any, dim: Any = None) -> Any:
        """Multiply and sum, see `xarray.DataArray.dot`."""
        return self._keep(super().dot(other, dim), other)

    def identical(self, other: Any) -> bool:
        """Tell whether name, values, coordinates and attrs are the same, tables and arrays in attrs included."""
        if not isinstance(other, xr.DataArray) or not same_attrs(self.attrs, other.attrs):
            return False
        levels = [
            {name: tuple(index.to_pandas_index().names) for name, index in a.xindexes.items()} for a in (self, other)
        ]
        return levels[0] == levels[1] and xr.DataArray.identical(_bare(self), _bare(other))

    def _shared_by_copies(self) -> list[Any]:
        # The stimulus set is a table of its own, not a part of this array.
        stimulus_set = self.attrs.get(STIMULUS_SET)
        return [] if stimulus_set is None else [stimulus_set]


def _bare(array: xr.DataArray) -> xr.DataArray:
    """Give the array without what xarray cannot compare: attrs, and tuples of levels with NaN among them."""
    plain = xr.DataArray(array.variable, name=array.name, attrs={})
    coords = {name: variable for name, variable in coords_of(array).items() if not repeats_others(array, name)}
    return replace_parts(plain, coords=coords, indexes={})
