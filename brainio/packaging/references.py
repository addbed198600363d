"""Whether loading will find the stimuli that an assembly names: its stimulus set is listed and has them all.

Reads catalogs and the table of the stimulus set, where it can be had; changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.errors import AmbiguousEntryError, LocationError, StimulusSetLookupError, TransferError
from brainio.packaging.targets import CatalogName, target_listing
from brainio.stores import open_read, parse_location
from brainio.validation import Table, collision_problems, doubled_id_problems, pair_problems, problem
from brainio.validation.reading import parse_table

if TYPE_CHECKING:
    import os

    import xarray as xr

    from brainio.validation import Problem


def check_reference(
    assembly: xr.DataArray, stimulus_set_identifier: str, catalog: CatalogName, version: str | None = None
) -> tuple[list[Problem], Entry | None]:
    """Find the stimulus set of an assembly, and list what would keep the published assembly from being joined with it.

    Parameters
    ----------
    assembly : xarray.DataArray
        Where `attrs['stimulus_set']` holds the stimulus set, that is asked; else the one that a catalog lists.
    stimulus_set_identifier : str
        Of its stimulus set.
    catalog : str, path or None
        The catalog that the assembly goes to; None: no catalog is searched.
    version : str, optional
        Version of the stimulus set; by default the current one.

    Returns
    -------
    list of Problem
        A listed table that cannot be fetched is not a problem.
    Entry or None
        The stimulus set, where a catalog lists it.
    """
    entry: Entry | None = None
    problems: list[Problem] = []
    carried = assembly.attrs.get("stimulus_set")
    at_hand = carried if isinstance(carried, pd.DataFrame) and "stimulus_id" in carried.columns else None
    if at_hand is not None:
        table = Table.in_memory(at_hand)
        doubled = doubled_id_problems(table.ids(), [f"attrs['stimulus_set'], {row}" for row in table.row_names])
        problems += doubled + pair_problems(assembly, table) + collision_problems(assembly, table)
    if catalog is not None:
        place = f"stimulus set {stimulus_set_identifier!r}"
        try:
            entry = _listed_set(stimulus_set_identifier, catalog, version)
            listed = _listed_table(entry) if at_hand is None else None
            if listed is not None:
                problems += pair_problems(assembly, listed) + collision_problems(assembly, listed)
        except StimulusSetLookupError as error:
            problems.append(problem("set-unlisted", place, str(error)))
        except AmbiguousEntryError as error:
            problems.append(problem("set-ambiguous", place, str(error)))
    return problems, entry


def _listed_set(identifier: str, catalog: str | os.PathLike[str], version: str | None) -> Entry:
    """Find a stimulus set in the catalog that the assembly goes to, then in all that are in force."""
    listing = target_listing(catalog)
    name = listing.aliases.get((TYPE_STIMULUS_SET, identifier), identifier)
    return (
        listing.find(TYPE_STIMULUS_SET, identifier, version)
        or listing.find(TYPE_STIMULUS_SET, name, version)
        or resolve(TYPE_STIMULUS_SET, identifier, version=version)
    )


def _listed_table(entry: Entry) -> Table | None:
    """Read the published table, None where it cannot be had or is not what the catalog promises."""
    file = entry.file("csv")
    if file is None:
        return None
    places = [(file.location, file.location_type, file.version_id), *((mirror, "", "") for mirror in file.mirrors)]
    for where, location_type, version_id in places:
        try:
            with open_read(parse_location(where, location_type, entry.base), version_id) as reading:
                content = b"".join(reading.chunks())
        except (LocationError, TransferError):
            continue
        if not file.sha1 or hashlib.sha1(content, usedforsecurity=False).hexdigest() == file.sha1:
            table, problems = parse_table(content, where)
            return None if any(one.severity == "error" for one in problems) else table
    return None
