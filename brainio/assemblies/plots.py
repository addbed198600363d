"""Plots of assemblies: xarray's `assembly.plot`, and four charts of recordings drawn with matplotlib.

Imports matplotlib when something is drawn. `summaries` computes the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainio.assemblies.coordinates import flatten_index
from brainio.assemblies.stimulus_metadata import stimulus_coordinates
from brainio.assemblies.summaries import group_positions, mean_responses, reliabilities, spike_rows, time_courses
from brainio.errors import MissingExtraError
from brainio.installation import install_command
from brainio.views.attributes import name_of_values
from brainio.xarray_compat import PlotAccessor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes

    from brainio.assemblies.summaries import Groups, TimeCourse


# Okabe, M. & Ito, K. (2008) Color universal design: colours that people with any colour vision can distinguish.
# Without its yellow, which is hard to see on white, and its black, the colour of boxes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MOST_LETTERS = 40  # of all labels of an axis that are not rotated
_MOST_UPRIGHT = 36  # letters of the label of the vertical axis in one line
_MOST_LABELLED = 40  # rows of a raster with labels
_MOST_VECTORS = 20_000  # marks in a PDF or SVG that are not rasterized


def get_axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.0)) -> Axes:
    """Return the axes to draw on, by default those of a new figure.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError(f"plots need matplotlib: {install_command('plot')}") from error
    return ax if ax is not None else pyplot.subplots(figsize=size, layout="constrained")[1]


def draw_responses(responses: Mapping[str, np.ndarray], by: str, label: str, ax: Axes) -> Axes:
    """Draw each value as a point, and a box from the lower to the upper quartile with the median."""
    random = np.random.default_rng(0)
    for place, values in enumerate(responses.values()):
        colour = COLOURS[place if len(responses) <= len(COLOURS) else 0]
        aside = random.uniform(-0.22, 0.22, len(values))
        dense = max(0.15, min(0.7, 60 / max(len(values), 1)))
        many = len(values) > _MOST_VECTORS
        ax.plot(place + aside, values, "o", color=colour, alpha=dense, markersize=3.5, mew=0, rasterized=many)
        if len(values):
            box = {"color": "black", "linewidth": 1.2}
            ax.boxplot(
                values, positions=[place], widths=0.56, showfliers=False, whis=(5, 95), manage_ticks=False,
                medianprops=box | {"linewidth": 2.2}, boxprops=box, whiskerprops=box, capprops=box, zorder=3,
            )  # fmt: skip
    crowded = sum(map(len, responses)) > _MOST_LETTERS
    between = " " if crowded else "\n"
    names = [f"{label}{between}({len(values):,})" for label, values in responses.items()]
    ax.set_xticks(range(len(names)), names)
    if crowded:
        for text in ax.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
    ax.set(xlabel=by, ylabel=_with_line_break(label), xlim=(-0.6, len(names) - 0.4))
    return _plain(ax)


def draw_reliability(
    reliabilities: Mapping[str, np.ndarray], by: str | None, counted: str, bins: int, ax: Axes
) -> Axes:
    """Draw stacked histograms with a line at the median of all."""
    together = np.concatenate(list(reliabilities.values()))
    if len(reliabilities) > len(COLOURS):
        reliabilities, by = {"all": together}, None
    edges = np.linspace(min(0.0, float(together.min())), max(1.0, float(together.max())), bins + 1)
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(reliabilities))]
    labels = [f"{label} ({len(values):,})" for label, values in reliabilities.items()]
    ax.hist(
        list(reliabilities.values()), bins=list(edges), stacked=True, color=colours, label=labels, ec="white", lw=0.5
    )
    median = float(np.median(together))
    ax.axvline(median, color="black", linestyle="--", linewidth=1.2, label=f"median {median:.2f}")
    ax.set(xlabel="split-half reliability (Spearman-Brown corrected)", ylabel=f"number of {counted}")
    ax.legend(title=by, frameon=False)
    return _plain(ax)


def draw_time_courses(courses: Mapping[str, TimeCourse], by: str | None, counted: str, label: str, ax: Axes) -> Axes:
    """Draw each mean as a line, with a band of its standard error."""
    for place, (group, course) in enumerate(courses.items()):
        colour = COLOURS[place % len(COLOURS)]
        style = ("-", "--", ":", "-.")[place // len(COLOURS) % 4]
        marker = "o" if len(course.centers) <= 40 else None
        name = f"{group} ({course.positions:,})"
        ax.plot(course.centers, course.mean, style, color=colour, marker=marker, markersize=3.5, label=name)
        low, high = course.mean - course.error, course.mean + course.error
        ax.fill_between(course.centers, low, high, color=colour, alpha=0.25, linewidth=0)
    ax.set(xlabel="time (ms)", ylabel=_with_line_break(label))
    ax.legend(title=f"{by} (number of {counted})" if by else f"number of {counted}", frameon=False)
    return _plain(ax)


def draw_raster(times: np.ndarray, rows: Groups, by: str, label: str, ax: Axes) -> Axes:
    """Draw every spike as a mark, with the first row at the top."""
    count = len(rows.labels)
    height = 0.8 * ax.get_window_extent().height / ax.figure.dpi * 72 / max(count, 1)
    many = len(times) > _MOST_VECTORS
    size = min(max(height, 1.0), 60.0)
    ax.plot(times, rows.codes, linestyle="", marker="|", markersize=size, mew=0.5, color="black", rasterized=many)
    if count <= _MOST_LABELLED:
        ax.set_yticks(range(count), rows.labels)
    ax.set(xlabel=label, ylabel=by, ylim=(count - 0.4, -0.6))
    return _plain(ax)


def values_label(array: xr.DataArray, default: str) -> str:
    """Return a label for the values of an array, with their units."""
    name, units = name_of_values(array) or default, array.attrs.get("units")
    return f"{name} ({units})" if units else str(name)


def _with_line_break(label: str) -> str:
    """Break a long label before its units: the vertical axis is short."""
    name, bracket, units = label.partition(" (")
    return label if len(label) <= _MOST_UPRIGHT else f"{name}\n{bracket.strip()}{units}"


def _plain(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax


_REGION = "region"


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
        responses = mean_responses(self._array, by)
        return draw_responses(responses, _joined_names(by), values_label(self._array, "mean response"), get_axes(ax))

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
        return draw_reliability(groups, by, counted, bins, get_axes(ax))

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
        return draw_time_courses(courses, by, counted, values_label(self._array, "mean response"), get_axes(ax))

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
        label = values_label(self._array, "time")
        label += " (ms)" if self._array.dtype.kind == "m" else ""
        return draw_raster(times, groups, _joined_names(rows), label, get_axes(ax))

    def _has(self, name: str) -> bool:
        is_along = name in self._array.coords and len(self._array.coords[name].dims) == 1
        return is_along and not stimulus_coordinates(self._array, [name])


def _joined_names(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)
