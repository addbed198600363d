"""Catalogs: entries and their files, the active catalogs, and the resolution of identifiers.

Importing this package imports no pandas; `Catalog`, the DataFrame, is imported when it is first used.
"""

from typing import TYPE_CHECKING

import lazy_loader  # type: ignore[import-untyped]

from brainio.catalogs.entries import LOOKUP_TYPES, TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile, Listing
from brainio.catalogs.lifecycle import deprecate, history
from brainio.catalogs.publications import add_publication
from brainio.catalogs.registry import (
    BRAINIO_CATALOGS,
    ENTRYPOINT,
    CatalogSource,
    add_catalog,
    catalog_source,
    list_catalogs,
    listing,
    listings,
    sources,
)
from brainio.catalogs.resolution import (
    entries,
    entries_of,
    list_assemblies,
    list_stimulus_sets,
    resolve,
    stimulus_set_of,
)
from brainio.catalogs.writing import amend_rows, append_rows

if TYPE_CHECKING:
    from brainio.catalogs.frame import SOURCE_CATALOG, Catalog, CatalogLoader

__all__ = [
    "BRAINIO_CATALOGS",
    "ENTRYPOINT",
    "LOOKUP_TYPES",
    "SOURCE_CATALOG",
    "TYPE_ASSEMBLY",
    "TYPE_STIMULUS_SET",
    "Catalog",
    "CatalogLoader",
    "CatalogSource",
    "Entry",
    "EntryFile",
    "Listing",
    "add_catalog",
    "add_publication",
    "amend_rows",
    "append_rows",
    "catalog_source",
    "deprecate",
    "entries",
    "entries_of",
    "history",
    "list_assemblies",
    "list_catalogs",
    "list_stimulus_sets",
    "listing",
    "listings",
    "resolve",
    "sources",
    "stimulus_set_of",
]

__getattr__, _, _ = lazy_loader.attach(__name__, submod_attrs={"frame": ["Catalog", "CatalogLoader", "SOURCE_CATALOG"]})
