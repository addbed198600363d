"""`assembly.plot`: everything of `xarray.DataArray.plot`, and what is looked at first in a recording.

matplotlib loads when something is drawn. Computes nothing (`summaries`) and draws nothing (`drawing`) itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainio.assemblies.coords import flatten_index
from brainio.assemblies.joining import stimulus_coordinates
from brainio.xarray_compat import PlotAccessor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes


_REGION = "region"


class AssemblyPlots(PlotAccessor):
    """Plots of an assembly: those of xarray, and `responses`, `reliability`, `time_course` and `raster`.

    These four take `ax` (matplotlib axes to draw on; by default a new figure is made) and return the axes. They need
    the extra `plot`. All read all values. Plots of xarray take coordinates by name (`x='time_bin_start'`), and
    positions along dimensions of which none is named.
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
            Coordinates of one dimension: positions of that dimension (neuroids, or presentations for `object_name`) are
            averaged over all others without missing values, and grouped. `['region', 'animal']` makes a group of each
            combination.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            There is no such coordinate; the message names those that there are.
        GroupbyError
            The coordinates do not lie on one dimension.
        AssemblyFormatError
            The values are no numbers.
        MissingExtraError
            matplotlib is not installed.

        Examples
        --------
        >>> import brainio
        >>> axes = brainio.get_assembly('modelfest.Carney1999').plot.responses('kind')
        >>> axes.get_ylabel()
        'contrast sensitivity\n(log10(1 / threshold contrast))'
        """
        from brainio.assemblies.drawing import axes_or_new, draw_responses, label_of
        from brainio.assemblies.summaries import responses_by

        found = responses_by(self._array, by)
        return draw_responses(found, _in_words(by), label_of(self._array, "mean response"), axes_or_new(ax))

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
            Coordinate of neuroids that the histogram is divided by; more than six groups are drawn as one. Default:
            `region` where there is one.
        n_splits, seed, repetition, stimulus
            See `brainio.assemblies.split_half_reliability`, which computes it.
        bins : int, default 20
            Of the histogram, from 0 (or the lowest) to 1.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            There is no such coordinate; the message names those that there are.
        GroupbyError
            There are less than two repetitions, or no neuroid has a reliability.
        MissingExtraError
            matplotlib is not installed.
        """
        from brainio.assemblies.drawing import axes_or_new, draw_reliability
        from brainio.assemblies.summaries import reliabilities

        by = by or (_REGION if self._has(_REGION) else None)
        found = reliabilities(self._array, by, n_splits, seed, repetition, stimulus)
        others = [dim for dim in self._array.dims if dim not in self._array.coords[stimulus].dims]
        of = " x ".join(f"{dim}s".replace("_", " ") for dim in others) or "values"
        return draw_reliability(found, by, of, bins, axes_or_new(ax))

    def time_course(self, by: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the mean response over time bins by region, with a band of one standard error of the mean.

        The response of each neuroid is averaged over presentations; mean and standard error are those over neuroids.

        Parameters
        ----------
        by : str, optional
            Coordinate to group by. One of presentations (`object_name`) gives mean and standard error over
            presentations, each averaged over neuroids. Default: `region` where there is one, else all neuroids.
        ax : matplotlib.axes.Axes, optional
            To draw on.

        Raises
        ------
        KeyError
            There is no such coordinate; the message names those that there are.
        AssemblyFormatError
            There are no time bins with start and end, or values are no numbers.
        MissingExtraError
            matplotlib is not installed.
        """
        from brainio.assemblies.drawing import axes_or_new, draw_time_courses, label_of
        from brainio.assemblies.summaries import groups_by, time_courses

        by = by or (_REGION if self._has(_REGION) else None)
        courses = time_courses(self._array, by)
        of = (
            f"{groups_by(self._array, by).dim}s" if by else "neuroids" if "neuroid" in self._array.dims else "positions"
        )
        return draw_time_courses(courses, by, of, label_of(self._array, "mean response"), axes_or_new(ax))

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
            There is no such coordinate; the message names those that there are.
        AssemblyFormatError
            The assembly has other dimensions than `event`.
        MissingExtraError
            matplotlib is not installed.

        Examples
        --------
        >>> import brainio
        >>> axes = brainio.get_assembly('herz.Rokem2006').plot.raster(['stimulus_id', 'recording'])
        >>> axes.get_xlabel()
        'time of the spike since stimulus onset (ms)'
        """
        from brainio.assemblies.drawing import axes_or_new, draw_raster, label_of
        from brainio.assemblies.summaries import spike_rows

        times, found = spike_rows(self._array, rows)
        label = label_of(self._array, "time")
        label += " (ms)" if self._array.dtype.kind == "m" else ""
        return draw_raster(times, found, _in_words(rows), label, axes_or_new(ax))

    def _has(self, name: str) -> bool:
        is_along = name in self._array.coords and len(self._array.coords[name].dims) == 1
        return is_along and not stimulus_coordinates(self._array, [name])


def _in_words(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)
