"""What an assembly's values and coordinates are, read block by block, so that lazy values are never all in memory."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from brainio.assemblies.coords import repeats_others
from brainio.assemblies.index import AssemblyIndex
from brainio.cards.columns import (
    MOST_LISTED,
    Column,
    Distinct,
    column_of,
    column_of_level,
    json_value,
    merge_columns,
    rounded,
    sound_text,
)
from brainio.netcdf.chunks import blocks
from brainio.views.labels import name_of_values
from brainio.views.units import milliseconds_per

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    import xarray as xr

    from brainio.netcdf.chunks import Place

    Columns: TypeAlias = Mapping[str, tuple[tuple[str, ...], Column]]
    Watcher: TypeAlias = Callable[[Place, np.ndarray], object]

_MOST_COUNTED = 100  # regions, animals or subjects that are counted one by one
COUNTED_BY = ("region", "animal", "subject")
_STIMULUS = ("stimulus_id", "image_id")
_NONE: tuple[tuple[str, ...], None] = ((), None)


def columns_of(array: xr.DataArray) -> Columns:
    """Take the coordinates apart: name -> its dimensions, and what it holds."""
    columns = {}
    for name, variable in array._coords.items():
        if repeats_others(array, name):
            continue
        index = array._indexes.get(name)
        if isinstance(index, AssemblyIndex) and name in index.index.names:
            column = column_of_level(index.levels[name])
        else:
            column = column_of(variable.values)
        columns[sound_text(name)] = (tuple(map(sound_text, variable.dims)), column)
    return columns


def describe_array(
    array: xr.DataArray, columns: Columns, joined: Container[object] = (), watch: Watcher | None = None
) -> dict[str, Any]:
    """Return the fields of a card that any array has, an assembly or one of its extras.

    `columns` are its own; those of presentations that are named in `joined` are not described. Values that are numbers
    are read once, block by block; `watch` is given each block, too.
    """
    described: dict[str, Any] = {
        "dims": [sound_text(dim) for dim in array.dims],
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "bytes": int(array.nbytes),
    }
    labels = {"long_name": name_of_values(array), "units": array.attrs.get("units")}
    described |= {name: sound_text(label) for name, label in labels.items() if label}
    described["values"] = _values(array.variable, watch)
    stimuli = stimulus_column(columns)
    own = (
        {"name": name, "dims": list(dims), **column.describe()}
        for name, (dims, column) in columns.items()
        if not (stimuli and dims == stimuli[:1] and name in joined)
    )
    described["coordinates"] = list(itertools.islice(own, MOST_LISTED))
    parts = {"counts": _counts(columns), "repetitions": _repetitions(columns), "time_bins": _time_bins(array, columns)}
    return described | {name: part for name, part in parts.items() if part}


def _counts(columns: Columns) -> list[dict[str, Any]]:
    """Count positions by what they were recorded from."""
    return [
        {"coordinate": name, "dim": dims[0], "distinct": len(column.values), "counts": column.tally(_MOST_COUNTED)}
        for name, (dims, column) in columns.items()
        if name in COUNTED_BY and len(dims) == 1 and column.values is not None and len(column.values)
    ]


def stimulus_column(columns: Columns) -> tuple[str, Column] | None:
    """Return which stimulus each presentation shows, and the dimension of presentations; None where none is known."""
    for name in _STIMULUS:
        dims, column = columns.get(name, _NONE)
        if column is not None and column.values is not None and len(dims) == 1 and dims != ("event",):
            return dims[0], column
    return None


def _repetitions(columns: Columns) -> dict[str, Any]:
    found = stimulus_column(columns)
    if found is None or not len(found[1].counts):
        return {}
    counts = found[1].counts
    return {
        "stimuli": len(counts),
        "presentations": int(counts.sum()),
        "minimum": int(counts.min()),
        "median": float(np.median(counts)),
        "maximum": int(counts.max()),
    }


def _time_bins(array: xr.DataArray, columns: Columns) -> dict[str, Any]:
    edges = time_bin_edges(array, columns)
    if edges is None or edges[0].shape != edges[1].shape or not edges[0].size:
        return {}
    start, end = edges
    with np.errstate(over="ignore"):
        found = {"start": start.min(), "end": end.max(), "minimum": (end - start).min(), "maximum": (end - start).max()}
    told = {name: rounded(float(value)) for name, value in found.items()}
    width = {"minimum": told["minimum"], "maximum": told["maximum"]}
    return {"count": len(start), "start_ms": told["start"], "end_ms": told["end"], "width_ms": width}


def time_bin_edges(array: xr.DataArray, columns: Columns) -> tuple[np.ndarray, np.ndarray] | None:
    """Return start and end of each time bin in ms; None where they are no numbers of known units."""
    found = []
    for name in ("time_bin_start", "time_bin_end"):
        numbers = _numbers_of(columns, name)
        factor = None if numbers is None else milliseconds_per(array._coords[name].attrs.get("units"))
        if numbers is None or factor is None:
            return None
        found.append(numbers * factor)
    return found[0], found[1]


def _numbers_of(columns: Columns, name: str) -> np.ndarray | None:
    """Return the values of a coordinate of numbers none of which is missing; None where it is anything else."""
    dims, column = columns.get(name, _NONE)
    if column is None or column.values is None or column.kind not in ("integer", "number") or len(dims) > 1:
        return None
    if (column.codes < 0).any():
        return None
    return np.asarray(column.values).astype(np.float64)[column.codes]


def _values(variable: xr.Variable, watch: Watcher | None) -> dict[str, Any]:
    """Describe values: numbers block by block, what else there is as a column."""
    kind = variable.dtype.kind
    if kind not in "biufc":
        described = _distinct(variable).describe()
        return {"kind": described.pop("kind"), **_share(variable.size, described.pop("missing")), **described}
    told = _Told()
    for place, block in blocks(variable):
        told.add(block)
        if watch is not None:
            watch(place, block)
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "c": "other"}
    return {"kind": kinds[kind], **_share(variable.size, told.missing), **told.range()}


def _distinct(variable: xr.Variable) -> Distinct:
    """Take values that are no numbers apart: those that are left in a file block by block."""
    if variable._in_memory:
        return column_of(variable.values)
    return merge_columns(column_of(block) for _, block in blocks(variable))


def _share(count: int, missing: int) -> dict[str, Any]:
    return {"count": count, "missing": missing, "missing_share": rounded(missing / count) if count else None}


class _Told:
    """What the blocks so far tell of their numbers."""

    def __init__(self) -> None:
        self.missing = 0
        self._infinite = 0
        self._finite = 0
        self._sums: list[float] = []
        self._edges: list[Any] = []

    def add(self, block: np.ndarray) -> None:
        if block.dtype.kind in "fc":
            finite = np.isfinite(block)
            if not finite.all():
                missing = int(np.isnan(block).sum())
                self.missing += missing
                self._infinite += block.size - int(finite.sum()) - missing
                block = block[finite]
        if block.size and block.dtype.kind != "c":
            self._finite += block.size
            self._edges += [block.min(), block.max()]
            with np.errstate(over="ignore"):
                self._sums.append(float(block.sum(dtype=np.float64)))

    def range(self) -> dict[str, Any]:
        """Return lowest, highest and mean of the finite values."""
        told: dict[str, Any] = {"infinite": self._infinite} if self._infinite else {}
        if self._finite:
            told |= {"minimum": json_value(min(self._edges)), "maximum": json_value(max(self._edges))}
            total = math.fsum(self._sums) if all(map(math.isfinite, self._sums)) else math.inf
            told["mean"] = rounded(total / self._finite)
        return told
