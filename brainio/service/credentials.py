"""How a request carries a token, and how a browser is told to keep one. Knows no token."""

import base64
import binascii
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from brainio.service.tokens import DAY
from brainio.service.urls import with_prefix

COOKIE = "brainio_token"
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "password": {"type": "http", "scheme": "basic", "description": "The token is the password, whatever the name is."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
"""How a token may be sent, as OpenAPI says it."""
_LONGEST_SESSION = 365 * DAY


class Credential(NamedTuple):
    """What a request carries: a token, or what is none, and how: `Bearer`, `Basic` or `Cookie`."""

    text: str
    how: str


def presented(scope: Scope) -> Credential | None:
    """Return what a request carries; the header `Authorization` counts more than the cookie.

    Of HTTP Basic the password is the token, whatever the name is.

    Examples
    --------
    >>> presented({"headers": [(b"authorization", b"Basic " + base64.b64encode(b"me:brainio_0f"))]})
    Credential(text='brainio_0f', how='Basic')
    >>> presented({"headers": [(b"cookie", b"theme=dark; brainio_token=brainio_0f")]})
    Credential(text='brainio_0f', how='Cookie')
    """
    cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            return _authorized(value.decode("latin-1"))
        if cookie is None and name == b"cookie" and COOKIE.encode() in value:
            cookie = _first_cookie(value.decode("latin-1"))
    return None if cookie is None else Credential(cookie, "Cookie")


def challenge(how: str) -> str:
    """Return the header `WWW-Authenticate` of an answer to a token that is none."""
    return (
        'Basic realm="brainio", charset="UTF-8"' if how == "Basic" else 'Bearer realm="brainio", error="invalid_token"'
    )


def keep_cookie(response: Response, token: str, seconds: int | None, *, is_https: bool) -> None:
    """Have a browser carry a token from now on; pages elsewhere have no part in it, and no script reads it.

    Parameters
    ----------
    response : Response
        The answer that the browser gets.
    token : str
        The token itself.
    seconds : int or None
        How long it serves yet; None: without end (browsers keep a cookie for a year at most).
    is_https : bool
        Whether the browser came by https. Then it hands the cookie to nothing else.
    """
    age = _LONGEST_SESSION if seconds is None else min(seconds, _LONGEST_SESSION)
    path = with_prefix("/")
    response.set_cookie(COOKIE, token, max_age=age, path=path, httponly=True, samesite="lax", secure=is_https)


def forget_cookie(*, is_https: bool) -> list[str]:
    """Return the headers `Set-Cookie` that make a browser forget its token, also one that it got without a prefix."""
    response = Response()
    for path in sorted({with_prefix("/"), "/"}):
        response.delete_cookie(COOKIE, path=path, httponly=True, samesite="lax", secure=is_https)
    return MutableHeaders(raw=response.raw_headers).getlist("set-cookie")


def _first_cookie(header: str) -> str | None:
    """Return the first token of a header `Cookie`; browsers put that of the longest path first."""
    backwards = ";".join(reversed(header.split(";")))
    return cookie_parser(backwards).get(COOKIE)


def _authorized(value: str) -> Credential:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return Credential(rest.strip() if scheme.lower() == "bearer" else "", "Bearer")
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        pair = ""
    return Credential(pair.partition(":")[2], "Basic")
