"""Reliability of recordings: averages over repetitions and split-half correlations.

The functions that benchmarks of the field need of an assembly, under their usual names. Scores, ceilings of models and
their aggregation belong to the benchmarks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainio.assemblies.core import DataAssembly
from brainio.assemblies.groupby import group_by_levels
from brainio.assemblies.split_halves import split_half_of_positions
from brainio.errors import GroupbyError
from brainio.xarray_compat import coords_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def average_repetition(assembly: DataAssembly, repetition: str | Sequence[str] = "repetition") -> Any:
    """Average over presentations that differ only in their repetition.

    Equals the function of this name in Brain-Score's vision benchmarks (Schrimpf et al. 2018, doi:10.1101/407007):
    `multi_groupby` by all one-dimensional coordinates of `presentation` except `repetition`, in their order, then the
    mean without missing values. If another coordinate (a session, a run, a trial number) differs between repetitions,
    name it in `repetition` as well.

    Parameters
    ----------
    assembly : DataAssembly
        With a dimension `presentation`.
    repetition : str or sequence of str, default "repetition"
        Coordinates not to group by, which are dropped. Unknown names are ignored.

    Returns
    -------
    DataAssembly
        Has the class, attrs and order of dimensions of the assembly; presentations are sorted by their coordinates.
        float32 stays float32; a value that is missing in all repetitions is NaN. As always with `multi_groupby`, the
        dimension takes the name of the coordinate if a single one remains.

    Raises
    ------
    GroupbyError
        `presentation` has no coordinate to group by.

    Examples
    --------
    >>> a = DataAssembly([1.0, 3.0, 5.0], dims=["presentation"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s1", "s2"]), "object_name": ("presentation", ["car", "car", "dog"]),
    ...     "repetition": ("presentation", [0, 1, 0])})
    >>> average_repetition(a).values.tolist()
    [2.0, 5.0]
    """
    omitted = {repetition} if isinstance(repetition, str) else set(repetition)
    dim = "presentation"
    names = [str(name) for name, v in coords_of(assembly).items() if v.dims == (dim,) and name not in (dim, *omitted)]
    if not names:
        raise GroupbyError(
            f"the assembly has no coordinate of {dim!r} to group by besides {sorted(omitted)}; its dimensions are "
            f"{assembly.dims}, its coordinates {list(coords_of(assembly))}"
        )
    average = group_by_levels(assembly, names).mean(dim=dim, skipna=True)
    average.attrs = dict(assembly.attrs)
    return average


def split_half_reliability(
    assembly: DataAssembly,
    n_splits: int = 10,
    seed: int = 0,
    repetition: str = "repetition",
    stimulus: str = "stimulus_id",
) -> DataAssembly:
    """Compute the reliability of each neuroid: the Spearman-Brown corrected correlation of halves of its repetitions.

    The repetitions (the distinct values of that coordinate, the same for all stimuli) are split at random into halves;
    if their number is odd, one half has one more. Values are averaged by stimulus in each half; Pearson's correlation
    of both averages over stimuli is corrected by `spearman_brown_correction`, and averaged over splits.

    Missing values are skipped. A stimulus without a value in one of the halves, because it has too few repetitions or
    all values are missing, is excluded from the correlation of that split (and only of that neuroid, if only its values
    are missing). Every average has the same weight, for any number of repetitions. Presentations without a stimulus or
    repetition (NaN, None) are excluded.

    Parameters
    ----------
    assembly : DataAssembly
        Booleans, integers or floats; any dimensions besides that of repetitions, usually `neuroid`. Each position of
        these (neuroid, time bin) has its own reliability.
    n_splits : int, default 10
        Number of random splits.
    seed : int, default 0
        Seed of the random splits.
    repetition, stimulus : str
        Coordinates with the repetition and stimulus of each presentation.

    Returns
    -------
    DataAssembly
        float64, with the remaining dimensions, their coordinates and the attrs. Splits with an undefined correlation
        (fewer than two stimuli, or equal averages) do not count; NaN if there is no other split.

    Raises
    ------
    KeyError
        A coordinate does not exist.
    GroupbyError
        Both coordinates are not along the same dimension, there are fewer than two repetitions, or values of another
        dtype.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = np.tile(rng.normal(size=100), 20), rng.normal(size=2000)
    >>> a = DataAssembly(np.stack([signal + noise, noise]), dims=["neuroid", "presentation"], coords={
    ...     "neuroid_id": ("neuroid", [1, 2]), "region": ("neuroid", ["IT", "IT"]),
    ...     "stimulus_id": ("presentation", np.tile(np.arange(100), 20)),
    ...     "repetition": ("presentation", np.repeat(np.arange(20), 100))})
    >>> reliability = split_half_reliability(a)
    >>> reliability.dims, reliability.sel(neuroid_id=1).item() > 0.9, abs(reliability.sel(neuroid_id=2).item()) < 0.5
    (('neuroid',), True, True)
    """
    return DataAssembly(split_half_of_positions(assembly, n_splits, seed, repetition, stimulus))
