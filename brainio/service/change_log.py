"""The change log: which entries were added, changed or removed since a revision of a catalog.

The log is in the database of the service, which all processes share. It stores for each entry the first and the last
revision that touched it, so that it grows with the number of entries, not of changes. Changes that happen while no
process is running count as one revision. If the log is lost, clients list all entries anew.
"""

import hashlib
import secrets
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, tuple_, update

from brainio.catalogs import Listing
from brainio.errors import DatabaseAwayError
from brainio.service.database import Database, changes_table, histories_table
from brainio.service.embargoes import ActiveEmbargoes


class Revision(NamedTuple):
    """A revision of a catalog: the history to which it belongs, and its number."""

    epoch: str
    number: int


class ChangeCursor(NamedTuple):
    """The position of a reader: it has all revisions before `last`, and of `last` the entries up to the named one.

    If `identifier` is None, the reader has `last` completely. `base` is the revision at which reading began.
    """

    epoch: str
    base: int
    last: int
    identifier: str | None = None
    kind: str | None = None


class Change(NamedTuple):
    """A change of an entry: `added`, `changed` or `removed`."""

    change: str
    kind: str
    identifier: str


class ChangeLog:
    """Revisions of the catalogs of all services with the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, catalog: str, listing: Listing, embargoes: ActiveEmbargoes = frozenset()) -> None:
        """Record the entries of a catalog and its active embargoes, if they differ from the last revision.

        Raises
        ------
        DatabaseAwayError
            The database cannot be written.
        """
        days = {(kind, identifier): day.isoformat() for kind, identifier, day in embargoes}
        digests = {key: _digest(listing, key, days.get(key, "")) for key in listing.entries}
        with self._database.write_transaction() as connection:
            _record(connection, catalog, digests)

    def since(self, catalog: str, cursor: ChangeCursor | None, limit: int) -> tuple[list[Change], ChangeCursor] | None:
        """Return the changes after a cursor and the cursor after them; None if the cursor is unknown.

        Parameters
        ----------
        catalog : str
            Identifier of the catalog.
        cursor : ChangeCursor or None
            From an earlier call; None for the current revision, after which there are no changes.
        limit : int
            Maximal number of changes.

        Raises
        ------
        DatabaseAwayError
            The database cannot be read, or has no revision of the catalog.
        """
        with self._database.read_transaction() as connection:
            revision = _revision(connection, catalog)
            if revision is None:
                raise DatabaseAwayError(f"no revision of catalog {catalog!r} was recorded yet")
            if cursor is None:
                return [], ChangeCursor(*revision, revision.number)
            if cursor.epoch != revision.epoch or cursor.last > revision.number:
                return None
            rows = connection.execute(_rows_after(catalog, cursor).limit(limit)).all()
        kinds = ((_kind_of_change(row.digest, row.first, cursor.base), row) for row in rows)
        changes = [Change(change, row.kind, row.identifier) for change, row in kinds if change]
        if len(rows) < limit:
            return changes, ChangeCursor(*revision, revision.number)
        return changes, ChangeCursor(cursor.epoch, cursor.base, rows[-1].last, rows[-1].identifier, rows[-1].kind)


def _rows_after(catalog: str, cursor: ChangeCursor) -> Select[Any]:
    columns = changes_table.c
    later = columns.last > cursor.last
    if cursor.identifier is not None:
        position = tuple_(columns.identifier, columns.kind)
        later |= (columns.last == cursor.last) & (position > (cursor.identifier, cursor.kind))
    order = columns.last, columns.identifier, columns.kind
    return select(changes_table).where(columns.catalog == catalog, later).order_by(*order)


def _revision(connection: Connection, catalog: str) -> Revision | None:
    row = connection.execute(select(histories_table).where(histories_table.c.catalog == catalog)).first()
    return None if row is None else Revision(row.epoch, row.number)


def _record(connection: Connection, catalog: str, digests: dict[tuple[str, str], str]) -> None:
    last = _revision(connection, catalog)
    known_rows = connection.execute(select(changes_table).where(changes_table.c.catalog == catalog))
    known = {(row.kind, row.identifier): (row.digest, row.first) for row in known_rows}
    removed = {key: "" for key, (digest, _) in known.items() if digest and key not in digests}
    touched = removed | {key: digest for key, digest in digests.items() if known.get(key, ("", 0))[0] != digest}
    if last is not None and not touched:
        return
    revision = Revision(secrets.token_hex(8), 0) if last is None else Revision(last.epoch, last.number + 1)
    if last is None:
        connection.execute(insert(histories_table).values(catalog=catalog, **revision._asdict()))
    else:
        is_own = histories_table.c.catalog == catalog
        connection.execute(update(histories_table).where(is_own).values(number=revision.number))
    rows = []
    for (kind, identifier), digest in touched.items():
        old, first = known.get((kind, identifier), ("", revision.number))
        is_new = bool(digest) and not old
        numbers = {"first": revision.number if is_new else first, "last": revision.number}
        rows.append({"catalog": catalog, "kind": kind, "identifier": identifier, "digest": digest, **numbers})
    if rows:
        matches = [column == bindparam(f"of_{column.name}") for column in changes_table.primary_key]
        keys = [{f"of_{name}": row[name] for name in ("catalog", "kind", "identifier")} for row in rows]
        connection.execute(delete(changes_table).where(*matches), keys)
        connection.execute(insert(changes_table), rows)


def _kind_of_change(digest: str, first: int, base: int) -> str:
    """Return the change of an entry since a revision; empty if it was added and removed again."""
    if first > base:
        return "added" if digest else ""
    return "changed" if digest else "removed"


def _digest(listing: Listing, key: tuple[str, str], embargo: str) -> str:
    versions = repr(listing.all_versions(listing.entries[key])) + embargo
    return hashlib.sha256(versions.encode("utf-8", "backslashreplace")).hexdigest()[:32]
