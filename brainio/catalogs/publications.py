"""The publications table of a catalog: the titles, authors and DOIs by which data sets are cited."""

import warnings
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from brainio.catalogs.backends import sidecars_at
from brainio.catalogs.backends.csv_base import PUBLICATIONS_FILE
from brainio.catalogs.csv_format import Row, read_numbered_table, read_table, with_rows_behind
from brainio.catalogs.registry import AnyCatalog, source_of
from brainio.dois import EXPECTED, doi_of_url, parse_doi
from brainio.errors import BrainioError, CatalogError, CatalogWarning, OfflineError

if TYPE_CHECKING:
    from brainio.catalogs.entries import Entry

MOST_OF_KEY = 100
"""Publications of one key that are read."""

COLUMNS = ("publication", "title", "authors", "year", "journal", "doi", "url")
DETAILS = ("volume", "number", "pages", "publisher")
"""Columns that a table may have as well; citations print them."""

Publication = dict[str, str]


@dataclass(frozen=True, slots=True)
class TableFault:
    """A row of a publications table that cannot be used as it is.

    Attributes
    ----------
    key : str
        Publication key of the row.
    line : int
        First line of the row, from 1.
    found : str
        The value at fault, or the lines of both rows.
    is_duplicate : bool
        Whether an earlier row of the key has the same title and year, or the same DOI; otherwise the DOI is not valid.
    """

    key: str
    line: int
    found: str
    is_duplicate: bool = False


@dataclass
class PublicationTable:
    """The publications table of a folder of catalogs.

    Attributes
    ----------
    name : str
        Path or URL of the table, for messages.
    papers : dict
        Publication key -> its publications, with DOIs in their stored form; an invalid DOI is left out.
    faults : list of TableFault
        Rows that cannot be used as they are.
    """

    name: str
    papers: dict[str, list[Publication]] = field(default_factory=dict)
    faults: list[TableFault] = field(default_factory=list)


def publications_of(entry: "Entry") -> list[Publication]:
    """Return the publications of an entry: the rows of its key in `publications.csv` next to its catalog.

    There may be several, and none if the catalog has no such table or the table has no such key. DOIs are bare and in
    lower case; one that is the `url` of a row counts as its `doi`.

    Warns
    -----
    CatalogWarning
        The DOI of such a row is not valid, or the table cannot be read.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> [paper['year'] for paper in publications_of(resolve('assembly', 'dicarlo.Rust2012.array'))]
    ['2012']
    """
    if not entry.publication or not entry.base:
        return []
    table = _table(entry.base, sidecars_at(entry.base).publications_token())
    for fault in table.faults:
        if fault.key == entry.publication and not fault.is_duplicate:
            place = f"{table.name}, line {fault.line}: publication {fault.key!r}"
            warnings.warn(
                f"{place} has the DOI {fault.found!r}, which is left out; expected {EXPECTED}. Correct the row.",
                CatalogWarning,
                stacklevel=2,
            )
    return table.papers.get(entry.publication, [])


def read_publications(base: str) -> PublicationTable:
    """Read the publications table of a folder of catalogs; empty if there is no such table.

    Parameters
    ----------
    base : str
        `Entry.base` of the entries: the folder of the catalog, or the URL of its database.

    Raises
    ------
    CatalogError, TransferError, LocationError
        The table cannot be read.
    """
    name = f"{sidecars_at(base)}/{PUBLICATIONS_FILE}"
    text = sidecars_at(base).read_publications()
    table = PublicationTable(name)
    lines: dict[tuple[str, str], int] = {}
    for line, row in read_numbered_table(text, name, "publication") if text else ():
        key = row.get("publication") or ""
        paper = _publication(row)
        if paper["doi"] and not _is_doi(paper["doi"]):
            table.faults.append(TableFault(key, line, paper["doi"]))
            paper["doi"] = ""
        duplicates = [lines[key, text] for text in _identities(paper) if (key, text) in lines]
        if duplicates:
            table.faults.append(TableFault(key, line, f"lines {min(duplicates)} and {line}", is_duplicate=True))
        lines |= {(key, text): line for text in _identities(paper) if (key, text) not in lines}
        papers = table.papers.setdefault(key, [])
        if len(papers) < MOST_OF_KEY:  # each entry that names the key has all of them in search, pages and citations
            papers.append(paper)
    return table


