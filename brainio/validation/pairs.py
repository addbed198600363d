"""Checks of an assembly against its stimulus set: unknown and unused stimuli, differing metadata."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainio.assemblies.stimulus_metadata import colliding_columns
from brainio.stimuli import STIMULUS_ID
from brainio.text import some
from brainio.validation.assemblies import ID_COLUMNS, stimulus_coordinate
from brainio.validation.report import Problem, problem
from brainio.validation.values import NUMBER, TEXT, is_id, kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr

    from brainio.validation.stimulus_sets import Table


def pair_problems(assembly: xr.DataArray, table: Table) -> list[Problem]:
    """List the differences between an assembly and the table of its stimulus set."""
    name = stimulus_coordinate(assembly)
    known = table.column(STIMULUS_ID)
    if name is None or known is None:
        return []
    problems = unknown_stimulus_problems(assembly, known)
    if kinds_of(assembly[name].values) == [NUMBER] and TEXT in kinds_of(np.array(known, dtype=object)):
        number = f"numbers, such as {assembly[name].values.tolist()[0]!r}; text in the stimulus set"
        problems.append(problem("stimulus-id-number", f"coordinate {name!r}", number))
    shown = set(map(_normalized_id, assembly[name].values.tolist()))
    unused = [value for value in table.sound_ids().values() if _normalized_id(value) not in shown]
    if unused:
        found = f"{len(unused)} of {len(known)} stimuli are in no presentation: {some(unused)}"
        problems.append(problem("stimulus-unused", f"column {STIMULUS_ID!r}", found))
    return problems + _coordinate_problems(assembly, name, table)


def collision_problems(assembly: xr.DataArray, table: Table) -> list[Problem]:
    """List the columns of a stimulus set that loading cannot join because the assembly uses their names differently."""
    name = stimulus_coordinate(assembly)
    if name is None:
        return []
    columns = list(table.frame.columns)
    problems = []
    for column, user in colliding_columns(assembly, columns, assembly[name].dims).items():
        candidates = f"stimulus_{column}", f"{column}_of_stimulus"
        free = next(candidate for candidate in candidates if candidate not in columns)
        fix = f"rename the column, for example to {free!r}, or the coordinate of the assembly"
        problems.append(problem("stimulus-column-collides", f"column {column!r}", f"{user} of that name", fix=fix))
    return problems


def unknown_stimulus_problems(assembly: xr.DataArray, known: Iterable[object]) -> list[Problem]:
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
    for place, value in enumerate(assembly[name].values.tolist()):
        if is_id(value) and str(value) not in texts:
            counts[value] += 1
            first.setdefault(value, place)
    dim = assembly[name].dims[0]
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
    text = str(value)
    return int(text) if text.isdecimal() else text


def _coordinate_problems(assembly: xr.DataArray, id_name: str, table: Table) -> list[Problem]:
    """Compare the metadata in both, for presentations whose stimulus_id is in the set."""
    first: dict[str, int] = {}
    for row, value in table.sound_ids().items():
        first.setdefault(str(value), row)
    dims = assembly[id_name].dims
    rows = np.array([first.get(str(value), -1) for value in assembly[id_name].values], dtype=np.intp)
    shared = [
        str(name)
        for name, coord in assembly.coords.items()
        if name not in ID_COLUMNS and coord.dims == dims and name in table.frame.columns
    ]
    problems = []
    for name in shared:
        column = pd.Series(table.column(name), dtype=object).infer_objects().to_numpy()
        problems += _compare(name, assembly[name].values, column, rows, str(dims[0]))
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
