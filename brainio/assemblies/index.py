"""Index of an assembly: one multi-index per dimension, built from integer codes, selectable by any level.

`AssemblyIndex` makes `assembly.sel(region='IT')` work and keep the dimension. Selecting, joining, aligning,
concatenating and comparing work on the integer codes of the pandas MultiIndex, never on tuples: the time is linear in
the number of positions. Knows no assemblies (see `gathering` and `core`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self, cast

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.levels import (
    Level,
    compares,
    factorize_level,
    in_order,
    lexsort_codes,
    row_keys,
    same_values,
    union_levels,
)
from brainio.text import nearest
from brainio.xarray_compat import level_variable, variable_of_values


class Match(NamedTuple):
    """The positions of a selection, and the levels that it restricts to one value."""

    positions: np.ndarray
    scalars: dict[Hashable, Any]


class AssemblyIndex(PandasMultiIndex):
    """The one-dimensional coordinates of a dimension as levels of one index, which may be a single level.

    Text is stored as Python `str` in object arrays; a missing value (NaN, None, NaT) has the code -1. One level may
    have the name of the dimension. Without such a level, the name of the dimension refers to the whole index, with
    tuples of all levels as values, or the values of the only level.
    """

    __slots__ = ()

    def __init__(self, array: Any, dim: Hashable, level_coords_dtype: Any = None) -> None:
        PandasIndex.__init__(self, array, dim)  # PandasMultiIndex refuses a level named as the dimension
        if any(name is None for name in self.index.names):
            numbered = enumerate(self.index.names)
            self.index.names = [f"{dim}_level_{number}" if name is None else name for number, name in numbered]
        if level_coords_dtype is None:
            levels = zip(self.index.names, self.index.levels, strict=True)
            level_coords_dtype = {name: level.to_numpy().dtype for name, level in levels}
        self.level_coords_dtype = level_coords_dtype

    @property
    def has_dimension_level(self) -> bool:
        """Whether a level has the name of the dimension."""
        return self.dim in self.index.names

    @classmethod
    def from_levels(cls, dim: Hashable, levels: Mapping[Hashable, Level]) -> Self:
        """Build the index of `dim` from levels with codes of equal length, without factorizing."""
        index = pd.MultiIndex(
            levels=[level.values for level in levels.values()],  # type: ignore[misc]  # stubs know lists only
            codes=[level.codes for level in levels.values()],  # type: ignore[misc]  # stubs know lists only
            names=list(levels),
            verify_integrity=False,
        )
        index.name = dim
        return cls(index, dim, {name: level.dtype for name, level in levels.items()})

    @classmethod
    def from_variables(cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]) -> Self:  # noqa: ARG003 - xarray's signature
        """Build the index from one-dimensional coordinate variables, as xarray's `set_xindex` requires."""
        dim = next(iter(variables.values())).dims[0]
        return cls.from_levels(dim, {name: factorize_level(variable.values) for name, variable in variables.items()})

    @property
    def levels(self) -> dict[Hashable, Level]:
        """The levels by name, in order; they share memory with the index and must not be modified."""
        return {
            name: Level(values, np.asarray(codes), np.dtype(self.level_coords_dtype[name]))
            for name, values, codes in zip(self.index.names, self.index.levels, self.index.codes, strict=True)
        }

    def keep_levels(self, level_variables: Mapping[Any, Any]) -> Self | PandasIndex:
        """Return the index with the named levels only.

        A single level that is named as the dimension has a plain index, as in xarray.
        """
        levels = {name: level for name, level in self.levels.items() if name in level_variables}
        if list(levels) == [self.dim]:
            return dimension_index(self.dim, levels[self.dim].to_numpy())
        return self.from_levels(self.dim, levels)

    def reorder_levels(self, level_variables: Mapping[Any, Any]) -> Self:
        """Return the index with its levels in another order."""
        return self.from_levels(self.dim, {name: self.levels[name] for name in level_variables})

    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """Return a variable for each level, and one for the dimension unless a level has its name.

        The values of the latter are tuples of all levels, or the values of the only level.
        """
        given = variables or {}
        created: dict[Any, xr.Variable] = {}
        levels: dict[Hashable, Hashable] = {name: name for name in self.index.names}
        if not self.has_dimension_level:
            levels = {self.dim: self.index.names[0] if len(levels) == 1 else None, **levels}
        for name, level in levels.items():
            dtype = np.dtype(self.level_coords_dtype.get(level, object))
            like = given.get(name)
            attrs, encoding = ({}, {}) if like is None else (like.attrs, like.encoding)
            text = None if level is None else str(level)
            created[name] = level_variable(self.index, self.dim, text, dtype, attrs, encoding)
        return created

    def unstack(self) -> tuple[dict[Hashable, xr.Index], pd.MultiIndex]:
        """Return an index for each level; missing values get the last position."""
        indexes, rows = super().unstack()
        codes = [np.asarray(own) for own in rows.codes]
        lacking = [name for name, own in zip(rows.names, codes, strict=True) if (own < 0).any()]
        if not lacking:
            return indexes, rows
        for name in lacking:
            values = rows.levels[rows.names.index(name)].to_numpy()
            absent = np.array("NaT", values.dtype) if values.dtype.kind in "mM" else np.nan
            extended = np.append(values, absent)
            indexes[name] = PandasIndex(pd.Index(extended, dtype=extended.dtype), name, self.level_coords_dtype[name])
        levels = [cast("PandasIndex", indexes[name]).index for name in rows.names]
        codes = [np.where(own < 0, len(level) - 1, own) for own, level in zip(codes, levels, strict=True)]
        return indexes, pd.MultiIndex(levels, codes, names=rows.names, verify_integrity=False)  # type: ignore[arg-type]  # stubs know lists only

    # ---------------------------------------------------------------- selecting

    def match(self, labels: Mapping[Any, Any]) -> Match:
        """Find the positions where every named level has its label, in the order of the index.

        Parameters
        ----------
        labels : mapping
            Level name -> scalar, list or array (membership), slice of values (both ends included), or boolean mask
            as long as the index (positions). The name of the dimension refers to the first level, or takes a dict; with
            a boolean mask, it always selects positions.

        Raises
        ------
        KeyError
            No position has these labels; the message names the level and near values.
        """
        mask = np.ones(len(self.index), dtype=bool)
        scalars: list[Hashable] = []
        if self._is_mask(labels.get(self.dim)):
            mask = np.asarray(labels[self.dim])
            labels = {name: label for name, label in labels.items() if name != self.dim}
        for name, label in self._labels_by_level(labels).items():
            level_mask, is_scalar = self._match_level(name, label)
            mask &= level_mask
            if is_scalar and name != self.dim:  # a scalar cannot have the name of a dimension
                scalars.append(name)
        positions = np.flatnonzero(mask)
        if not len(positions) and len(labels) > 1 and len(self.index):
            raise KeyError(f"no {self.dim} has {_describe(labels)} at once (each of these values exists by itself)")
        return Match(positions, {name: self.levels[name].at(positions[:1]).to_numpy()[0] for name in scalars})

    def _is_mask(self, label: Any) -> bool:
        """Return whether the label is a boolean mask of all positions."""
        if not isinstance(label, list | np.ndarray | xr.DataArray | xr.Variable | pd.Series):
            return False
        return len(np.shape(label)) == 1 and len(label) == len(self.index) and np.asarray(label).dtype == bool

    def _labels_by_level(self, labels: Mapping[Any, Any]) -> dict[Hashable, Any]:
        by_level: dict[Hashable, Any] = {}
        for name, label in labels.items():
            if name == self.dim and isinstance(label, Mapping):
                by_level.update(label)
            elif name in self.index.names:
                by_level[name] = label
            elif isinstance(label, tuple):
                by_level.update(zip(self.index.names, label, strict=False))
            else:
                by_level[self.index.names[0]] = label
        unknown = [name for name in by_level if name not in self.index.names]
        if unknown:
            raise KeyError(f"{self.dim} has no level {unknown[0]!r}; its levels are {list(self.index.names)}")
        return by_level

    def _match_level(self, name: Hashable, label: Any) -> tuple[np.ndarray, bool]:
        level = self.levels[name]
        if isinstance(label, slice):
            return self._require_match(name, level, level.in_slice(label), label), False
        values = np.asarray(label) if not isinstance(label, list) else _list_to_array(label)
        if values.dtype == bool and values.ndim == 1 and level.dtype != bool:
            if len(values) != len(self.index):
                raise IndexError(f"boolean mask has {len(values)} values, {self.dim} has {len(self.index)} positions")
            return values, False
        hit = level.has_any(np.atleast_1d(values))
        if values.size == 0:
            return hit, False
        return self._require_match(name, level, hit, label), values.ndim == 0

    def _require_match(self, name: Hashable, level: Level, mask: np.ndarray, label: Any) -> np.ndarray:
        if mask.any():
            return mask
        near = _near_values(level.used_values(), _unwrap(label))
        raise KeyError(f"no {self.dim} has {_describe({name: label})}; near values of {name!r}: {near}")

    def sel(self, labels: dict[Any, Any], method: Any = None, tolerance: Any = None) -> xr.IndexSelResult:
        """Select for xarray's `sel`: the dimension stays, and levels restricted to one value become scalars."""
        if method is not None or tolerance is not None:
            raise ValueError(f"levels of {self.dim!r} are matched exactly; `method` and `tolerance` do not apply")
        if self._selects_row_tuples(labels):
            return super().sel(labels)
        match = self.match(labels)
        if not match.scalars:
            return xr.IndexSelResult({self.dim: match.positions})
        remaining = [name for name in self.index.names if name not in match.scalars]
        variables: dict[Any, Any] = {}
        if not remaining:
            # xarray ignores a query result without indexes: DataAssembly.sel turns the levels into scalars itself
            return xr.IndexSelResult({self.dim: match.positions})
        index = self._take(match.positions).keep_levels(dict.fromkeys(remaining))
        variables.update(index.create_variables())
        indexes: dict[Any, xr.Index] = dict.fromkeys(variables, index)
        variables.update({name: scalar_variable(value) for name, value in match.scalars.items()})
        return xr.IndexSelResult(
            {self.dim: match.positions}, indexes=indexes, variables=variables, drop_indexes=list(match.scalars)
        )

    def _selects_row_tuples(self, labels: Mapping[Any, Any]) -> bool:
        """Return whether labels select whole rows by tuples: one, which drops the dimension, or a list."""
        if self.has_dimension_level:
            return False
        label = labels.get(self.dim)
        if isinstance(label, tuple):
            return len(label) == self.index.nlevels and not any(isinstance(x, list | slice) for x in label)
        if isinstance(label, xr.DataArray | xr.Variable | pd.MultiIndex):
            label = label.values
        return isinstance(label, list | np.ndarray) and len(label) > 0 and isinstance(label[0], tuple)

    # ------------------------------------------------- comparing and combining

    def equals(self, other: xr.Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Return whether two indexes have the same rows in the same order."""
        if self is other:
            return True
        if not isinstance(other, PandasMultiIndex) or self.dim != other.dim or len(self.index) != len(other.index):
            return False
        if list(self.index.names) != list(other.index.names):
            return super().equals(other, exclude=exclude)
        if all(
            same_values(*values) and np.array_equal(*codes)
            for values, codes in zip(
                zip(self.index.levels, other.index.levels, strict=True),
                zip(self.index.codes, other.index.codes, strict=True),
                strict=True,
            )
        ):
            return True
        mine, theirs = row_keys([self.index, other.index])
        return bool(np.array_equal(mine, theirs))

    def join(self, other: Self, how: str = "inner") -> Self:
        """Return the rows of both (`outer`) or the rows in common (`inner`, in this index's order).

        An outer join sorts the rows, with the exceptions of a union in pandas: if one side is empty, both have the same
        rows, or values of one of several levels cannot be compared, rows keep their order, this index first.
        """
        if how == "inner":
            mine, theirs = row_keys([self.index, other.index])
            return self._take(np.flatnonzero(pd.Index(mine).isin(theirs)))
        if not len(self.index) or not len(other.index):
            return self if len(self.index) else other
        both = self.concat([self, other], self.dim)
        (rows,) = row_keys([both.index])
        if np.array_equal(rows[: len(self.index)], rows[len(self.index) :]):
            return self
        union = both._take(np.flatnonzero(~pd.Index(rows).duplicated()))
        levels = [in_order(level) for level in union.levels.values()]
        if len(levels) > 1 and not all(compares(level) for level in levels):
            return union
        return union._take(lexsort_codes(levels))

    def _take(self, positions: np.ndarray) -> Self:
        return cast("Self", self.isel({self.dim: positions}))  # a scalar position alone would drop the index

    def reindex_like(self, other: Self, method: Any = None, tolerance: Any = None) -> dict[Hashable, Any]:
        """Find each row of `other` in this index: positions, -1 where a row is missing."""
        if method is not None or tolerance is not None:
            raise ValueError(f"rows of {self.dim!r} are matched exactly; `method` and `tolerance` do not apply")
        mine, theirs = row_keys([self.index, other.index])
        rows = pd.Index(mine)
        if not rows.is_unique:
            raise ValueError(
                f"cannot align along {self.dim!r}: several positions have the same values of all of "
                f"{list(self.index.names)}, so that rows cannot be matched"
            )
        return {self.dim: rows.get_indexer(pd.Index(theirs))}

    @classmethod
    def concat(cls, indexes: Sequence[Self], dim: Hashable, positions: Iterable[Iterable[int]] | None = None) -> Self:
        """Return the rows of all indexes one after the other (or at `positions`)."""
        names = list(indexes[0].index.names)
        for index in indexes:
            if set(index.index.names) != set(names):
                raise ValueError(
                    f"cannot concatenate along {dim!r}: one part has the levels {names}, another "
                    f"{list(index.index.names)}; drop or add coordinates until they agree"
                )
        parts = [index.levels for index in indexes]
        joined = cls.from_levels(dim, {name: union_levels([part[name] for part in parts]) for name in names})
        if positions is None:
            return joined
        order = np.concatenate([np.asarray(list(part), dtype=np.intp) for part in positions])
        return joined._take(np.argsort(order, kind="stable"))


def dimension_index(dim: Hashable, values: np.ndarray) -> PandasIndex:
    """Build the plain index of a dimension whose only coordinate has its name."""
    index = xr.Variable((dim,), values).to_index().astype(values.dtype)
    return PandasIndex(index, dim, values.dtype)


def as_assembly_index(index: PandasMultiIndex) -> AssemblyIndex:
    """Convert any multi-index of xarray to an AssemblyIndex; reuses codes, and converts text to objects."""
    if isinstance(index, AssemblyIndex):
        return index
    levels = {}
    for name, values, codes in zip(index.index.names, index.index.levels, index.index.codes, strict=True):
        level = factorize_level(np.asarray(values, dtype=object if pd.api.types.is_string_dtype(values) else None))
        levels[name] = level.at(np.asarray(codes))
    return AssemblyIndex.from_levels(index.dim, levels)


def scalar_variable(value: Any) -> xr.Variable:
    """Return a coordinate variable without dimensions; text becomes an object, as in every coordinate."""
    if isinstance(value, str):
        return variable_of_values((), np.array(str(value), dtype=object))
    return xr.Variable((), value)


def _unwrap(label: Any) -> Any:
    return label.item() if isinstance(label, np.ndarray | np.generic | xr.DataArray) and label.ndim == 0 else label


def _list_to_array(label: list[Any]) -> np.ndarray:
    """Convert a list to an array, with numbers next to text as objects."""
    values = np.asarray(label) if len({type(x) for x in label}) <= 1 else np.array(label, dtype=object)
    return values.astype(object) if values.dtype.kind in "US" else values


def _describe(labels: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name}={_unwrap(label)!r:.200}" for name, label in labels.items())


def _near_values(values: pd.Index, label: Any, count: int = 5) -> list[Any]:
    """Return the values of a level that are most similar to a label."""
    if isinstance(label, str):
        text = {str(value): value for value in values[:100_000]}
        return [text[name] for name in nearest(label, text, count)] or [_unwrap(value) for value in values[:count]]
    if isinstance(label, int | float) and values.dtype.kind in "iuf":
        closest = np.argsort(np.abs(values.to_numpy() - label), kind="stable")[:count]
        return [_unwrap(value) for value in values[np.sort(closest)].to_numpy()]
    return [_unwrap(value) for value in values[:count]]
