"""Indexes in a PostgreSQL database, with full text by tsvector.

Any number of processes and machines may use them.

Each index is a schema `brainio_index_WHICH_STATE`: a key of its catalogs, and a key of their content. One process
builds it in one transaction, so that others see all of it or nothing, and it never changes; meanwhile they use the
previous index. Building an index removes earlier states of the same catalogs that were not used for some minutes, and
indexes of other catalogs that were not used for a month.

The words are in a tsvector column with a GIN index. Each word begins with the letter of its field group. The weights of
PostgreSQL are not part of the index, so that each row would be read to see them.
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
from brainio.index.freshness import (
    FINISHED,
    Dependency,
    catalogs_key,
    content_key,
    is_any_unreachable,
    read_dependencies,
    read_stored_dependencies,
    write_dependencies,
)
from brainio.index.index_store import MAX_WAIT_SECONDS
from brainio.index.open_index import Index
from brainio.index.schema import FIELD_WEIGHTS, numbers_in, source
from brainio.index.vocabulary import PREFIX_FROM
from brainio.stores.redaction import redact
from brainio.text import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Engine
    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.open_index import Result
    from brainio.index.schema import IntArray


_MAX_WORD = 400  # characters; PostgreSQL accepts 2046 bytes
_MAX_WORDS = 500_000  # bytes of the words of a document; PostgreSQL accepts 1 MB
_LETTERS = dict(zip(FIELD_WEIGHTS, "ABCD", strict=True))  # words are in lower case, so the letters are unambiguous
_NAME_MARK = "="  # no word contains it

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


_all_numbers = func.string_agg(cast(_rowid, Text), ",")
_postings = select(*[select(_all_numbers).where(_matches(group)).scalar_subquery() for group in FIELD_WEIGHTS])
_documents_by_name = select(_rowid).where(_matches("called")).order_by(_rowid).limit(bindparam("most"))


class TsVector:
    """The full text of an index in PostgreSQL; see `FullText`."""

    def create(self, connection: Connection) -> Table:
        """Create the empty table, without the GIN index: indexing row by row would take longer."""
        _words.create(connection)
        _found_by_words.drop(connection)
        return _words

    def finish(self, connection: Connection) -> None:
        """Create the GIN index, and update the statistics of the planner."""
        connection.execute(text("SET LOCAL maintenance_work_mem = '128MB'"))
        _found_by_words.create(connection)
        connection.execute(text("ANALYZE"))

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows by COPY, without the characters that PostgreSQL rejects."""
        if not rows:
            return
        schema = connection.get_execution_options()["schema_translate_map"][None]
        driver: Any = connection.connection
        with driver.cursor() as cursor, cursor.copy(f'COPY "{schema}"."{table.name}" FROM STDIN') as copy:
            for row in rows:
                copy.write_row([_to_storable_text(value) if isinstance(value, str) else value for value in row])

    def row(self, number: int, groups: Sequence[str], names: Sequence[str]) -> tuple[object, ...]:
        """Return the row of a document in the table of words."""
        marked = [_quote_word(f"{_NAME_MARK}{name}") for name in names]
        return number, _truncate(" ".join([*marked, *map(_lexemes, groups, _LETTERS.values())]))

    def postings(self, connection: Connection, word: str) -> list[IntArray]:
        """Return the documents that contain a word, for each group."""
        end = ":*" if len(word) >= PREFIX_FROM else ""
        parameters = {group: f"{_quote_word(letter + word)}{end}" for group, letter in _LETTERS.items()}
        return list(map(numbers_in, connection.execute(_postings, parameters).one()))

    def find_by_name(self, connection: Connection, name: str, limit: int) -> IntArray:
        """Return the documents with an identifier or alias."""
        parameters = {"called": _quote_word(f"{_NAME_MARK}{name}"), "most": limit}
        return np.fromiter(connection.scalars(_documents_by_name, parameters), np.int32)


@lru_cache(maxsize=8192)  # documents share most of them
def _lexemes(words: str, letter: str) -> str:
    """Return the lexemes of the words of a field group."""
    return " ".join([_quote_word(letter + word) for word in words.split()])


def _quote_word(word: str) -> str:
    """Quote a word for PostgreSQL; replace the end of a word that is too long by its hash."""
    if len(word) > _MAX_WORD:
        word = f"{word[:_MAX_WORD]}{hashlib.sha256(word.encode()).hexdigest()}"
    return f"'{word}'"


