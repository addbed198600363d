"""Embargoes: entries whose metadata everybody may see, and whose files nobody may have until a day is over.

They are kept in the database of the service, since the columns of a catalog are closed, and hold for all versions of
an entry.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Delete, RowMapping, delete, insert, select

from brainio.catalogs import LOOKUP_TYPES, Entry
from brainio.errors import ServiceError
from brainio.service.database import Database
from brainio.service.tables import embargoes
from brainio.service.tokens import LONGEST_NOTE, note_change

Key = tuple[str, str, str]
"""(catalog, kind, identifier)"""
Active = frozenset[tuple[str, str, date]]


class Embargo(NamedTuple):
    """An embargo as it is kept; `until` is its last day, `made` seconds since 1970, both in UTC."""

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
    """Return the day that it is in UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Embargoes:
    """All embargoes as they were read last.

    Attributes
    ----------
    last_days : mapping or None
        (catalog, kind, identifier) -> the last day; None: they were never read, so that nothing is known to be free.

    Examples
    --------
    >>> entry = Entry("lab", "assembly", "lab.Doe2026", ())
    >>> known = Embargoes({("lab", "assembly", "lab.Doe2026"): date(9999, 12, 31)})
    >>> known.until(entry), known.withholds(entry), Embargoes({}).withholds(entry), Embargoes(None).withholds(entry)
    (datetime.date(9999, 12, 31), True, False, True)
    """

    last_days: Mapping[Key, date] | None

    def until(self, entry: Entry) -> date | None:
        """Return the last day on which an entry is under embargo; None where it is not."""
        if not self.last_days:
            return None
        names = (entry.identifier, *entry.aliases)
        days = [day for name in names if (day := self.last_days.get((entry.catalog, entry.lookup_type, name)))]
        return max((day for day in days if day >= today()), default=None)

    def withholds(self, entry: Entry) -> bool:
        """Whether the files of an entry, and where they lie, are not for everybody."""
        return self.last_days is None or self.until(entry) is not None

    def active(self, catalog: str) -> Active | None:
        """Return those of a catalog that hold today: what its served form depends on. None: that is not known."""
        if self.last_days is None:
            return None
        now = today()
        held = ((key, day) for key, day in self.last_days.items() if key[0] == catalog and day >= now)
        return frozenset((kind, identifier, day) for (_, kind, identifier), day in held)


UNKNOWN = Embargoes(None)


def set_embargo(database: Database, key: Key, until: date, note: str = "") -> Embargo:
    """Put an entry under embargo, also one that is not listed yet; the last day of one that is, is changed.

    Parameters
    ----------
    database : Database
        Of the service.
    key : tuple of str
        Catalog, kind (`'stimulus_set'` or `'assembly'`) and identifier.
    until : date
        The last day; it ends with that day in UTC.
    note : str, default ''
        Why, for those who look after it.

    Raises
    ------
    ServiceError
        The kind is none, a name is empty, or the note is too long.
    DatabaseAwayError
        It cannot be kept.
    """
    catalog, kind, identifier = key
    if kind not in LOOKUP_TYPES:
        raise ServiceError(f"the kind is {kind!r}; expected {' or '.join(LOOKUP_TYPES)}")
    if not catalog or not identifier or len(note) > LONGEST_NOTE:
        raise ServiceError(f"catalog and identifier may not be empty, and notes have at most {LONGEST_NOTE} characters")
    made = Embargo(*key, until, note, int(time.time()))
    with database.changing() as connection:
        connection.execute(_removal(key))
        connection.execute(insert(embargoes).values(made._asdict() | {"until": until.isoformat()}))
        note_change(connection)
    return made


def lift_embargo(database: Database, key: Key) -> None:
    """End an embargo.

    Raises
    ------
    ServiceError
        The entry is under none.
    DatabaseAwayError
        It cannot be changed.
    """
    with database.changing() as connection:
        if not connection.execute(_removal(key)).rowcount:
            catalog, kind, identifier = key
            raise ServiceError(
                f"{kind} {identifier[:200]!r} of catalog {catalog[:200]!r} is under no embargo. "
                f"brainio embargo list names those that are"
            )
        note_change(connection)


def list_embargoes(database: Database) -> list[Embargo]:
    """Return all embargoes, also those that are over, by catalog and identifier.

    Raises
    ------
    DatabaseAwayError
        They cannot be read.
    """
    with database.reading() as connection:
        return read_embargoes(connection)


def read_embargoes(connection: Connection) -> list[Embargo]:
    """Return all embargoes by catalog and identifier."""
    order = embargoes.c.catalog, embargoes.c.identifier, embargoes.c.kind
    return [_embargo(row) for row in connection.execute(select(embargoes).order_by(*order)).mappings()]


def _embargo(row: RowMapping) -> Embargo:
    until = date.fromisoformat(row["until"])
    return Embargo(**{name: row[name] for name in Embargo._fields} | {"until": until})


def _removal(key: Key) -> Delete:
    catalog, kind, identifier = key
    own = embargoes.c
    return delete(embargoes).where(own.catalog == catalog, own.kind == kind, own.identifier == identifier)
