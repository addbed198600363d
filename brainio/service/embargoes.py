"""Embargoes: entries with public metadata whose files are withheld until the end of a day.

Embargoes are stored in the database of the service, since the columns of a catalog are fixed, and apply to all versions
of an entry.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Delete, RowMapping, delete, insert, select

from brainio.catalogs import LOOKUP_TYPES, Entry
from brainio.errors import ServiceError
from brainio.service.database import Database, embargoes_table
from brainio.service.tokens import MAX_NOTE, mark_access_changed

Key = tuple[str, str, str]
"""(catalog, kind, identifier)"""
ActiveEmbargoes = frozenset[tuple[str, str, date]]
"""(kind, identifier, last day) of the embargoes of a catalog"""


class Embargo(NamedTuple):
    """The stored record of an embargo; `until` is its last day, `made` seconds since 1970, both in UTC."""

    catalog: str
    kind: str
    identifier: str
    until: date
    note: str
    made: int

    @property
    def is_over(self) -> bool:
        """Whether its last day has passed."""
        return self.until < today()


def today() -> date:
    """Return the current day in UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Embargoes:
    """All embargoes, as last read from the database.

    Attributes
    ----------
    last_days : mapping or None
        (catalog, kind, identifier) -> the last day. None if the database was never read: every entry is then withheld.

    Examples
    --------
    >>> entry = Entry("lab", "assembly", "lab.Doe2026", ())
    >>> known = Embargoes({("lab", "assembly", "lab.Doe2026"): date(9999, 12, 31)})
    >>> known.until(entry), known.withholds(entry), Embargoes({}).withholds(entry), Embargoes(None).withholds(entry)
    (datetime.date(9999, 12, 31), True, False, True)
    """

    last_days: Mapping[Key, date] | None

    def until(self, entry: Entry) -> date | None:
        """Return the last day on which an entry is under embargo; None if it is not under embargo."""
        if not self.last_days:
            return None
        names = (entry.identifier, *entry.aliases)
        days = [day for name in names if (day := self.last_days.get((entry.catalog, entry.lookup_type, name)))]
        return max((day for day in days if day >= today()), default=None)

    def withholds(self, entry: Entry) -> bool:
        """Whether the files of an entry, and their locations, are withheld from the public."""
        return self.last_days is None or self.until(entry) is not None

    def active_in(self, catalog: str) -> ActiveEmbargoes | None:
        """Return the active embargoes of a catalog, on which its CSV form depends; None if they are unknown."""
        if self.last_days is None:
            return None
        now = today()
        active = ((key, day) for key, day in self.last_days.items() if key[0] == catalog and day >= now)
        return frozenset((kind, identifier, day) for (_, kind, identifier), day in active)


UNKNOWN = Embargoes(None)


def set_embargo(database: Database, key: Key, until: date, note: str = "") -> Embargo:
    """Put an entry under embargo, or change its last day. The entry may be added to the catalog later.

    Parameters
    ----------
    database : Database
        Database of the service.
    key : tuple of str
        Catalog, kind (`'stimulus_set'` or `'assembly'`) and identifier.
    until : date
        The last day; the embargo ends with it, in UTC.
    note : str, default ''
        Reason, for operators.

    Raises
    ------
    ServiceError
        The kind is unknown, a name is empty, or the note is too long.
    DatabaseAwayError
        The database cannot be written.
    """
    catalog, kind, identifier = key
    if kind not in LOOKUP_TYPES:
        raise ServiceError(f"the kind is {kind!r}; expected {' or '.join(LOOKUP_TYPES)}")
    if not catalog or not identifier:
        raise ServiceError("catalog and identifier may not be empty; name the entry to put under embargo")
    if len(note) > MAX_NOTE:
        raise ServiceError(f"the note has {len(note):,} characters; at most {MAX_NOTE} are allowed")
    embargo = Embargo(*key, until, note, int(time.time()))
    with database.write_transaction() as connection:
        connection.execute(_deletion(key))
        connection.execute(insert(embargoes_table).values(embargo._asdict() | {"until": until.isoformat()}))
        mark_access_changed(connection)
    return embargo


def lift_embargo(database: Database, key: Key) -> None:
    """End an embargo.

    Raises
    ------
    ServiceError
        The entry is not under embargo.
    DatabaseAwayError
        The database cannot be written.
    """
    with database.write_transaction() as connection:
        if not connection.execute(_deletion(key)).rowcount:
            catalog, kind, identifier = key
            raise ServiceError(
                f"{kind} {identifier[:200]!r} of catalog {catalog[:200]!r} is not under embargo. "
                f"brainio embargo list shows all embargoes"
            )
        mark_access_changed(connection)


def list_embargoes(database: Database) -> list[Embargo]:
    """Return all embargoes, including past ones, sorted by catalog and identifier.

    Raises
    ------
    DatabaseAwayError
        The database cannot be read.
    """
    with database.read_transaction() as connection:
        return read_embargoes(connection)


def read_embargoes(connection: Connection) -> list[Embargo]:
    """Return all embargoes, sorted by catalog and identifier."""
    order = embargoes_table.c.catalog, embargoes_table.c.identifier, embargoes_table.c.kind
    return [_embargo(row) for row in connection.execute(select(embargoes_table).order_by(*order)).mappings()]


def _embargo(row: RowMapping) -> Embargo:
    until = date.fromisoformat(row["until"])
    return Embargo(**{name: row[name] for name in Embargo._fields} | {"until": until})


def _deletion(key: Key) -> Delete:
    catalog, kind, identifier = key
    columns = embargoes_table.c
    return delete(embargoes_table).where(
        columns.catalog == catalog, columns.kind == kind, columns.identifier == identifier
    )
