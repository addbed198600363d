"""What somebody names -> the ids of a stimulus set and the paths of their files; a published set is fetched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pandas as pd

from brainio.errors import LocationError, StimulusSetFormatError
from brainio.fetch import get_stimulus_set, load_stimulus_files
from brainio.stimuli import STIMULUS_ID, StimulusSet
from brainio.validation import Problem
from brainio.validation.subjects import existing_path, find_path, find_stimuli, find_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Place: TypeAlias = "str | os.PathLike[str]"
Subject: TypeAlias = "StimulusSet | Place | tuple[Place, Place]"


class Stimuli(NamedTuple):
    """A stimulus set to be compared.

    Attributes
    ----------
    name : str
        What people call it.
    paths : mapping
        Stimulus id -> path of its file.
    """

    name: str
    paths: Mapping[str, Path]


def stimuli_of(subject: Subject) -> Stimuli:
    """Return the stimuli of a set in memory, of files, or of a published identifier; see `brainio.overlap`."""
    if isinstance(subject, pd.DataFrame):
        return _named(subject, str(subject.__dict__.get("identifier") or "stimulus set"))
    if isinstance(subject, tuple):
        table, files = map(existing_path, subject)
        return _named(_of_files(table, files), str(table))
    if not isinstance(subject, str | os.PathLike):
        raise StimulusSetFormatError(
            f"{type(subject).__name__} is no stimulus set; expected one, an identifier, or a path"
            + ("; that of an assembly is attrs['stimulus_set']" if hasattr(subject, "attrs") else "")
        )
    path = find_path(subject)
    if path is None:
        return _named(get_stimulus_set(str(subject)), str(subject))
    table = _table(path)
    return _named(_of_files(table, find_stimuli(table)), str(path))


def _table(path: Path) -> Path:
    table = find_table(path)
    if isinstance(table, Problem):
        raise LocationError(str(table))
    return table


def _of_files(table: Path, files: Path) -> StimulusSet:
    if files.is_dir():
        return StimulusSet.from_files(table, files)
    return load_stimulus_files(table, files, table.stem)


def _named(stimulus_set: StimulusSet, name: str) -> Stimuli:
    if STIMULUS_ID not in stimulus_set.columns:
        raise StimulusSetFormatError(
            f"{name} has no column {STIMULUS_ID!r}; expected a stimulus set, as brainio.get_stimulus_set returns it"
        )
    try:
        return Stimuli(name, {str(one): stimulus_set.get_stimulus(one) for one in stimulus_set[STIMULUS_ID].tolist()})
    except (AttributeError, KeyError) as error:
        why = error.args[0] if error.args else error
        raise StimulusSetFormatError(f"{name} does not say where its files are: {why}") from error
