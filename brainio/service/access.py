"""Access control: the token of each request, and the catalogs and files that it opens.

All decisions are made here; resources see an `Access` and never a token. Tokens and embargoes are read from the
database into memory, and again within a second after a change, so that requests do not wait for the database. While it
is unavailable, the last state remains valid for a limited time.
"""

import base64
import binascii
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

import structlog
from cachetools import FIFOCache
from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from brainio.catalogs import Entry
from brainio.errors import BrainioError
from brainio.service import telemetry
from brainio.service.database import Database
from brainio.service.embargoes import UNKNOWN, Embargoes, read_embargoes
from brainio.service.errors import http_error, unavailable
from brainio.service.settings import Settings
from brainio.service.tokens import (
    ALL_CATALOGS,
    DAY,
    EMBARGOED,
    READ,
    USE_INTERVAL,
    Token,
    hash_token,
    read_access_version,
    read_tokens,
    record_token_use,
)
from brainio.service.urls import with_prefix

_COOKIE = "brainio_token"
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "password": {"type": "http", "scheme": "basic", "description": "The token is the password; any user name works."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": _COOKIE},
}
"""Ways to send a token, for the OpenAPI document."""
MAX_WRONG_TOKENS = 20  # per client within a window
_WRONG_TOKEN_WINDOW = 60.0  # seconds
_TOKEN_GRACE = 600.0  # seconds after the due time of a reading for which tokens stay valid without the database
_READ_GRACE = 15.0  # seconds after the due time of a reading, when the database counts as unavailable
_MAX_SESSION = 365 * DAY
_MAX_CLIENTS = 10_000
_log = structlog.get_logger("brainio.service")


@dataclass(frozen=True, slots=True)
class Access:
    """The catalogs and embargoed files that a request may see.

    Attributes
    ----------
    private : frozenset of str
        Catalogs that are not public; `*` is all catalogs.
    reads, embargoed : frozenset of str
        Private catalogs that are visible with the token, and catalogs whose files under embargo it opens.

    Examples
    --------
    >>> public, member = Access(frozenset({"lab"})), Access(frozenset({"lab"}), frozenset({"lab"}))
    >>> public.sees("demo"), public.sees("lab"), member.sees("lab")
    (True, False, True)
    """

    private: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    embargoed: frozenset[str] = frozenset()

    @property
    def is_public(self) -> bool:
        """Whether it is the access of requests without a token."""
        return not (self.reads or self.embargoed)

    def sees(self, catalog: str) -> bool:
        """Whether a catalog is visible: its entries, and its existence."""
        if not _covers(self.private, catalog):
            return True
        return _covers(self.reads, catalog) or _covers(self.embargoed, catalog)

    def may_download(self, entry: Entry, embargoes: Embargoes) -> bool:
        """Whether the data of an entry are accessible: its files, thumbnails and statistics."""
        if not self.sees(entry.catalog):
            return False
        return not embargoes.withholds(entry) or _covers(self.embargoed, entry.catalog)


def _covers(names: frozenset[str], catalog: str) -> bool:
    return catalog in names or ALL_CATALOGS in names


def check_download(access: Access, entry: Entry, embargoes: Embargoes) -> None:
    """Raise unless the data of an entry are accessible.

    Raises
    ------
    HTTPException
        403: the entry is under embargo; 503: the embargoes are unknown.
    """
    if access.may_download(entry, embargoes):
        return
    until = embargoes.until(entry)
    if until is None:
        raise unavailable("cannot check for embargoes: the database is temporarily unavailable", "database_away")
    raise http_error(
        403,
        "embargoed",
        f"the files of {entry.kind} {entry.identifier[:200]!r} are under embargo until the end of {until}, UTC",
        f"Try again afterwards, or ask the owners for a token with the scope {entry.catalog}:{EMBARGOED}.",
    )


class Credential(NamedTuple):
    """A token (or a malformed one) as a request sends it: by `Bearer`, `Basic` or `Cookie`."""

    text: str
    scheme: str


