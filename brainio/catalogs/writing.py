"""Writes catalogs: a CSV file on this machine under a lock, one on S3 by compare-and-swap, one in a database.

Whoever reads meanwhile sees the old text or the new. Every change of a CSV file is a function from text to text, which
may be called several times: again, when somebody else was quicker. What the text says is the business of `csv_form`,
databases are that of `sql_writing`.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.catalogs.backends.sql.location import place_of
from brainio.catalogs.csv_format import EMPTY, Row, with_cells_set, with_rows_added
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_SUPERSEDED
from brainio.catalogs.listing import folder_of, shown
from brainio.catalogs.sources import LARGEST, CatalogSource, note_written, source_from
from brainio.errors import CatalogError, ChangedFileError, LocationError, TransferError
from brainio.local_files import read_regular
from brainio.locks import Lock, acquire_exclusive
from brainio.processes import PART, remove_leftovers, temporary_folder, this_process

if TYPE_CHECKING:
    from brainio.stores import Location

_PATIENCE = 300  # seconds in which others may be quicker, time and again
_LONGEST_PAUSE = 2  # seconds
_ATTEMPTS = 5  # at a file that others write without its lock

AnyCatalog = CatalogSource | str | os.PathLike[str]
"""A source, the path or URL of a catalog's CSV file, or the URL of the database that it lives in."""


def append_rows(catalog: AnyCatalog, rows: Sequence[Mapping[str, str]]) -> None:
    """Add rows to a catalog, all or none, while other processes and machines do the same.

    Rows that are there already with the same hash are not added again. Existing rows and columns, also unknown ones and
    malformed ones, stay as they are. A catalog that does not exist is made.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        Where it lies: on this machine, on S3 as `s3://BUCKET/KEY` or an S3 URL, or in a database as
        `sqlite:////PATH/lab.db` or `postgresql://USER@HOST/lab`.
    rows : sequence of mapping
        Column -> text.

    Raises
    ------
    CatalogError
        A key is there already with another hash, the file is no catalog, or it cannot be written. Nothing is changed.

    Examples
    --------
    >>> row = {"identifier": "lab.Doe2026", "lookup_type": "assembly", "class": "NeuroidAssembly"}
    >>> row |= {"location_type": "S3", "location": "s3://lab/a.nc", "sha1": "", "stimulus_set_identifier": "lab.D"}
    >>> append_rows(Path("appended.csv"), [row])
    >>> Path("appended.csv").read_text().splitlines()[1]
    'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.D'
    """
    source = source_of(catalog)
    if source.is_database:
        from brainio.catalogs import sql_writing

        sql_writing.add_rows(place_of(source.location), rows)
    else:
        rewrite(source, lambda text: with_rows_added(text, rows, shown(source.location)))


def add_entry(source: CatalogSource, rows: Sequence[Mapping[str, str]]) -> None:
    """Add the rows of one entry as `append_rows` does; if it is current, its older versions become superseded with it.

    Raises
    ------
    CatalogError
        As of `append_rows`.
    """

    def add(text: str) -> str:
        added = with_rows_added(text, rows, shown(source.location))
        if added == text or not _is_current(rows[0]):
            return added
        return with_cells_set(added, superseding, shown(source.location))

    def superseding(row: Row) -> Mapping[str, str]:
        return {"status": STATUS_SUPERSEDED} if is_replaced(row, rows[0]) else {}

    if source.is_database:
        from brainio.catalogs import sql_writing

        sql_writing.add_rows(place_of(source.location), rows, superseding if _is_current(rows[0]) else None)
    else:
        rewrite(source, add)


