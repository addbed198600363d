"""Repetitions of a stimulus: averaging them, and how reliable a recording is judged by them.

The functions that the field's benchmarks need of an assembly, under the names that it gives them. Scores, ceilings of
models and their aggregation belong to the benchmarks, not here.
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
    """Average over the presentations that agree in every coordinate but the repetition.

    Does what the function of this name in Brain-Score's vision benchmarks does (Schrimpf et al. 2018,
    doi:10.1101/407007): `multi_groupby` by all one-dimensional coordinates of `presentation` other than `repetition`,
    in their order, then the mean without missing values. A coordinate that tells repetitions apart under another name
    (a session, a run, a trial number) would keep them apart: name it in `repetition`.

    Parameters
    ----------
    assembly : DataAssembly
        With a dimension `presentation`.
    repetition : str or sequence of str, default "repetition"
        Coordinates not to group by, which are lost. Those that the assembly lacks are ignored.

    Returns
    -------
    DataAssembly
        Of the assembly's class, with its attrs and order of dimensions; presentations come sorted by their coordinates.
        float32 stays float32; a value that is missing in all repetitions is NaN. As ever with `multi_groupby`, where a
        single coordinate is left the dimension is named as that.

    Raises
    ------
    GroupbyError
        There is no coordinate of `presentation` to group by.

    >>> a = DataAssembly([1.0, 3.0, 5.0], dims=["presentation"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s1", "s2"]), "object_name": ("presentation", ["car", "car", "dog"]),
    ...     "repetition": ("presentation", [0, 1, 0])})
    >>> average_repetition(a).values.tolist()
    [2.0, 5.0]
    """
    left_out = {repetition} if isinstance(repetition, str) else set(repetition)
    dim = "presentation"
    along = [str(name) for name, v in coords_of(assembly).items() if v.dims == (dim,) and name not in (dim, *left_out)]
    if not along:
        raise GroupbyError(
            f"the assembly has no coordinate of {dim!r} to group by besides {sorted(left_out)}; its dimensions are "
            f"{assembly.dims}, its coordinates {list(coords_of(assembly))}"
        )
    average = group_by_levels(assembly, along).mean(dim=dim, skipna=True)
    average.attrs = dict(assembly.attrs)
    return average


def split_half_reliability(
    assembly: DataAssembly,
    n_splits: int = 10,
    seed: int = 0,
    repetition: str = "repetition",
    stimulus: str = "stimulus_id",
) -> DataAssembly:
    """Tell how reliable each neuroid is: the correlation between halves of its repetitions, Spearman-Brown corrected.

    The repetitions (the distinct values of that coordinate, of all stimuli alike) are split at random into halves, of
    an odd number one half has one more. In each half, values are averaged by stimulus; Pearson's correlation of the two
    averages over stimuli is corrected by `spearman_brown_correction`; the corrected values are averaged over splits.

    Missing values are left out of the averages. A stimulus that has no value in one of the halves, be it for want of
    repetitions or because all of them are missing, is left out of the correlation of that split (and of that neuroid,
    where only its values are missing). Every average counts once, however many repetitions are behind it. Presentations
    without a stimulus or repetition (NaN, None) are left out.

    Parameters
    ----------
    assembly : DataAssembly
        Of booleans, integers or floats; any dimensions besides that of repetitions, usually `neuroid`. Each
        position of these (neuroid, time bin) has a reliability of its own.
    n_splits : int, default 10
        Number of random splits.
    seed : int, default 0
        Of the splits: the same seed gives the same splits.
    repetition, stimulus : str
        Coordinates that name repetition and stimulus of each presentation.

    Returns
    -------
    DataAssembly
        float64, with the remaining dimensions, their coordinates and the attrs. NaN where in no split the correlation
        is defined, which takes two stimuli and averages that differ; other splits than those do not count.

    Raises
    ------
    KeyError
        There is no such coordinate.
    GroupbyError
        Both do not lie on one dimension, there are less than two repetitions, or values of another kind.

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
