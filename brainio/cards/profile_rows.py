"""Writing rows to an open database."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import insert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

_AT_ONCE = 2000


def insert_rows(connection: Connection, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert tuples as they come: several times as fast as mappings, each of which SQLAlchemy would look through."""
    statement = str(insert(table).compile(dialect=connection.dialect))
    coming = iter(rows)
    while batch := list(islice(coming, _AT_ONCE)):
        connection.exec_driver_sql(statement, batch)