def is_replaced(row: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether a row of a catalog is of a version that is current until the entry of a new row is added."""
    is_same_entry = all(row[column] == new[column] for column in ("lookup_type", "identifier"))
    return is_same_entry and _is_current(row) and row.get("version", "") != new.get("version", "")


def _is_current(row: Mapping[str, str]) -> bool:
    return (row.get("status") or STATUS_CURRENT) == STATUS_CURRENT


def amend_rows(catalog: AnyCatalog, cells_of: Callable[[Row], Mapping[str, str]]) -> None:
    """Set cells of a catalog's rows, all or none, while other processes and machines change others.

    Rows that are not concerned stay as they are, also malformed ones.

    Parameters
    ----------
    catalog : CatalogSource, path or str
        As for `append_rows`.
    cells_of : callable
        Given a row (column -> text), it returns the cells to set: `{}` for none. It may be called several times.

    Raises
    ------
    CatalogError
        There is no such catalog, or it cannot be written. Nothing is changed.

    Examples
    --------
    >>> columns = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    >>> row = "lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.Doe2026"
    >>> _ = Path("amended.csv").write_text(chr(10).join([columns, row, ""]))
    >>> amend_rows("amended.csv", lambda row: {"license": "CC0-1.0"} if row["identifier"] == "lab.Doe2026" else {})
    >>> Path("amended.csv").read_text().splitlines()[1]
    'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/a.nc,,lab.Doe2026,CC0-1.0'
    """
    source = source_of(catalog)
    if source.is_database:
        from brainio.catalogs import sql_writing

        sql_writing.set_cells(place_of(source.location), cells_of)
        return
    if current_text(source) is None:
        raise CatalogError(f"there is no catalog {shown(source.location)}; nothing was changed. Check the location")
    rewrite(source, lambda text: with_cells_set(text, cells_of, shown(source.location)))


def rewrite(source: CatalogSource, change: Callable[[str], str], new: str = EMPTY) -> None:
    """Replace the text of a catalog by what `change` makes of it; nothing is written when that is the same.

    Where there is none yet, `change` gets the text `new`.

    Raises
    ------
    CatalogError
        It cannot be read or written, or `change` raised it. Nothing is changed.
    """
    if source.is_remote:
        _rewrite_on_s3(source, change, new)
        note_written(source)
    else:
        _rewrite_file(source.path, change, new)


def current_text(source: CatalogSource) -> str | None:
    """Return the text of a catalog as it is at this moment; None where there is none yet.

    Raises
    ------
    CatalogError
        It cannot be read, or lies where no catalog can be written.
    """
    if source.is_database:
        return _text_in_database(source)
    if source.is_remote:
        return _state(source)[0]
    try:
        return _decoded(read_regular(source.path), source.location) if source.path.exists() else None
    except OSError as error:
        raise CatalogError(f"{source.path} cannot be read: {error}; nothing was changed. Correct the path") from error


def require_writable(source: CatalogSource) -> None:
    """Refuse a catalog of which it is known beforehand that it cannot be written; make the folder of a new one.

    Raises
    ------
    CatalogError
        It lies on this machine and may not be written, or where nothing can be written.
    """
    if source.is_remote and not source.is_database:
        _s3_location(source)
    elif not source.is_remote:
        _require_writable_file(source.path)


def _require_writable_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"the folder of the catalog {path} cannot be made ({error}); nothing was stored. Correct the path"
        ) from error
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CatalogError(f"{path} may not be written; nothing was stored. Make it writable, or use a copy of it")


def write_beside(source: CatalogSource, relative: str, data: bytes) -> None:
    """Write a small file below the folder of a catalog, such as a card; what lies there is replaced.

    Raises
    ------
    CatalogError
        It leads out of that folder, or cannot be written.
    """
    from brainio.stores import parse_location, upload

    if source.is_database:
        from brainio.catalogs import sql_beside

        sql_beside.write_card(place_of(source.location), relative, data)
        return
    try:
        location = parse_location(relative, base=folder_of(source.location))
        if not location.url.startswith(parse_location("x", base=folder_of(source.location)).url[:-1]):
            raise CatalogError(f"{relative!r} does not lie below the folder of the catalog {shown(source.location)}")
        with temporary_folder() as folder:
            written = folder / "file"
            written.write_bytes(data)
            upload(written, location)
    except (OSError, LocationError) as error:
        raise CatalogError(f"{relative} was not written beside {shown(source.location)}: {error}") from error


def _text_in_database(source: CatalogSource) -> str | None:
    from brainio.catalogs import sql_form

    database = place_of(source.location)
    is_new = database.path is not None and not database.path.exists()
    return None if is_new else sql_form.current_text(database)


def source_of(catalog: AnyCatalog) -> CatalogSource:
    """Return the source of a catalog that is named by it, by a path or by a URL."""
    return catalog if isinstance(catalog, CatalogSource) else source_from(os.fspath(catalog))


def _rewrite_file(path: Path, change: Callable[[str], str], new: str) -> None:
    path = path.resolve()
    if path.exists() and not os.access(path, os.W_OK):
        raise CatalogError(f"{path} may not be written; no row was added. Make it writable, or add to a copy.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_done = any(_rewrite_once(path, change, new) for _ in range(_ATTEMPTS))
    except CatalogError:
        raise
    except OSError as error:
        raise CatalogError(
            f"{path} could not be written ({error}); it is as it was. Correct that, and run the same again: what is "
            f"stored already is not sent again."
        ) from error
    if not is_done:
        raise CatalogError(
            f"{path} was changed by others at each of {_ATTEMPTS} attempts although this process held its lock; it "
            f"has no change of this call. End what writes it without the lock, and run the same again."
        )


def _rewrite_once(path: Path, change: Callable[[str], str], new: str) -> bool:
    """Change a catalog under its lock; return False, with nothing changed, if others wrote it meanwhile."""
    with acquire_exclusive(path.parent, f".{path.name}", str(path)) as lock:
        before = _text_of(path)
        after = change(new if before is None else before)
        return after == before or replace_file(path, after, partial(_is_unchanged, path, before, lock))


def _text_of(path: Path) -> str | None:
    try:
        return _decoded(read_regular(path), str(path))
    except FileNotFoundError:
        return None


def _is_unchanged(path: Path, before: str | None, lock: Lock) -> bool:
    """Whether nobody wrote a catalog since this process read it: it may have been stopped, and its lock deleted."""
    return lock.is_held() and _text_of(path) == before


def _rewrite_on_s3(source: CatalogSource, change: Callable[[str], str], new: str) -> None:
    from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

    from brainio.stores import replace_if

    location = _s3_location(source)

    def attempt() -> None:
        before, tag = _state(source)
        after = change(new if before is None else before)
        if after != before:
            replace_if(location, after.encode("utf-8"), tag)

    pause = wait_random_exponential(multiplier=0.05, max=_LONGEST_PAUSE)
    again = retry_if_exception_type(ChangedFileError)
    try:
        Retrying(retry=again, wait=pause, stop=stop_after_delay(_PATIENCE))(attempt)
    except RetryError as error:
        raise CatalogError(
            f"{location} was changed by others at each attempt for {_PATIENCE} seconds; it has no change of this call. "
            f"Run the same again: what is stored already is not sent again."
        ) from error
    except TransferError as error:
        raise CatalogError(
            f"the catalog was not changed: {error} Then run the same again: what is stored already is not sent again."
        ) from error


def _state(source: CatalogSource) -> tuple[str | None, str | None]:
    """Return the text of a catalog on S3 and its tag; (None, None) where there is none yet."""
    from brainio.stores import read_state

    try:
        state = read_state(_s3_location(source), LARGEST)
    except TransferError as error:
        raise CatalogError(f"the catalog cannot be read: {error}") from error
    return (None, None) if state is None else (_decoded(state[0], source.location), state[1])


def _s3_location(source: CatalogSource) -> "Location":
    from brainio.stores import parse_location

    try:
        location = parse_location(source.location)
    except LocationError as error:
        raise CatalogError(str(error)) from error
    if location.location_type != "S3":
        raise CatalogError(
            f"catalog {source.identifier!r} lies at {shown(source.location)}, where entries cannot be added; "
            f"add them to one on S3, or to a copy on this machine"
        )
    return location


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(f"{shown(source)} is not UTF-8 ({error}); no row was added") from error


def replace_file(path: Path, text: str, check: Callable[[], bool] = lambda: True) -> bool:
    """Write a file so that every reader sees all of the old text or all of the new.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        Its new text.
    check : callable
        Called when the text is on the disk, just before the file gets it: if it returns False, nothing is changed.

    Returns
    -------
    bool
        Whether the file has the new text.
    """
    remove_leftovers(path.parent, f".{escape(path.name)}.*{PART}")
    temporary = path.with_name(f".{path.name}.{this_process().tag}-{secrets.token_hex(8)}{PART}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if check():
            temporary.replace(path)
            return True
        return False
    finally:
        temporary.unlink(missing_ok=True)
