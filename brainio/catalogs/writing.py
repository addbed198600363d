"""Writing of catalogs, in any backend that can be written: rows, cells, or a copy of a whole catalog.

`brainio.packaging` creates entries; the data files of a copied catalog are not copied.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence

from brainio.catalogs.backends import CatalogBackend, CatalogContents
from brainio.catalogs.csv_format import Row, read_rows
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_SUPERSEDED
from brainio.catalogs.registry import AnyCatalog, CatalogSource, source_of
from brainio.errors import BrainioError, CatalogError, CatalogWarning
from brainio.stores.location import is_url

_CARDS_PER_QUERY = 1000


def append_rows(catalog: AnyCatalog, rows: Sequence[Mapping[str, str]]) -> None:
    """Add rows to a catalog, all or none; other processes and machines may write it at the same time.

    Rows that are listed already with the same hash are not added again. Existing rows and columns stay as they are,
    also unknown columns and malformed rows. A catalog that does not exist is created.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        A path on this machine, `s3://BUCKET/KEY` or an S3 URL, or a database: `sqlite:////PATH/lab.db`,
        `postgresql://USER@HOST/lab`.
    rows : sequence of mapping
        Column -> text.

    Raises
    ------
    CatalogError
        A row with the same key has another hash, the catalog is malformed, or it cannot be written. Nothing is changed.
    ReadOnlyCatalogError
        The catalog can only be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> row = {"identifier": "lab.Doe2026", "lookup_type": "assembly", "class": "NeuroidAssembly"}
    >>> row |= {"location_type": "S3", "location": "s3://lab/a.nc", "sha1": "", "stimulus_set_identifier": "lab.D"}
    >>> append_rows(Path("appended.csv"), [row])
    >>> Path("appended.csv").read_text().splitlines()[1]
    'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.D'
    """
    source_of(catalog).backend.add_rows(rows)


def amend_rows(catalog: AnyCatalog, cells_of: Callable[[Row], Mapping[str, str]]) -> None:
    """Set cells of a catalog's rows, all or none; other processes and machines may change other rows meanwhile.

    Rows without changed cells stay as they are, also malformed rows.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        As for `append_rows`.
    cells_of : callable
        Given a row (column -> text), returns the cells to set, or `{}`. It may be called several times.

    Raises
    ------
    CatalogError
        The catalog does not exist, or cannot be written. Nothing is changed.
    ReadOnlyCatalogError
        The catalog can only be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> columns = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    >>> row = "lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.Doe2026"
    >>> _ = Path("amended.csv").write_text(chr(10).join([columns, row, ""]))
    >>> amend_rows("amended.csv", lambda row: {"license": "CC0-1.0"} if row["identifier"] == "lab.Doe2026" else {})
    >>> Path("amended.csv").read_text().splitlines()[1]
    'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.Doe2026,CC0-1.0'
    """
    source_of(catalog).backend.set_cells(cells_of)


def add_entry(source: CatalogSource, rows: Sequence[Mapping[str, str]]) -> None:
    """Add the rows of one entry; if the entry is current, its older current version becomes superseded with it.

    Raises
    ------
    CatalogError
        As for `append_rows`.
    """

    def supersede(row: Row) -> Mapping[str, str]:
        return {"status": STATUS_SUPERSEDED} if _is_replaced(row, rows[0]) else {}

    source.backend.add_rows(rows, supersede if _is_current(rows[0]) else None)


def _is_replaced(row: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether a row belongs to a version that stops being current when the entry of a new row is added."""
    is_same_entry = all(row[column] == new[column] for column in ("lookup_type", "identifier"))
    return is_same_entry and _is_current(row) and row.get("version", "") != new.get("version", "")


def _is_current(row: Mapping[str, str]) -> bool:
    return (row.get("status") or STATUS_CURRENT) == STATUS_CURRENT


def copy_catalog(catalog: AnyCatalog, target: AnyCatalog) -> CatalogContents:
    """Copy a catalog with all rows and columns, its publications table and its cards.

    A CSV file that brainio wrote comes back from a database with the same bytes, any other file with the same rows.
    After an interruption, copying again completes the copy.

    Parameters
    ----------
    catalog, target : CatalogSource, path or str
        Path or URL of a CSV file, or URL of a database. The target must not list anything yet.

    Returns
    -------
    CatalogContents
        The copied contents.

    Raises
    ------
    CatalogError
        The catalog cannot be read, or contains a malformed row, which would be lost. Or the target lists other rows or
        cannot be written; a database is then unchanged.

    Examples
    --------
    >>> from brainio_catalogs import brainscore
    >>> copied = copy_catalog(brainscore, "sqlite:///copied.db")
    >>> copied == copy_catalog("sqlite:///copied.db", "copied/brainscore.csv")
    True
    """
    source, goal = source_of(catalog).backend, source_of(target).backend
    contents = read_contents(source)
    _warn_about_relative_locations(contents, source, goal)
    goal.check_writable()
    goal.write_contents(contents)
    return contents


def read_contents(source: CatalogBackend) -> CatalogContents:
    """Read everything that a catalog consists of; a card that cannot be read is left out with a CatalogWarning.

    Raises
    ------
    CatalogError
        The catalog, its publications table or one of its rows cannot be read.
    """
    text = source.read()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CatalogWarning)
        rows = tuple(row for _, row in read_rows(text, str(source)))
    if caught:
        raise CatalogError(
            f"{caught[0].message} and would be lost ({len(caught)} such lines). Correct it, and copy again"
        )
    named = [place for row in rows if (place := row.get("card", "")) and _is_relative(place)]
    places = list(dict.fromkeys([*source.sidecars.list_cards(), *named]))
    return CatalogContents(text, rows, source.sidecars.read_publications(), _read_cards(source, places))


def _read_cards(source: CatalogBackend, places: list[str]) -> dict[str, bytes]:
    cards: dict[str, bytes] = {}
    for start in range(0, len(places), _CARDS_PER_QUERY):
        cards |= source.sidecars.read_cards(places[start : start + _CARDS_PER_QUERY]) or {}
    for place in places:
        if place not in cards:
            try:
                cards[place] = source.sidecars.read_card(place)
            except BrainioError as error:
                warnings.warn(f"the card {place} is not copied: {error}", CatalogWarning, stacklevel=4)
    return cards


def _is_relative(place: str) -> bool:
    return not is_url(place) and ".." not in place and not place.startswith(("/", "~"))


def _warn_about_relative_locations(contents: CatalogContents, source: CatalogBackend, target: CatalogBackend) -> None:
    start, end = _relative_start(source), _relative_start(target)
    relative = [
        row["location"]
        for row in contents.rows
        if row["location"] and row["location_type"].upper() != "S3" and _is_relative(row["location"])
    ]
    if relative and start != end:
        warnings.warn(
            f"{len(relative)} rows name files by paths relative to {start}, such as {relative[0]}. The rows are copied "
            f"unchanged, and their paths are now relative to {end}. Copy the files there",
            CatalogWarning,
            stacklevel=3,
        )


def _relative_start(backend: CatalogBackend) -> str:
    """Return the folder at which relative locations start, for messages."""
    return str(backend.folder or backend.sidecars)
