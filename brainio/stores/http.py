"""http and https through requests: one GET a reading, of the whole file or of a part.

Refusals that may pass (429, 500, 502, 503, 504) are asked again after a growing pause, or when the server says;
environment variables of proxies and certificates count. A connection that breaks in the middle of a body is the
reader's business. Nothing is written over http.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from brainio.errors import InterruptedTransferError, LocationError, ShorterFileError, TransferError
from brainio.stores.guard import credentials_for, session_for
from brainio.stores.location import Location
from brainio.stores.rules import redacted
from brainio.stores.transfer import (
    CHUNK,
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    Facts,
    Span,
    count_of,
    facts_of_range,
    hang_up,
    require_whole,
)

_MISSING = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class _HttpReading:
    """The open body of one answer."""

    location: Location
    facts: Facts
    response: requests.Response

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        found = 0
        length = self.facts.length
        try:
            for block in self.response.iter_content(most):
                found += len(block)
                yield block
        except requests.RequestException as error:
            raise InterruptedTransferError(
                f"The transfer of {self.location} broke after {found} of {length or 'an unknown number of'} bytes: "
                f"{redacted(str(error))}. Try again."
            ) from None
        require_whole(self.location, length, found)

    def interrupt(self) -> None:
        hang_up(self.response.raw)


@contextmanager
def open_read(location: Location, span: Span) -> Iterator[_HttpReading]:
    """Open a file, or a part of it; see `brainio.stores.open_read`."""
    headers = {} if span.is_whole else {"Range": span.header}
    response = _answer("GET", location, headers)
    try:
        _require_success(location, response)
        length = _length(response)
        start, size = facts_of_range(response.headers.get("Content-Range", ""), length)
        in_parts = response.headers.get("Accept-Ranges") == "bytes" or "Content-Range" in response.headers
        yield _HttpReading(location, Facts(size, start, length, _tag(response), in_parts=in_parts), response)
    finally:
        response.close()


def stat(location: Location) -> int | None:
    """Return the size of a file, None where there is none; see `brainio.stores.stat`."""
    response = _answer("HEAD", location, {})
    response.close()
    if response.status_code in _MISSING:
        return None
    _require_success(location, response)
    return _length(response)


def _answer(method: str, location: Location, headers: dict[str, str]) -> requests.Response:
    # No error here is chained to that of requests, whose text has the URL with its secrets.
    try:
        return session_for(location).request(
            method,
            location.url,
            headers=headers,
            auth=credentials_for(location),
            stream=True,
            allow_redirects=True,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        )
    except LocationError as error:
        raise LocationError(f"{location} was not asked for: {error}.") from None
    except (requests.exceptions.InvalidURL, UnicodeError) as error:
        raise LocationError(f"{location} is no location that can be asked for: {redacted(str(error))}.") from None
    except requests.RequestException as error:
        raise TransferError(
            f"{location} did not answer: {redacted(str(error))}. Check the location and the network."
        ) from None


def _require_success(location: Location, response: requests.Response) -> None:
    if response.status_code == 416:
        raise ShorterFileError(f"{location} ends before the bytes that were asked for (HTTP 416). Ask for all of it.")
    if response.status_code >= 300:  # a redirect that leads nowhere is no file either
        raise TransferError(f"{location} was refused: {_reason(response)}.")


def _reason(response: requests.Response) -> str:
    if response.status_code in _MISSING:
        return f"HTTP {response.status_code}, there is no such file. Check the location"
    if response.status_code in {401, 403}:
        return f"HTTP {response.status_code} {response.reason}. Ask the owner of the location for access"
    wait = response.headers.get("Retry-After")
    later = f", and asks to wait for {wait}" if wait else ""
    return f"HTTP {response.status_code} {response.reason}{later}. Try again later"


def _length(response: requests.Response) -> int | None:
    """Return how many bytes the body announces; what is encoded comes out in another number."""
    length = count_of(response.headers.get("Content-Length", ""))
    return None if "Content-Encoding" in response.headers else length


def _tag(response: requests.Response) -> str | None:
    for name in ("ETag", "Last-Modified"):
        if name in response.headers:
            return f"{name} {response.headers[name]}"
    return None