def add_publication(catalog: AnyCatalog, publication: Mapping[str, str]) -> None:
    """Add a row to the publications table of a catalog; create the table if there is none.

    A row that is listed already is not added again. Existing rows and columns stay as they are.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        As for `append_rows`.
    publication : mapping
        Column -> text: its key in `publication`, and `title`, `authors`, `year`, `journal`, `doi` (in any form; stored
        bare, in lower case), `url`, `volume`, `number`, `pages`, `publisher`, as far as they are known. Several rows
        may have one key.

    Raises
    ------
    CatalogError
        The publication has no key or an invalid DOI, or the table is malformed or cannot be written. Nothing is
        changed.

    Examples
    --------
    >>> add_publication("lab.csv", {"publication": "doe2026", "title": "Responses to squares", "year": "2026"})
    >>> print(open("publications.csv").read(), end="")
    publication,title,authors,year,journal,doi,url
    doe2026,Responses to squares,,2026,,,
    """
    if not publication.get("publication"):
        raise CatalogError(f"a publication has no key; expected one in the field 'publication', found {publication}")
    sidecars = source_of(catalog).backend.sidecars
    name = f"{sidecars}/{PUBLICATIONS_FILE}"
    new = dict(publication) | {"doi": _stored_doi(publication, name)}
    new = {column: value for column, value in new.items() if value or column in publication}

    def add(text: str) -> str:
        known = read_table(text, name, "publication")
        known = [row | ({"doi": parse_doi(row["doi"])} if _is_doi(row.get("doi", "")) else {}) for row in known]
        is_there = any(all(row.get(name, "") == value for name, value in new.items()) for row in known)
        return text if is_there else with_rows_behind(text, [new])

    sidecars.rewrite_publications(add, empty=",".join(COLUMNS) + "\n")
    _table.cache_clear()


@lru_cache(maxsize=16)
def _table(
    base: str,
    token: Hashable,  # noqa: ARG001 - part of the cache key
) -> PublicationTable:
    try:
        return read_publications(base)
    except BrainioError as error:
        if not isinstance(error, OfflineError):
            warnings.warn(f"no publications are known: {error}", CatalogWarning, stacklevel=3)
        return PublicationTable(f"{sidecars_at(base)}/{PUBLICATIONS_FILE}")


def _publication(row: Row) -> Publication:
    """Return the columns of a row that citations use, with a valid DOI in its stored form."""
    paper = {name: row.get(name) or "" for name in COLUMNS}
    paper |= {name: text for name in DETAILS if (text := row.get(name))}
    if _is_doi(paper["doi"]):
        paper["doi"] = parse_doi(paper["doi"])
    elif not paper["doi"].strip():
        paper["doi"] = doi_of_url(paper["url"])
    return paper


def _identities(paper: Publication) -> Iterator[str]:
    """Yield the texts of which two rows have one in common if they are of the same publication."""
    title = "".join(letter for letter in paper["title"].casefold() if letter.isalnum())
    if title:
        yield f"{title} {paper['year'].strip()}"
    if paper["doi"]:
        yield paper["doi"]


def _is_doi(text: str) -> bool:
    try:
        return bool(parse_doi(text))
    except ValueError:
        return False


def _stored_doi(publication: Mapping[str, str], table: str) -> str:
    """Return the stored form of the DOI of a new row; empty if the row has no DOI."""
    doi = publication.get("doi", "").strip()
    if not doi:
        return ""
    try:
        return parse_doi(doi)
    except ValueError as error:
        raise CatalogError(
            f"{table}: the new row {publication['publication']!r} has the DOI {doi!r}; {error}. Nothing was written"
        ) from error
