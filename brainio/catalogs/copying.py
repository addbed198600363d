"""Copying a catalog with its publications and cards from one backend to another.

Rows are copied as they are: data files are not copied, and locations do not change.
"""

import warnings

from brainio.catalogs.backends import CatalogBackend, CatalogContents
from brainio.catalogs.csv_format import read_rows
from brainio.catalogs.sources import AnyCatalog, source_of
from brainio.errors import BrainioError, CatalogError, CatalogWarning

_CARDS_PER_QUERY = 1000


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
    return "://" not in place and ".." not in place and not place.startswith(("/", "~"))


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
