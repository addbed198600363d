"""Full text in SQLite: the virtual table FTS5 of words and labels, and what is asked of it.

All words come folded from `brainio.index.words`, so its tokenizer has nothing to decide. Another database gets a module
with the same functions.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    literal_column,
    select,
    text,
)
from sqlalchemy.engine import Connection

from brainio.index.words import PREFIX_FROM

GROUPS = {"names": 10.0, "titles": 4.0, "people": 3.0, "about": 2.0}
"""The columns that questions go to, with how much a word in each counts."""

# A virtual table is no part of the other tables: it is not created from a description, but inserted into like one.
words = Table(
    "words", MetaData(), Column("rowid", Integer), *(Column(name, Text) for name in GROUPS), Column("labels", Text)
)
_weights = ", ".join(map(str, [*GROUPS.values(), 0.0]))
_rowid = words.c.rowid
_rank = literal_column(f"bm25(words, {_weights})", Float)


def create(connection: Connection) -> None:
    """Make the empty table; it keeps no text, only where words are."""
    columns = ", ".join([*GROUPS, "labels"])
    connection.execute(
        text(f"CREATE VIRTUAL TABLE words USING fts5({columns}, content='', tokenize='ascii', detail=column)")
    )


def any_of(expressions: Iterable[str]) -> str:
    """Return the expression that is met where one of several is."""
    return f"({' OR '.join(expressions)})"


def all_of(expressions: Iterable[str]) -> str:
    """Return the expression that is met where all of several are."""
    return f"({' AND '.join(expressions)})"


def has_word(word: str) -> str:
    """Return the expression for a word of a question, which also begins longer words.

    Examples
    --------
    >>> has_word('natural')
    '{names titles people about} : "natural" *'
    """
    return f'{{{" ".join(GROUPS)}}} : "{word}"{" *" if len(word) >= PREFIX_FROM else ""}'


def has_label(number: int) -> str:
    """Return the expression for a label."""
    return f'labels : "{label_token(number)}"'


def has_name(folded: str) -> str:
    """Return the expression for a whole identifier or alias."""
    return f'labels : "{name_token(folded)}"'


def label_token(number: int) -> str:
    """Return how the column of labels writes a label."""
    return f"l{number}"


def name_token(folded: str) -> str:
    """Return how the column of labels writes a whole identifier or alias."""
    return f"n{folded}"


def matching(expression: str, most: int, offset: int = 0) -> Select[int]:
    """Select the numbers of documents that meet an expression, no more than so many, in their order."""
    return select(_rowid).where(_matches(expression)).limit(most).offset(offset)


def ranked(expression: str, limit: int, offset: int, but: Collection[int]) -> Select[int, float]:
    """Select numbers of documents that meet an expression and their scores, the best (highest) first, without some."""
    best = select(_rowid, (-_rank).label("score")).where(_matches(expression), _rowid.not_in(but))
    return best.order_by(_rank, _rowid).limit(limit).offset(offset)


def _matches(expression: str) -> ColumnElement[bool]:
    return literal_column("words").op("MATCH")(expression)
