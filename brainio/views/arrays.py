"""HTML view of an assembly: dimensions, coordinates, presentations of stimuli, counts of recorded positions.

Reads coordinates only; the range of the values is computed if they are few and in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from brainio.text import plural_of, quantity
from brainio.units import milliseconds_per, name_of_values
from brainio.views.rendering import format_value, render, trusted_html
from brainio.views.stimuli import CodedColumn, ColumnSummary, Tile, encode_column, spread_tiles, summarize_column
from brainio.xarray_compat import is_in_memory, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import xarray as xr

    from brainio.views.stimuli import FindFile

    Columns: TypeAlias = dict[Any, CodedColumn | None]

_MAX_BYTES = 32_000_000  # of values whose range is computed
_MAX_COORDINATES = 60
_MAX_ROWS, _MAX_COLUMNS = 12, 8  # of a table of counts
_MIN_UNIFORM_ROWS = 4  # fewer rows of equal counts are still shown as a table
_STRIP_TILES = 8
_STRIP_SIZE = 72  # of a thumbnail in pixels
_STIMULUS_IDS = ("stimulus_id", "image_id")
_AREAS = ("region", "area")
_SUBJECTS = ("animal", "subject")


class CountTable(NamedTuple):
    """Counts of the positions of a dimension by one or two coordinates.

    `omitted` is the number of rows left out; `largest` is the largest sum of a row.
    """

    dim: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    omitted: int
    largest: int

    @property
    def is_uniform(self) -> bool:
        """Whether many rows all have the same single count, which a sentence states in less space."""
        return (
            not self.columns and len(self.rows) >= _MIN_UNIFORM_ROWS and len({numbers for _, numbers in self.rows}) == 1
        )


class Coordinate(NamedTuple):
    """A coordinate with its dimensions and a summary of its values."""

    name: str
    dims: tuple[str, ...]
    summary: ColumnSummary


def array_html(
    array: xr.DataArray,
    appended: str = "",
    find: FindFile | None = None,
    stimulus_coordinates: Callable[[Sequence[str]], Collection[Any]] | None = None,
) -> str:
    """Build an HTML view of an assembly.

    Parameters
    ----------
    array : xarray.DataArray
        Lazy values are not computed. `attrs['stimulus_set']` is the table of its stimuli, if any.
    appended : str, default ''
        HTML that follows in a collapsed section: the view of xarray.
    find : callable, optional
        Returns the path of a stimulus file, or None if it is not on this machine. By default no stimuli are shown.
    stimulus_coordinates : callable, optional
        Selects the given coordinates that describe stimuli: an animal in a picture is not a recorded animal.
    """
    columns = {name: _encode_coordinate(array, name) for name in _coordinates(array)}
    described = stimulus_coordinates((*_AREAS, *_SUBJECTS)) if stimulus_coordinates else ()
    recorded = {name: column for name, column in columns.items() if name not in described}
    counts = [table for table in (_count_by_area(array, recorded), _count_by_subject(array, recorded)) if table]
    return render(
        "array.html",
        class_name=type(array).__name__,
        identifier=format_value(array.attrs.get("identifier") or "", 200),
        title=format_value(name_of_values(array), 200),
        units=format_value(array.attrs.get("units") or "", 80),
        dims=[(format_value(dim), size) for dim, size in array.sizes.items()],
        dtype=str(array.dtype),
        size=array.nbytes,
        storage=_describe_storage(array.variable),
        values=_describe_values(array.variable),
        facts=_experiment_facts(array, columns, counts),
        counts=[table for table in counts if not table.is_uniform],
        coordinates_by_dim=_group_by_dim(array, columns),
        tiles=_stimulus_tiles(array.attrs.get("stimulus_set"), find),
        appended=trusted_html(appended),
    )


def _coordinates(array: xr.DataArray) -> list[Any]:
    """List the coordinates, without multi-indexes and dropped ones, whose tuples repeat other coordinates."""
    multi_indexes = {
        name
        for name in array.xindexes
        if isinstance(index := array.xindexes[name].to_pandas_index(), pd.MultiIndex) and name not in index.names
    }
    scalars = {name: coord.values[()] for name, coord in array.coords.items() if coord.ndim == 0}
    return [name for name in array.coords if name not in multi_indexes and not isinstance(scalars.get(name), tuple)]


def _encode_coordinate(array: xr.DataArray, name: Any) -> CodedColumn | None:
    """Encode a coordinate, reusing the codes of a multi-index level."""
    index = array.xindexes[name].to_pandas_index() if name in array.xindexes else None
    if isinstance(index, pd.MultiIndex):
        if name not in index.names:
            return None
        number = index.names.index(name)
        return CodedColumn(index.levels[number], np.asarray(index.codes[number]))
    variable = array.coords[name].variable
    in_memory = isinstance(stored_values(variable), np.ndarray) or index is not None
    return encode_column(variable.values) if variable.ndim == 1 and in_memory else None


def _group_by_dim(array: xr.DataArray, columns: Columns) -> list[tuple[str, list[Coordinate], int]]:
    """Group coordinates by dimension; coordinates of several dimensions and scalars come last."""
    groups: dict[str, list[Coordinate]] = {format_value(dim): [] for dim in array.dims}
    for name, column in columns.items():
        variable = array.coords[name].variable
        dims = tuple(format_value(dim) for dim in variable.dims)
        if dims:
            coordinate = Coordinate(format_value(name), dims, summarize_column(column, variable.dtype))
        else:
            coordinate = Coordinate(format_value(name), dims, ColumnSummary(format_value(variable.values.item())))
        groups.setdefault(" x ".join(dims) or "scalar", []).append(coordinate)
    return [(dim, group[:_MAX_COORDINATES], len(group)) for dim, group in groups.items() if group]


def _experiment_facts(array: xr.DataArray, columns: Columns, counts: list[CountTable]) -> list[tuple[str, str]]:
    """Return the facts about the experiment that coordinates and attributes state, as label and text."""
    facts = [("Stimuli", _describe_stimuli(array, columns)), ("Time bins", _describe_time_bins(array, columns))]
    facts += [
        (plural_of(table.names[0]).capitalize(), _describe_uniform(table)) for table in counts if table.is_uniform
    ]
    extras = [
        f"{format_value(name)} ({_format_sizes(extra)})"
        for name, extra in array.attrs.items()
        if hasattr(extra, "dims")
    ]
    facts += [("Extras", ", ".join(extras)), ("Stimulus set", _describe_stimulus_set(array.attrs))]
    return [(label, text) for label, text in facts if text]


def _describe_uniform(table: CountTable) -> str:
    return f"{len(table.rows) + table.omitted:,}, each with {quantity(table.largest, table.dim)}"


def _format_sizes(array: Any) -> str:
    return " x ".join(f"{format_value(dim)} {size:,}" for dim, size in array.sizes.items())


def _describe_stimuli(array: xr.DataArray, columns: Columns) -> str:
    name = next((name for name in _STIMULUS_IDS if columns.get(name)), None)
    column = columns.get(name)
    if column is None or not len(column.codes) or array.coords[name].dims == ("event",):
        return ""
    counts = column.counts()
    counts = counts[counts > 0]
    if not len(counts):
        return ""
    low, high = int(counts.min()), int(counts.max())
    times = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{len(counts):,}, each presented {times} times" if high > 1 else f"{len(counts):,}, each presented once"


def _describe_time_bins(array: xr.DataArray, columns: Columns) -> str:
    start, end = columns.get("time_bin_start"), columns.get("time_bin_end")
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
    width = format_value(widths[0]) if len(widths) == 1 else f"{format_value(widths[0])} to {format_value(widths[-1])}"
    return f"{len(starts):,} from {format_value(starts.min())} to {format_value(ends.max())} ms, {width} ms wide"


def _describe_stimulus_set(attrs: Any) -> str:
    table, name = attrs.get("stimulus_set"), attrs.get("stimulus_set_identifier")
    parts = [format_value(name, 120)] if name else []
    if isinstance(table, pd.DataFrame):
        parts.append(f"{len(table):,} stimuli, {table.shape[1]:,} columns")
    return ": ".join(parts)


def _count_by_area(array: xr.DataArray, columns: Columns) -> CountTable | None:
    """Count positions by region, and by animal if both are coordinates of the same dimension."""
    area = _first(columns, _AREAS)
    if area is None:
        return None
    subjects = [name for name in _SUBJECTS if columns.get(name) and array.coords[name].dims == array.coords[area].dims]
    return _count_positions(array, columns, [area, *subjects[:1]])


def _count_by_subject(array: xr.DataArray, columns: Columns) -> CountTable | None:
    """Count positions by animal if regions are coordinates of another dimension."""
    subject, area = _first(columns, _SUBJECTS), _first(columns, _AREAS)
    if subject is None or (area is not None and array.coords[area].dims == array.coords[subject].dims):
        return None
    return _count_positions(array, columns, [subject])


def _first(columns: Columns, names: Sequence[str]) -> str | None:
    return next((name for name in names if columns.get(name) and len(columns[name].codes)), None)  # type: ignore[union-attr]


def _count_positions(array: xr.DataArray, columns: Columns, names: list[str]) -> CountTable:
    by = [column for name in names if (column := columns[name]) is not None]
    sizes = [len(column.values) + 1 for column in by]  # the last is for missing values
    codes = np.ravel_multi_index([np.where(c.codes < 0, s - 1, c.codes) for c, s in zip(by, sizes, strict=True)], sizes)
    table = np.bincount(codes, minlength=int(np.prod(sizes))).reshape(sizes[0], -1)
    labels = [[*(format_value(value, 30) for value in column.values), "missing"] for column in by]
    rows = np.flatnonzero(table.sum(axis=1))
    rows = rows[np.argsort(-table.sum(axis=1)[rows], kind="stable")]
    across = np.flatnonzero(table.sum(axis=0)) if len(by) > 1 else np.array([0])
    if len(across) > _MAX_COLUMNS:
        table, across, names = table.sum(axis=1, keepdims=True), np.array([0]), names[:1]
    return CountTable(
        dim=format_value(array.coords[names[0]].dims[0]),
        names=tuple(names),
        columns=tuple(labels[1][code] for code in across) if len(names) > 1 else (),
        rows=tuple((labels[0][row], tuple(int(n) for n in table[row, across])) for row in rows[:_MAX_ROWS]),
        omitted=max(0, len(rows) - _MAX_ROWS),
        largest=int(np.max(table.sum(axis=1))),
    )


def _describe_storage(variable: xr.Variable) -> str:
    if variable.chunks is not None:
        return f"lazy, in {int(np.prod([len(sizes) for sizes in variable.chunks])):,} chunks"
    return "in memory" if is_in_memory(variable) else "in the file"


def _describe_values(variable: xr.Variable) -> str:
    """Return the range of values and the share of missing ones, if they are few and in memory."""
    if not is_in_memory(variable) or variable.chunks is not None or variable.nbytes > _MAX_BYTES or not variable.size:
        return ""
    values = np.asarray(variable.values)
    if values.dtype.kind not in "iuf":
        return ""
    finite = values[np.isfinite(values)]
    parts = [f"{format_value(finite.min(), digits=4)} to {format_value(finite.max(), digits=4)}"] if finite.size else []
    missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    if missing:
        parts.append(f"{format_value(100 * missing / values.size, digits=2)} % missing")
    return ", ".join(parts)


def _stimulus_tiles(table: Any, find: FindFile | None) -> list[Tile]:
    """Build tiles of a few stimuli if their files are on this machine."""
    if find is None or not isinstance(table, pd.DataFrame) or "stimulus_id" not in table.columns:
        return []
    if not len(table) or find(table["stimulus_id"].iloc[0]) is None:
        return []
    return spread_tiles(table, find, "stimulus_id", _STRIP_TILES, _STRIP_SIZE)
