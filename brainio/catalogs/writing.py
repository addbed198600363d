"""Adding and changing rows of catalogs, in any backend that can be written."""

from collections.abc import Callable, Mapping, Sequence

from brainio.catalogs.csv_format import Row
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_SUPERSEDED
from brainio.catalogs.sources import AnyCatalog, CatalogSource, source_of


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


def add_entry(source: CatalogSource, rows: Sequence[Mapping[str, str]]) -> None:
    """Add the rows of one entry; if the entry is current, its older current version becomes superseded with it.

    Raises
    ------
    CatalogError
        As for `append_rows`.
    """

    def supersede(row: Row) -> Mapping[str, str]:
        return {"status": STATUS_SUPERSEDED} if is_replaced(row, rows[0]) else {}

    source.backend.add_rows(rows, supersede if _is_current(rows[0]) else None)


def is_replaced(row: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether a row belongs to a version that stops being current when the entry of a new row is added."""
    is_same_entry = all(row[column] == new[column] for column in ("lookup_type", "identifier"))
    return is_same_entry and _is_current(row) and row.get("version", "") != new.get("version", "")


def _is_current(row: Mapping[str, str]) -> bool:
    return (row.get("status") or STATUS_CURRENT) == STATUS_CURRENT


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
