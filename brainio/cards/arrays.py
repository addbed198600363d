"""Statistics of an assembly's values and coordinates, computed block by block.

Values that stay in a file are never all in memory. The numbers behind charts are in `charts`.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from brainio.assemblies.coordinates import is_redundant_coordinate
from brainio.assemblies.index import AssemblyIndex
from brainio.assemblies.reductions import can_reduce
from brainio.assemblies.split_halves import split_half_values
from brainio.cards.columns import (
    MAX_COLUMNS,
    Column,
    ValueCounts,
    clean_text,
    factorize_column,
    factorize_level,
    merge_counts,
    round_significant,
    to_json_value,
)
from brainio.netcdf.chunks import iter_blocks
from brainio.units import milliseconds_per, name_of_values
from brainio.xarray_compat import coords_of, indexes_of, is_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Hashable, Iterable, Mapping

    import xarray as xr

    from brainio.netcdf.chunks import Slices

    Columns: TypeAlias = Mapping[str, tuple[tuple[str, ...], Column]]
    BlockListener: TypeAlias = Callable[[Slices, np.ndarray], object]

POPULATION_COORDS = ("region", "animal", "subject")
_STIMULUS_COORDS = ("stimulus_id", "image_id")
_MAX_COUNTED = 100  # regions, animals or subjects with a count of their own
_NO_COLUMN: tuple[tuple[str, ...], None] = ((), None)
_MAX_RELIABILITY_VALUES = 1 << 24
_SPLITS = 10
_SEED = 0
_RELIABILITY_METHOD = (
    "Split halves of repetitions, Pearson's correlation over stimuli of the mean responses, Spearman-Brown corrected, "
    "averaged over splits; of each neuroid and time bin by itself."
)


def factorize_coords(array: xr.DataArray) -> Columns:
    """Return the coordinates of an array: name -> its dimensions and its factorized values."""
    columns = {}
    for name, variable in coords_of(array).items():
        if is_redundant_coordinate(array, name):
            continue
        index = indexes_of(array).get(name)
        if isinstance(index, AssemblyIndex) and name in index.index.names:
            column = factorize_level(index.levels[name])
        else:
            column = factorize_column(variable.values)
        columns[clean_text(name)] = (tuple(map(clean_text, variable.dims)), column)
    return columns


def describe_array(
    array: xr.DataArray, columns: Columns, joined: Container[object] = (), on_block: BlockListener | None = None
) -> dict[str, Any]:
    """Return the fields of a card that describe an array: an assembly or one of its extras.

    Parameters
    ----------
    array : xarray.DataArray
        Numeric values are read once, block by block.
    columns : mapping
        The coordinates of `array`, from `factorize_coords`.
    joined : container of str
        Coordinates of the presentations that come from the stimulus set, whose card describes them.
    on_block : callable, optional
        Called with the position and the values of each block.
    """
    described: dict[str, Any] = {
        "dims": [clean_text(dim) for dim in array.dims],
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "bytes": int(array.nbytes),
    }
    labels = {"long_name": name_of_values(array), "units": array.attrs.get("units")}
    described |= {name: clean_text(label) for name, label in labels.items() if label}
    described["values"] = _describe_values(array.variable, on_block)
    stimuli = find_stimulus_column(columns)
    own = (
        {"name": name, "dims": list(dims), **column.describe()}
        for name, (dims, column) in columns.items()
        if not (stimuli and dims == stimuli[:1] and name in joined)
    )
    described["coordinates"] = list(itertools.islice(own, MAX_COLUMNS))
    optional = {
        "counts": _count_positions(columns),
        "repetitions": _describe_repetitions(columns),
        "time_bins": _describe_time_bins(array, columns),
    }
    return described | {name: field for name, field in optional.items() if field}


def _count_positions(columns: Columns) -> list[dict[str, Any]]:
    """Count positions by region, animal and subject."""
    return [
        {
            "coordinate": name,
            "dim": dims[0],
            "distinct": len(column.values),
            "counts": column.most_common(_MAX_COUNTED),
        }
        for name, (dims, column) in columns.items()
        if name in POPULATION_COORDS and len(dims) == 1 and column.values is not None and len(column.values)
    ]


def find_stimulus_column(columns: Columns) -> tuple[str, Column] | None:
    """Return the dimension of presentations and the stimulus of each presentation; None if the array has no stimuli."""
    for name in _STIMULUS_COORDS:
        dims, column = columns.get(name, _NO_COLUMN)
        if column is not None and column.values is not None and len(dims) == 1 and dims != ("event",):
            return dims[0], column
    return None


def _describe_repetitions(columns: Columns) -> dict[str, Any]:
    stimuli = find_stimulus_column(columns)
    if stimuli is None or not len(stimuli[1].counts):
        return {}
    counts = stimuli[1].counts
    return {
        "stimuli": len(counts),
        "presentations": int(counts.sum()),
        "minimum": int(counts.min()),
        "median": float(np.median(counts)),
        "maximum": int(counts.max()),
    }


def _describe_time_bins(array: xr.DataArray, columns: Columns) -> dict[str, Any]:
    edges = find_time_bin_edges(array, columns)
    if edges is None or edges[0].shape != edges[1].shape or not edges[0].size:
        return {}
    start, end = edges
    with np.errstate(over="ignore"):
        limits = {
            "start": start.min(),
            "end": end.max(),
            "minimum": (end - start).min(),
            "maximum": (end - start).max(),
        }
    ms = {name: round_significant(float(value)) for name, value in limits.items()}
    width = {"minimum": ms["minimum"], "maximum": ms["maximum"]}
    return {"count": len(start), "start_ms": ms["start"], "end_ms": ms["end"], "width_ms": width}


def find_time_bin_edges(array: xr.DataArray, columns: Columns) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the start and the end of each time bin in ms; None unless both are numeric and of a known unit."""
    edges = []
    for name in ("time_bin_start", "time_bin_end"):
        numbers = _complete_numbers(columns, name)
        factor = None if numbers is None else milliseconds_per(coords_of(array)[name].attrs.get("units"))
        if numbers is None or factor is None:
            return None
        edges.append(numbers * factor)
    return edges[0], edges[1]


