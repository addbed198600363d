"""What changed in catalogs since a state that somebody saw: kept in the database of the service, by all processes.

Of each entry it holds which change brought it and which touched it last, so that it grows with entries and not with
changes. What nobody served while it changed is one change. Lose it, and clients start anew.
"""

import hashlib
import secrets
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, tuple_, update

from brainio.catalogs import Listing
from brainio.errors import DatabaseAwayError
from brainio.service import tables
from brainio.service.database import Database
from brainio.service.embargoes import Active


class Revision(NamedTuple):
    """A state of a catalog: which history it belongs to, and how many changes that had."""

    epoch: str
    number: int


class ChangeCursor(NamedTuple):
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


class ChangeLog:
    """The states of catalogs that services of a database saw."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, catalog: str, listing: Listing, embargoed: Active = frozenset()) -> None:
        """Note what a catalog lists now, and which of it is under embargo; nothing happens where that is known.

        Raises
        ------
        DatabaseAwayError
            It cannot be kept.
        """
        days = {(kind, identifier): day.isoformat() for kind, identifier, day in embargoed}
        now = {key: _digest(listing, key, days.get(key, "")) for key in listing.entries}
        with self._database.changing() as connection:
            _note(connection, catalog, now)

    def since(self, catalog: str, mark: ChangeCursor | None, most: int) -> tuple[list[Change], ChangeCursor] | None:
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
        DatabaseAwayError
            Nothing can be read, or nothing was noted.
        """
        with self._database.reading() as connection:
            moment = _moment(connection, catalog)
            if moment is None:
                raise DatabaseAwayError(f"no state of catalog {catalog!r} was noted")
            if mark is None:
                return [], ChangeCursor(*moment, moment.number)
            if mark.epoch != moment.epoch or mark.last > moment.number:
                return None
            rows = connection.execute(_touched(catalog, mark).limit(most)).all()
        told = ((_what(row.digest, row.first, mark.base), row) for row in rows)
        changes = [Change(what, row.kind, row.identifier) for what, row in told if what]
        if len(rows) < most:
            return changes, ChangeCursor(*moment, moment.number)
        return changes, ChangeCursor(mark.epoch, mark.base, rows[-1].last, rows[-1].identifier, rows[-1].kind)


def _touched(catalog: str, mark: ChangeCursor) -> Select[Any]:
    later = tables.changes.c.last > mark.last
    if mark.identifier is not None:
        place = tuple_(tables.changes.c.identifier, tables.changes.c.kind)
        later |= (tables.changes.c.last == mark.last) & (place > (mark.identifier, mark.kind))
    order = tables.changes.c.last, tables.changes.c.identifier, tables.changes.c.kind
    return select(tables.changes).where(tables.changes.c.catalog == catalog, later).order_by(*order)


def _moment(connection: Connection, catalog: str) -> Revision | None:
    row = connection.execute(select(tables.histories).where(tables.histories.c.catalog == catalog)).first()
    return None if row is None else Revision(row.epoch, row.number)


def _note(connection: Connection, catalog: str, now: dict[tuple[str, str], str]) -> None:
    known = _moment(connection, catalog)
    known_rows = connection.execute(select(tables.changes).where(tables.changes.c.catalog == catalog))
    before = {(row.kind, row.identifier): (row.digest, row.first) for row in known_rows}
    gone = {key: "" for key, (digest, _) in before.items() if digest and key not in now}
    touched = gone | {key: digest for key, digest in now.items() if before.get(key, ("", 0))[0] != digest}
    if known is not None and not touched:
        return
    moment = Revision(secrets.token_hex(8), 0) if known is None else Revision(known.epoch, known.number + 1)
    if known is None:
        connection.execute(insert(tables.histories).values(catalog=catalog, epoch=moment.epoch, number=moment.number))
    else:
        connection.execute(
            update(tables.histories).where(tables.histories.c.catalog == catalog).values(number=moment.number)
        )
    rows = []
    for (kind, identifier), digest in touched.items():
        old, first = before.get((kind, identifier), ("", moment.number))
        is_new = bool(digest) and not old
        numbers = {"first": moment.number if is_new else first, "last": moment.number}
        rows.append({"catalog": catalog, "kind": kind, "identifier": identifier, "digest": digest, **numbers})
    if rows:
        key = [column == bindparam(f"of_{column.name}") for column in tables.changes.primary_key]
        own = ("catalog", "kind", "identifier")
        connection.execute(delete(tables.changes).where(*key), [{f"of_{one}": row[one] for one in own} for row in rows])
        connection.execute(insert(tables.changes), rows)


def _what(digest: str, first: int, number: int) -> str:
    """Say what became of an entry since a change; empty where it came and went."""
    if first > number:
        return "added" if digest else ""
    return "changed" if digest else "removed"


def _digest(listing: Listing, key: tuple[str, str], embargo: str) -> str:
    versions = repr(listing.all_versions(listing.entries[key])) + embargo
    return hashlib.sha256(versions.encode("utf-8", "backslashreplace")).hexdigest()[:32]
