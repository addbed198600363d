"""Full text in PostgreSQL: a column of words and names with a GIN index, and what is asked of it.

A word is written with the letter of its group before it, rather than with one of PostgreSQL's weights: these are not in
the index, so that each row would be read again to see them.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from brainio.index.fulltext import GROUPS, numbers_in
from brainio.index.words import PREFIX_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from brainio.index.fulltext import Numbers

_LONGEST = 400  # characters of a word; PostgreSQL takes 2046 bytes
_MOST = 500_000  # bytes of the words of a document; PostgreSQL takes 1 MB
_LETTERS = dict(zip(GROUPS, "ABCD", strict=True))  # words are in lower case
_CALLED = "="  # no word has it

_metadata = MetaData()
_words = Table(
    "words",
    _metadata,
    Column("rowid", Integer, primary_key=True, autoincrement=False),
    Column("words", TSVECTOR, nullable=False),
)
_found_by_words = Index("found_by_words", _words.c.words, postgresql_using="gin")
_rowid = _words.c.rowid


def _matches(name: str) -> ColumnElement[bool]:
    return _words.c.words.op("@@")(cast(bindparam(name, type_=Text), TSQUERY))


_every = func.string_agg(cast(_rowid, Text), ",")
_having = select(*[select(_every).where(_matches(group)).scalar_subquery() for group in GROUPS])
_called = select(_rowid).where(_matches("called")).order_by(_rowid).limit(bindparam("most"))


class TsVector:
    """The full text of an index in PostgreSQL; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Make the empty table; indexing it row by row would take longer."""
        _words.create(connection)
        _found_by_words.drop(connection)
        return _words

    def finish(self, connection: Connection) -> None:
        """Index the words, and have the planner know the tables."""
        connection.execute(text("SET LOCAL maintenance_work_mem = '128MB'"))
        _found_by_words.create(connection)
        connection.execute(text("ANALYZE"))

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Copy rows; what PostgreSQL takes as no text is left out of texts."""
        if not rows:
            return
        schema = connection.get_execution_options()["schema_translate_map"][None]
        driver: Any = connection.connection
        with driver.cursor() as cursor, cursor.copy(f'COPY "{schema}"."{table.name}" FROM STDIN') as copy:
            for row in rows:
                copy.write_row([_plain(value) if isinstance(value, str) else value for value in row])

    def row(self, number: int, groups: Sequence[str], called: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document."""
        names = [_quoted(f"{_CALLED}{name}") for name in called]
        return number, _no_more(" ".join([*names, *map(_lexemes, groups, _LETTERS.values())]))

    def having(self, connection: Connection, word: str) -> list[Numbers]:
        """Return the documents that have a word, group by group."""
        end = ":*" if len(word) >= PREFIX_FROM else ""
        asked = {group: f"{_quoted(letter + word)}{end}" for group, letter in _LETTERS.items()}
        return list(map(numbers_in, connection.execute(_having, asked).one()))

    def called(self, connection: Connection, folded: str, most: int) -> Numbers:
        """Return the documents that are called so."""
        asked = {"called": _quoted(f"{_CALLED}{folded}"), "most": most}
        return np.fromiter(connection.scalars(_called, asked), np.int32)


@lru_cache(maxsize=8192)  # documents share most of them
def _lexemes(words: str, letter: str) -> str:
    """Return words as a document has them."""
    return " ".join([_quoted(letter + word) for word in words.split()])


def _quoted(word: str) -> str:
    """Return a word as PostgreSQL reads it; of one that is longer than it takes the beginning, and what names it."""
    if len(word) > _LONGEST:
        word = f"{word[:_LONGEST]}{hashlib.sha256(word.encode()).hexdigest()}"
    return f"'{word}'"


def _no_more(lexemes: str) -> str:
    """Return so many words as a document may have: nobody means to find more."""
    if len(lexemes) * 4 <= _MOST or len(lexemes.encode()) <= _MOST:
        return lexemes
    return lexemes.encode()[:_MOST].decode(errors="ignore").rpartition(" ")[0]


def _plain(value: str) -> str:
    if value.isascii() and "\0" not in value:  # nearly all
        return value
    return value.replace("\0", "").encode("utf-8", "replace").decode()