def read_credential(scope: Scope) -> Credential | None:
    """Return the credential of a request; the `Authorization` header takes precedence over the cookie.

    With HTTP Basic, the password is the token; any user name works.

    Examples
    --------
    >>> read_credential({"headers": [(b"authorization", b"Basic " + base64.b64encode(b"me:brainio_0f"))]})
    Credential(text='brainio_0f', scheme='Basic')
    >>> read_credential({"headers": [(b"cookie", b"theme=dark; brainio_token=brainio_0f")]})
    Credential(text='brainio_0f', scheme='Cookie')
    """
    cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            return _parse_authorization(value.decode("latin-1"))
        if cookie is None and name == b"cookie" and _COOKIE.encode() in value:
            cookie = _first_cookie(value.decode("latin-1"))
    return None if cookie is None else Credential(cookie, "Cookie")


def _first_cookie(header: str) -> str | None:
    """Return the first token in a `Cookie` header; browsers send the cookie with the longest path first."""
    backwards = ";".join(reversed(header.split(";")))
    return cookie_parser(backwards).get(_COOKIE)


def _parse_authorization(value: str) -> Credential:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return Credential(rest.strip() if scheme.lower() == "bearer" else "", "Bearer")
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        pair = ""
    return Credential(pair.partition(":")[2], "Basic")


def set_token_cookie(response: Response, token: str, seconds: int | None, *, is_https: bool) -> None:
    """Store a token in the browser, for this site only and hidden from scripts.

    Parameters
    ----------
    response : Response
        The response to the browser.
    token : str
        The token itself.
    seconds : int or None
        Remaining validity; None: unlimited (browsers keep a cookie for a year at most).
    is_https : bool
        Whether the browser uses https; the cookie is then never sent over http.
    """
    age = _MAX_SESSION if seconds is None else min(seconds, _MAX_SESSION)
    path = with_prefix("/")
    response.set_cookie(_COOKIE, token, max_age=age, path=path, httponly=True, samesite="lax", secure=is_https)


def cookie_deletions(*, is_https: bool) -> list[str]:
    """Return the `Set-Cookie` headers that delete a token, including one that was set without a prefix."""
    response = Response()
    for path in sorted({with_prefix("/"), "/"}):
        response.delete_cookie(_COOKIE, path=path, httponly=True, samesite="lax", secure=is_https)
    return MutableHeaders(raw=response.raw_headers).getlist("set-cookie")


class WrongTokenLimiter:
    """Rate limit for wrong tokens, by client address and within one process.

    Guessing a token of 256 random bits is hopeless; the limit protects logs and processors. It therefore never refuses
    correct tokens from the same address.

    Parameters
    ----------
    clock : callable, optional
        Monotonic clock in seconds.

    Examples
    --------
    >>> times = iter([100.0] * MAX_WRONG_TOKENS + [110.5, 110.5, 160.0])
    >>> limiter = WrongTokenLimiter(lambda: next(times))
    >>> [limiter.record("192.0.2.1") for _ in range(MAX_WRONG_TOKENS)] == [0] * MAX_WRONG_TOKENS
    True
    >>> limiter.record("192.0.2.1"), limiter.record("192.0.2.2"), limiter.record("192.0.2.1")
    (50, 0, 0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: FIFOCache[str, tuple[float, int]] = FIFOCache(_MAX_CLIENTS)  # client -> start, count

    def record(self, address: str) -> int:
        """Count a wrong token, and return the seconds that its sender has to wait: 0 below the limit."""
        now, client = self._clock(), _client_of(address)
        start, count = self._windows.get(client, (now, 0))
        if now - start >= _WRONG_TOKEN_WINDOW:
            start, count = now, 0
        self._windows[client] = start, count + 1
        return math.ceil(start + _WRONG_TOKEN_WINDOW - now) if count >= MAX_WRONG_TOKENS else 0


def _client_of(address: str) -> str:
    """Return the part of an address that identifies a client: of IPv6 the first 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return address


class Grant(NamedTuple):
    """A valid token and its access."""

    token: Token
    access: Access


