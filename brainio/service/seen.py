"""What changed in catalogs since a state that somebody saw: kept in SQLite below `BRAINIO_HOME`, by all processes.

Of each entry it holds which change brought it and which touched it last, so that the file grows with entries and not
with changes. What nobody served while it changed is one change. Lose the file, and clients start anew.
"""

import hashlib
import secrets
import threading
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    event,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from brainio.catalogs import Listing
from brainio.errors import CacheError
from brainio.home import home_folder

FOLDER, NAME = "service", "changes.sqlite"
_metadata = MetaData()
_catalogs = Table(
    "catalogs",
    _metadata,
    Column("catalog", String, primary_key=True),
    Column("epoch", String, nullable=False),
    Column("number", Integer, nullable=False),
)
_entries = Table(
    "entries",
    _metadata,
    Column("catalog", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("identifier", String, primary_key=True),
    Column("digest", String, nullable=False),  # empty: it was removed
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False, index=True),
)


class Moment(NamedTuple):
    """A state of a catalog: which history it belongs to, and how many changes that had."""

    epoch: str
    number: int


class Mark(NamedTuple):
    """How far somebody has read: all changes before `last`, and of that one those up to an entry (None: all).

    `base` is the change after which reading began.
    """

    epoch: str
    base: int
    last: int
    identifier: str | None = None
    kind: str | None = None


class Change(NamedTuple):
    """What became of an entry: it was `added`, `changed` or `removed`."""

    change: str
    kind: str
    identifier: str


class Seen:
    """The states of catalogs that services on this machine saw."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or home_folder() / FOLDER / NAME
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def note(self, catalog: str, listing: Listing) -> None:
        """Note what a catalog lists now; nothing happens where that is known.

        Raises
        ------
        CacheError
            The file cannot be written.
        """
        now = {key: _digest(listing, key) for key in listing.entries}
        with self._connection() as connection:
            _note(connection, catalog, now)

    def since(self, catalog: str, mark: Mark | None, most: int) -> tuple[list[Change], Mark] | None:
        """Return what became of entries after a mark, and the mark of where that ends; None: no such mark is known.

        Parameters
        ----------
        catalog : str
            Its identifier.
        mark : Mark or None
            From an earlier call; None for the state of now, of which there are no changes.
        most : int
            How many changes are returned.

        Raises
        ------
        CacheError
            The file cannot be read.
        """
        with self._connection() as connection:
            moment = _moment(connection, catalog)
            if moment is None:
                raise CacheError(f"no state of catalog {catalog!r} was noted")
            if mark is None:
                return [], Mark(*moment, moment.number)
            if mark.epoch != moment.epoch or mark.last > moment.number:
                return None
            rows = connection.execute(_touched(catalog, mark).limit(most)).all()
        told = ((_what(row.digest, row.first, mark.base), row) for row in rows)
        changes = [Change(what, row.kind, row.identifier) for what, row in told if what]
        if len(rows) < most:
            return changes, Mark(*moment, moment.number)
        return changes, Mark(mark.epoch, mark.base, rows[-1].last, rows[-1].identifier, rows[-1].kind)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _connection(self) -> "_Transaction":
        with self._lock:
            if self._engine is None:
                self._engine = _engine(self._path)
        return _Transaction(self._engine, self._path)


class _Transaction:
    """A transaction that is alone from its beginning, and whose failures say which file."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._begun, self._path = engine.begin(), path

    def __enter__(self) -> Connection:
        try:
            return self._begun.__enter__()
        except SQLAlchemyError as error:
            raise CacheError(f"{self._path} cannot be opened: {error.__cause__ or error}") from error

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._begun.__exit__(kind, error, trace)  # type: ignore[arg-type]  # handed on
        except SQLAlchemyError as failure:
            raise CacheError(f"{self._path} cannot be written: {failure.__cause__ or failure}") from failure


def _engine(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(f"{path.parent} cannot be made: {error}") from error
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "isolation_level": None})
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        _metadata.create_all(engine)
    except SQLAlchemyError as error:
        raise CacheError(f"{path} cannot be used: {error.__cause__ or error}") from error
    return engine


def _touched(catalog: str, mark: Mark) -> Select[Any]:
    later = _entries.c.last > mark.last
    if mark.identifier is not None:
        place = tuple_(_entries.c.identifier, _entries.c.kind)
        later |= (_entries.c.last == mark.last) & (place > (mark.identifier, mark.kind))
    order = _entries.c.last, _entries.c.identifier, _entries.c.kind
    return select(_entries).where(_entries.c.catalog == catalog, later).order_by(*order)


def _moment(connection: Connection, catalog: str) -> Moment | None:
    row = connection.execute(select(_catalogs).where(_catalogs.c.catalog == catalog)).first()
    return None if row is None else Moment(row.epoch, row.number)


def _note(connection: Connection, catalog: str, now: dict[tuple[str, str], str]) -> None:
    known = _moment(connection, catalog)
    known_rows = connection.execute(select(_entries).where(_entries.c.catalog == catalog))
    before = {(row.kind, row.identifier): (row.digest, row.first) for row in known_rows}
    gone = {key: "" for key, (digest, _) in before.items() if digest and key not in now}
    touched = gone | {key: digest for key, digest in now.items() if before.get(key, ("", 0))[0] != digest}
    if known is not None and not touched:
        return
    moment = Moment(secrets.token_hex(8), 0) if known is None else Moment(known.epoch, known.number + 1)
    connection.execute(
        insert(_catalogs)
        .values(catalog=catalog, epoch=moment.epoch, number=moment.number)
        .on_conflict_do_update(index_elements=["catalog"], set_={"number": moment.number})
    )
    rows = []
    for (kind, identifier), digest in touched.items():
        old, first = before.get((kind, identifier), ("", moment.number))
        is_new = bool(digest) and not old
        numbers = {"first": moment.number if is_new else first, "last": moment.number}
        rows.append({"catalog": catalog, "kind": kind, "identifier": identifier, "digest": digest, **numbers})
    if rows:
        statement = insert(_entries)
        changed = {name: statement.excluded[name] for name in ("digest", "first", "last")}
        key = ["catalog", "kind", "identifier"]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)


def _what(digest: str, first: int, number: int) -> str:
    """Say what became of an entry since a change; empty where it came and went."""
    if first > number:
        return "added" if digest else ""
    return "changed" if digest else "removed"


def _digest(listing: Listing, key: tuple[str, str]) -> str:
    versions = listing.all_versions(listing.entries[key])
    return hashlib.sha256(repr(versions).encode("utf-8", "backslashreplace")).hexdigest()[:32]
