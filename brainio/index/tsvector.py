"""Full text in PostgreSQL: a column of words and labels with a GIN index, and what is asked of it.

Documents are weighed by the formula that SQLite's bm25 has, so that both databases give one order: of each word of a
question counts in which groups it is, how long the document is, and in how many documents it is.
(Robertson and Zaragoza 2009, The probabilistic relevance framework: BM25 and beyond.)
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from brainio.index.fulltext import GROUPS, Ranked
from brainio.index.words import PREFIX_FROM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

_SATURATION, _BY_LENGTH = 1.2, 0.75  # k1 and b of the formula
_LEAST_RARITY = 1e-6  # of a word that most documents have
_LONGEST = 400  # characters of a word; PostgreSQL takes 2046 bytes
_MOST = 500_000  # bytes of the words of a document; PostgreSQL takes 1 MB
_MOST_KNOWN = 10_000  # words whose documents were counted
_LETTERS = dict(zip(GROUPS, "ABCD", strict=True))

_metadata = MetaData()
_words = Table(
    "words",
    _metadata,
    Column("rowid", Integer, primary_key=True, autoincrement=False),
    Column("words", TSVECTOR, nullable=False),
    Column("length", Integer, nullable=False),  # words and labels, each as often as it is there
    Column("labels", Text, nullable=False),  # as in the table of labels, which would have to be joined
)
_found_by_words = Index("found_by_words", _words.c.words, postgresql_using="gin")
_rowid = _words.c.rowid


class TsVector:
    """The full text of one index in PostgreSQL; see `FullText`."""

    def __init__(self) -> None:
        self._sizes: tuple[int, float] | None = None
        self._documents: dict[str, int] = {}

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

    def row(self, number: int, groups: Sequence[str], labels: str, tokens: str) -> tuple[object, ...]:
        """Return the row of a document."""
        lexemes, counts = zip(*map(_lexemes, groups, _LETTERS.values()), strict=True)
        length = sum(counts) + tokens.count(" ") + 1
        return number, f"{tokens} {_no_more(' '.join(lexemes))}", length, labels

    def label_token(self, number: int) -> str:
        """Return how a label is written; no word has an underscore."""
        return f"'_{number}'"

    def name_token(self, folded: str) -> str:
        """Return how a whole identifier or alias is written; no word has an equals sign."""
        return _quoted(f"={folded}")

    def any_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where one of several is."""
        return f"({' | '.join(expressions)})"

    def all_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where all of several are."""
        return f"({' & '.join(expressions)})"

    def has_word(self, word: str) -> str:
        """Return the expression for a word of a question, which also begins longer words.

        Examples
        --------
        >>> TsVector().has_word('natural'), TsVector().has_word('v4')
        ("'natural':*", "'v4'")
        """
        return f"{_quoted(word)}:*" if len(word) >= PREFIX_FROM else _quoted(word)

    def has_label(self, number: int) -> str:
        """Return the expression for a label."""
        return self.label_token(number)

    def has_name(self, folded: str) -> str:
        """Return the expression for a whole identifier or alias."""
        return self.name_token(folded)

    def matching(self, expression: str, most: int) -> Select[int]:
        """Select numbers of documents, in no order."""
        return select(_rowid).where(_matches(literal(expression))).limit(most)

    def counting(self, expression: str, most: int) -> Select[str, int]:
        """Select labels, and how many documents have them."""
        found = select(_words.c.labels).where(_matches(literal(expression))).limit(most).subquery()
        return select(found.c.labels, func.count()).group_by(found.c.labels)

    def in_order(self, expression: str, limit: int, offset: int, behind: int) -> Select[int]:
        """Select numbers of documents in their order."""
        return self.matching(expression, limit).where(_rowid > behind).order_by(_rowid).offset(offset)

    def ranked(
        self,
        connection: Connection,
        expression: str,
        words: Collection[str],
        but: Collection[int],
        limit: int,
        offset: int,
        behind: Ranked | None,
    ) -> list[Ranked]:
        """Return the best documents, by the formula of bm25."""
        scored = self._scored(connection, expression, words).where(_rowid.not_in(but)).subquery()
        best = select(scored)
        if behind is not None:
            here = (scored.c.score == behind.score) & (scored.c.rowid > behind.number)
            best = best.where(or_(scored.c.score < behind.score, here))
        rows = connection.execute(best.order_by(scored.c.score.desc(), scored.c.rowid).limit(limit).offset(offset))
        return [Ranked(number, score) for number, score in rows]

    def score(self, connection: Connection, expression: str, words: Collection[str], number: int) -> float | None:
        """Return how well one document answers."""
        row = connection.execute(self._scored(connection, expression, words).where(_rowid == number)).first()
        return None if row is None else row.score

    def _scored(self, connection: Connection, expression: str, words: Collection[str]) -> Select[Any]:
        """Select numbers and scores of documents that meet an expression."""
        documents, mean_length = self._sizes_in(connection)
        values: dict[str, object] = {"expression": expression, "mean_length": mean_length}
        for number, has in enumerate(map(self.has_word, words)):
            values[f"rarity{number}"] = _rarity(self._documents_with(connection, has, documents), documents)
            mark = "" if has.endswith("*") else ":"
            values |= {f"word{number}{letter}": f"{has}{mark}{letter}" for letter in _LETTERS.values()}
        return _scored(len(words)).params(values)

    def _sizes_in(self, connection: Connection) -> tuple[int, float]:
        """Return how many documents there are, and their mean length."""
        if self._sizes is None:
            documents, length = connection.execute(select(func.count(), func.avg(_words.c.length))).one()
            self._sizes = documents, float(length or 1)
        return self._sizes

    def _documents_with(self, connection: Connection, expression: str, documents: int) -> int:
        """Return how many documents have a word; what half of them have is as common as can be."""
        known = self._documents.get(expression)
        if known is None:
            if len(self._documents) >= _MOST_KNOWN:
                self._documents.clear()
            some = self.matching(expression, documents // 2 + 1).subquery()
            known = self._documents[expression] = connection.scalar(select(func.count()).select_from(some)) or 0
        return known


def _rarity(having: int, documents: int) -> float:
    return max(math.log((documents - having + 0.5) / (having + 0.5)), _LEAST_RARITY)


@lru_cache(maxsize=64)
def _scored(words: int) -> Select[Any]:
    """Select numbers and scores of documents, for so many words that are given by parameters."""
    by_length = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * _words.c.length / bindparam("mean_length", type_=Double))
    score: ColumnElement[Any] = literal_column("0::float8")
    for number in range(words):
        weight: ColumnElement[Any] = literal_column("0::float8")
        for group, counts in GROUPS.items():
            is_there = _matches(bindparam(f"word{number}{_LETTERS[group]}", type_=Text))
            weight += case((is_there, literal_column(str(counts))), else_=literal_column("0"))
        rarity = bindparam(f"rarity{number}", type_=Double)
        score += rarity * (weight * (_SATURATION + 1)) / (weight + by_length)
    return select(_rowid, score.label("score")).where(_matches(bindparam("expression", type_=Text)))


def _matches(expression: ColumnElement[str]) -> ColumnElement[bool]:
    return _words.c.words.op("@@")(cast(expression, TSQUERY))


@lru_cache(maxsize=8192)  # documents share most of them
def _lexemes(words: str, letter: str) -> tuple[str, int]:
    """Return words as a document has them, and how many there are, each as often as it is there."""
    several = words.split()
    return " ".join([f"{_quoted(word)}:1{letter}" for word in dict.fromkeys(several)]), len(several)


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
