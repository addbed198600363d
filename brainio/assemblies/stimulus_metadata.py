"""Stimulus set of an assembly: its place in `attrs`, and its columns as coordinates.

Joins by the integer codes of `stimulus_id`: the values of the assembly are neither changed nor read. Reads no files
(see `loaders`).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies.gathering import gather_indexes
from brainio.assemblies.index import AssemblyIndex
from brainio.errors import AssemblyFormatError, FormatWarning
from brainio.levels import Level, factorize_level
from brainio.netcdf.text import factorize_variable
from brainio.xarray_compat import coords_of, indexes_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, MutableMapping, Sequence


STIMULUS_SET = "stimulus_set"
STIMULUS_SET_IDENTIFIER = "stimulus_set_identifier"
STIMULUS_ID = "stimulus_id"

_NAMED_IN_ERRORS = 5
_NAMES = (STIMULUS_ID, "image_id", "filename")  # of a stimulus; some packages spell the values differently
_reported: set[tuple[str, ...]] = set()

T = TypeVar("T", bound=xr.DataArray)


def combine_stimulus_set(attrs: MutableMapping[Any, Any], parts: Sequence[Mapping[Any, Any]]) -> None:
    """Set the stimulus set of combined arrays in `attrs` if they agree on its identifier, else remove it.

    Arrays without a stimulus set do not count. Empty `attrs` stay empty: xarray was configured to drop all.
    """
    with_identifier = [part for part in parts if part.get(STIMULUS_SET_IDENTIFIER) is not None]
    if len(with_identifier) < 2 or (not attrs and any(parts)):
        return
    if len({part[STIMULUS_SET_IDENTIFIER] for part in with_identifier}) > 1:
        attrs.pop(STIMULUS_SET, None)
        attrs.pop(STIMULUS_SET_IDENTIFIER, None)
        return
    for part in with_identifier:
        if part.get(STIMULUS_SET) is not None:
            attrs[STIMULUS_SET] = part[STIMULUS_SET]
            return


def join_stimuli(assembly: T, stimulus_set: pd.DataFrame, where: str, *, allow_missing: bool = False) -> T:
    """Add each column of a stimulus set that an assembly lacks, as a level next to `stimulus_id`.

    Coordinates that have no index yet are gathered at once, so that each index is built only once.

    Parameters
    ----------
    assembly : xarray.DataArray
        With a one-dimensional coordinate `stimulus_id`.
    stimulus_set : pandas.DataFrame
        With a column `stimulus_id` of unique values.
    where : str
        Name of the assembly in errors: its file.
    allow_missing : bool, default False
        Give missing values (NaN, or NaT for dates and durations) to presentations without `stimulus_id`, or with a
        stimulus that the set lacks. Integers then become float64, booleans become objects.

    Raises
    ------
    AssemblyFormatError
        Either has no ids to join by, the set has a duplicate id, or lacks stimuli of the assembly.

    >>> from brainio.assemblies import DataAssembly
    >>> a = DataAssembly([0.1, 0.2], dims=["presentation"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s9"]), "repetition": ("presentation", [0, 0])})
    >>> stimuli = pd.DataFrame({"stimulus_id": ["s1", "s2"], "size": [4, 8]})
    >>> join_stimuli(a, stimuli, "a.nc", allow_missing=True)["size"].values.tolist()
    [4.0, nan]
    """
    dim = _dimension_of_ids(assembly, where)
    rows, ids = _rows_by_id(_level_of(assembly, STIMULUS_ID), stimulus_set, where, allow_missing)
    compared = _comparable_levels(assembly, dim, stimulus_set.columns)
    _report_collisions(assembly, dim, compared, stimulus_set, rows, where)
    taken = {*coords_of(assembly), *(v.dims[0] for v in coords_of(assembly).values() if v.ndim == 1)}
    added = {name: _small(column_level(column)).at(rows) for name, column in stimulus_set.items() if name not in taken}
    return gather_indexes(assembly, {dim: {**compared, STIMULUS_ID: ids, **added}})


def stimulus_coordinates(assembly: xr.DataArray, names: Iterable[Hashable]) -> frozenset[Hashable]:
    """Return the coordinates whose values are those of `attrs['stimulus_set']` for the stimulus of each presentation.

    Parameters
    ----------
    assembly : xarray.DataArray
        With its stimulus set in `attrs`; without one, the result is empty.
    names : iterable
        Coordinates to check.

    Examples
    --------
    >>> from brainio.assemblies import DataAssembly
    >>> stimuli = pd.DataFrame({"stimulus_id": ["s1", "s2"], "animal": ["cat", "dog"], "region": ["sky", "sea"]})
    >>> a = DataAssembly([[0.1], [0.2]], dims=["presentation", "neuroid"], attrs={"stimulus_set": stimuli}, coords={
    ...     "stimulus_id": ("presentation", ["s1", "s2"]), "repetition": ("presentation", [0, 0]),
    ...     "neuroid_id": ("neuroid", [1]), "region": ("neuroid", ["IT"])})
    >>> sorted(stimulus_coordinates(join_stimuli(a, stimuli, "a.nc"), ["animal", "region", "repetition"]))
    ['animal']
    """
    stimulus_set = assembly.attrs.get(STIMULUS_SET)
    if not isinstance(stimulus_set, pd.DataFrame) or not stimulus_set.columns.is_unique:
        return frozenset()
    candidates = [name for name in names if name in stimulus_set.columns and name in assembly.coords]
    index = assembly.xindexes.get(STIMULUS_ID)
    if not candidates or STIMULUS_ID not in stimulus_set.columns or not isinstance(index, AssemblyIndex):
        return frozenset()
    if stimulus_set[STIMULUS_ID].duplicated().any():
        return frozenset()
    rows, _ = _rows_by_id(index.levels[STIMULUS_ID], stimulus_set, "the assembly", allow_missing=True)
    return frozenset(
        name for name in candidates if _has_column_values(index.levels.get(name), stimulus_set[name], rows)
    )


def _has_column_values(level: Level | None, column: pd.Series, rows: np.ndarray) -> bool:
    """Return whether a level has the values of a column, in the rows that belong to its positions."""
    if level is None:
        return False
    theirs = column_level(column)
    places = theirs.values.get_indexer(level.values)
    own = np.append(np.where(places < 0, -2, places), -1)[level.codes]  # -1 is missing, -2 is not in the column
    return bool((own == np.append(theirs.codes, -1)[rows]).all())


def colliding_columns(
    assembly: xr.DataArray, columns: Iterable[Hashable], dims: tuple[Hashable, ...]
) -> dict[Hashable, str]:
    """Return the columns of a stimulus set whose names are those of other dimensions or coordinates of an assembly.

    Parameters
    ----------
    assembly : xarray.DataArray
        The assembly.
    columns : iterable
        Names of columns.
    dims : tuple
        The dimensions of the coordinate with the ids of stimuli.

    Returns
    -------
    dict
        Column -> description of the dimension or coordinate with its name.
    """
    collisions: dict[Hashable, str] = {}
    coords = coords_of(assembly)
    for name in columns:
        if name in assembly.dims and name not in _NAMES:
            collisions[name] = "a dimension"
        elif name in coords and coords[name].dims != dims:
            along = " x ".join(map(str, coords[name].dims))
            collisions[name] = f"a coordinate along {along}" if along else "a scalar coordinate"
    return collisions


def column_level(column: pd.Series) -> Level:
    """Convert a column of a stimulus set to a level; integers with missing values become floats if these are exact."""
    return factorize_level(column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(dtype=object))


def _comparable_levels(assembly: xr.DataArray, dim: Hashable, columns: Iterable[Hashable]) -> dict[Hashable, Level]:
    """Return the levels along a dimension that have the name of a column, except names of the stimuli themselves."""
    ignored = {*_NAMES, dim}
    names = [name for name, variable in coords_of(assembly).items() if variable.dims == (dim,) and name not in ignored]
    return {name: _level_of(assembly, name) for name in names if name in columns}


def _level_of(assembly: xr.DataArray, name: Hashable) -> Level:
    """Return a coordinate as a level, from its index or else factorized."""
    index = indexes_of(assembly).get(name)
    return index.levels[name] if isinstance(index, AssemblyIndex) else factorize_variable(coords_of(assembly)[name])


def _report_collisions(
    assembly: xr.DataArray,
    dim: Hashable,
    compared: Mapping[Hashable, Level],
    stimulus_set: pd.DataFrame,
    rows: np.ndarray,
    where: str,
) -> None:
    """Warn once per process about columns that are not joined because the assembly has other values by that name."""
    collisions = colliding_columns(assembly, stimulus_set.columns, (dim,))
    collisions |= {
        name: f"a coordinate along {dim} with other values"
        for name, level in compared.items()
        if not _has_column_values(level, stimulus_set[name], rows)
    }
    report = (where, *map(str, collisions))
    if not collisions or report in _reported:
        return
    _reported.add(report)
    listed = ", ".join(f"{name!r} ({description})" for name, description in collisions.items())
    first = next(iter(collisions))
    warnings.warn(
        f"{where} keeps its own coordinates with the names of columns of its stimulus set: {listed}. The columns are "
        f"in assembly.attrs['stimulus_set'][{first!r}]",
        FormatWarning,
        stacklevel=2,
    )


def _dimension_of_ids(assembly: xr.DataArray, where: str) -> Hashable:
    """Return the dimension of `stimulus_id`; raise AssemblyFormatError unless there is exactly one."""
    variable = coords_of(assembly).get(STIMULUS_ID)
    if variable is None:
        # A dimension of that name has a coordinate, too, once it is indexed.
        listed = [name for name in coords_of(gather_indexes(assembly)) if name != STIMULUS_ID]
        raise AssemblyFormatError(
            f"{where} has no coordinate 'stimulus_id' (nor 'image_id') to join the stimulus set by; it has {listed}"
        )
    if variable.ndim != 1:
        raise AssemblyFormatError(
            f"{where}: the coordinate 'stimulus_id' has the dimensions {variable.dims}; expected "
            f"one dimension, along which the stimulus set can be joined. Load it without `stimulus_set`."
        )
    dim: Hashable = variable.dims[0]
    return dim


def _rows_by_id(level: Level, stimulus_set: pd.DataFrame, where: str, allow_missing: bool) -> tuple[np.ndarray, Level]:
    """Find the row of the stimulus set for each position of the assembly (-1: none), by its distinct ids.

    Also returns the level of ids in the spelling of the stimulus set.
    """
    if STIMULUS_ID not in stimulus_set.columns:
        raise AssemblyFormatError(
            f"{where} cannot be joined by the coordinate 'stimulus_id': expected a stimulus set with a "
            f"column of that name, found {list(stimulus_set.columns)}"
        )
    ids = pd.Index(stimulus_set[STIMULUS_ID].to_numpy(), dtype=object)
    if ids.has_duplicates:
        duplicates = ids[ids.duplicated()].unique()[:_NAMED_IN_ERRORS].tolist()
        raise AssemblyFormatError(f"{where} cannot be joined: the stimulus set has duplicate ids, such as {duplicates}")
    places = ids.get_indexer(level.values)
    if (places < 0).any() and len(ids):
        level, places = _match_as_numbers(level, ids) or (level, places)
    rows = np.append(places, -1)[level.codes]
    if not allow_missing and (rows < 0).any():
        raise AssemblyFormatError(_missing_stimuli_message(level, rows, stimulus_set, where))
    return rows, level


def _match_as_numbers(level: Level, ids: pd.Index) -> tuple[Level, np.ndarray] | None:
    """Match ids by their numbers: `7` in the assembly may be `007` or an integer in the table.

    Returns None if two ids of the table are the same number.
    """
    numbers = pd.Index([_as_number(value) for value in ids], dtype=object)
    if not numbers.is_unique:
        return None
    places = numbers.get_indexer(pd.Index([_as_number(value) for value in level.values], dtype=object))
    renamed = factorize_level(np.where(places < 0, level.values.to_numpy(), ids.to_numpy()[places]))
    rows = np.full(len(renamed.values), -1)
    rows[renamed.codes] = places
    return renamed.at(level.codes), rows


def _as_number(value: Any) -> Any:
    text = str(value)
    return int(text) if text.isdecimal() else text


def _missing_stimuli_message(level: Level, rows: np.ndarray, stimulus_set: pd.DataFrame, where: str) -> str:
    """Return the message for stimuli of an assembly that its set lacks."""
    codes = np.unique(level.codes[rows < 0])
    missing = level.values[codes[codes >= 0]]
    examples = [repr(value) for value in missing[:_NAMED_IN_ERRORS]]
    examples += ["those without an id"] if codes[0] < 0 else []
    name = stimulus_set.__dict__.get("identifier")
    return (
        f"{where} has {len(codes)} stimuli, in {np.count_nonzero(rows < 0)} of {len(rows)} presentations, that the "
        f"stimulus set {f'{name} ' if name else ''}of {len(stimulus_set)} lacks, such as {', '.join(examples)}. "
        f"Load it with the set that was presented, or with allow_missing_stimuli=True, which leaves their metadata "
        f"missing."
    )


def _small(level: Level) -> Level:
    return level._replace(codes=level.codes.astype(np.min_scalar_type(-len(level.codes) - 1)))
