"""What a database has to offer so that an index can live in it: the one thing that building and asking know of it.

`fts5` is that of SQLite, `tsvector` that of PostgreSQL. Words come folded from `brainio.index.words`, and both weigh
them alike, so that one question has one answer wherever it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Select, Table
    from sqlalchemy.engine import Connection

GROUPS = {"names": 10.0, "titles": 4.0, "people": 3.0, "about": 2.0}
"""The groups of words that questions go to, with how much a word in each counts."""


class Ranked(NamedTuple):
    """The number of a document, and how well it answers a question (the higher the better)."""

    number: int
    score: float


class FullText(Protocol):
    """Words and labels of documents in one database: how they are written, and how they are asked for.

    Expressions are texts that only the class knows that made them.
    """

    def create(self, connection: Connection) -> Table:
        """Make the empty table of words."""

    def finish(self, connection: Connection) -> None:
        """Do what is best done once all rows are there."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows, as fast as the database can take them."""

    def row(self, number: int, groups: Sequence[str], labels: str, tokens: str) -> tuple[object, ...]:
        """Return the row of a document in the table of words.

        Parameters
        ----------
        number : int
            Of the document.
        groups : sequence of str
            Its words, separated by spaces, one text for each of `GROUPS`.
        labels : str
            The numbers of its labels, separated by spaces.
        tokens : str
            Its labels and names, as `label_token` and `name_token` write them, separated by spaces.
        """

    def label_token(self, number: int) -> str:
        """Return how a label is written."""

    def name_token(self, folded: str) -> str:
        """Return how a whole identifier or alias is written."""

    def any_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where one of several is."""

    def all_of(self, expressions: Iterable[str]) -> str:
        """Return the expression that is met where all of several are."""

    def has_word(self, word: str) -> str:
        """Return the expression for a word of a question, which also begins longer words."""

    def has_label(self, number: int) -> str:
        """Return the expression for a label."""

    def has_name(self, folded: str) -> str:
        """Return the expression for a whole identifier or alias."""

    def matching(self, expression: str, most: int) -> Select[int]:
        """Select the numbers of documents that meet an expression, no more than so many."""

    def counting(self, expression: str, most: int) -> Select[str, int]:
        """Select the labels that documents have which meet an expression, and how many have those together.

        No more documents are counted than so many.
        """

    def in_order(self, expression: str, limit: int, offset: int, behind: int) -> Select[int]:
        """Select the numbers of documents that meet an expression and are greater than `behind`, in their order."""

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
        """Return the best documents that meet an expression, the best first, of equals the one with the lower number.

        Parameters
        ----------
        expression : str
            That has all words that are ranked by.
        words : collection of str
            Of the question.
        but : collection of int
            Numbers of documents that are left out.
        limit, offset : int
            How many are returned, and how many better ones are passed over.
        behind : Ranked or None
            Only those that come behind that place.
        """

    def score(self, connection: Connection, expression: str, words: Collection[str], number: int) -> float | None:
        """Return how well one document answers; None where it does not meet the expression."""
