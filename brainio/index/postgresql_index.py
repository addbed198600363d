"""Full text in PostgreSQL: a column of words and names with a GIN index, and what is asked of it.

A word is written with the letter of its group before it, rather than with one of PostgreSQL's weights: these are not in
the index, so that each row would be read again to see them.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, cast, func, select, text, update
from sqlalchemy import Index as TableIndex
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from brainio.catalogs.backends.sql.connections import is_gone, server_engine
from brainio.catalogs.backends.sql.server_locks import limit_waits, watch_locks
from brainio.errors import IndexUnavailableError, LockHeldError, ServiceError
from brainio.index.builder import build
from brainio.index.freshness import Origin, content_in_force, is_any_away, key_in_force, read_origins
from brainio.index.index_store import MADE, PATIENCE, Index, origins_in, write_origins
from brainio.index.schema import GROUPS, numbers_in, source
from brainio.index.words import PREFIX_FROM
from brainio.logs import get_logger
from brainio.stores.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Engine
    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.index_store import Answer
    from brainio.index.schema import Numbers


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
_found_by_words = TableIndex("found_by_words", _words.c.words, postgresql_using="gin")
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


PREFIX = "brainio_index_"
_DIGITS = 16  # of each part of a name: PostgreSQL's names have 63 characters
_USED = "used"  # kind of the origin that says when an index was last used
_USED_EVERY = 60.0  # seconds: last use is noted this exactly
_UNUSED_STATE = 300.0  # seconds after which an index of another state of the same catalogs goes
_UNUSED = 30 * 86_400.0  # seconds after which an index of other catalogs goes
_ATTEMPTS = 3  # at an index of catalogs that change all the while
_BEAT_EVERY = 1.0  # seconds
_POLL = 0.1  # seconds
# Beginnings of SQLSTATE: no such table, column, schema; the server found its files broken.
_DAMAGE = ("42P01", "42703", "3F", "XX")

_log = get_logger("brainio.index")


class Server:
    """The indexes in one database; see `Shelf`.

    Parameters
    ----------
    url : str
        `postgresql://...`

    Raises
    ------
    ServiceError
        It is no URL of such a database.
    """

    def __init__(self, url: str) -> None:
        self._shown, self._url = redacted(url), url
        try:
            server_engine(url)
        except (ArgumentError, ValueError):  # whose texts may have what the URL holds
            raise ServiceError(f"{self._shown} is no URL of a PostgreSQL database: postgresql://HOST/NAME") from None

    @property
    def _engine(self) -> Engine:
        return server_engine(self._url)

    def is_current(self, index: Index, names: Names) -> bool:
        """Whether an index is that of catalogs as they are now, and still there."""
        assert isinstance(index, ServerIndex)  # noqa: S101 - so it was given
        return index.schema == self._schema(names) and index.is_there()

    def found(self, names: Names) -> Index | None:
        """Open the index of catalogs as they are now, if it is there."""
        return self.opened(self._schema(names))

    def opened(self, name: str) -> Index | None:
        """Open the index in a schema."""
        with translated(self._shown):
            return self._open(name)

    def found_or_made(self, names: Names, before: Index | None) -> Index:
        """Open an index if it is there; else make it, unless another process is about to."""
        return self.found(names) or self._made(names, before)

    def _schema(self, names: Names) -> str:
        return f"{PREFIX}{key_in_force(names)[:_DIGITS]}_{content_in_force(names)[:_DIGITS]}"

    def _open(self, schema: str) -> ServerIndex | None:
        with self._engine.begin() as connection:
            there = connection.scalar(text("SELECT count(*) FROM pg_namespace WHERE nspname = :name"), {"name": schema})
        if not there:
            return None
        index = ServerIndex(self._engine, schema, self._shown)
        if index.is_whole():
            return index
        index.discard()
        return None

    def _made(self, names: Names, before: Index | None) -> Index:
        with translated(self._shown):
            return self._made_under_lock(names, before)

    def _made_under_lock(self, names: Names, before: Index | None) -> Index:
        for attempt in range(_ATTEMPTS):
            with self._engine.connect() as connection, connection.begin() as transaction:
                if not _acquire(connection, key_in_force(names), self._shown, wait=before is None):
                    _log.info("another process makes the index; the one before is used meanwhile")
                    assert before is not None  # noqa: S101 - else it is waited for
                    return before
                schema = self._schema(names)
                if (other := self._open(schema)) is not None:
                    return other
                if attempt == _ATTEMPTS - 1:  # of a name that no state has, so that it is soon made again
                    schema = f"{schema[:-_DIGITS]}{secrets.token_hex(_DIGITS // 2)}"
                self._write(connection, schema, names)
                if attempt < _ATTEMPTS - 1 and (is_any_away(names) or self._schema(names) != schema):
                    transaction.rollback()
                    continue
            break
        self._clear_up(schema)
        made = self._open(schema)
        if made is None:
            raise IndexUnavailableError(f"the search index in {self._shown} was made, and is gone; try again")
        return made

    def _write(self, connection: Connection, schema: str, names: Names) -> None:
        begin = time.monotonic()
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        listings, origins = read_origins(names)
        inside = connection.execution_options(schema_translate_map={None: schema})
        build(inside, TsVector(), listings, partial(_beat, connection, [begin]))
        now = str(int(time.time()))
        write_origins(inside, [*origins, Origin(MADE, "", now), Origin(_USED, "", now)])
        _log.info("the index %s was made in %.1f s", schema, time.monotonic() - begin)

    def _clear_up(self, kept: str) -> None:
        """Remove indexes that nobody uses any more."""
        found = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix) AND nspname <> :kept")
        with self._engine.begin() as connection:
            schemas = connection.scalars(found, {"prefix": PREFIX, "kept": kept}).all()
        for schema in schemas:
            most = _UNUSED_STATE if schema[:-_DIGITS] == kept[:-_DIGITS] else _UNUSED
            with suppress(SQLAlchemyError):  # somebody else removes it, or uses it at this moment
                if time.time() - ServerIndex(self._engine, schema, self._shown).last_used() > most:
                    _drop(self._engine, schema)


class ServerIndex(Index):
    """An index in a schema of a server."""

    def __init__(self, engine: Engine, schema: str, shown: str) -> None:
        super().__init__()
        # It never changes, so that no question needs a transaction, which would cost two more.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.name = self.schema = schema
        self._shown = shown
        self._options = {"schema_translate_map": {None: schema}}
        self._noted = 0.0
        self.text = TsVector()

    def is_whole(self) -> bool:
        """Read what it was made of; False where it is no index."""
        try:
            with self._connection() as connection:
                origins, made = origins_in(connection)
            self._note_use()
        except DBAPIError as error:
            if not _is_damage(error):
                raise
            return False
        self.origins = [origin for origin in origins if origin.kind != _USED]
        return bool(made)

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Return what some work on a connection gives."""
        with translated(self._shown), self._connection() as connection:
            return work(connection)

    def is_there(self) -> bool:
        """Whether it was not removed; raises where the database is away."""
        with translated(self._shown):
            return self.is_whole()

    def last_used(self) -> float:
        """Return when it was last used, in seconds since 1970."""
        with self._connection() as connection:
            used = select(source.c.state).where(source.c.kind == _USED)
            return float(connection.execute(used).scalar_one())

    def close(self) -> None:
        """Do nothing: connections are those of the process."""

    def discard(self) -> None:
        """Remove it, since it is damaged."""
        _log.warning("the index %s is damaged; it is made again", self.schema)
        with suppress(SQLAlchemyError):
            _drop(self._engine, self.schema)

    def _note_use(self) -> None:
        now = time.time()
        if now - self._noted > _USED_EVERY:
            with self._connection() as connection:
                connection.execute(update(source).where(source.c.kind == _USED).values(state=str(int(now))))
            self._noted = now

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection.execution_options(**self._options)


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Say of a server that does not answer, or cannot do what is asked now, which one it is; damage passes through.

    Raises
    ------
    IndexUnavailableError
        In place of what SQLAlchemy raises.
    """
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if isinstance(error, DBAPIError) and _is_damage(error):
            raise
        reason = "it does not answer" if is_gone(error) else " ".join(str(getattr(error, "orig", error)).split())
        # Not chained: the text of a driver may have what the URL holds.
        raise IndexUnavailableError(
            f"the search index in {shown} cannot be asked: {redacted(reason)}. Check that the database is there and "
            f"that you may make schemas in it, and try again."
        ) from None


def _is_damage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state.startswith(_DAMAGE)


def _acquire(connection: Connection, key: str, shown: str, *, wait: bool) -> bool:
    """Acquire the lock on an index, which ends with the transaction; False if another process keeps it.

    Raises
    ------
    IndexUnavailableError
        This waited, and the process that makes the index makes no progress.
    """
    number = int(key[:15], 16)  # of 64 bits, with a sign
    if wait:
        failure = f"the search index in {shown} was not made"
        try:
            with watch_locks(connection, shown, failure, limit_waits(connection)):
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        except LockHeldError as error:
            raise IndexUnavailableError(str(error)) from error
        return True
    end = time.monotonic() + PATIENCE
    while not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}):
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)
    return True


def _beat(connection: Connection, last: list[float]) -> None:
    """Execute a statement at most once a second, so that the server shows the progress of a long transaction."""
    if time.monotonic() - last[0] > _BEAT_EVERY:
        last[0] = time.monotonic()
        connection.execute(text("SELECT 1"))


def _drop(engine: Engine, schema: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
