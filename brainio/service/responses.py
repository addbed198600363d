"""Bodies as they are sent: bytes that were made once, packed, tagged, and answered conditionally."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.responses import Response

JSON = "application/json"
OF_RIGHTS = "Authorization, Cookie"
"""The headers of a request by which its sender is known."""
_SMALLEST_PACKED = 860  # bytes; below that a packet is no fuller
_PACKS = re.compile(r"(?:^|,)\s*+(?:gzip|\*)\s*+(?:;\s*+q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]++)?\s*+(?:,|$)", re.IGNORECASE)
_TEXT = re.compile(r"text/|application/(?:json|ld\+json)|image/svg")  # what gzip makes smaller
_Raw = list[tuple[bytes, bytes]]
_OF_BODIES = (b"content-type", b"content-length", b"content-encoding")
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class RenderedBody:
    """A body and what is said of it.

    Attributes
    ----------
    body, packed : bytes
        As it is, and by gzip; `packed` is empty where that is not worth it.
    tag : str
        Its ETag without quotes.
    headers, packed_headers : list of (bytes, bytes)
        Of an answer with either.
    """

    body: bytes
    packed: bytes
    tag: str
    headers: _Raw
    packed_headers: _Raw

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, nearly."""
        return len(self.body) + len(self.packed) + 2000


class _Ready(Response):
    """An answer whose headers were written before."""

    def __init__(self, status: int, body: bytes, headers: _Raw) -> None:
        self.status_code, self.body, self.raw_headers, self.background = status, body, list(headers), None


def render(
    body: bytes,
    media_type: str = JSON,
    vary: str = "Accept, Accept-Encoding",
    cache: str = "no-cache",
    further: Mapping[str, str] = MappingProxyType({}),
) -> RenderedBody:
    """Make a body ready to be sent many times.

    Parameters
    ----------
    body : bytes
        What is sent.
    media_type : str, default 'application/json'
        Of the body.
    vary : str
        Which headers of a request it depends on, besides those that say who asks.
    cache : str, default 'no-cache'
        What caches may do with it: keep it, but ask whether it is still so.
    further : mapping, optional
        Further headers.

    Examples
    --------
    >>> render(b"{}").tag
    '44136fa355b3678a1146ad16f7e8649e'
    """
    is_text = _TEXT.match(media_type) is not None
    packed = gzip.compress(body, 6, mtime=0) if is_text and len(body) >= _SMALLEST_PACKED else b""
    tag = hashlib.sha256(body).hexdigest()[:32]
    whom = f"{vary}, {OF_RIGHTS}"
    said = {"Cache-Control": cache, "Vary": whom, "Content-Type": media_type, **further}
    plain = {**said, "ETag": f'"{tag}"', "Content-Length": str(len(body))}
    small = {**said, "ETag": f'"{tag}-gzip"', "Content-Length": str(len(packed)), "Content-Encoding": "gzip"}
    return RenderedBody(body, packed, tag, Headers(plain).raw, Headers(small).raw)


def respond(headers: Headers, rendered: RenderedBody) -> Response:
    """Answer with a rendered body: packed where the client reads that, and not at all where it has it already.

    Parameters
    ----------
    headers : Headers
        Of the request.
    rendered : RenderedBody
        What is sent.
    """
    packs = bool(rendered.packed) and _PACKS.search(headers.get("accept-encoding", "")) is not None
    said = rendered.packed_headers if packs else rendered.headers
    if is_known(headers.get("if-none-match"), rendered.tag):
        return _Ready(304, b"", [one for one in said if one[0] not in _OF_BODIES])
    return _Ready(200, rendered.packed if packs else rendered.body, said)


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether a client that says which tags it has, has this one, packed or not.

    Examples
    --------
    >>> is_known('"x", W/"abc-gzip"', "abc"), is_known('"abcd"', "abc"), is_known("*", "abc")
    (True, False, True)
    """
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or tag in (one.removesuffix("-gzip") for one in _TAG.findall(if_none_match))
