"""The numbers behind the charts of an assembly; see `pictures` in docs/cards.md.

`ChartData` receives every block of the single pass over the values that also describes them. Drawing is up to the
renderers.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.assemblies.summaries import TIME_BIN, build_time_course
from brainio.cards.arrays import Marginals, divide_by_counts, find_stimulus_column, find_time_bin_edges
from brainio.cards.columns import bin_edges, clean_text, count_by_bin, round_significant, to_json_value

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import xarray as xr

    from brainio.cards.arrays import Columns, Reliability, Slices
    from brainio.cards.columns import Column

_EVENT = "event"
_REGION = "region"
_ANIMALS = ("animal", "subject")
_NEUROID = "neuroid_id"
_PRESENTATION = ("stimulus_id", "image_id", "repetition", "recording")
_MAX_GROUPS = 8
_MAX_POPULATIONS = 100
_MAX_RASTER_ROWS = 40
_MAX_SPIKES = 3000
_RESPONSE_BINS = 30  # approximately
_MAX_REPETITION_COUNTS = 60
_MAX_TIMES = 200  # time bins of a time course; neighbours of more are averaged
_MAX_CELLS = 1 << 22  # positions, or positions x time bins, whose means are in memory
_ROUNDING_BATCH = 1 << 16
_MAX_EXTREMES = 8  # stimuli with the strongest and with the weakest response
_BINS_PER_UNIT = 20  # of reliability


class StimulusResponses(NamedTuple):
    """The mean response to each of `stimuli` over all presentations, neuroids and time bins; NaN if none is finite."""

    stimuli: list[str]
    presentations: np.ndarray
    means: np.ndarray

    def strongest_first(self) -> list[int]:
        """Return the positions of the stimuli that have a mean, sorted by mean in descending order, then by name."""
        means = _round_array(self.means)
        positions = np.flatnonzero(np.isfinite(means)).tolist()
        return sorted(positions, key=lambda position: (-means[position], self.stimuli[position]))


class ChartData:
    """Collects the numbers behind an assembly's charts while its values are read."""

    def __init__(self, array: xr.DataArray, columns: Columns) -> None:
        self._columns, self._sizes = columns, dict(array.sizes)
        self._time_bins = find_time_bin_edges(array, columns)
        is_numeric, has_events = array.dtype.kind in "biuf", _EVENT in array.dims
        self._response_dim = None if has_events else _find_response_dim(self._sizes)
        self._stimuli = find_stimulus_column(columns)
        self._raster = _Raster(columns) if is_numeric and array.dims == (_EVENT,) else None
        self._means = Marginals(array.variable, self._marginal_tables()) if is_numeric else None

    def _marginal_tables(self) -> list[tuple[Hashable, ...]]:
        """Return the dimensions of each table of means that the charts need."""
        tables: list[tuple[Hashable, ...]] = []
        if self._response_dim is not None and self._sizes[self._response_dim] <= _MAX_CELLS:
            tables.append((self._response_dim,))
            cells = self._sizes[self._response_dim] * self._sizes.get(TIME_BIN, 0)
            if self._response_dim != TIME_BIN and 0 < cells <= _MAX_CELLS:
                tables.append(tuple(dim for dim in self._sizes if dim in (self._response_dim, TIME_BIN)))
        if self._stimuli is not None and self._sizes[self._stimuli[0]] <= _MAX_CELLS:
            tables.append((self._stimuli[0],))
        return list(dict.fromkeys(tables))

    def add(self, position: Slices, block: np.ndarray) -> None:
        """Add a block of values at a position of the array."""
        if self._means is not None:
            self._means.add(position, block)
        if self._raster is not None:
            self._raster.add(position, block)

    def to_record(self, reliability: Reliability | None) -> dict[str, Any]:
        """Return the field `pictures` of a card, after all blocks were added."""
        charts = {
            "populations": _count_populations(self._columns),
            "responses": self._response_distribution(),
            "repetitions": self._repetition_counts(),
            "reliability": {} if reliability is None else self._reliability_distribution(reliability),
            "time_course": self._time_course(),
            "raster": {} if self._raster is None else self._raster.to_record(),
            "stimuli": self._extreme_stimuli(),
        }
        return {name: chart for name, chart in charts.items() if chart}

    def responses_by_stimulus(self) -> StimulusResponses | None:
        """Return the mean response to each stimulus; None if values are not numeric or there are no stimuli."""
        if self._stimuli is None or self._means is None or not self._means.has(self._stimuli[0]):
            return None
        dim, column = self._stimuli
        sums, counts = self._means.sums(dim)
        has_stimulus, size = column.codes >= 0, len(column.counts)
        codes = column.codes[has_stimulus]
        stimulus_sums = np.bincount(codes, weights=sums[has_stimulus], minlength=size)
        stimulus_counts = np.bincount(codes, weights=counts[has_stimulus], minlength=size)
        return StimulusResponses(_value_texts(column), column.counts, divide_by_counts(stimulus_sums, stimulus_counts))

    def _response_distribution(self) -> dict[str, Any]:
        if self._means is None or self._response_dim is None or not self._means.has(self._response_dim):
            return {}
        exact = self._means.means(self._response_dim)
        means = _round_array(exact)
        finite = np.isfinite(means)
        if finite.sum() < 2:
            return {}
        edges = bin_edges(means[finite].min(), means[finite].max(), _RESPONSE_BINS)
        groups = _group_by_region(self._columns, self._response_dim, len(means))
        records = [
            {
                "value": value,
                "count": int(members.sum()),
                "median": round_significant(float(np.median(exact[members]))),
                "counts": count_by_bin(means[members], edges),
            }
            for number, value in enumerate(groups.values)
            if (members := finite & (groups.codes == number)).any()
        ]
        dim = clean_text(self._response_dim)
        return {"by": groups.by, "of": dim, "edges": edges, "groups": records, **groups.omitted_field()}

    def _repetition_counts(self) -> list[dict[str, int]]:
        if self._stimuli is None:
            return []
        counts = sorted(Counter(self._stimuli[1].counts.tolist()).items())
        if len(counts) <= _MAX_REPETITION_COUNTS:
            return [{"repetitions": repetitions, "stimuli": stimuli} for repetitions, stimuli in counts]
        repetitions, stimuli = (np.array(column) for column in zip(*counts, strict=True))
        edges = bin_edges(repetitions[0], repetitions[-1], _MAX_REPETITION_COUNTS - 1, integers=True)
        bins = zip(edges[:-1], edges[1:], count_by_bin(repetitions, edges, stimuli), strict=True)
        return [
            {"repetitions": int(low + 0.5), "to": int(high - 0.5), "stimuli": number}
            for low, high, number in bins
            if number
        ]

    def _reliability_distribution(self, reliability: Reliability) -> dict[str, Any]:
        # The Spearman-Brown correction of a negative correlation has no lower bound.
        values = np.clip(_round_array(reliability.values), -1, 1)
        defined = np.isfinite(values)
        if not defined.any():
            return {}
        first = int(np.floor(min(0.0, values[defined].min()) * _BINS_PER_UNIT))
        edges = [number / _BINS_PER_UNIT for number in range(first, _BINS_PER_UNIT + 1)]
        groups_by_dim = {dim: _group_by_region(self._columns, dim, self._sizes[dim]) for dim in reliability.positions}
        group_dim = next((dim for dim, groups in groups_by_dim.items() if groups.by), None)
        groups = groups_by_dim[group_dim] if group_dim is not None else _group_by_region({}, None, 1)
        positions = reliability.positions[group_dim] if group_dim is not None else [0]
        shape = [len(sampled) if dim == group_dim else 1 for dim, sampled in reliability.positions.items()]
        codes = groups.codes[positions].reshape(shape)
        records = [
            {"value": value, "count": len(members), "counts": count_by_bin(members, edges)}
            for number, value in enumerate(groups.values)
            if len(members := values[defined & (codes == number)])
        ]
        return {"by": groups.by, "edges": edges, "groups": records, **groups.omitted_field()}

    def _time_course(self) -> dict[str, Any]:
        bins = self._sizes.get(TIME_BIN, 0)
        if self._means is None or not self._means.has(self._response_dim, TIME_BIN) or self._time_bins is None:
            return {}
        start, end = self._time_bins
        if not len(start) == len(end) == bins:
            return {}
        centers = (start + end) / 2
        order = np.argsort(centers, kind="stable")
        size = -(-bins // _MAX_TIMES)
        starts = np.arange(0, bins, size)
        centers = divide_by_counts(np.add.reduceat(centers[order], starts), np.diff([*starts, bins]))
        sums, counts = (
            np.add.reduceat(table[:, order], starts, axis=1) for table in self._means.sums(self._response_dim, TIME_BIN)
        )
        means = divide_by_counts(sums, counts)
        groups = _group_by_region(self._columns, self._response_dim, len(means))
        records = []
        for number, value in enumerate(groups.values):
            course = build_time_course(centers, means[groups.codes == number])
            mean, error = _round_list(course.mean), _round_list(course.error)
            records.append({"value": value, "count": course.positions, "mean": mean, "error": error})
        return {"by": groups.by, "centers_ms": _round_list(centers), "groups": records, **groups.omitted_field()}

    def _extreme_stimuli(self) -> dict[str, Any]:
        responses = self.responses_by_stimulus()
        order = [] if responses is None else responses.strongest_first()
        if responses is None or len(order) < 2:
            return {}

        def describe_stimuli(positions: Iterable[int]) -> list[dict[str, Any]]:
            return [
                {
                    "stimulus_id": clean_text(responses.stimuli[position]),
                    "mean": round_significant(float(responses.means[position])),
                    "presentations": int(responses.presentations[position]),
                }
                for position in positions
            ]

        weakest_first = order[: -_MAX_EXTREMES - 1 : -1]
        return {"strongest": describe_stimuli(order[:_MAX_EXTREMES]), "weakest": describe_stimuli(weakest_first)}


class Groups(NamedTuple):
    """The most frequent regions along a dimension.

    Attributes
    ----------
    by : str or None
        The coordinate; None if there are no regions, and all positions form one group without a value.
    values : list
        The regions; None is the group of positions without a region.
    codes : numpy.ndarray
        For each position the index of its region in `values`; -1 if that is not among them.
    omitted : int
        The number of regions that are not in `values`.
    """

    by: str | None
    values: list[str | None]
    codes: np.ndarray
    omitted: int

    def omitted_field(self) -> dict[str, int]:
        """Return the field `more` of a chart: the number of omitted groups, if any."""
        return {"more": self.omitted} if self.omitted else {}


def _group_by_region(columns: Columns, dim: Hashable, size: int) -> Groups:
    """Group the positions of a dimension by region."""
    column = _find_column_along(columns, _REGION, dim)
    if column is None:
        return Groups(None, [None], np.zeros(size, dtype=np.intp), 0)
    values: list[str | None] = [*map(clean_text, _value_texts(column)), None]
    counts = [*column.counts.tolist(), int((column.codes < 0).sum())]
    present = [number for number, count in enumerate(counts) if count]
    largest = heapq.nsmallest(_MAX_GROUPS, present, key=lambda number: (-counts[number], values[number] or ""))
    ranks = np.full(len(values), -1)
    ranks[largest] = np.arange(len(largest))
    return Groups(_REGION, [values[number] for number in largest], ranks[column.codes], len(present) - len(largest))


def _count_populations(columns: Columns) -> list[dict[str, Any]]:
    """Count the positions of the dimension that has regions, animals or subjects (usually neuroids) by these.

    Spike events are counted by distinct neuroid. Returns the most frequent combinations first.
    """
    names = [name for name in (_REGION, *_ANIMALS) if len(columns.get(name, ((), None))[0]) == 1]
    if not names:
        return []
    dim = columns[names[0]][0][0]
    region = _find_column_along(columns, _REGION, dim)
    animal = next((column for name in _ANIMALS if (column := _find_column_along(columns, name, dim)) is not None), None)
    pairs = np.stack([_codes_of(region, columns, dim), _codes_of(animal, columns, dim)])
    if dim == _EVENT:
        neuroid = _find_column_along(columns, _NEUROID, dim)
        if neuroid is None:
            return []
        has_neuroid = neuroid.codes >= 0
        pairs = np.unique(np.vstack([pairs, neuroid.codes])[:, has_neuroid], axis=1)[:2]
    rows, counts = np.unique(pairs, axis=1, return_counts=True)
    regions, animals = _texts_by_code(region), _texts_by_code(animal)
    records = [
        {"region": regions[region_code], "animal": animals[animal_code], "count": count}
        for region_code, animal_code, count in zip(*rows.tolist(), counts.tolist(), strict=True)
    ]

    def sort_key(record: dict[str, Any]) -> tuple[int, str, str]:
        return -record["count"], record["region"] or "", record["animal"] or ""

    return heapq.nsmallest(_MAX_POPULATIONS, records, key=sort_key)


class _Raster:
    """Collects the earliest spikes of the first rows of a raster, block by block.

    A row is a neuroid; if there is only one, a row is a presentation.
    """

    def __init__(self, columns: Columns) -> None:
        own = {name: column for name, (dims, column) in columns.items() if dims == (_EVENT,)}
        known = {name: column for name, column in own.items() if column.values is not None and len(column.values)}
        several = [name for name in (_NEUROID,) if name in known and len(known[name].counts) > 1]
        self._names = (
            several
            or [name for name in _PRESENTATION if name in known]
            or [name for name in (_NEUROID,) if name in known]
        )
        self._labels: list[str] = []
        self._codes, self._total = np.zeros(0, dtype=np.intp), 0
        if self._names:
            self._codes, self._total = self._number_rows([known[name] for name in self._names])
        self._times, self._rows = np.zeros(0), np.zeros(0, dtype=np.intp)

    def _number_rows(self, columns: list[Column]) -> tuple[np.ndarray, int]:
        """Return the row of each event (-1: not in the raster) and the number of all rows, which are sorted."""
        rows, codes = np.unique(np.stack([_sorted_codes(column) for column in columns]), axis=1, return_inverse=True)
        texts = [
            [*(_value_texts(column)[position] for position in _sorted_positions(column)), "missing"]
            for column in columns
        ]
        for row in rows.T[:_MAX_RASTER_ROWS].tolist():
            self._labels.append(", ".join(clean_text(text[code]) for text, code in zip(texts, row, strict=True)))
        codes = codes.ravel()
        return np.where(codes < _MAX_RASTER_ROWS, codes, -1), rows.shape[1]

    def add(self, position: Slices, block: np.ndarray) -> None:
        """Add the spike times at a position of the assembly."""
        if not self._names:
            return
        rows = self._codes[position[0]]
        is_shown = (rows >= 0) & np.isfinite(block)
        times = np.concatenate([self._times, block[is_shown].astype(np.float64)])
        rows = np.concatenate([self._rows, rows[is_shown]])
        first = np.lexsort((rows, times))[:_MAX_SPIKES]
        self._times, self._rows = times[first], rows[first]

    def to_record(self) -> dict[str, Any]:
        """Return the field `raster` of a card; empty if no coordinate distinguishes rows."""
        if not self._names or not len(self._times):
            return {}
        rows = [
            {"label": label, "times": _round_list(self._times[self._rows == number])}
            for number, label in enumerate(self._labels)
        ]
        return {"rows_of": ", ".join(self._names), "rows": rows, "shown": len(rows), "total": self._total}


def _value_texts(column: Column) -> list[str]:
    """Return the distinct values of a column as text."""
    values = () if column.values is None else column.values
    return [value if isinstance(value, str) else str(to_json_value(value)) for value in values]


def _find_column_along(columns: Columns, name: str, dim: Hashable) -> Column | None:
    """Return a coordinate with values that has exactly this dimension, or None."""
    dims, column = columns.get(name, ((), None))
    has_values = column is not None and column.values is not None and len(column.values) > 0
    return column if dims == (dim,) and has_values else None


def _codes_of(column: Column | None, columns: Columns, dim: Hashable) -> np.ndarray:
    if column is not None:
        return column.codes
    size = next(len(other.codes) for dims, other in columns.values() if dims == (dim,))
    return np.full(size, -1)


def _texts_by_code(column: Column | None) -> list[str | None]:
    """Return the texts of a column's values indexed by code; -1, the last one, is None."""
    return [*(map(clean_text, _value_texts(column)) if column is not None else ()), None]


def _sorted_positions(column: Column) -> list[int]:
    """Return the positions of the distinct values of a column in sorted order: numbers by size, others as text."""
    assert column.values is not None  # noqa: S101 - the raster skips columns without values
    if column.kind in ("integer", "number", "boolean", "date", "duration"):
        return [int(position) for position in np.argsort(column.values, kind="stable")]
    texts = _value_texts(column)
    return sorted(range(len(texts)), key=texts.__getitem__)


def _sorted_codes(column: Column) -> np.ndarray:
    """Return codes in the order of their values; missing values come last."""
    order = _sorted_positions(column)
    ranks = np.full(len(order) + 1, len(order))
    ranks[order] = np.arange(len(order))
    return ranks[column.codes]


def _find_response_dim(sizes: dict[Hashable, int]) -> Hashable | None:
    """Return the dimension of the distribution of responses: neuroid, else presentation, else the longest one."""
    preferred = next((dim for dim in ("neuroid", "presentation") if dim in sizes), None)
    return preferred or max(sizes, key=sizes.__getitem__, default=None)


def _round_array(values: np.ndarray) -> np.ndarray:
    """Round numbers as cards do, so that every machine selects the same bin; NaN if they are not finite."""
    flat, rounded = values.ravel(), np.empty(values.size)
    for start in range(0, flat.size, _ROUNDING_BATCH):  # Python's numbers take four times the memory
        batch = slice(start, start + _ROUNDING_BATCH)
        rounded[batch] = [np.nan if number is None else number for number in _round_list(flat[batch])]
    return rounded.reshape(values.shape)


def _round_list(values: np.ndarray) -> list[float | None]:
    return [round_significant(value) for value in values.tolist()]
