"""The publications table beside a catalog: what to call and cite a data set by."""

import os
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from brainio.catalogs.csv_form import read_table, with_rows_behind
from brainio.catalogs.listing import folder_of, shown
from brainio.catalogs.sources import source_from
from brainio.catalogs.sql_names import is_database, place_of
from brainio.catalogs.writing import AnyCatalog, rewrite, source_of
from brainio.errors import BrainioError, CatalogError, CatalogWarning, OfflineError

if TYPE_CHECKING:
    from brainio.catalogs.entries import Entry

FILE_NAME = "publications.csv"
MOST_OF_KEY = 100
"""Publications of one key that are read."""

_LARGEST = 2**26  # bytes
COLUMNS = ("publication", "title", "authors", "year", "journal", "doi", "url")

Publication = dict[str, str]


def publications_of(entry: "Entry") -> list[Publication]:
    """Return the publications of an entry: the rows of its key in `publications.csv` beside its catalog.

    There may be several, and none where the catalog has no such table or the table no such key.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> [paper['year'] for paper in publications_of(resolve('assembly', 'dicarlo.Rust2012.array'))]
    ['2012']
    """
    if not entry.publication or not entry.base:
        return []
    return _table(entry.base, _state(entry.base)).get(entry.publication, [])


def add_publication(catalog: AnyCatalog, publication: Mapping[str, str]) -> None:
    """Add a row to `publications.csv` beside a catalog, while others do the same; the table is made if there is none.

    A row that is there already is not added again. Existing rows and columns stay as they are.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        Where the catalog lies: on this machine, or on S3 as `s3://BUCKET/KEY` or an S3 URL.
    publication : mapping
        Column -> text: its key in `publication`, and `title`, `authors`, `year`, `journal`, `doi`, `url`, as far as
        they are known. Several rows may have one key.

    Raises
    ------
    CatalogError
        It has no key, the file is no table of publications, or it cannot be written. Nothing is changed.

    Examples
    --------
    >>> add_publication("lab.csv", {"publication": "doe2026", "title": "Responses to squares", "year": "2026"})
    >>> print(open("publications.csv").read(), end="")
    publication,title,authors,year,journal,doi,url
    doe2026,Responses to squares,,2026,,,
    """
    if not publication.get("publication"):
        raise CatalogError(f"a publication has no key; expected one in the field 'publication', found {publication}")
    folder = folder_of(source_of(catalog).location)

    def add(text: str) -> str:
        known = read_table(text, f"{shown(folder)}/{FILE_NAME}", "publication")
        is_there = any(all(row.get(name, "") == value for name, value in publication.items()) for row in known)
        return text if is_there else with_rows_behind(text, [publication])

    empty = ",".join(COLUMNS) + "\n"
    if is_database(folder):
        from brainio.catalogs import sql_beside

        sql_beside.rewrite_publications(place_of(folder), add, empty)
    else:
        rewrite(source_from(f"{folder}/{FILE_NAME}"), add, new=empty)
    _table.cache_clear()


def publications_text(base: str) -> str | None:
    """Return the table beside a catalog as CSV, None where there is none.

    Parameters
    ----------
    base : str
        Folder of the catalog, or the database that it lives in.

    Raises
    ------
    CatalogError, TransferError, LocationError
        It cannot be read, or is not UTF-8.
    """
    if is_database(base):
        from brainio.catalogs import sql_beside

        return sql_beside.read_publications(base)
    from brainio.stores import parse_location, read_whole, stat

    location = parse_location(FILE_NAME, base=base)
    if stat(location) is None:
        return None
    try:
        return read_whole(location, _LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(f"{location} is not UTF-8: {error}") from error


def _state(base: str) -> str | tuple[int, int, int] | None:
    """Return what changes when a table on this machine or in a database does; one from elsewhere is read once."""
    if is_database(base):
        from brainio.catalogs.sql_form import state_of

        return state_of(base)
    try:
        status = None if "://" in base else os.stat(f"{base}/{FILE_NAME}")  # noqa: PTH116 - at every call
    except OSError:
        return None
    return status and (status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _table(
    base: str,
    state: str | tuple[int, int, int] | None,  # noqa: ARG001 - of the cache
) -> dict[str, list[Publication]]:
    try:
        text = publications_text(base)
        rows = read_table(text, f"{shown(base)}/{FILE_NAME}", "publication") if text else []
    except BrainioError as error:
        if not isinstance(error, OfflineError):
            warnings.warn(f"no publications are known: {error}", CatalogWarning, stacklevel=3)
        return {}
    table: dict[str, list[Publication]] = {}
    for row in rows:
        papers = table.setdefault(row.get("publication") or "", [])
        if len(papers) < MOST_OF_KEY:  # each entry that names the key has all of them in search, pages and citations
            papers.append({name: row.get(name) or "" for name in COLUMNS})
    return table
