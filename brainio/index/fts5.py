"""Full text in SQLite: the virtual table FTS5 of words and names, and what is asked of it.

All words come folded from `brainio.index.words`, so its tokenizer has nothing to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
)

from brainio.index.fulltext import GROUPS, numbers_in
from brainio.index.words import PREFIX_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.fulltext import Numbers

_COLUMNS = (*GROUPS, "called")
# A virtual table is no part of the other tables: it is not created from a description, but inserted into like one.
_words = Table("words", MetaData(), Column("rowid", Integer), *(Column(name, Text) for name in _COLUMNS))
_rowid = _words.c.rowid
_matches = literal_column("words").op("MATCH")
# Of each group in one value: after each row a thread may have to wait for others that run Python.
_having = select(
    *[select(func.group_concat(_rowid)).where(_matches(bindparam(group))).scalar_subquery() for group in GROUPS]
)
_called: Select[int] = select(_rowid).where(_matches(bindparam("called"))).limit(bindparam("most"))


class Fts5:
    """The full text of an index in SQLite; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Make the empty table, which keeps neither the text nor where in a column a word is."""
        options = "content='', columnsize=0, detail=column, tokenize='ascii'"
        connection.execute(text(f"CREATE VIRTUAL TABLE words USING fts5({', '.join(_COLUMNS)}, {options})"))
        return _words

    def finish(self, connection: Connection) -> None:
        """Do nothing: rows are indexed as they come."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert tuples: five times as fast as mappings, each of which SQLAlchemy would look through."""
        if rows:
            connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))

    def row(self, number: int, groups: Sequence[str], called: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document."""
        return (number, *groups, " ".join(called))

    def having(self, connection: Connection, word: str) -> list[Numbers]:
        """Return the documents that have a word, group by group."""
        end = " *" if len(word) >= PREFIX_FROM else ""
        asked = {group: f'{group} : "{word}"{end}' for group in GROUPS}
        return list(map(numbers_in, connection.execute(_having, asked).one()))

    def called(self, connection: Connection, folded: str, most: int) -> Numbers:
        """Return the documents that are called so."""
        asked = {"called": f'called : "{folded}"', "most": most}
        return np.fromiter(connection.scalars(_called, asked), np.int32)
