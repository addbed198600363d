"""Checks of an assembly, on its own or against its stimulus set.

On its own: dimensions, ids, time bins, values, coordinates, extras. Against its set: unknown and unused stimuli, and
metadata that differ. Reads values block by block, but opens no files.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import (
    BehavioralAssembly,
    DataAssembly,
    NeuroidAssembly,
    PropertyAssembly,
    SpikeTimesAssembly,
    StimulusMergeAssemblyLoader,
)
from brainio.assemblies.coordinates import is_redundant_coordinate
from brainio.assemblies.stimulus_metadata import colliding_columns
from brainio.errors import FormatError
from brainio.netcdf.chunks import iter_blocks
from brainio.stimuli import STIMULUS_ID
from brainio.text import some
from brainio.units import milliseconds_per
from brainio.validation.report import Problem, problem
from brainio.validation.values import (
    NUMBER,
    TEXT,
    TRUTH,
    fault_of_texts,
    identifier_problems,
    is_id,
    is_missing,
    kinds_of,
    repeats,
)
from brainio.xarray_compat import coords_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brainio.validation.stimulus_sets import Table

# Loading adds extras to the attrs, next to these names; the file stores the values as 'data'.
_RESERVED = ("identifier", "stimulus_set", "stimulus_set_identifier", "data")
ID_COLUMNS = ("stimulus_id", "image_id")  # files from before 2021 use image_id, which loading renames
_MOST_NEUROIDS = 1 << 22  # above this, missing values are not counted by neuroid
_NOT_IN_NAMES = set(" /\0\n\t")
_STORABLE_KINDS = (TEXT, NUMBER, TRUTH, "datetime", "Timestamp", "datetime64", "date")

_USUAL_DIMS = {
    frozenset({"presentation", "neuroid"}): NeuroidAssembly,
    frozenset({"presentation", "neuroid", "time_bin"}): NeuroidAssembly,
    frozenset({"presentation"}): BehavioralAssembly,
    frozenset({"presentation", "choice"}): BehavioralAssembly,
    frozenset({"neuroid"}): PropertyAssembly,
    frozenset({"event"}): SpikeTimesAssembly,
}


def class_for(assembly: xr.DataArray) -> type[DataAssembly]:
    """Return the class of an assembly; for other arrays, infer it from the dimensions."""
    if isinstance(assembly, DataAssembly) and type(assembly) is not DataAssembly:
        return type(assembly)
    return _USUAL_DIMS.get(frozenset(map(str, assembly.dims)), DataAssembly)


def assembly_problems(assembly: xr.DataArray, assembly_class: type[DataAssembly]) -> list[Problem]:
    """List the problems of an assembly as an instance of the given class."""
    if len(set(assembly.dims)) < assembly.ndim:  # xarray fails in most operations
        found, fix = f"{tuple(assembly.dims)}", "rename one of them"
        return [problem("dims-wrong", "dimensions", found, expected="a unique name for each dimension", fix=fix)]
    return [
        *_dim_problems(assembly, assembly_class),
        *stimulus_id_problems(assembly, assembly_class),
        *_neuroid_problems(assembly),
        *_time_bin_problems(assembly),
        *_value_problems(assembly),
        *_coordinate_problems(assembly),
        *_storage_problems("values", assembly.variable),
    ]


def own_problems(assembly: xr.DataArray, assembly_class: type[DataAssembly]) -> list[Problem]:
    """List the problems of an assembly, its identifier and its extras."""
    extras = {str(name): value for name, value in assembly.attrs.items() if isinstance(value, xr.DataArray)}
    identifier = assembly.attrs.get("identifier")
    problems = [] if identifier is None else identifier_problems(identifier, "the identifier of the assembly")
    return problems + assembly_problems(assembly, assembly_class) + extra_problems(extras, assembly)


def _dim_problems(assembly: xr.DataArray, assembly_class: type[DataAssembly]) -> list[Problem]:
    problems = [
        problem("dim-empty", f"dimension {dim!r}", "no elements") for dim, size in assembly.sizes.items() if size == 0
    ]
    try:
        # Only the class decides which dimensions are valid, so coordinates are passed unchanged.
        instance = assembly if type(assembly) is assembly_class else assembly_class(assembly)
        instance.validate()
    except (AssertionError, FormatError) as error:
        found = f"{tuple(assembly.dims)}, which do not fit the class {assembly_class.__name__}"
        expected = str(error).partition("; expected ")[2].partition(". ")[0]
        problems.append(problem("dims-wrong", "dimensions", found, expected=expected or str(error) or None))
    return problems


def stimulus_coordinate(assembly: xr.DataArray) -> str | None:
    """Return the name of the coordinate with the presented stimuli; None without one along a single dimension."""
    name = next((name for name in ID_COLUMNS if name in assembly.coords), None)
    return None if name is None or coords_of(assembly)[name].ndim != 1 or name in assembly.dims else name


def stimulus_id_problems(assembly: xr.DataArray, assembly_class: type[DataAssembly]) -> list[Problem]:
    """List the missing stimulus ids of an assembly whose class joins the metadata of stimuli."""
    if not issubclass(assembly_class.get_loader_class(), StimulusMergeAssemblyLoader):
        return []
    name = stimulus_coordinate(assembly)
    if name is None:
        needed = f"a {assembly_class.__name__} needs a coordinate 'stimulus_id' along one dimension"
        found = f"coordinates {', '.join(map(str, assembly.coords)) or 'none'}"
        expected = f"{needed} (such as 'presentation', not 'stimulus_id' itself)"
        return [problem("stimulus-id-missing", "coordinate 'stimulus_id'", found, expected=expected)]
    ids = coords_of(assembly)[name]
    return [
        problem("presentation-without-stimulus", f"{ids.dims[0]} {place}", f"{name} {value!r}")
        for place, value in enumerate(ids.values.tolist())
        if not is_id(value)
    ]


def _neuroid_problems(assembly: xr.DataArray) -> list[Problem]:
    if "neuroid" not in assembly.dims:
        return []
    place = "coordinate 'neuroid_id'"
    if "neuroid_id" not in assembly.coords or coords_of(assembly)["neuroid_id"].dims != ("neuroid",):
        return [problem("neuroid-id-missing", place, "no such coordinate along 'neuroid'")]
    ids = list(enumerate(coords_of(assembly)["neuroid_id"].values.tolist()))
    lacking = [(row, value) for row, value in ids if is_missing(value) or value == ""]
    kept = [(row, value) for row, value in ids if not (is_missing(value) or value == "")]
    problems = [problem("neuroid-id-missing", f"neuroid {row}", f"neuroid_id {value!r}") for row, value in lacking]
    for again, first in repeats(value for _, value in kept):
        (row, value), (earlier, _) = kept[again], kept[first]
        problems.append(problem("neuroid-id-doubled", f"neuroid {row}", f"{value!r}, as neuroid {earlier}"))
    return problems


def _time_bin_problems(assembly: xr.DataArray) -> list[Problem]:
    if "time_bin" not in assembly.dims:
        return []
    names = ("time_bin_start", "time_bin_end")
    lacking = [name for name in names if name not in assembly.coords or coords_of(assembly)[name].dims != ("time_bin",)]
    if lacking:
        return [
            problem("time-bin-incomplete", f"coordinate {name!r}", "no such coordinate along 'time_bin'")
            for name in lacking
        ]
    bins = [coords_of(assembly)[name].values for name in names]
    wrong = [name for name, values in zip(names, bins, strict=True) if kinds_of(values) not in ([NUMBER], [])]
    if wrong:
        kinds = {name: " and ".join(kinds_of(coords_of(assembly)[name].values)) for name in wrong}
        return [problem("time-bin-not-number", f"coordinate {name!r}", kinds[name]) for name in wrong]
    units = {name: coords_of(assembly)[name].attrs.get("units") for name in names}
    factors = {name: milliseconds_per(units[name]) for name in names}
    if None in factors.values():
        return [
            problem("time-bin-not-number", f"coordinate {name!r}", f"the units {units[name]!r}")
            for name in names
            if factors[name] is None
        ]
    return _interval_problems(*(values.astype(float) * factors[name] for name, values in zip(names, bins, strict=True)))


def _interval_problems(starts: np.ndarray, ends: np.ndarray) -> list[Problem]:
    problems, latest, latest_at = [], -np.inf, 0
    for place in np.argsort(starts, kind="stable").tolist():
        start, end = starts[place], ends[place]
        where, found = f"time_bin {place}", f"{start:g} to {end:g} ms"
        if np.isnan(start) or np.isnan(end):
            problems.append(problem("time-bin-not-number", where, found))
            continue
        if end < start:
            problems.append(problem("time-bin-reversed", where, found))
        elif end == start:
            problems.append(problem("time-bin-empty", where, found))
        elif start < latest:
            other = f"{starts[latest_at]:g} to {ends[latest_at]:g} ms"
            problems.append(problem("time-bin-overlap", where, f"{found}, beside {other} of time_bin {latest_at}"))
        if end > max(latest, start):
            latest, latest_at = end, place
    return problems


def _value_problems(assembly: xr.DataArray) -> list[Problem]:
    variable = assembly.variable
    if variable.dtype.kind not in "fcOmM" or not variable.size:
        return []
    counts, infinite = _count_missing(variable)
    total = int(counts.sum())
    if total == variable.size:
        return [problem("values-all-missing", "values", "no value, all of them are missing")]
    problems = []
    if total:
        share = f"{total:,} of {variable.size:,} values are missing ({total / variable.size:.2%})"
        problems.append(problem("values-missing", "values", share))
    silent = np.flatnonzero(np.atleast_1d(counts) == variable.size // max(1, np.size(counts)))
    problems += [problem("neuroid-all-missing", f"neuroid {row}", "no value") for row in silent.tolist()]
    if infinite:
        problems.append(problem("values-infinite", "values", f"{infinite:,} infinite values"))
    return problems


def _count_missing(variable: xr.Variable) -> tuple[np.ndarray, int]:
    """Count infinite and missing values, the latter by neuroid if there are neuroids, and not too many."""
    is_counted = variable.sizes.get("neuroid", _MOST_NEUROIDS + 1) <= _MOST_NEUROIDS
    axis = variable.dims.index("neuroid") if is_counted else None
    counts = np.zeros(() if axis is None else variable.shape[axis], dtype=np.int64)
    others = tuple(number for number in range(variable.ndim) if number != axis)
    infinite = 0
    for place, block in iter_blocks(variable):
        at = () if axis is None else place[axis]
        counts[at] += np.asarray(pd.isna(block)).sum(axis=others)
        infinite += int(np.isinf(block).sum()) if variable.dtype.kind == "f" else 0
    return counts, infinite


def _coordinate_problems(assembly: xr.DataArray) -> list[Problem]:
    """List the coordinates that a file cannot store, except those that loading joins from the stimulus set."""
    stimuli = assembly.attrs.get("stimulus_set")
    joined_in = list(stimuli.columns) if isinstance(stimuli, pd.DataFrame) else []
    problems = []
    for name, coord in coords_of(assembly).items():
        if not isinstance(name, str) or not name or name == "data" or set(name) & _NOT_IN_NAMES:
            problems.append(problem("coordinate-name", f"coordinate {name!r}", repr(name)))
        if name in assembly.dims and coord.dims != (name,):
            found = f"a coordinate of {', '.join(map(str, coord.dims)) or 'no dimension'} with the name of a dimension"
            fix = f"rename the coordinate, such as to '{name}_name'"
            expected = "names of dimensions for coordinates along them only"
            problems.append(problem("coordinate-name", f"coordinate {name!r}", found, expected=expected, fix=fix))
        if not is_redundant_coordinate(assembly, name) and name not in joined_in:
            problems += _storage_problems(f"coordinate {name!r}", coord)
    return problems


def _storage_problems(place: str, variable: xr.Variable) -> list[Problem]:
    """List values that netCDF cannot store: it supports text, booleans, dates, and numbers of 1 to 8 bytes."""
    dtype = variable.dtype
    fault = fault_of_texts(variable.values) if dtype.kind in "OUT" else None
    if fault is not None:
        value = variable.values.ravel()[fault[0]]
        return [problem("text-invalid", f"{place}, position {fault[0]}", f"{fault[1]} in {value!r}")]
    if dtype.kind in "iuf" and not dtype.isnative:
        return [problem("type-unstorable", place, f"{dtype.str}, in the byte order of other machines")]
    if dtype.kind not in "OT":
        known = dtype.kind in "biuSUmM" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
        return [] if known else [problem("type-unstorable", place, str(dtype))]
    kinds = sorted({kind for _, block in iter_blocks(variable) for kind in kinds_of(block)})
    if len(kinds) > 1:
        code = "values-mixed-type" if place == "values" else "coordinate-mixed-type"
        return [problem(code, place, " and ".join(kinds))]
    if kinds == [TRUTH] and any(np.any(pd.isna(block)) for _, block in iter_blocks(variable)):
        return [problem("type-unstorable", place, "True and False, some of them missing")]
    return [problem("type-unstorable", place, kind) for kind in kinds if kind not in _STORABLE_KINDS]


def extra_problems(extras: Mapping[str, object], assembly: xr.DataArray) -> list[Problem]:
    """List the extras that cannot be stored as groups of the file, or loaded into the attrs of the assembly."""
    problems = []
    for name, extra in extras.items():
        place = f"the extra {name!r}"
        if not (isinstance(name, str) and name.isidentifier()) or name in _RESERVED:
            found = f"{name!r}, an invalid name; reserved names are {', '.join(_RESERVED)}"
            problems.append(problem("extra-name", place, found))
        elif name in assembly.coords or name in assembly.dims:
            problems.append(problem("extra-name", place, "a coordinate or dimension of the same name"))
        if not isinstance(extra, xr.DataArray):
            problems.append(problem("extra-kind", place, f"a {type(extra).__name__} instead of an xarray.DataArray"))
            continue
        nested = [key for key, value in extra.attrs.items() if isinstance(value, xr.DataArray)]
        problems += [problem("extra-nested", place, f"an array in its attribute {key!r}") for key in nested]
    return problems


def pair_problems(assembly: xr.DataArray, table: Table) -> list[Problem]:
    """List the differences between an assembly and the table of its stimulus set."""
    name = stimulus_coordinate(assembly)
    known = table.column(STIMULUS_ID)
    if name is None or known is None:
        return []
    problems = _unknown_stimulus_problems(assembly, known)
    ids = coords_of(assembly)[name].values
    if kinds_of(ids) == [NUMBER] and TEXT in kinds_of(np.array(known, dtype=object)):
        number = f"numbers, such as {ids.tolist()[0]!r}; text in the stimulus set"
        problems.append(problem("stimulus-id-number", f"coordinate {name!r}", number))
    shown = set(map(_normalized_id, ids.tolist()))
    unused = [value for value in table.sound_ids().values() if _normalized_id(value) not in shown]
    if unused:
        found = f"{len(unused)} of {len(known)} stimuli are in no presentation: {some(unused)}"
        problems.append(problem("stimulus-unused", f"column {STIMULUS_ID!r}", found))
    return problems + _metadata_problems(assembly, name, table)


def _unknown_stimulus_problems(assembly: xr.DataArray, known: Iterable[object]) -> list[Problem]:
    """List the presented stimuli that the set lacks, or spells differently.

    Older files store a stimulus_id as a number: loading resolves 7 to the '007' of the set. The text '7' is a problem,
    because loading would change it to '007'.
    """
    name = stimulus_coordinate(assembly)
    if name is None:
        return []
    texts = set(map(str, known))
    spelled = {_normalized_id(text): text for text in texts}
    counts: Counter[object] = Counter()
    first: dict[object, int] = {}
    ids = coords_of(assembly)[name]
    for place, value in enumerate(ids.values.tolist()):
        if is_id(value) and str(value) not in texts:
            counts[value] += 1
            first.setdefault(value, place)
    dim = ids.dims[0]
    problems = []
    for value, count in counts.items():
        other = spelled.get(_normalized_id(value)) if len(spelled) == len(texts) else None
        if other is not None and isinstance(value, int):
            continue
        where, times = f"{dim} {first[value]}", f"at {count:,} of {assembly.sizes[dim]:,}"
        if other is None:
            found = f"{name} {value!r}, not in its stimulus set; {times}"
            problems.append(problem("stimulus-unknown", where, found))
        else:
            found = f"{name} {value!r}, which its stimulus set spells {other!r}; {times}"
            problems.append(problem("stimulus-id-spelling", where, found))
    return problems


def _normalized_id(value: object) -> str | int:
    """Convert an id of digits to an integer, so that `'007'` equals 7; other ids become text."""
    text = str(value)
    return int(text) if text.isdecimal() else text


def _metadata_problems(assembly: xr.DataArray, id_name: str, table: Table) -> list[Problem]:
    """Compare the metadata in both, for presentations whose stimulus_id is in the set."""
    first: dict[str, int] = {}
    for row, value in table.sound_ids().items():
        first.setdefault(str(value), row)
    ids = coords_of(assembly)[id_name]
    rows = np.array([first.get(str(value), -1) for value in ids.values], dtype=np.intp)
    shared = [
        str(name)
        for name, coord in coords_of(assembly).items()
        if name not in ID_COLUMNS and coord.dims == ids.dims and name in table.frame.columns
    ]
    problems = []
    for name in shared:
        column = pd.Series(table.column(name), dtype=object).infer_objects().to_numpy()
        problems += _compare(name, coords_of(assembly)[name].values, column, rows, str(ids.dims[0]))
    return problems


def _compare(name: str, values: np.ndarray, column: np.ndarray, rows: np.ndarray, dim: str) -> list[Problem]:
    kinds = kinds_of(values), kinds_of(column)
    if kinds[0] and kinds[1] and kinds[0] != kinds[1]:
        found = f"{' and '.join(kinds[0])} in the assembly, {' and '.join(kinds[1])} in the stimulus set"
        return [problem("coordinate-type-differs", f"coordinate {name!r}", found)]
    places = np.flatnonzero(rows >= 0)
    differs = places[_differ(values[places], column[rows[places]])]
    if not differs.size:
        return []
    first = int(differs[0])
    own, theirs = values[[first]].tolist()[0], column[rows[[first]]].tolist()[0]
    found = (
        f"{own!r} at {dim} {first}, where the stimulus set has {theirs!r}; {differs.size:,} of {len(values):,} differ"
    )
    return [problem("coordinate-differs", f"coordinate {name!r}", found)]


def _differ(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    missing: Sequence[np.ndarray] = (pd.isna(first), pd.isna(second))
    if kinds_of(first) == kinds_of(second) == [NUMBER]:
        equal = np.where(missing[0], np.nan, first) == np.where(missing[1], np.nan, second)
    else:
        equal = np.array(
            [left == right for left, right in zip(first.tolist(), second.tolist(), strict=True)], dtype=bool
        )
    return ~(equal | (missing[0] & missing[1]))


def collision_problems(assembly: xr.DataArray, table: Table) -> list[Problem]:
    """List the columns of a stimulus set that loading cannot join because the assembly uses their names differently."""
    name = stimulus_coordinate(assembly)
    if name is None:
        return []
    columns = list(table.frame.columns)
    problems = []
    for column, user in colliding_columns(assembly, columns, coords_of(assembly)[name].dims).items():
        candidates = f"stimulus_{column}", f"{column}_of_stimulus"
        free = next(candidate for candidate in candidates if candidate not in columns)
        fix = f"rename the column, for example to {free!r}, or the coordinate of the assembly"
        problems.append(problem("stimulus-column-collides", f"column {column!r}", f"{user} of that name", fix=fix))
    return problems
