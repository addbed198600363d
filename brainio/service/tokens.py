"""Access tokens: creating, listing and revoking them, and the catalogs that each opens.

A token has 256 random bits. The database stores its SHA-256 only: nobody can guess such a token, so that the slow and
salted hashes of passwords would protect nothing and slow down every request. Tokens are looked up by this hash, so that
the time of a look-up reveals nothing about a nearly correct token.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from brainio.errors import ServiceError
from brainio.service.database import Database, state_table, tokens_table

PREFIX = "brainio_"
READ, EMBARGOED = "read", "embargoed"
ALL_CATALOGS = "*"
DEFAULT_DAYS = 90
DAY = 86_400  # seconds
USE_INTERVAL = 3600  # seconds between two records of the use of a token
MAX_NOTE = 500  # characters


class Token(NamedTuple):
    """The stored record of a token. Times are seconds since 1970, UTC.

    Attributes
    ----------
    id : str
        Public name of the token.
    scopes : tuple of str
        `CATALOG:read`, `CATALOG:embargoed`; the catalog `*` is all catalogs.
    note : str
        Owner and purpose.
    made : int
        Time of creation.
    expires, last_used, revoked : int or None
        None: never.
    """

    id: str
    scopes: tuple[str, ...]
    note: str
    made: int
    expires: int | None
    last_used: int | None
    revoked: int | None

    def state(self, now: float) -> str:
        """Return the state of the token: `valid`, `expired` or `revoked`.

        Examples
        --------
        >>> token = Token("0f", ("lab:read",), "", 0, 100, None, None)
        >>> token.state(99), token.state(100), token._replace(revoked=50).state(99)
        ('valid', 'expired', 'revoked')
        """
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    def catalogs(self, right: str) -> frozenset[str]:
        """Return the catalogs for which the token grants a right: `read` or `embargoed`."""
        parts = (scope.rpartition(":") for scope in self.scopes)
        return frozenset(catalog for catalog, _, granted in parts if granted == right)


def hash_token(text: str) -> str:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def create_token(
    database: Database, scopes: Iterable[str], note: str, days: int | None = DEFAULT_DAYS
) -> tuple[Token, str]:
    """Create a token.

    Parameters
    ----------
    database : Database
        Database of the service.
    scopes : iterable of str
        `CATALOG:read` (see the catalog, download its files), `CATALOG:embargoed` (also files under embargo); the
        catalog `*` is all catalogs.
    note : str
        Owner and purpose.
    days : int or None, default 90
        Validity; None: until the token is revoked.

    Returns
    -------
    Token
        The stored record.
    str
        The token itself, which is stored nowhere.

    Raises
    ------
    ServiceError
        A scope is malformed, there is none, or the note is too long.
    DatabaseAwayError
        The database cannot be written.
    """
    scopes = tuple(dict.fromkeys(_check_scope(scope) for scope in scopes))
    if not scopes:
        raise ServiceError("a token without a scope opens nothing; give it a scope, such as lab:read")
    if len(note) > MAX_NOTE:
        raise ServiceError(f"the note has {len(note):,} characters; at most {MAX_NOTE} are allowed")
    now = int(time.time())
    text = PREFIX + secrets.token_hex(32)
    token = Token(secrets.token_hex(4), scopes, note, now, None if days is None else now + days * DAY, None, None)
    row = token._asdict() | {"hash": hash_token(text), "scopes": list(scopes)}
    with database.write_transaction() as connection:
        connection.execute(insert(tokens_table).values(row))
        mark_access_changed(connection)
    return token, text


def revoke_token(database: Database, token_id: str) -> Token:
    """Revoke a token and return its record; a revoked token keeps its first time of revocation.

    Raises
    ------
    ServiceError
        The token does not exist.
    DatabaseAwayError
        The database cannot be written.
    """
    with database.write_transaction() as connection:
        row = connection.execute(select(tokens_table).where(tokens_table.c.id == token_id)).mappings().first()
        if row is None:
            raise ServiceError(f"token {token_id[:64]!r} does not exist. brainio token list shows all tokens")
        token = _token(row)
        if token.revoked is not None:
            return token
        now = int(time.time())
        connection.execute(update(tokens_table).where(tokens_table.c.id == token_id).values(revoked=now))
        mark_access_changed(connection)
    return token._replace(revoked=now)


def list_tokens(database: Database) -> list[Token]:
    """Return all tokens that were ever created, the oldest first.

    Raises
    ------
    DatabaseAwayError
        The database cannot be read.
    """
    with database.read_transaction() as connection:
        return list(read_tokens(connection).values())


def read_tokens(connection: Connection) -> dict[str, Token]:
    """Return all tokens by their hashes, the oldest first."""
    rows = connection.execute(select(tokens_table).order_by(tokens_table.c.made, tokens_table.c.id)).mappings()
    return {row["hash"]: _token(row) for row in rows}


def record_token_use(connection: Connection, token_ids: Iterable[str], now: int) -> None:
    """Record that tokens were used, unless a use within the last hour is on record."""
    is_due = or_(tokens_table.c.last_used.is_(None), tokens_table.c.last_used <= now - USE_INTERVAL)
    connection.execute(update(tokens_table).where(tokens_table.c.id.in_(list(token_ids)), is_due).values(last_used=now))


def mark_access_changed(connection: Connection) -> None:
    """Make running services read tokens and embargoes again."""
    value = secrets.token_hex(16)
    updated = connection.execute(update(state_table).where(state_table.c.name == "rights").values(value=value))
    if not updated.rowcount:
        connection.execute(insert(state_table).values(name="rights", value=value))


def read_access_version(connection: Connection) -> str | None:
    """Return the version of tokens and embargoes, which every change replaces."""
    value: str | None = connection.scalar(select(state_table.c.value).where(state_table.c.name == "rights"))
    return value


def _token(row: RowMapping) -> Token:
    return Token(**{name: row[name] for name in Token._fields} | {"scopes": tuple(row["scopes"])})


def _check_scope(text: str) -> str:
    catalog, _, right = text.strip().rpartition(":")
    if not catalog or right not in (READ, EMBARGOED):
        raise ServiceError(
            f"the scope {text!r} is malformed; expected CATALOG:{READ} or CATALOG:{EMBARGOED}, such as lab:{READ}"
        )
    return f"{catalog}:{right}"
