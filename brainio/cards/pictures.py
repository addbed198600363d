"""The numbers of pictures that tell a neuroscientist what an assembly is; see `pictures` in docs/cards.md.

All values are read once, in the pass that describes them: `Pictures.add` is given each block. Draws nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brainio.assemblies.summaries import TIME_BIN, course_of
from brainio.cards.arrays import stimulus_column, time_bin_edges
from brainio.cards.columns import rounded, sound_text
from brainio.cards.groups import EVENT, groups_along, populations, texts_of
from brainio.cards.histograms import round_edges, tally
from brainio.cards.marginals import Marginals, mean
from brainio.cards.rasters import Raster

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import xarray as xr

    from brainio.cards.arrays import Columns, Place
    from brainio.cards.reliable import Reliability

_BINS = 30  # of the distribution of responses, about
_MOST_COUNTS = 60  # of repetitions
_MOST_TIMES = 200  # time bins of a course; of more, neighbours are averaged
_MOST_CELLS = 1 << 22  # positions, or positions x time bins, whose means are held
_ROUNDED_AT_ONCE = 1 << 16
_EXTREMES = 8  # stimuli with the strongest and with the weakest response
_PER_UNIT = 20  # bins of reliability between 0 and 1


class Responses(NamedTuple):
    """The mean response to each stimulus over everything, in the order of `stimuli`; NaN where no value is finite."""

    stimuli: list[str]
    presentations: np.ndarray
    means: np.ndarray

    def strongest_first(self) -> list[int]:
        """Return the places of the stimuli that have a mean, by that; equal ones by name."""
        means = _rounded(self.means)
        return sorted(np.flatnonzero(np.isfinite(means)).tolist(), key=lambda at: (-means[at], self.stimuli[at]))


class Pictures:
    """Collects what pictures of an assembly show while its values are read."""

    def __init__(self, array: xr.DataArray, columns: Columns) -> None:
        self._columns, self._sizes = columns, dict(array.sizes)
        self._time_bins = time_bin_edges(array, columns)
        is_numbers, has_events = array.dtype.kind in "biuf", EVENT in array.dims
        self._of = None if has_events else _dim_of_responses(self._sizes)
        self._stimuli = stimulus_column(columns)
        self._raster = Raster(columns) if is_numbers and array.dims == (EVENT,) else None
        self._means = Marginals(array.variable, self._tables()) if is_numbers else None

    def _tables(self) -> list[tuple[Hashable, ...]]:
        """Say of which dimensions means are wanted."""
        wanted: list[tuple[Hashable, ...]] = []
        if self._of is not None and self._sizes[self._of] <= _MOST_CELLS:
            wanted.append((self._of,))
            cells = self._sizes[self._of] * self._sizes.get(TIME_BIN, 0)
            if self._of != TIME_BIN and 0 < cells <= _MOST_CELLS:
                wanted.append(tuple(dim for dim in self._sizes if dim in (self._of, TIME_BIN)))
        if self._stimuli is not None and self._sizes[self._stimuli[0]] <= _MOST_CELLS:
            wanted.append((self._stimuli[0],))
        return list(dict.fromkeys(wanted))

    def add(self, place: Place, block: np.ndarray) -> None:
        """Take in the values that lie at a place of the array."""
        if self._means is not None:
            self._means.add(place, block)
        if self._raster is not None:
            self._raster.add(place, block)

    def record(self, reliability: Reliability | None) -> dict[str, Any]:
        """Return the record `pictures` of a card, once all blocks were added."""
        parts = {
            "populations": populations(self._columns),
            "responses": self._responses(),
            "repetitions": self._repetitions(),
            "reliability": {} if reliability is None else self._reliability(reliability),
            "time_course": self._time_course(),
            "raster": {} if self._raster is None else self._raster.record(),
            "stimuli": self._extremes(),
        }
        return {name: part for name, part in parts.items() if part}

    def by_stimulus(self) -> Responses | None:
        """Return the mean response to each stimulus; None where values are no numbers or no stimulus is known."""
        if self._stimuli is None or self._means is None or not self._means.has(self._stimuli[0]):
            return None
        dim, column = self._stimuli
        sums, counts = self._means.sums(dim)
        named, size = column.codes >= 0, len(column.counts)
        codes = column.codes[named]
        total = np.bincount(codes, weights=sums[named], minlength=size)
        number = np.bincount(codes, weights=counts[named], minlength=size)
        return Responses(texts_of(column), column.counts, mean(total, number))

    def _responses(self) -> dict[str, Any]:
        if self._means is None or self._of is None or not self._means.has(self._of):
            return {}
        exact = self._means.means(self._of)
        means = _rounded(exact)
        finite = np.isfinite(means)
        if finite.sum() < 2:
            return {}
        edges = round_edges(means[finite].min(), means[finite].max(), _BINS)
        groups = groups_along(self._columns, self._of, len(means))
        told = [
            {
                "value": value,
                "count": int(members.sum()),
                "median": rounded(float(np.median(exact[members]))),
                "counts": tally(means[members], edges),
            }
            for number, value in enumerate(groups.values)
            if (members := finite & (groups.codes == number)).any()
        ]
        return {"by": groups.by, "of": sound_text(self._of), "edges": edges, "groups": told, **groups.left_out()}

    def _repetitions(self) -> list[dict[str, int]]:
        if self._stimuli is None:
            return []
        counts = sorted(Counter(self._stimuli[1].counts.tolist()).items())
        if len(counts) <= _MOST_COUNTS:
            return [{"repetitions": repetitions, "stimuli": stimuli} for repetitions, stimuli in counts]
        repetitions, stimuli = (np.array(column) for column in zip(*counts, strict=True))
        edges = round_edges(repetitions[0], repetitions[-1], _MOST_COUNTS - 1, whole=True)
        bins = zip(edges[:-1], edges[1:], tally(repetitions, edges, stimuli), strict=True)
        return [
            {"repetitions": int(low + 0.5), "to": int(high - 0.5), "stimuli": number}
            for low, high, number in bins
            if number
        ]

    def _reliability(self, reliability: Reliability) -> dict[str, Any]:
        # Spearman and Brown's correction of a negative correlation may be any number below zero.
        values = np.clip(_rounded(reliability.of_each), -1, 1)
        defined = np.isfinite(values)
        if not defined.any():
            return {}
        first = int(np.floor(min(0.0, values[defined].min()) * _PER_UNIT))
        edges = [number / _PER_UNIT for number in range(first, _PER_UNIT + 1)]
        every = {dim: groups_along(self._columns, dim, self._sizes[dim]) for dim in reliability.sampled}
        dim = next((dim for dim, groups in every.items() if groups.by), None)
        groups = every[dim] if dim is not None else groups_along({}, None, 1)
        axes = [len(reliability.sampled[one]) if one == dim else 1 for one in reliability.sampled]
        codes = groups.codes[reliability.sampled[dim] if dim is not None else [0]].reshape(axes)
        told = [
            {"value": value, "count": len(own), "counts": tally(own, edges)}
            for number, value in enumerate(groups.values)
            if len(own := values[defined & (codes == number)])
        ]
        return {"by": groups.by, "edges": edges, "groups": told, **groups.left_out()}

    def _time_course(self) -> dict[str, Any]:
        bins = self._sizes.get(TIME_BIN, 0)
        if self._means is None or not self._means.has(self._of, TIME_BIN) or self._time_bins is None:
            return {}
        start, end = self._time_bins
        if not len(start) == len(end) == bins:
            return {}
        centers = (start + end) / 2
        order = np.argsort(centers, kind="stable")
        size = -(-bins // _MOST_TIMES)
        starts = np.arange(0, bins, size)
        centers = mean(np.add.reduceat(centers[order], starts), np.diff([*starts, bins]))
        sums, counts = (np.add.reduceat(one[:, order], starts, axis=1) for one in self._means.sums(self._of, TIME_BIN))
        means = mean(sums, counts)
        groups = groups_along(self._columns, self._of, len(means))
        told = []
        for number, value in enumerate(groups.values):
            course = course_of(centers, means[groups.codes == number])
            told.append(
                {
                    "value": value,
                    "count": course.positions,
                    "mean": _told(course.mean),
                    "error": _told(course.error),
                }
            )
        return {"by": groups.by, "centers_ms": _told(centers), "groups": told, **groups.left_out()}

    def _extremes(self) -> dict[str, Any]:
        found = self.by_stimulus()
        order = [] if found is None else found.strongest_first()
        if found is None or len(order) < 2:
            return {}

        def told(places: Iterable[int]) -> list[dict[str, Any]]:
            return [
                {
                    "stimulus_id": sound_text(found.stimuli[at]),
                    "mean": rounded(float(found.means[at])),
                    "presentations": int(found.presentations[at]),
                }
                for at in places
            ]

        return {"strongest": told(order[:_EXTREMES]), "weakest": told(order[: -_EXTREMES - 1 : -1])}


def _dim_of_responses(sizes: dict[Hashable, int]) -> Hashable | None:
    """Return whose mean responses are shown: those of neuroids, else presentations, else the longest dimension."""
    named = next((dim for dim in ("neuroid", "presentation") if dim in sizes), None)
    return named or max(sizes, key=sizes.__getitem__, default=None)


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round computed numbers as cards do, so that no bin depends on the machine; NaN where they are not finite."""
    flat, told = values.ravel(), np.empty(values.size)
    for start in range(0, flat.size, _ROUNDED_AT_ONCE):  # Python's numbers take four times the memory
        part = slice(start, start + _ROUNDED_AT_ONCE)
        told[part] = [np.nan if (one := rounded(value)) is None else one for value in flat[part].tolist()]
    return told.reshape(values.shape)


def _told(values: np.ndarray) -> list[float | None]:
    return [rounded(value) for value in values.tolist()]
