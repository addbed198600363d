"""Joining the metadata of stimuli into an assembly, by `stimulus_id`.

Works on the integer codes of ids and columns alone: the values of the assembly are neither touched nor read. Reading
files is the business of `loaders`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies.codes import Level, factorize_level
from brainio.assemblies.gather import gather_indexes
from brainio.assemblies.index import AssemblyIndex
from brainio.errors import AssemblyFormatError

if TYPE_CHECKING:
    from collections.abc import Hashable

STIMULUS_ID = "stimulus_id"

_NAMED_IN_ERRORS = 5

T = TypeVar("T", bound=xr.DataArray)


def join_stimuli(assembly: T, stimulus_set: pd.DataFrame, where: str, *, allow_missing: bool = False) -> T:
    """Add each column of a stimulus set that an assembly does not have as a level beside `stimulus_id`.

    Parameters
    ----------
    assembly : xarray.DataArray
        With a one-dimensional coordinate `stimulus_id`.
    stimulus_set : pandas.DataFrame
        With a column `stimulus_id`, in which no value stands twice.
    where : str
        What errors call the assembly: its file.
    allow_missing : bool, default False
        Give missing values to presentations whose stimulus the set lacks, or that have no `stimulus_id`: NaN, and NaT
        among dates and durations. A column of integers then becomes one of float64, one of booleans becomes objects.

    Raises
    ------
    AssemblyFormatError
        Either has no ids to join by, an id stands twice in the set, or the set lacks stimuli of the assembly.

    >>> from brainio.assemblies import DataAssembly
    >>> a = DataAssembly([0.1, 0.2], dims=["presentation"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s9"]), "repetition": ("presentation", [0, 0])})
    >>> stimuli = pd.DataFrame({"stimulus_id": ["s1", "s2"], "size": [4, 8]})
    >>> join_stimuli(a, stimuli, "a.nc", allow_missing=True)["size"].values.tolist()
    [4.0, nan]
    """
    assembly = gather_indexes(assembly)
    index = _index_of_ids(assembly, where)
    rows, ids = _rows_of_stimuli(index.levels[STIMULUS_ID], stimulus_set, where, allow_missing)
    added: dict[Hashable, Level] = {
        name: _small(column_level(column)).at(rows)
        for name, column in stimulus_set.items()
        if name not in assembly.coords and name != index.dim
    }
    joined = AssemblyIndex.from_levels(index.dim, {**index.levels, STIMULUS_ID: ids, **added})
    variables = joined.create_variables(assembly._coords)
    coords: dict[Hashable, xr.Variable] = {}
    for name, variable in assembly._coords.items():
        coords.update(variables if name in variables else {name: variable})
    return assembly._replace(coords=coords, indexes={**assembly._indexes, **dict.fromkeys(variables, joined)})


def column_level(column: pd.Series) -> Level:
    """Encode a column of a stimulus set; integers beside missing values become floats only where these are equal."""
    return factorize_level(column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(dtype=object))


def _index_of_ids(assembly: xr.DataArray, where: str) -> AssemblyIndex:
    if STIMULUS_ID not in assembly.coords:
        raise AssemblyFormatError(
            f"{where} has no coordinate 'stimulus_id' (nor 'image_id') to join the stimulus set by; it has "
            f"{list(assembly.coords)}"
        )
    if assembly[STIMULUS_ID].ndim != 1:
        raise AssemblyFormatError(
            f"{where}: the coordinate 'stimulus_id' has the dimensions {assembly[STIMULUS_ID].dims}; expected "
            f"one dimension, along which the stimulus set can be joined. Load it without `stimulus_set`."
        )
    index = assembly.xindexes[STIMULUS_ID]
    if isinstance(index, AssemblyIndex):
        return index
    ids = factorize_level(np.asarray(assembly[STIMULUS_ID].values))  # the own coordinate of a dimension
    return AssemblyIndex.from_levels(STIMULUS_ID, {STIMULUS_ID: ids})


def _rows_of_stimuli(
    level: Level, stimulus_set: pd.DataFrame, where: str, allow_missing: bool
) -> tuple[np.ndarray, Level]:
    """Find the row of the stimulus set for each position of the assembly (-1: none), by way of the distinct ids alone.

    Also gives the level of ids, written as the stimulus set writes them.
    """
    if STIMULUS_ID not in stimulus_set.columns:
        raise AssemblyFormatError(
            f"{where} cannot be joined by the coordinate 'stimulus_id': expected a stimulus set with a "
            f"column of that name, found {list(stimulus_set.columns)}"
        )
    ids = pd.Index(stimulus_set[STIMULUS_ID].to_numpy(), dtype=object)
    if ids.has_duplicates:
        doubled = ids[ids.duplicated()].unique()[:_NAMED_IN_ERRORS].tolist()
        raise AssemblyFormatError(f"{where} cannot be joined: the stimulus set has doubled ids, such as {doubled}")
    found = ids.get_indexer(level.values)
    if (found < 0).any() and len(ids):
        level, found = _matched_as_numbers(level, ids) or (level, found)
    rows = np.append(found, -1)[level.codes]
    if not allow_missing and (rows < 0).any():
        raise AssemblyFormatError(_lacking(level, rows, stimulus_set, where))
    return rows, level


def _matched_as_numbers(level: Level, ids: pd.Index) -> tuple[Level, np.ndarray] | None:
    """Match ids that are numbers: `7` in the assembly may be `007` in the table, or a number in a set made by hand.

    None where two ids of the table are the same number.
    """
    loose = pd.Index([_loose(value) for value in ids], dtype=object)
    if not loose.is_unique:
        return None
    found = loose.get_indexer(pd.Index([_loose(value) for value in level.values], dtype=object))
    renamed = factorize_level(np.where(found < 0, level.values.to_numpy(), ids.to_numpy()[found]))
    rows = np.full(len(renamed.values), -1)
    rows[renamed.codes] = found
    return renamed.at(level.codes), rows


def _loose(value: Any) -> Any:
    text = str(value)
    return int(text) if text.isdecimal() else text


def _lacking(level: Level, rows: np.ndarray, stimulus_set: pd.DataFrame, where: str) -> str:
    """Say which stimuli of an assembly its set lacks."""
    codes = np.unique(level.codes[rows < 0])
    lacking = level.values[codes[codes >= 0]]
    examples = [repr(value) for value in lacking[:_NAMED_IN_ERRORS]]
    examples += ["those without an id"] if codes[0] < 0 else []
    name = stimulus_set.__dict__.get("identifier")
    return (
        f"{where} names {len(codes)} stimuli, in {np.count_nonzero(rows < 0)} of {len(rows)} presentations, that the "
        f"stimulus set {f'{name} ' if name else ''}of {len(stimulus_set)} lacks, such as {', '.join(examples)}. "
        f"Load it with the set it was recorded with, or with allow_missing_stimuli=True, which gives their metadata "
        f"missing values."
    )


def _small(level: Level) -> Level:
    return level._replace(codes=level.codes.astype(np.min_scalar_type(-len(level.codes) - 1)))
