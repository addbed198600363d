"""What a request may see: the one place that decides it. Every resource asks here, and knows no token.

Tokens and embargoes are read from the database of the service into memory, and again within a second when they changed,
so that no request waits for it. While it is away, what was read last holds for a while.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import structlog
from fastapi import Depends, HTTPException, Request
from starlette.responses import Response
from starlette.types import Scope

from brainio.catalogs import Entry
from brainio.errors import BrainioError
from brainio.service import metrics
from brainio.service.credentials import Credential, challenge, forget_cookie, keep_cookie, presented
from brainio.service.database import Database
from brainio.service.embargoes import UNKNOWN, Embargoes, read_embargoes
from brainio.service.errors import RETRY_SECONDS, refusal
from brainio.service.settings import Settings
from brainio.service.tokens import (
    EMBARGOED,
    EVERY,
    NOTED_EVERY,
    READ,
    Token,
    hash_of,
    note_uses,
    read_tokens,
    state_of_rights,
)
from brainio.service.wrong_tokens import WrongTokenLimiter

TRUSTED = 600.0  # seconds behind the due time of a reading for which tokens serve while the database is away
_PATIENCE = 15.0  # seconds behind the due time of a reading, when the database counts as away
_log = structlog.get_logger("brainio.service")


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may see: all catalogs that are not private, and those that a token opens.

    Attributes
    ----------
    private : frozenset of str
        Catalogs that are not for everybody; `*` is all.
    reads, embargoed : frozenset of str
        Catalogs that are seen all the same, and those whose files under embargo may be had.

    Examples
    --------
    >>> everybody, member = Access(frozenset({"lab"})), Access(frozenset({"lab"}), frozenset({"lab"}))
    >>> everybody.sees("demo"), everybody.sees("lab"), member.sees("lab")
    (True, False, True)
    """

    private: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    embargoed: frozenset[str] = frozenset()

    @property
    def is_public(self) -> bool:
        """Whether it is what everybody may see."""
        return not (self.reads or self.embargoed)

    def sees(self, catalog: str) -> bool:
        """Whether a catalog may be seen: its entries, that it is there."""
        if not _covers(self.private, catalog):
            return True
        return _covers(self.reads, catalog) or _covers(self.embargoed, catalog)

    def may_have(self, entry: Entry, embargoes: Embargoes) -> bool:
        """Whether the bytes of an entry may be had, and what is made of them: files, thumbnails, previews."""
        if not self.sees(entry.catalog):
            return False
        return not embargoes.withholds(entry) or _covers(self.embargoed, entry.catalog)


def _covers(names: frozenset[str], catalog: str) -> bool:
    return catalog in names or EVERY in names


def require_bytes(access: Access, entry: Entry, embargoes: Embargoes) -> None:
    """Refuse the bytes of an entry to whom may not have them.

    Raises
    ------
    HTTPException
        403: it is under embargo; 503: whether it is was not read yet.
    """
    if access.may_have(entry, embargoes):
        return
    until = embargoes.until(entry)
    if until is None:
        raise _away("whether this is under embargo cannot be read at the moment")
    raise refusal(
        403,
        "embargoed",
        f"the files of {entry.kind} {entry.identifier[:200]!r} are under embargo until the end of {until}, UTC",
        f"Come back then, or ask its owners for a token with the scope {entry.catalog}:{EMBARGOED}.",
    )


class Grant(NamedTuple):
    """A token that serves, and what may be seen with it."""

    token: Token
    access: Access