def _truncate(lexemes: str) -> str:
    """Return as many lexemes as PostgreSQL accepts for a document."""
    if len(lexemes) * 4 <= _MAX_WORDS or len(lexemes.encode()) <= _MAX_WORDS:
        return lexemes
    return lexemes.encode()[:_MAX_WORDS].decode(errors="ignore").rpartition(" ")[0]


def _to_storable_text(value: str) -> str:
    """Remove NUL characters and replace lone surrogates, which PostgreSQL refuses."""
    if value.isascii() and "\0" not in value:  # nearly all
        return value
    return value.replace("\0", "").encode("utf-8", "replace").decode()


PREFIX = "brainio_index_"
_DIGITS = 16  # of each part of a name: PostgreSQL's names have 63 characters
_USED = "used"  # kind of the dependency that states the last use of an index
_USED_EVERY = 60.0  # seconds between updates of the last use
_UNUSED_STATE = 300.0  # seconds after which an index of another state of the same catalogs is removed
_UNUSED = 30 * 86_400.0  # seconds after which an index of other catalogs is removed
_ATTEMPTS = 3  # to build an index of catalogs that keep changing
_BEAT_EVERY = 1.0  # seconds
_POLL = 0.1  # seconds
# Prefixes of SQLSTATE: unknown table, column or schema; corrupt files of the server.
_DAMAGE = ("42P01", "42703", "3F", "XX")

_log = get_logger("brainio.index")


class PostgresIndexStore:
    """An index store in a PostgreSQL database; see `IndexStore`.

    Parameters
    ----------
    url : str
        `postgresql://...`

    Raises
    ------
    ServiceError
        The text is not a URL of a PostgreSQL database.
    """

    def __init__(self, url: str) -> None:
        self._shown, self._url = redact(url), url
        try:
            server_engine(url)
        except (ArgumentError, ValueError):  # their texts may contain the password
            raise ServiceError(
                f"{self._shown} is not a URL of a PostgreSQL database; expected postgresql://HOST/NAME"
            ) from None

    @property
    def _engine(self) -> Engine:
        return server_engine(self._url)

    def is_current(self, index: Index, names: Names) -> bool:
        """Return whether an index has the present state of some catalogs and still exists."""
        assert isinstance(index, PostgresIndex)  # noqa: S101 - for the type checker
        return index.schema == self._schema(names) and index.exists()

    def find(self, names: Names) -> Index | None:
        """Open the index of the present state of catalogs, or return None."""
        return self.open(self._schema(names))

    def open(self, name: str) -> Index | None:
        """Open the index in a schema, or return None."""
        with _translate_errors(self._shown):
            return self._open(name)

    def open_or_build(self, names: Names, previous: Index | None) -> Index:
        """Open the current index, or build it unless another process is building it."""
        return self.find(names) or self._build(names, previous)

    def _schema(self, names: Names) -> str:
        return f"{PREFIX}{catalogs_key(names)[:_DIGITS]}_{content_key(names)[:_DIGITS]}"

    def _open(self, schema: str) -> PostgresIndex | None:
        with self._engine.begin() as connection:
            exists = connection.scalar(
                text("SELECT count(*) FROM pg_namespace WHERE nspname = :name"), {"name": schema}
            )
        if not exists:
            return None
        index = PostgresIndex(self._engine, schema, self._shown)
        if index.read_dependencies():
            return index
        index.discard()
        return None

    def _build(self, names: Names, previous: Index | None) -> Index:
        with _translate_errors(self._shown):
            return self._build_under_lock(names, previous)

    def _build_under_lock(self, names: Names, previous: Index | None) -> Index:
        for attempt in range(_ATTEMPTS):
            with self._engine.connect() as connection, connection.begin() as transaction:
                if not _acquire(connection, catalogs_key(names), self._shown, wait=previous is None):
                    _log.info("Another process is building the index; the previous one is used")
                    assert previous is not None  # noqa: S101 - otherwise `_acquire` waits
                    return previous
                schema = self._schema(names)
                if (existing := self._open(schema)) is not None:
                    return existing
                if attempt == _ATTEMPTS - 1:  # a name that no state has, so that it is soon rebuilt
                    schema = f"{schema[:-_DIGITS]}{secrets.token_hex(_DIGITS // 2)}"
                self._write(connection, schema, names)
                if attempt < _ATTEMPTS - 1 and (is_any_unreachable(names) or self._schema(names) != schema):
                    transaction.rollback()
                    continue
            break
        self._remove_unused(schema)
        index = self._open(schema)
        if index is None:
            raise IndexUnavailableError(f"the search index in {self._shown} was removed after its build; try again")
        return index

    def _write(self, connection: Connection, schema: str, names: Names) -> None:
        begin = time.monotonic()
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        listings, dependencies = read_dependencies(names)
        inside = connection.execution_options(schema_translate_map={None: schema})
        build(inside, TsVector(), listings, partial(_beat, connection, [begin]))
        now = str(int(time.time()))
        write_dependencies(inside, [*dependencies, Dependency(FINISHED, "", now), Dependency(_USED, "", now)])
        _log.info("Built the index %s in %.1f s", schema, time.monotonic() - begin)

    def _remove_unused(self, kept: str) -> None:
        """Remove indexes that were not used for some time."""
        others = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix) AND nspname <> :kept")
        with self._engine.begin() as connection:
            schemas = connection.scalars(others, {"prefix": PREFIX, "kept": kept}).all()
        for schema in schemas:
            limit = _UNUSED_STATE if schema[:-_DIGITS] == kept[:-_DIGITS] else _UNUSED
            with suppress(SQLAlchemyError):  # another process removes or uses it
                if time.time() - PostgresIndex(self._engine, schema, self._shown).last_used() > limit:
                    _drop(self._engine, schema)