def _complete_numbers(columns: Columns, name: str) -> np.ndarray | None:
    """Return the values of a numeric coordinate; None if it is not numeric or a value is missing."""
    dims, column = columns.get(name, _NO_COLUMN)
    if column is None or column.values is None or column.kind not in ("integer", "number") or len(dims) > 1:
        return None
    if (column.codes < 0).any():
        return None
    return np.asarray(column.values).astype(np.float64)[column.codes]


def _describe_values(variable: xr.Variable, on_block: BlockListener | None) -> dict[str, Any]:
    kind = variable.dtype.kind
    if kind not in "biufc":
        described = _count_values(variable).describe()
        return {"kind": described.pop("kind"), **_missing_share(variable.size, described.pop("missing")), **described}
    statistics = _NumberStatistics()
    for position, block in iter_blocks(variable):
        statistics.add(block)
        if on_block is not None:
            on_block(position, block)
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "c": "other"}
    return {"kind": kinds[kind], **_missing_share(variable.size, statistics.missing), **statistics.to_record()}


def _count_values(variable: xr.Variable) -> ValueCounts:
    """Count values that are not numeric, block by block if they are in a file."""
    if is_in_memory(variable):
        return factorize_column(variable.values)
    return merge_counts(factorize_column(block) for _, block in iter_blocks(variable))


def _missing_share(count: int, missing: int) -> dict[str, Any]:
    return {"count": count, "missing": missing, "missing_share": round_significant(missing / count) if count else None}


class _NumberStatistics:
    """Accumulates range, mean and missing values over blocks of numbers."""

    def __init__(self) -> None:
        self.missing = 0
        self._infinite = 0
        self._finite = 0
        self._sums: list[float] = []
        self._limits: list[Any] = []

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
            self._limits += [block.min(), block.max()]
            with np.errstate(over="ignore"):
                self._sums.append(float(block.sum(dtype=np.float64)))

    def to_record(self) -> dict[str, Any]:
        """Return minimum, maximum and mean of the finite values, and the number of infinite ones."""
        record: dict[str, Any] = {"infinite": self._infinite} if self._infinite else {}
        if self._finite:
            record |= {"minimum": to_json_value(min(self._limits)), "maximum": to_json_value(max(self._limits))}
            total = math.fsum(self._sums) if all(map(math.isfinite, self._sums)) else math.inf
            record["mean"] = round_significant(total / self._finite)
        return record


class Marginals:
    """Means of an array over some of its dimensions, accumulated block by block.

    Holds sums and counts of the finite values in one table for each group of remaining dimensions.

    Parameters
    ----------
    variable : xarray.Variable
        A numeric variable; only its dimensions are used.
    tables : iterable of tuple
        The remaining dimensions of each table, in the order that they have in the array.
    """

    def __init__(self, variable: xr.Variable, tables: Iterable[tuple[Hashable, ...]]) -> None:
        self._dims = variable.dims
        shapes = {dims: [variable.sizes[dim] for dim in dims] for dims in tables}
        self._sums = {dims: np.zeros(shape) for dims, shape in shapes.items()}
        self._counts = {dims: np.zeros(shape, dtype=np.int64) for dims, shape in shapes.items()}

    def add(self, position: Slices, block: np.ndarray) -> None:
        """Add a block of values at a position of the array."""
        finite = np.isfinite(block) if block.dtype.kind == "f" else None
        if finite is not None:
            if finite.all():
                finite = None
            else:
                block = np.where(finite, block, block.dtype.type(0))
        for dims, sums in self._sums.items():
            target = tuple(part for dim, part in zip(self._dims, position, strict=True) if dim in dims)
            axes = tuple(number for number, dim in enumerate(self._dims) if dim not in dims)
            with np.errstate(over="ignore"):
                sums[target] += block.sum(axis=axes, dtype=np.float64)
            values_per_cell = block.size // max(1, sums[target].size)
            self._counts[dims][target] += values_per_cell if finite is None else finite.sum(axis=axes)

    def sums(self, *dims: Hashable) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums and the counts of a table with its dimensions in the given order."""
        key = next(table for table in self._sums if set(table) == set(dims))
        order = [key.index(dim) for dim in dims]
        return self._sums[key].transpose(order), self._counts[key].transpose(order)

    def means(self, *dims: Hashable) -> np.ndarray:
        """Return the means of a table; NaN where no value is finite."""
        return divide_by_counts(*self.sums(*dims))

    def has(self, *dims: Hashable) -> bool:
        """Return whether there is a table of these dimensions."""
        return any(set(table) == set(dims) and len(table) == len(dims) for table in self._sums)


def divide_by_counts(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Divide sums by counts; NaN where the count is 0."""
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=np.asarray(counts) > 0)