class AccessControl:
    """Tokens and embargoes of a service, kept up to date.

    Attributes
    ----------
    everybody : Access
        Of requests without a token.
    embargoes : Embargoes
        As they were read last.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self.everybody = Access(frozenset(settings.private))
        self.embargoes = UNKNOWN
        self._holders: dict[str, Grant] = {}  # by the hash of the token
        self._state: str | None = None
        self._read_at: float | None = None  # of a clock that never goes back
        self._failed = False
        self._guesses = WrongTokenLimiter()
        self._noted: dict[str, float] = {}  # token -> when it was last noted that it is used
        self._used: set[str] = set()

    @property
    def is_away(self) -> bool:
        """Whether the database did not answer when it was asked last."""
        if self._failed or self._read_at is None:
            return True
        return time.monotonic() - self._read_at > self._settings.refresh_seconds + _PATIENCE

    @property
    def _is_trusted(self) -> bool:
        """Whether what was read last is young enough for tokens to serve."""
        if self._read_at is None:
            return False
        return time.monotonic() - self._read_at <= self._settings.refresh_seconds + TRUSTED

    async def watch(self) -> None:
        """Look for changes for ever."""
        while True:
            await asyncio.sleep(self._settings.refresh_seconds)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:  # whatever it is, what was read before holds on
                _log.exception("reading tokens and embargoes failed")

    def refresh(self) -> None:
        """Take over what changed, and note which tokens were used."""
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
        self._note_uses()

    def of(self, scope: Scope) -> Access | HTTPException:
        """Return what a request may see, or its refusal: 401, 429 or 503."""
        given = presented(scope)
        if given is None:
            return self.everybody
        try:
            holder = self.holder(given, (scope.get("client") or ("",))[0])
        except HTTPException as refused:
            # Else a browser could do nothing any more; a token that cannot be read now may serve later.
            scope["has_stale_cookie"] = given.how == "Cookie" and refused.status_code == 401
            return refused
        scope["token"] = holder.token.id
        return holder.access

    def holder(self, given: Credential, client: str) -> Grant:
        """Return the token that was presented.

        Parameters
        ----------
        given : Credential
            What a request carries, or a form.
        client : str
            The address that it came from.

        Raises
        ------
        HTTPException
            401: it is none, expired or revoked; 429: too many wrong ones came from there; 503: that cannot be read.
        """
        found = self._holders.get(hash_of(given.text))
        if not self._is_trusted or (found is None and self.is_away):
            metrics.refused_tokens.labels("away").inc()
            raise _away("tokens cannot be read at the moment")
        if found is None:
            raise self._unknown(given, client)
        now = time.time()
        state = found.token.state(now)
        if state != "valid":  # whoever has the whole token may know what became of it
            metrics.refused_tokens.labels(state).inc()
            raise _wrong(given, f"the token {found.token.id} {'has expired' if state == 'expired' else 'was revoked'}")
        if now - self._noted.get(found.token.id, found.token.last_used or 0) >= NOTED_EVERY:
            self._noted[found.token.id] = now
            self._used.add(found.token.id)
        return found

    def _unknown(self, given: Credential, client: str) -> HTTPException:
        wait = self._guesses.note(client)
        metrics.refused_tokens.labels("guessed" if wait else "unknown").inc()
        if not wait:
            return _wrong(given, "this is no token of this service")
        message = "too many wrong tokens came from this address"
        return refusal(429, "too_many_tokens", message, "Wait, and check the token.", {"Retry-After": str(wait)})

    def _read(self) -> None:
        with self._database.reading() as connection:
            state = state_of_rights(connection)
            if self._read_at is None or state != self._state:
                tokens = read_tokens(connection)
                embargoes = read_embargoes(connection)
                self._holders = {one: Grant(token, self._sight_with(token)) for one, token in tokens.items()}
                last_days = {(one.catalog, one.kind, one.identifier): one.until for one in embargoes}
                self.embargoes, self._state = Embargoes(last_days), state
        self._read_at = time.monotonic()

    def _sight_with(self, token: Token) -> Access:
        return Access(self.everybody.private, token.catalogs(READ), token.catalogs(EMBARGOED))

    def _note_uses(self) -> None:
        used = []
        while self._used:
            used.append(self._used.pop())
        if not used:
            return
        try:
            with self._database.changing() as connection:
                note_uses(connection, used, int(time.time()))
        except BrainioError as error:  # it is said again in an hour
            _log.warning("use of tokens not noted", error=str(error))


def _wrong(given: Credential, message: str) -> HTTPException:
    hint = "Ask whoever runs this service for another, or ask without one for what is public."
    return refusal(401, "bad_token", message, hint, {"WWW-Authenticate": challenge(given.how)})


def _away(message: str) -> HTTPException:
    return refusal(503, "database_away", message, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})


async def sight_of(request: Request) -> Access:
    """Return what a request may see; raises what `Rights.of` returned where it is refused."""
    found: Access | HTTPException = request.scope["access"]
    if isinstance(found, HTTPException):
        raise found
    return found


def sign_in(request: Request, response: Response, rights: AccessControl, token: str) -> None:
    """Have the browser that sent a token in a form carry it from now on.

    Raises
    ------
    HTTPException
        As `Rights.holder` says.
    """
    client = request.client.host if request.client else ""
    found = rights.holder(Credential(token.strip(), "Cookie"), client).token
    seconds = None if found.expires is None else max(0, found.expires - int(time.time()))
    keep_cookie(response, token.strip(), seconds, is_https=request.url.scheme == "https")


def sign_out(request: Request, response: Response) -> None:
    """Have a browser carry no token any more."""
    for header in forget_cookie(is_https=request.url.scheme == "https"):
        response.headers.append("Set-Cookie", header)


AccessDep = Annotated[Access, Depends(sight_of)]
