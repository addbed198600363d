"""The publications table beside a catalog: what to call and cite a data set by."""

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING

from brainio.errors import BrainioError

if TYPE_CHECKING:
    from brainio.catalogs.entries import Entry

FILE_NAME = "publications.csv"
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
    return _table(entry.base).get(entry.publication, []) if entry.publication and entry.base else []


@lru_cache(maxsize=16)
def _table(base: str) -> dict[str, list[Publication]]:
    from brainio.stores import parse_location, read_whole

    try:
        text = read_whole(parse_location(FILE_NAME, base=base), _LARGEST).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (BrainioError, UnicodeDecodeError, csv.Error):
        return {}
    table: dict[str, list[Publication]] = {}
    for row in rows:
        table.setdefault(row.get("publication") or "", []).append({name: row.get(name) or "" for name in COLUMNS})
    return table
