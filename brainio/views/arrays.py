"""An assembly at a glance: its dimensions and coordinates, how often what was shown, where it was recorded from.

Reads coordinates only; values are looked at where they are few and in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.text import plural_of, quantity
from brainio.views.columns import Coded, Facts, coded_coordinate, facts_of
from brainio.views.labels import name_of_values
from brainio.views.rendering import joined, render, shown
from brainio.views.stimuli import Tile, tiles_spread
from brainio.views.units import milliseconds_per
from brainio.xarray_compat import is_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import xarray as xr

    from brainio.views.stimuli import Find

_CHEAP = 32_000_000  # bytes of values that are looked at
_MOST_COORDINATES = 60
_MOST_ROWS, _MOST_COLUMNS = 12, 8  # of a table of counts
_FEW = 3  # rows of equal counts that are a table all the same
_STRIP = 8  # stimuli that are shown
_STRIP_SIZE = 72  # pixels of their thumbnails
_STIMULUS = ("stimulus_id", "image_id")
_AREAS = ("region", "area")
_SUBJECTS = ("animal", "subject")


class Counts(NamedTuple):
    """How many positions of a dimension have which values: rows of counts by one or two coordinates."""

    dim: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    left_out: int
    most: int

    @property
    def is_even(self) -> bool:
        """Whether all rows, more than a few, have the same single count: words say that in less space."""
        return not self.columns and len(self.rows) > _FEW and len({numbers for _, numbers in self.rows}) == 1


class Part(NamedTuple):
    """A coordinate with its dimensions, and what it holds."""

    name: str
    dims: tuple[str, ...]
    facts: Facts


def array_html(
    array: xr.DataArray,
    below: str = "",
    find: Find | None = None,
    of_stimuli: Callable[[Sequence[str]], Collection[Any]] | None = None,
) -> str:
    """Show an array from an experiment as a card.

    Parameters
    ----------
    array : xarray.DataArray
        Lazy values stay lazy. `attrs['stimulus_set']` is the table of its stimuli, if it has one.
    below : str, default ''
        HTML that follows, folded: xarray's own view.
    find : callable, optional
        Gives the path of the file of a stimulus, or None where it is not on this machine. Default: none is shown.
    of_stimuli : callable, optional
        Returns those of the given coordinates that describe stimuli: an animal in a picture is no recorded animal.
    """
    taken = {name: coded_coordinate(array, name) for name in _coordinates(array)}
    described = of_stimuli((*_AREAS, *_SUBJECTS)) if of_stimuli else ()
    recorded = {name: column for name, column in taken.items() if name not in described}
    counts = [table for table in (_areas(array, recorded), _by_subject(array, recorded)) if table]
    return render(
        "array.html",
        class_name=type(array).__name__,
        identifier=shown(array.attrs.get("identifier") or "", 200),
        title=shown(name_of_values(array), 200),
        units=shown(array.attrs.get("units") or "", 80),
        dims=[(shown(dim), size) for dim, size in array.sizes.items()],
        dtype=str(array.dtype),
        size=array.nbytes,
        kept=_where_values_are(array.variable),
        values=_values(array.variable),
        facts=_told(array, taken, counts),
        counts=[table for table in counts if not table.is_even],
        parts=_by_dim(array, taken),
        tiles=_strip(array.attrs.get("stimulus_set"), find),
        **joined({"below": below}),
    )


def _coordinates(array: xr.DataArray) -> list[Any]:
    """Name the coordinates, without those that repeat others as tuples: whole multi-indexes and dropped ones."""
    rows = {
        name
        for name in array.xindexes
        if isinstance(index := array.xindexes[name].to_pandas_index(), pd.MultiIndex) and name not in index.names
    }
    scalars = {name: coord.values[()] for name, coord in array.coords.items() if coord.ndim == 0}
    return [name for name in array.coords if name not in rows and not isinstance(scalars.get(name), tuple)]


def _by_dim(array: xr.DataArray, taken: dict[Any, Coded | None]) -> list[tuple[str, list[Part], int]]:
    """List coordinates by dimension; those of several dimensions, and scalars, come last."""
    own: dict[str, list[Part]] = {shown(dim): [] for dim in array.dims}
    for name, column in taken.items():
        variable = array.coords[name].variable
        dims = tuple(shown(dim) for dim in variable.dims)
        if dims:
            part = Part(shown(name), dims, facts_of(column, variable.dtype))
        else:
            part = Part(shown(name), dims, Facts(shown(variable.values.item())))
        own.setdefault(" x ".join(dims) or "scalar", []).append(part)
    return [(dim, parts[:_MOST_COORDINATES], len(parts)) for dim, parts in own.items() if parts]


def _told(array: xr.DataArray, taken: dict[Any, Coded | None], counts: list[Counts]) -> list[tuple[str, str]]:
    """Say in words what the coordinates tell of the experiment."""
    told = [("Stimuli", _stimuli(array, taken)), ("Time bins", _time_bins(array, taken))]
    told += [(plural_of(table.names[0]).capitalize(), _evenly(table)) for table in counts if table.is_even]
    extras = [f"{shown(name)} ({_sizes(extra)})" for name, extra in array.attrs.items() if hasattr(extra, "dims")]
    told += [("Extras", ", ".join(extras)), ("Stimulus set", _stimulus_set(array.attrs))]
    return [(name, words) for name, words in told if words]


def _evenly(table: Counts) -> str:
    return f"{len(table.rows) + table.left_out:,}, each with {quantity(table.most, table.dim)}"


def _sizes(array: Any) -> str:
    return " x ".join(f"{shown(dim)} {size:,}" for dim, size in array.sizes.items())


def _stimuli(array: xr.DataArray, taken: dict[Any, Coded | None]) -> str:
    name = next((name for name in _STIMULUS if taken.get(name)), None)
    column = taken.get(name)
    if column is None or not len(column.codes) or array.coords[name].dims == ("event",):
        return ""
    counts = column.counts()
    counts = counts[counts > 0]
    if not len(counts):
        return ""
    low, high = int(counts.min()), int(counts.max())
    times = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{len(counts):,}, each presented {times} times" if high > 1 else f"{len(counts):,}, each presented once"


def _time_bins(array: xr.DataArray, taken: dict[Any, Coded | None]) -> str:
    start, end = taken.get("time_bin_start"), taken.get("time_bin_end")
    if start is None or end is None or not len(start.codes) or len(start.codes) != len(end.codes):
        return ""
    if not all(column.values.dtype.kind in "iuf" and (column.codes >= 0).all() for column in (start, end)):
        return ""
    factors = [milliseconds_per(array.coords[name].attrs.get("units")) for name in ("time_bin_start", "time_bin_end")]
    if None in factors:
        return ""
    edges = zip((start, end), factors, strict=True)
    starts, ends = (column.values.to_numpy()[column.codes] * factor for column, factor in edges)
    widths = np.unique(ends - starts)
    width = shown(widths[0]) if len(widths) == 1 else f"{shown(widths[0])} to {shown(widths[-1])}"
    return f"{len(starts):,} from {shown(starts.min())} to {shown(ends.max())} ms, {width} ms wide"


def _stimulus_set(attrs: Any) -> str:
    table, name = attrs.get("stimulus_set"), attrs.get("stimulus_set_identifier")
    words = [shown(name, 120)] if name else []
    if isinstance(table, pd.DataFrame):
        words.append(f"{len(table):,} stimuli, {table.shape[1]:,} columns")
    return ": ".join(words)


def _areas(array: xr.DataArray, taken: dict[Any, Coded | None]) -> Counts | None:
    """Count positions by region, and by animal where that lies along the same dimension."""
    area = _first(taken, _AREAS)
    if area is None:
        return None
    beside = [name for name in _SUBJECTS if taken.get(name) and array.coords[name].dims == array.coords[area].dims]
    return _counts(array, taken, [area, *beside[:1]])


def _by_subject(array: xr.DataArray, taken: dict[Any, Coded | None]) -> Counts | None:
    """Count positions by animal where that is not beside the regions."""
    subject, area = _first(taken, _SUBJECTS), _first(taken, _AREAS)
    if subject is None or (area is not None and array.coords[area].dims == array.coords[subject].dims):
        return None
    return _counts(array, taken, [subject])


def _first(taken: dict[Any, Coded | None], names: Sequence[str]) -> str | None:
    return next((name for name in names if taken.get(name) and len(taken[name].codes)), None)  # type: ignore[union-attr]


def _counts(array: xr.DataArray, taken: dict[Any, Coded | None], names: list[str]) -> Counts:
    columns = [column for name in names if (column := taken[name]) is not None]
    sizes = [len(column.values) + 1 for column in columns]  # the last is for missing values
    codes = np.ravel_multi_index(
        [np.where(c.codes < 0, s - 1, c.codes) for c, s in zip(columns, sizes, strict=True)], sizes
    )
    table = np.bincount(codes, minlength=int(np.prod(sizes))).reshape(sizes[0], -1)
    labels = [[*(shown(value, 30) for value in column.values), "missing"] for column in columns]
    rows = np.flatnonzero(table.sum(axis=1))
    rows = rows[np.argsort(-table.sum(axis=1)[rows], kind="stable")]
    across = np.flatnonzero(table.sum(axis=0)) if len(columns) > 1 else np.array([0])
    if len(across) > _MOST_COLUMNS:
        table, across, names = table.sum(axis=1, keepdims=True), np.array([0]), names[:1]
    return Counts(
        dim=shown(array.coords[names[0]].dims[0]),
        names=tuple(names),
        columns=tuple(labels[1][place] for place in across) if len(names) > 1 else (),
        rows=tuple((labels[0][row], tuple(int(n) for n in table[row, across])) for row in rows[:_MOST_ROWS]),
        left_out=max(0, len(rows) - _MOST_ROWS),
        most=int(np.max(table.sum(axis=1))),
    )


def _where_values_are(variable: xr.Variable) -> str:
    if variable.chunks is not None:
        return f"lazy, in {int(np.prod([len(sizes) for sizes in variable.chunks])):,} chunks"
    return "in memory" if is_in_memory(variable) else "in the file"


def _values(variable: xr.Variable) -> str:
    """Say the range of values, and which part is missing, where they are few and in memory."""
    if not is_in_memory(variable) or variable.chunks is not None or variable.nbytes > _CHEAP or not variable.size:
        return ""
    values = np.asarray(variable.values)
    if values.dtype.kind not in "iuf":
        return ""
    finite = values[np.isfinite(values)]
    words = [f"{shown(finite.min(), digits=4)} to {shown(finite.max(), digits=4)}"] if finite.size else []
    missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    if missing:
        words.append(f"{shown(100 * missing / values.size, digits=2)} % missing")
    return ", ".join(words)


def _strip(table: Any, find: Find | None) -> list[Tile]:
    """Show a few stimuli where their files are on this machine."""
    if find is None or not isinstance(table, pd.DataFrame) or "stimulus_id" not in table.columns:
        return []
    if not len(table) or find(table["stimulus_id"].iloc[0]) is None:
        return []
    return tiles_spread(table, find, "stimulus_id", _STRIP, _STRIP_SIZE)
