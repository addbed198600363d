"""http and https through requests: one GET a reading, of the whole file or of a part.

Refusals that may pass (429, 500, 502, 503, 504) are asked again after a growing pause, or when the server says;
environment variables of proxies and certificates count. A connection that breaks in the middle of a body is the
reader's business. Nothing is written over http.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from brainio.errors import InterruptedTransferError, LocationError, TransferError
from brainio.stores.location import Location
from brainio.stores.transfer import (
    CHUNK,
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    Facts,
    Span,
    facts_of_range,
    require_whole,
)

SCHEMES = frozenset({"http", "https"})
_MISSING = frozenset({404, 410})
_CONNECTIONS = 32


class _Retry(Retry):
    """Takes a Retry-After that nobody can read for none."""

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return super().parse_retry_after(retry_after)
        except InvalidHeader:
            return 0


def _retry() -> _Retry:
    return _Retry(
        total=3,
        connect=1,
        redirect=0,  # requests follows those
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        retry_after_max=60,
        raise_on_status=False,
    )


@lru_cache(maxsize=1)
def _session(_process: int) -> requests.Session:
    """Return the session of a process; a forked one must not talk on its parent's connections."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=_retry())
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # The bytes as they lie there, whose size and hash were promised.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "brainio"})
    return session


@dataclass(frozen=True, slots=True)
class _HttpReading:
    """The open body of one answer."""

    location: Location
    facts: Facts
    response: requests.Response

    def chunks(self) -> Iterator[bytes]:
        found = 0
        length = self.facts.length
        try:
            for block in self.response.iter_content(CHUNK):
                found += len(block)
                yield block
        except requests.RequestException as error:
            raise InterruptedTransferError(
                f"The transfer of {self.location} broke after {found} of {length or 'an unknown number of'} bytes: "
                f"{error}. Try again."
            ) from error
        require_whole(self.location, length, found)


@contextmanager
def open_read(location: Location, span: Span) -> Iterator[_HttpReading]:
    """Open a file, or a part of it; see `brainio.stores.open_read`."""
    headers = {} if span.is_whole else {"Range": span.header}
    response = _ask("GET", location, headers)
    try:
        length = _length(response)
        start, size = facts_of_range(response.headers.get("Content-Range", ""), length)
        in_parts = response.headers.get("Accept-Ranges") == "bytes" or "Content-Range" in response.headers
        yield _HttpReading(location, Facts(size, start, length, _tag(response), in_parts=in_parts), response)
    finally:
        response.close()


def stat(location: Location) -> int | None:
    """Return the size of a file, None where there is none; see `brainio.stores.stat`."""
    try:
        response = _ask("HEAD", location, {})
    except TransferError as error:
        refused = error.__cause__
        if isinstance(refused, requests.HTTPError) and _status(refused) in _MISSING:
            return None
        raise
    response.close()
    return _length(response)


def _ask(method: str, location: Location, headers: dict[str, str]) -> requests.Response:
    try:
        response = _session(os.getpid()).request(
            method,
            location.url,
            headers=headers,
            stream=True,
            allow_redirects=True,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        )
    except (requests.exceptions.InvalidURL, UnicodeError) as error:
        raise LocationError(f"{location} is no location that can be asked for: {error}.") from error
    except requests.RequestException as error:
        raise TransferError(f"{location} did not answer: {error}. Check the location and the network.") from error
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        response.close()
        raise TransferError(f"{location} was refused: {_reason(response)}.") from error
    return response


def _reason(response: requests.Response) -> str:
    if response.status_code in _MISSING:
        return f"HTTP {response.status_code}, there is no such file. Check the location"
    if response.status_code in {401, 403}:
        return f"HTTP {response.status_code} {response.reason}. Ask the owner of the location for access"
    wait = response.headers.get("Retry-After")
    later = f", and asks to wait for {wait}" if wait else ""
    return f"HTTP {response.status_code} {response.reason}{later}. Try again later"


def _status(error: requests.HTTPError) -> int | None:
    return None if error.response is None else error.response.status_code


def _length(response: requests.Response) -> int | None:
    """Return how many bytes the body announces; what is encoded comes out in another number."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None


def _tag(response: requests.Response) -> str | None:
    for name in ("ETag", "Last-Modified"):
        if name in response.headers:
            return f"{name} {response.headers[name]}"
    return None
