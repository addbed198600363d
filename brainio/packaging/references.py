"""Whether loading will find the stimuli that an assembly names: its stimulus set is listed and has them all.

Reads catalogs and the table of the stimulus set, where it can be had; changes nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

import pandas as pd

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.errors import AmbiguousEntryError, LocationError, StimulusSetLookupError, TransferError
from brainio.packaging.targets import CatalogName, target_listing
from brainio.stores import open_read, parse_location
from brainio.validation import ID_COLUMNS, Table, doubled_id_problems, pair_problems, problem, unknown_stimuli

if TYPE_CHECKING:
    import os

    import xarray as xr

    from brainio.validation import Problem


def reference_problems(assembly: xr.DataArray, stimulus_set_identifier: str, catalog: CatalogName) -> list[Problem]:
    """List what would keep the published assembly from being joined with its stimulus set.

    Parameters
    ----------
    assembly : xarray.DataArray
        Where `attrs['stimulus_set']` holds the stimulus set, that is asked; else the one that a catalog lists.
    stimulus_set_identifier : str
        Of its stimulus set.
    catalog : str, path or None
        The catalog that the assembly goes to; None: no catalog is asked.

    Returns
    -------
    list of Problem
        A listed table that cannot be had is none.
    """
    problems: list[Problem] = []
    at_hand, known = assembly.attrs.get("stimulus_set"), None
    if isinstance(at_hand, pd.DataFrame) and "stimulus_id" in at_hand.columns:
        table = Table.in_memory(at_hand)
        known = table.ids()
        doubled = doubled_id_problems(known, [f"attrs['stimulus_set'], {row}" for row in table.row_names])
        problems += doubled + pair_problems(assembly, table)
    if catalog is not None:
        place = f"stimulus set {stimulus_set_identifier!r}"
        try:
            entry = _listed_set(stimulus_set_identifier, catalog)
            listed_ids = _listed_ids(entry) if known is None else None
            if listed_ids is not None:
                problems += unknown_stimuli(assembly, listed_ids)
        except StimulusSetLookupError as error:
            problems.append(problem("set-unlisted", place, str(error)))
        except AmbiguousEntryError as error:
            problems.append(problem("set-ambiguous", place, str(error)))
    return problems


def _listed_set(identifier: str, catalog: str | os.PathLike[str]) -> Entry:
    """Find a stimulus set in the catalog that the assembly goes to, then in all that are in force."""
    listing = target_listing(catalog)
    name = listing.aliases.get((TYPE_STIMULUS_SET, identifier), identifier)
    return (
        listing.find(TYPE_STIMULUS_SET, identifier)
        or listing.find(TYPE_STIMULUS_SET, name)
        or resolve(TYPE_STIMULUS_SET, identifier)
    )


def _listed_ids(entry: Entry) -> list[str] | None:
    """Read the ids from the published table, None where it cannot be had or is not what the catalog promises."""
    file = entry.file("csv")
    if file is None:
        return None
    places = [(file.location, file.location_type, file.version_id), *((mirror, "", "") for mirror in file.mirrors)]
    for where, location_type, version_id in places:
        try:
            with open_read(parse_location(where, location_type, entry.base), version_id) as reading:
                table = b"".join(reading.chunks())
        except (LocationError, TransferError):
            continue
        if not file.sha1 or hashlib.sha1(table, usedforsecurity=False).hexdigest() == file.sha1:
            return _ids_in(table)
    return None


def _ids_in(table: bytes) -> list[str] | None:
    try:
        rows = csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline=""))
        column = next((name for name in ID_COLUMNS if name in (rows.fieldnames or ())), None)
        return None if column is None else [row[column] for row in rows]
    except (UnicodeDecodeError, csv.Error):
        return None