class PostgresIndex(Index):
    """An index in a schema of a PostgreSQL database."""

    def __init__(self, engine: Engine, schema: str, shown: str) -> None:
        super().__init__()
        # The index never changes, so queries need no transaction, which would cost two more round trips.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.name = self.schema = schema
        self._shown = shown
        self._options = {"schema_translate_map": {None: schema}}
        self._noted = 0.0
        self.text = TsVector()

    def read_dependencies(self) -> bool:
        """Read the dependencies of the index; return False if the schema is not a complete index."""
        try:
            with self._connection() as connection:
                dependencies, finished = read_stored_dependencies(connection)
            self._note_use()
        except DBAPIError as error:
            if not _is_damage(error):
                raise
            return False
        self.dependencies = [dependency for dependency in dependencies if dependency.kind != _USED]
        return bool(finished)

    def run(self, function: Callable[[Connection], Result]) -> Result:
        """Call a function with a connection and return its result."""
        with _translate_errors(self._shown), self._connection() as connection:
            return function(connection)

    def exists(self) -> bool:
        """Return whether the index is still in the database; raise IndexUnavailableError without a connection."""
        with _translate_errors(self._shown):
            return self.read_dependencies()

    def last_used(self) -> float:
        """Return the time of its last use, in seconds since 1970."""
        with self._connection() as connection:
            last_use = select(source.c.state).where(source.c.kind == _USED)
            return float(connection.execute(last_use).scalar_one())

    def close(self) -> None:
        """Do nothing: the connections belong to the process."""

    def discard(self) -> None:
        """Remove the damaged index."""
        _log.warning("The index %s is damaged and will be rebuilt", self.schema)
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
def _translate_errors(shown: str) -> Iterator[None]:
    """Replace errors of an unreachable or failing server by errors that name it; damage of an index passes through.

    Raises
    ------
    IndexUnavailableError
        Instead of the errors of SQLAlchemy.
    """
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if isinstance(error, DBAPIError) and _is_damage(error):
            raise
        reason = "it does not respond" if is_gone(error) else " ".join(str(getattr(error, "orig", error)).split())
        # Not chained: the text of a driver error may contain the password.
        raise IndexUnavailableError(
            f"the search index in {shown} cannot be queried: {redact(reason)}. Check that the database runs and that "
            f"you may create schemas in it, then try again"
        ) from None


def _is_damage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state.startswith(_DAMAGE)


def _acquire(connection: Connection, key: str, shown: str, *, wait: bool) -> bool:
    """Acquire the lock on an index until the end of the transaction; return False if another process holds it.

    Raises
    ------
    IndexUnavailableError
        `wait` is True, and the process that builds the index makes no progress.
    """
    number = int(key[:15], 16)  # of 64 bits, with a sign
    if wait:
        failure = f"the search index in {shown} was not built"
        try:
            with watch_locks(connection, shown, failure, limit_waits(connection)):
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        except LockHeldError as error:
            raise IndexUnavailableError(str(error)) from error
        return True
    end = time.monotonic() + MAX_WAIT_SECONDS
    while not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}):
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)
    return True


def _beat(connection: Connection, last: list[float]) -> None:
    """Execute a statement at most once a second, which shows the progress of a long transaction."""
    if time.monotonic() - last[0] > _BEAT_EVERY:
        last[0] = time.monotonic()
        connection.execute(text("SELECT 1"))


def _drop(engine: Engine, schema: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