class AccessControl:
    """Tokens and embargoes of a service, refreshed from its database.

    Attributes
    ----------
    public : Access
        Access of requests without a token.
    embargoes : Embargoes
        The embargoes as last read.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self.public = Access(frozenset(settings.private))
        self.embargoes = UNKNOWN
        self._grants: dict[str, Grant] = {}  # by the hash of the token
        self._version: str | None = None
        self._read_at: float | None = None  # monotonic
        self._failed = False
        self._wrong_tokens = WrongTokenLimiter()
        self._recorded: dict[str, float] = {}  # token ID -> time of the last recorded use
        self._used: set[str] = set()

    @property
    def is_database_away(self) -> bool:
        """Whether the last reading failed or is overdue."""
        if self._failed or self._read_at is None:
            return True
        return time.monotonic() - self._read_at > self._settings.refresh_seconds + _READ_GRACE

    @property
    def _is_fresh(self) -> bool:
        """Whether the last reading is recent enough to trust its tokens."""
        if self._read_at is None:
            return False
        return time.monotonic() - self._read_at <= self._settings.refresh_seconds + _TOKEN_GRACE

    def refresh(self) -> None:
        """Read changed tokens and embargoes, and record the use of tokens."""
        try:
            self._read()
        except BrainioError as error:
            if not self._failed:
                _log.warning("database away", error=str(error))
            self._failed = True
            return
        if self._failed:
            _log.info("database back")
        self._failed = False
        self._record_uses()

    def resolve(self, scope: Scope) -> Access | HTTPException:
        """Return the access of a request, or the error response to its token: 401, 429 or 503."""
        credential = read_credential(scope)
        if credential is None:
            return self.public
        try:
            grant = self.authenticate(credential, (scope.get("client") or ("",))[0])
        except HTTPException as error:
            # A browser would send a wrong cookie for ever; one that cannot be checked now may be valid later.
            scope["has_stale_cookie"] = credential.scheme == "Cookie" and error.status_code == 401
            return error
        scope["token"] = grant.token.id
        return grant.access

    def authenticate(self, credential: Credential, client: str) -> Grant:
        """Return the grant of a credential.

        Parameters
        ----------
        credential : Credential
            The token of a request or a form.
        client : str
            Address of the sender.

        Raises
        ------
        HTTPException
            401: wrong, expired or revoked; 429: too many wrong tokens from this address; 503: tokens cannot be read.
        """
        grant = self._grants.get(hash_token(credential.text))
        if not self._is_fresh or (grant is None and self.is_database_away):
            telemetry.refused_tokens.labels("away").inc()
            raise unavailable("cannot check tokens: the database is temporarily unavailable", "database_away")
        if grant is None:
            raise self._wrong_token(credential, client)
        now = time.time()
        state = grant.token.state(now)
        if state != "valid":  # the sender has the whole token, so that its state is not a secret
            telemetry.refused_tokens.labels(state).inc()
            reason = "has expired" if state == "expired" else "was revoked"
            raise _bad_token_error(credential, f"the token {grant.token.id} {reason}")
        if now - self._recorded.get(grant.token.id, grant.token.last_used or 0) >= USE_INTERVAL:
            self._recorded[grant.token.id] = now
            self._used.add(grant.token.id)
        return grant

    def _wrong_token(self, credential: Credential, client: str) -> HTTPException:
        wait = self._wrong_tokens.record(client)
        telemetry.refused_tokens.labels("guessed" if wait else "unknown").inc()
        if not wait:
            return _bad_token_error(credential, "the token is not valid for this service")
        message = "too many wrong tokens came from this address"
        return http_error(429, "too_many_tokens", message, "Wait, and check the token.", {"Retry-After": str(wait)})

    def _read(self) -> None:
        with self._database.read_transaction() as connection:
            version = read_access_version(connection)
            if self._read_at is None or version != self._version:
                tokens = read_tokens(connection)
                last_days = {(row.catalog, row.kind, row.identifier): row.until for row in read_embargoes(connection)}
                self._grants = {digest: Grant(token, self._access_with(token)) for digest, token in tokens.items()}
                self.embargoes, self._version = Embargoes(last_days), version
        self._read_at = time.monotonic()

    def _access_with(self, token: Token) -> Access:
        return Access(self.public.private, token.catalogs(READ), token.catalogs(EMBARGOED))

    def _record_uses(self) -> None:
        used = []
        while self._used:
            used.append(self._used.pop())
        if not used:
            return
        try:
            with self._database.write_transaction() as connection:
                record_token_use(connection, used, int(time.time()))
        except BrainioError as error:  # the next use after an hour is recorded again
            _log.warning("use of tokens not recorded", error=str(error))


def _bad_token_error(credential: Credential, message: str) -> HTTPException:
    hint = "Ask the operator of this service for a new token, or send no token to see public catalogs."
    basic, bearer = 'Basic realm="brainio", charset="UTF-8"', 'Bearer realm="brainio", error="invalid_token"'
    challenge = basic if credential.scheme == "Basic" else bearer
    return http_error(401, "bad_token", message, hint, {"WWW-Authenticate": challenge})
