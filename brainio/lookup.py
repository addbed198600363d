"""Lookups that return pandas objects: rows as Series, catalogs as `Catalog`; `brainio.catalogs` does the work."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from brainio.cache import hash_file as sha1_hash
from brainio.catalogs import (
    ENTRYPOINT,
    TYPE_ASSEMBLY,
    TYPE_STIMULUS_SET,
    append_rows,
    catalog_source,
    list_assemblies,
    list_catalogs,
    list_stimulus_sets,
    resolve,
    sources,
)
from brainio.catalogs.frame import SOURCE_CATALOG, Catalog, row_of
from brainio.errors import AssemblyLookupError, StimulusSetLookupError

if TYPE_CHECKING:
    Row = pd.Series[Any]

__all__ = [
    "ENTRYPOINT",
    "SOURCE_CATALOG",
    "TYPE_ASSEMBLY",
    "TYPE_STIMULUS_SET",
    "AssemblyLookupError",
    "StimulusSetLookupError",
    "append",
    "combined_catalog",
    "get_catalog",
    "get_catalogs",
    "list_assemblies",
    "list_catalogs",
    "list_stimulus_sets",
    "lookup_assembly",
    "lookup_stimulus_set",
    "sha1_hash",
]


def get_catalogs() -> dict[str, Catalog]:
    """Return the active catalogs as tables: catalog identifier -> `Catalog`."""
    return {identifier: get_catalog(identifier) for identifier in sources()}


def get_catalog(identifier: str) -> Catalog:
    """Return one active catalog as a table.

    Raises
    ------
    UnknownCatalogError
        No active catalog has that identifier.

    Examples
    --------
    >>> get_catalog('brainscore').shape[0] >= 454
    True
    """
    return catalog_source(identifier)()


def combined_catalog() -> Catalog:
    """Return all rows of all active catalogs; column `source_catalog` names the catalog of each row."""
    parts = [catalog.assign(**{SOURCE_CATALOG: identifier}) for identifier, catalog in get_catalogs().items()]
    return Catalog(pd.concat(parts, ignore_index=True)) if parts else Catalog()


def lookup_assembly(identifier: str) -> "Row":
    """Return the row of an assembly as a pandas Series.

    Raises
    ------
    AssemblyLookupError
        No active catalog has it.

    Examples
    --------
    >>> lookup_assembly('dicarlo.MajajHong2015')['class']
    'NeuronRecordingAssembly'
    """
    entry = resolve(TYPE_ASSEMBLY, identifier)
    return row_of(entry, entry.files[0])


def lookup_stimulus_set(identifier: str) -> tuple["Row", "Row"]:
    """Return the rows of a stimulus set's CSV and ZIP files, each as a pandas Series.

    Raises
    ------
    StimulusSetLookupError
        No active catalog has it, or its catalog does not list both files.

    Examples
    --------
    >>> csv_row, zip_row = lookup_stimulus_set('hvm')
    >>> zip_row['location']
    's3://brainscore-storage/brainio-brainscore/stimulus_hvm.zip'
    """
    entry = resolve(TYPE_STIMULUS_SET, identifier)
    csv, archive = entry.file("csv"), entry.file("zip")
    if csv is None or archive is None:
        lacking = "CSV" if csv is None else "ZIP"
        raise StimulusSetLookupError(
            f"catalog {entry.catalog!r} lists no {lacking} file of stimulus set {identifier!r}"
        )
    return row_of(entry, csv), row_of(entry, archive)


def append(
    catalog_identifier: str,
    object_identifier: str,
    cls: str | None,
    lookup_type: str,
    bucket_name: str,
    sha1: str,
    s3_key: str,
    stimulus_set_identifier: str | None = None,
) -> Catalog:
    """Add the row of a file on S3 to the CSV file of an active catalog, and return the catalog.

    Parameters
    ----------
    cls : str or None
        Class of the object; None or empty for the ZIP file of a stimulus set.
    lookup_type : str
        `'stimulus_set'` or `'assembly'`.

    Raises
    ------
    UnknownCatalogError
        No active catalog has that identifier.
    CatalogError
        The catalog cannot be written, or lists the same key with another hash.
    """
    row = {
        "identifier": object_identifier,
        "lookup_type": lookup_type,
        "class": cls or "",
        "location_type": "S3",
        "location": f"https://{bucket_name}.s3.amazonaws.com/{s3_key}",
        "sha1": sha1,
        "stimulus_set_identifier": stimulus_set_identifier or "",
    }
    append_rows(catalog_source(catalog_identifier), [row])
    return get_catalog(catalog_identifier)
