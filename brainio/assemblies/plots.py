"""Plots of assemblies: xarray's `assembly.plot`, and four charts of recordings drawn with matplotlib.

Builds chart descriptions (`brainio.views.charts.description`) from the numbers that `summaries` computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainio.assemblies.coordinates import flatten_index
from brainio.assemblies.stimulus_metadata import stimulus_coordinates
from brainio.assemblies.summaries import group_positions, mean_responses, reliabilities, spike_rows, time_courses
from brainio.text import quantity
from brainio.units import name_of_values
from brainio.views.charts.description import (
    Axis,
    Chart,
    EventRow,
    Histogram,
    Line,
    Sample,
    join_first,
    reliability_chart,
    time_course_chart,
    title_by,
)
from brainio.views.charts.matplotlib_renderer import draw_chart
from brainio.xarray_compat import PlotAccessor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes


_REGION = "region"
_RELIABILITY = "split-half reliability (Spearman-Brown corrected)"


class AssemblyPlots(PlotAccessor):
    """Plots of an assembly: those of xarray, and `responses`, `reliability`, `time_course` and `raster`.

    These four draw on the matplotlib axes `ax`, by default of a new figure, and return the axes. They need the extra
    `plot`, and read all values. Plots of xarray take coordinates by name (`x='time_bin_start'`); dimensions without a
    named coordinate are drawn by position.
    """

    __slots__ = ()

    def _array_to_draw(self) -> xr.DataArray:
        # xarray refuses levels of an index as axes
        return flatten_index(self._array)

    def responses(self, by: str | Sequence[str] = _REGION, *, ax: Axes | None = None) -> Axes:
        r"""Draw the mean response of each neuroid by region: points, the median, quartiles, 5th and 95th percentile.

        Parameters
        ----------
        by : str or sequence of str, default 'region'
            Coordinates of one dimension: positions along it (neuroids, or presentations for `object_name`) are averaged
            over all other dimensions without missing values, and grouped. `['region', 'animal']` groups by each
            combination.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            A coordinate does not exist; the message lists the existing ones.
        GroupbyError
            The coordinates are not along the same dimension.
        AssemblyFormatError
            The values are not numbers.
        MissingExtraError
            matplotlib is not installed.

        Examples
        --------
        >>> import brainio
        >>> axes = brainio.get_assembly('modelfest.Carney1999').plot.responses('kind')
        >>> axes.get_ylabel()
        'contrast sensitivity\n(log10(1 / threshold contrast))'
        """
        groups = mean_responses(self._array, by)
        medians = [f"{name} {np.median(values):.3g}" for name, values in groups.items() if len(values)]
        chart = Chart(
            title=title_by("Mean responses", _joined_names(by)),
            finding=f"Medians: {join_first(medians)}.",
            x=Axis(_joined_names(by)),
            y=Axis(_values_label(self._array, "mean response")),
            series=tuple(Sample(name, values) for name, values in groups.items()),
        )
        return draw_chart(chart, ax)

    def reliability(
        self,
        by: str | None = None,
        *,
        n_splits: int = 10,
        seed: int = 0,
        repetition: str = "repetition",
        stimulus: str = "stimulus_id",
        bins: int = 20,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw a histogram of the split-half reliability of neuroids (and time bins), stacked by region.

        Parameters
        ----------
        by : str, optional
            Coordinate of neuroids that divides the histogram; more than six groups are drawn as one. Default: `region`
            if it exists.
        n_splits, seed, repetition, stimulus
            See `brainio.assemblies.split_half_reliability`, which computes it.
        bins : int, default 20
            Of the histogram, from 0 (or the lowest) to 1.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            A coordinate does not exist; the message lists the existing ones.
        GroupbyError
            There are fewer than two repetitions, or no neuroid has a reliability.
        MissingExtraError
            matplotlib is not installed.
        """
        by = by or (_REGION if self._has(_REGION) else None)
        groups = reliabilities(self._array, by, n_splits, seed, repetition, stimulus)
        others = [dim for dim in self._array.dims if dim not in self._array.coords[stimulus].dims]
        counted = " x ".join(f"{dim}s".replace("_", " ") for dim in others) or "values"
        values = np.concatenate(list(groups.values()))
        edges = np.linspace(min(0.0, float(values.min())), max(1.0, float(values.max())), bins + 1)
        histograms = [
            Histogram(name, len(own), edges.tolist(), np.histogram(own, edges)[0].tolist())
            for name, own in groups.items()
        ]
        chart = reliability_chart(histograms, float(np.median(values)), by, _RELIABILITY, f"number of {counted}")
        return draw_chart(chart, ax)

    def time_course(self, by: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the mean response over time bins by region, with a band of one standard error of the mean.

        Responses are averaged over presentations; mean and standard error are those over neuroids.

        Parameters
        ----------
        by : str, optional
            Coordinate to group by. For one of presentations (`object_name`), mean and standard error are those over
            presentations, each averaged over neuroids. Default: `region` if it exists, else all neuroids.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            A coordinate does not exist; the message lists the existing ones.
        AssemblyFormatError
            There are no time bins with start and end, or values are not numbers.
        MissingExtraError
            matplotlib is not installed.
        """
        by = by or (_REGION if self._has(_REGION) else None)
        courses = time_courses(self._array, by)
        default = "neuroids" if "neuroid" in self._array.dims else "positions"
        counted = f"{group_positions(self._array, by).dim}s" if by else default
        lines = [
            Line(name, course.positions, course.centers, course.mean, course.error) for name, course in courses.items()
        ]
        legend_title = f"{by} (number of {counted})" if by else f"number of {counted}"
        return draw_chart(time_course_chart(lines, _values_label(self._array, "mean response"), by, legend_title), ax)

    def raster(self, rows: str | Sequence[str] = "neuroid_id", *, ax: Axes | None = None) -> Axes:
        """Draw the spikes of a SpikeTimesAssembly as marks: time to the right, a row for each neuroid.

        Parameters
        ----------
        rows : str or sequence of str, default 'neuroid_id'
            Coordinates of spikes; each combination of their values is a row, sorted from the top.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            A coordinate does not exist; the message lists the existing ones.
        AssemblyFormatError
            The assembly does not have `event` as its only dimension.
        MissingExtraError
            matplotlib is not installed.

        Examples
        --------
        >>> import brainio
        >>> axes = brainio.get_assembly('herz.Rokem2006').plot.raster(['stimulus_id', 'recording'])
        >>> axes.get_xlabel()
        'time of the spike since stimulus onset (ms)'
        """
        times, groups = spike_rows(self._array, rows)
        label = _values_label(self._array, "time")
        label += " (ms)" if self._array.dtype.kind == "m" else ""
        by_row = times[np.argsort(groups.codes, kind="stable")]
        ends = np.cumsum(np.bincount(groups.codes, minlength=len(groups.labels)))
        events = np.split(by_row, ends[:-1])
        chart = Chart(
            title="Spikes",
            finding=f"{quantity(len(times), 'spike')} in {quantity(len(groups.labels), 'row')}.",
            x=Axis(label, *((float(times.min()), float(times.max())) if len(times) else ())),
            y=Axis(_joined_names(rows)),
            series=tuple(EventRow(name, own) for name, own in zip(groups.labels, events, strict=True)),
        )
        return draw_chart(chart, ax)

    def _has(self, name: str) -> bool:
        is_along = name in self._array.coords and len(self._array.coords[name].dims) == 1
        return is_along and not stimulus_coordinates(self._array, [name])


def _joined_names(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)


def _values_label(array: xr.DataArray, default: str) -> str:
    """Return a label for the values of an array, with their units."""
    name, units = name_of_values(array) or default, array.attrs.get("units")
    return f"{name} ({units})" if units else str(name)
