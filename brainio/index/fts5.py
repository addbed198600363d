"""Full text in SQLite: the virtual table FTS5 of words and labels, and what is asked of it.

All words come folded from `brainio.index.words`, so its tokenizer has nothing to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
)

from brainio.index.fulltext import GROUPS, Ranked
from brainio.index.schema import labelling
from brainio.index.words import PREFIX_FROM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

# A virtual table is no part of the other tables: it is not created from a description, but inserted into like one.
_words = Table(
    "words", MetaData(), Column("rowid", Integer), *(Column(name, Text) for name in GROUPS), Column("labels", Text)
)
_weights = ", ".join(map(str, [*GROUPS.values(), 0.0]))
_rowid = _words.c.rowid
_rank = literal_column(f"bm25(words, {_weights})", Float)


class Fts5:
    """The full text of an index in SQLite; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Make the empty table; it keeps no text, only where words are."""
        columns = ", ".join([*GROUPS, "labels"])
        connection.execute(
            text(f"CREATE VIRTUAL TABLE words USING fts5({columns}, content='', tokenize='ascii', detail=column)")
        )
        return _words

    def finish(self, connection: Connection) -> None:
        """Do nothing: rows are indexed as they come."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert tuples: five times as fast as mappings, each of which SQLAlchemy would look through."""
        if rows:
            connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))

    def row(
        self,
        number: int,
        groups: Sequence[str],
        labels: str,  # noqa: ARG002 - a virtual table keeps no text
        tokens: str,
    ) -> tuple[object, ...]:
        """Return the row of a document."""
        return (number, *groups, tokens)

    def label_token(self, number: int) -> str:
        """Return how the column of labels writes a label."""
        return f"l{number}"

    def name_token(self, folded: str) -> str:
        """Return how the column of labels writes a whole identifier or alias."""
        return f"n{folded}"

    def any_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where one of several is."""
        return f"({' OR '.join(expressions)})"

    def all_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where all of several are."""
        return f"({' AND '.join(expressions)})"

    def has_word(self, word: str) -> str:
        """Return the expression for a word of a question, which also begins longer words.

        Examples
        --------
        >>> Fts5().has_word('natural')
        '{names titles people about} : "natural" *'
        """
        return f'{{{" ".join(GROUPS)}}} : "{word}"{" *" if len(word) >= PREFIX_FROM else ""}'

    def has_label(self, number: int) -> str:
        """Return the expression for a label."""
        return f'labels : "{self.label_token(number)}"'

    def has_name(self, folded: str) -> str:
        """Return the expression for a whole identifier or alias."""
        return f'labels : "{self.name_token(folded)}"'

    def matching(self, expression: str, most: int) -> Select[int]:
        """Select numbers of documents, in their order since that costs nothing here."""
        return select(_rowid).where(_matches(expression)).limit(most)

    def counting(self, expression: str, most: int) -> Select[str, int]:
        """Select labels, and how many documents have them."""
        found = labelling.c.id.in_(self.matching(expression, most))
        return select(labelling.c.labels, func.count()).where(found).group_by(labelling.c.labels)

    def in_order(self, expression: str, limit: int, offset: int, behind: int) -> Select[int]:
        """Select numbers of documents in their order."""
        return self.matching(expression, limit).where(_rowid > behind).offset(offset)

    def ranked(
        self,
        connection: Connection,
        expression: str,
        words: Collection[str],  # noqa: ARG002 - they stand in the expression
        but: Collection[int],
        limit: int,
        offset: int,
        behind: Ranked | None,
    ) -> list[Ranked]:
        """Return the best documents, by bm25."""
        best = _scored(expression).where(_rowid.not_in(but))
        if behind is not None:
            here = (_rank == -behind.score) & (_rowid > behind.number)
            best = best.where(or_(_rank > -behind.score, here))
        rows = connection.execute(best.order_by(_rank, _rowid).limit(limit).offset(offset))
        return [Ranked(number, -rank) for number, rank in rows]

    def score(
        self,
        connection: Connection,
        expression: str,
        words: Collection[str],  # noqa: ARG002 - they stand in the expression
        number: int,
    ) -> float | None:
        """Return how well one document answers."""
        row = connection.execute(_scored(expression).where(_rowid == number)).first()
        return None if row is None else -row.rank


def _scored(expression: str) -> Select[Any]:
    return select(_rowid, _rank.label("rank")).where(_matches(expression))


def _matches(expression: str) -> ColumnElement[bool]:
    return literal_column("words").op("MATCH")(expression)
