"""Tokens: what may be seen with each, how they are kept, made and revoked.

A token is 256 random bits. What is kept of it is its SHA-256: nobody finds such a token by trying, so that the slow and
salted hashes of passwords would protect nothing, and would make every request slow. Tokens are looked up by that hash,
so that how long this takes says nothing of a token that is nearly right.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from brainio.errors import ServiceError
from brainio.service.database import Database
from brainio.service.tables import state, tokens

PREFIX = "brainio_"
READ, EMBARGOED = "read", "embargoed"
EVERY = "*"
DAYS = 90
DAY = 86_400  # seconds
NOTED_EVERY = 3600  # seconds between two notes that a token was used
LONGEST_NOTE = 500  # characters


class Token(NamedTuple):
    """A token as it is kept. Moments are seconds since 1970 in UTC.

    Attributes
    ----------
    id : str
        What it is called by; no secret.
    scopes : tuple of str
        `CATALOG:read`, `CATALOG:embargoed`; the catalog `*` is all.
    note : str
        Whose it is, and what for.
    made : int
        When.
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
        """Return what a token is worth: `valid`, `expired` or `revoked`.

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
        """Return the catalogs of which it has a right."""
        parts = (scope.rpartition(":") for scope in self.scopes)
        return frozenset(catalog for catalog, _, one in parts if one == right)


def hash_of(text: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def make_token(database: Database, scopes: Iterable[str], note: str, days: int | None = DAYS) -> tuple[Token, str]:
    """Make a token.

    Parameters
    ----------
    database : Database
        Of the service.
    scopes : iterable of str
        `CATALOG:read` (see it, have its files), `CATALOG:embargoed` (also files under embargo); the catalog `*` is all.
    note : str
        Whose it is, and what for.
    days : int or None, default 90
        How long it serves; None: until it is revoked.

    Returns
    -------
    Token
        As it is kept.
    str
        The token itself, which is kept nowhere.

    Raises
    ------
    ServiceError
        A scope is none, or there is none; or the note is too long.
    DatabaseAwayError
        It cannot be kept.
    """
    wanted = tuple(dict.fromkeys(_scope(one) for one in scopes))
    if not wanted:
        raise ServiceError("a token without a scope opens nothing; give it one, such as lab:read")
    if len(note) > LONGEST_NOTE:
        raise ServiceError(f"the note has {len(note):,} characters; at most {LONGEST_NOTE} are kept")
    now = int(time.time())
    text = PREFIX + secrets.token_hex(32)
    made = Token(secrets.token_hex(4), wanted, note, now, None if days is None else now + days * DAY, None, None)
    row = made._asdict() | {"hash": hash_of(text), "scopes": list(wanted)}
    with database.changing() as connection:
        connection.execute(insert(tokens).values(row))
        note_change(connection)
    return made, text


def revoke_token(database: Database, token_id: str) -> Token:
    """Have a token serve no more, and return it; one that was revoked stays so.

    Raises
    ------
    ServiceError
        There is no such token.
    DatabaseAwayError
        It cannot be changed.
    """
    with database.changing() as connection:
        row = connection.execute(select(tokens).where(tokens.c.id == token_id)).mappings().first()
        if row is None:
            raise ServiceError(f"no token {token_id[:64]!r} was made. brainio token list names those that were")
        token = _token(row)
        if token.revoked is not None:
            return token
        now = int(time.time())
        connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked=now))
        note_change(connection)
    return token._replace(revoked=now)


def list_tokens(database: Database) -> list[Token]:
    """Return all tokens that were ever made, the oldest first.

    Raises
    ------
    DatabaseAwayError
        They cannot be read.
    """
    with database.reading() as connection:
        return list(read_tokens(connection).values())


def read_tokens(connection: Connection) -> dict[str, Token]:
    """Return all tokens by their hashes, the oldest first."""
    rows = connection.execute(select(tokens).order_by(tokens.c.made, tokens.c.id)).mappings()
    return {row["hash"]: _token(row) for row in rows}


def note_uses(connection: Connection, used: Iterable[str], now: int) -> None:
    """Note that tokens, by their ids, were used, where that was not noted within the last hour."""
    is_due = or_(tokens.c.last_used.is_(None), tokens.c.last_used <= now - NOTED_EVERY)
    connection.execute(update(tokens).where(tokens.c.id.in_(list(used)), is_due).values(last_used=now))


def note_change(connection: Connection) -> None:
    """Have running services read tokens and embargoes again."""
    value = secrets.token_hex(16)
    changed = connection.execute(update(state).where(state.c.name == "rights").values(value=value))
    if not changed.rowcount:
        connection.execute(insert(state).values(name="rights", value=value))


def state_of_rights(connection: Connection) -> str | None:
    """Return what is another after every change of tokens and embargoes."""
    value: str | None = connection.scalar(select(state.c.value).where(state.c.name == "rights"))
    return value


def _token(row: RowMapping) -> Token:
    return Token(**{name: row[name] for name in Token._fields} | {"scopes": tuple(row["scopes"])})


def _scope(text: str) -> str:
    catalog, _, right = text.strip().rpartition(":")
    if not catalog or right not in (READ, EMBARGOED):
        raise ServiceError(f"{text!r} is no scope; expected CATALOG:{READ} or CATALOG:{EMBARGOED}, such as lab:{READ}")
    return f"{catalog}:{right}"
