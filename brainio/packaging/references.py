"""Whether loading will find the stimuli that an assembly names: its stimulus set is listed and has them all.

Reads catalogs and the table of the stimulus set, where it can be had; changes nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

import pandas as pd

from brainio.assemblies import StimulusMergeAssemblyLoader
from brainio.catalogs import TYPE_STIMULUS_SET, Entry, resolve
from brainio.errors import AmbiguousEntryError, LocationError, StimulusSetLookupError, TransferError
from brainio.packaging.checks import is_id, some
from brainio.packaging.publish import CatalogName, target_listing
from brainio.stores import open_read, parse_location

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Iterable, Sequence

    import xarray as xr

    from brainio.assemblies import DataAssembly

_ID_COLUMNS = ("stimulus_id", "image_id")  # files from before 2021 have the latter, and loading gives them the former


def reference_problems(
    assembly: xr.DataArray,
    assembly_class: type[DataAssembly],
    stimulus_set_identifier: str,
    catalog: CatalogName,
) -> list[str]:
    """List what would keep the published assembly from being joined with its stimulus set.

    Parameters
    ----------
    assembly : xarray.DataArray
        Where `attrs['stimulus_set']` holds the stimulus set, that is asked; else the one that a catalog lists.
    assembly_class : type
        That the assembly will load as.
    stimulus_set_identifier : str
        Of its stimulus set.
    catalog : str, path or None
        The catalog that the assembly goes to; None: no catalog is asked.

    Returns
    -------
    list of str
        The problems in words. A listed table that cannot be had is none.
    """
    problems = []
    at_hand, known = assembly.attrs.get("stimulus_set"), None
    if isinstance(at_hand, pd.DataFrame) and "stimulus_id" in at_hand.columns:
        known = at_hand["stimulus_id"].tolist()
    if known is not None and len(set(known)) < len(known):
        problems.append("attrs['stimulus_set'] has doubled stimulus_ids; each stimulus may have one row")
    if catalog is not None:
        try:
            entry = _listed_set(stimulus_set_identifier, catalog)
            known = _listed_ids(entry) if known is None else known
        except StimulusSetLookupError as error:
            problems.append(f"{error}. Package the stimulus set first")
        except AmbiguousEntryError as error:
            problems.append(str(error))
    return problems + _coordinate_problems(assembly, assembly_class, known)


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
        column = next((name for name in _ID_COLUMNS if name in (rows.fieldnames or ())), None)
        return None if column is None else [row[column] for row in rows]
    except (UnicodeDecodeError, csv.Error):
        return None


def _coordinate_problems(
    assembly: xr.DataArray, assembly_class: type[DataAssembly], known: Sequence[object] | None
) -> list[str]:
    is_joined = issubclass(assembly_class.get_loader_class(), StimulusMergeAssemblyLoader)
    name = next((name for name in _ID_COLUMNS if name in assembly.coords), None)
    if name is None or assembly[name].ndim != 1 or name in assembly.dims:
        needed = (
            f"a {assembly_class.__name__} needs a coordinate 'stimulus_id' along one dimension (such as "
            f"'presentation', not 'stimulus_id' itself): loading joins in the metadata of the stimuli by it"
        )
        return [needed] if is_joined else []
    shown: list[Hashable] = list(dict.fromkeys(assembly[name].values.tolist()))
    wrong = [value for value in shown if not is_id(value)]
    if wrong and is_joined:
        return [f"stimulus_id must be a text that is not empty; found {some(wrong)}: convert it with .astype(str)"]
    unknown = [] if known is None else _unknown(shown, known)
    return [f"these stimulus_ids are not in its stimulus set: {some(unknown)}"] if unknown else []


def _unknown(shown: Iterable[object], known: Iterable[object]) -> list[object]:
    """Return the ids that loading does not find; ids that are numbers are found as '7', '007' or 7."""
    texts = set(map(str, known))
    loose = set(map(_loose, texts))
    return [one for one in shown if str(one) not in texts and (len(loose) < len(texts) or _loose(one) not in loose)]


def _loose(value: object) -> str | int:
    text = str(value)
    return int(text) if text.isdecimal() else text