class Reliability(NamedTuple):
    """Split-half reliability at a sample of positions.

    Attributes
    ----------
    values : numpy.ndarray
        The reliability of every combination of the sampled positions; NaN where it is not defined.
    positions : dict
        The sampled positions of each dimension, in the order of the axes of `values`.
    """

    values: np.ndarray
    positions: dict[Hashable, np.ndarray]

    def to_record(self) -> dict[str, Any]:
        """Return the field `reliability` of a card; empty if no value is defined."""
        defined = self.values[np.isfinite(self.values)]
        if not len(defined):
            return {}
        low, median, high = (round_significant(float(value)) for value in np.quantile(defined, [0.25, 0.5, 0.75]))
        quartiles = {"median": median, "lower_quartile": low, "upper_quartile": high}
        counts = {"computed_for": self.values.size, "defined_for": len(defined)}
        return {**quartiles, **counts, "n_splits": _SPLITS, "seed": _SEED, "method": _RELIABILITY_METHOD}


def compute_reliability(array: xr.DataArray, columns: Columns) -> Reliability | None:
    """Compute the split-half reliability of an assembly.

    At most 17 million values are read, at positions that are spaced evenly along the other dimensions.

    Returns
    -------
    Reliability or None
        None unless values are numeric, and `stimulus_id` and `repetition` are along one dimension with two distinct
        values each.
    """
    repeated = _find_repetitions(columns)
    if repeated is None:
        return None
    dim, stimuli, repetitions = repeated
    if not can_reduce(np.empty(0, array.dtype)) or not array.size:
        return None
    rows = np.flatnonzero((stimuli.codes >= 0) & (repetitions.codes >= 0))
    if len(rows) < 2 or np.ptp(repetitions.codes[rows]) == 0:
        return None
    values, positions = _read_sample(array.variable, dim, rows)
    with np.errstate(invalid="ignore", over="ignore"):
        reliability = split_half_values(values, 1, stimuli.codes[rows], repetitions.codes[rows], _SPLITS, _SEED)
    return Reliability(reliability.reshape([len(sampled) for sampled in positions.values()]), positions)


def _find_repetitions(columns: Columns) -> tuple[str, Column, Column] | None:
    """Return the dimension of the stimuli with the columns of stimuli and repetitions; None unless both vary."""
    stimulus = find_stimulus_column(columns)
    dims, repetitions = columns.get("repetition", _NO_COLUMN)
    if stimulus is None or repetitions is None or repetitions.values is None or dims != (stimulus[0],):
        return None
    is_enough = len(repetitions.values) > 1 and len(stimulus[1].counts) > 1
    return (stimulus[0], stimulus[1], repetitions) if is_enough else None


def _read_sample(
    variable: xr.Variable, dim: Hashable, rows: np.ndarray
) -> tuple[np.ndarray, dict[Hashable, np.ndarray]]:
    """Read rows of a dimension at all other positions, or at evenly spaced ones if these are too many.

    Values are selected from whole blocks: reading single positions of a file would decompress a chunk repeatedly.
    """
    sizes = {other: size for other, size in variable.sizes.items() if other != dim}
    length = variable.sizes[dim]
    while (excess := length * math.prod(sizes.values()) / _MAX_RELIABILITY_VALUES) > 1 and max(
        sizes.values(), default=1
    ) > 1:
        largest = max(sizes, key=sizes.__getitem__)
        sizes[largest] = max(1, int(sizes[largest] / excess))
    sampled = {other: np.linspace(0, variable.sizes[other] - 1, size).astype(np.intp) for other, size in sizes.items()}
    positions = {**sampled, dim: rows}
    order = [variable.get_axis_num(name) for name in positions]
    values = np.empty([len(along) for along in positions.values()], variable.dtype)
    for slices, block in iter_blocks(variable):
        selected = [
            _positions_in_part(along, slices[axis]) for along, axis in zip(positions.values(), order, strict=True)
        ]
        if all(len(source) for _, source in selected):
            target = tuple(inside for inside, _ in selected)
            values[target] = block.transpose(order)[np.ix_(*(source for _, source in selected))]
    return values.reshape(-1, len(rows)), sampled


def _positions_in_part(positions: np.ndarray, part: slice) -> tuple[slice, np.ndarray]:
    """Return the slice of ascending `positions` inside a part of a dimension, and their offsets in that part."""
    first = part.start or 0
    inside = slice(*np.searchsorted(positions, [first, np.inf if part.stop is None else part.stop]).tolist())
    return inside, positions[inside] - first
