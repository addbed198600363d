"""The stimulus set that loading will join with an assembly: it must be listed, and have all stimuli of the assembly.

Reads catalogs, and the table of the stimulus set through the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.errors import AmbiguousEntryError, BrainioError, StimulusSetLookupError
from brainio.fetch.stimulus_sets import load_stimulus_table
from brainio.packaging.targets import CatalogName, target_listing
from brainio.validation import Table, collision_problems, doubled_id_problems, pair_problems, problem

if TYPE_CHECKING:
    import os

    import xarray as xr

    from brainio.stimuli import StimulusSet
    from brainio.validation import Problem


class Reference(NamedTuple):
    """The stimulus set of an assembly.

    Attributes
    ----------
    problems : list of Problem
        What would keep the published assembly from being joined with it.
    entry : Entry or None
        The set, where a catalog lists it.
    stimuli : pandas.DataFrame or None
        What loading will join: the listed table, or the set in the attrs of the assembly where no table can be loaded.
    """

    problems: list[Problem]
    entry: Entry | None
    stimuli: pd.DataFrame | None


def find_reference(
    assembly: xr.DataArray, stimulus_set_identifier: str, catalog: CatalogName, version: str | None = None
) -> Reference:
    """Find the stimulus set of an assembly, and compare it with the assembly.

    Parameters
    ----------
    assembly : xarray.DataArray
        Its `attrs['stimulus_set']` is used only where no catalog lists the set, or its table cannot be loaded.
    stimulus_set_identifier : str
        Of its stimulus set.
    catalog : str, path or None
        The catalog that the assembly goes to; None: no catalog is searched.
    version : str, optional
        Version of the stimulus set; by default the current one.
    """
    problems: list[Problem] = []
    entry: Entry | None = None
    if catalog is not None:
        place = f"stimulus set {stimulus_set_identifier!r}"
        try:
            entry = _listed_set(stimulus_set_identifier, catalog, version)
        except StimulusSetLookupError as error:
            problems.append(problem("set-unlisted", place, str(error)))
        except AmbiguousEntryError as error:
            problems.append(problem("set-ambiguous", place, str(error)))
    stimuli: pd.DataFrame | None = None if entry is None else _listed_stimuli(entry)
    if stimuli is None:
        carried = assembly.attrs.get("stimulus_set")
        stimuli = carried if isinstance(carried, pd.DataFrame) and "stimulus_id" in carried.columns else None
    if stimuli is not None:
        table = Table.in_memory(stimuli)
        problems += doubled_id_problems(table.ids(), [f"the stimulus set, {row}" for row in table.row_names])
        problems += pair_problems(assembly, table) + collision_problems(assembly, table)
    return Reference(problems, entry, stimuli)


def _listed_set(identifier: str, catalog: str | os.PathLike[str], version: str | None) -> Entry:
    """Find a stimulus set in the catalog that the assembly goes to, then in all that are in force."""
    listed = target_listing(catalog).find_by_name(TYPE_STIMULUS_SET, identifier, version)
    return listed or resolve(TYPE_STIMULUS_SET, identifier, version=version)


def _listed_stimuli(entry: Entry) -> StimulusSet | None:
    """Load the published table; None where that fails, which whoever loads the assembly will be told."""
    try:
        return load_stimulus_table(entry)
    except BrainioError:
        return None
