"""The store of HTTP and HTTPS URLs: one GET request per reading, of the whole file or of a part.

Statuses that may pass (429, 500, 502, 503, 504) are retried after a growing pause, or when the server says. The
environment variables for proxies and certificates apply. If a connection breaks within a body, the reader decides
whether to continue.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

import requests

from brainio.errors import (
    InterruptedTransferError,
    LocationError,
    MissingFileError,
    RangeResponseError,
    ShorterFileError,
    TransferError,
)
from brainio.stores.connections import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    ca_bundle,
    count_of,
    extent_of_part,
    minimum_speed,
    reason_of,
    shut_down,
)
from brainio.stores.http_sessions import credentials_for, session_for
from brainio.stores.location import Location
from brainio.stores.redaction import redact
from brainio.stores.store import CHUNK, Facts, Span, Store, require_whole

_MISSING = frozenset({404, 410})
# 203: a proxy may have changed the content; the expected hash shows whether it did.
_WHOLE = frozenset({200, 203})
# RFC 9110: a date is a strong validator if the file had not changed for a while before; 60 s as in RFC 7232.
_SETTLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _HttpReading:
    """The open body of one response."""

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
                f"{redact(reason_of(error))}. Try again."
            ) from None
        require_whole(self.location, length, found)

    def interrupt(self) -> None:
        shut_down(self.response.raw)


class HttpStore(Store):
    """Files of web servers, which can only be read."""

    is_read_only = True

    @contextmanager
    def open_read(
        self,
        location: Location,
        span: Span,
        validator: str | None = None,
        version_id: str | None = None,  # noqa: ARG002 (`store_for_request` refuses versions)
    ) -> Iterator[_HttpReading]:
        """Open a file, or a part of it; a changed file may come as a whole, with another validator."""
        headers = {} if span.is_whole else {"Range": span.header}
        if headers and validator is not None:
            headers["If-Range"] = validator
        response = _request("GET", location, headers)
        try:
            _require_success(location, response)
            yield _HttpReading(location, _facts(location, span, response), response)
        finally:
            response.close()

    def find(self, location: Location, version_id: str | None = None) -> Facts | None:  # noqa: ARG002
        """Send a HEAD request."""
        response = _request("HEAD", location, {})
        response.close()
        if response.status_code in _MISSING:
            return None
        _require_success(location, response)
        size = _length(response)
        tag, validator = _validators(response)
        return Facts(size, 0, size, tag, validator=validator)


def _facts(location: Location, span: Span, response: requests.Response) -> Facts:
    """Return the facts about a file in a successful response.

    Raises
    ------
    RangeResponseError
        The response is a part that does not match the request.
    TransferError
        The response contains neither the file nor a part of it.
    """
    headers = response.headers
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    length, start = _length(response), 0
    size = length
    if response.status_code == 206:
        if media_type == "multipart/byteranges" or _is_encoded(response):
            raise RangeResponseError(
                f"{location} was requested with {span.header} and returned {media_type or 'a part'}"
                f"{' in the encoding ' + headers['Content-Encoding'] if _is_encoded(response) else ''}; expected one "
                f"plain part. Report this to the operator of the server, or use another location."
            )
        start, size, length = extent_of_part(location, span, headers.get("Content-Range"), length)
    elif response.status_code not in _WHOLE:
        raise TransferError(
            f"{location} returned HTTP {response.status_code} {response.reason} and no file; expected HTTP 200. "
            f"Check the location; a server that still prepares the file may have it later."
        )
    tag, validator = _validators(response)
    return Facts(
        size,
        start,
        length,
        tag,
        in_parts=headers.get("Accept-Ranges") == "bytes" or response.status_code == 206,
        validator=validator,
        media_type=media_type,
        is_delimited="Content-Length" in headers or "Transfer-Encoding" in headers,
    )


def _request(method: str, location: Location, headers: dict[str, str]) -> requests.Response:
    minimum_speed()  # report a wrong setting here: within a response it would look like a broken connection
    # No error is chained to that of requests, whose text contains the URL with its secrets.
    try:
        return session_for(location).request(
            method,
            location.url,
            headers=headers,
            auth=credentials_for(location),
            stream=True,
            allow_redirects=True,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            verify=ca_bundle() or True,
        )
    except LocationError as error:
        raise LocationError(f"{location} was not requested: {error}.") from None
    except (requests.exceptions.InvalidURL, UnicodeError) as error:
        raise LocationError(f"{location} is not a valid URL: {redact(str(error))}. Correct it.") from None
    except requests.RequestException as error:
        raise TransferError(
            f"{location} did not answer: {redact(reason_of(error))}. Check the location and the network."
        ) from None
    except OSError as error:  # requests has no error class for missing certificates
        raise TransferError(f"{location} was not requested: {redact(str(error))}. Correct the variable.") from None


def _require_success(location: Location, response: requests.Response) -> None:
    if response.status_code == 416:
        raise ShorterFileError(f"{location} ends before the requested bytes (HTTP 416). Request the whole file.")
    if response.status_code in _MISSING:
        raise MissingFileError(
            f"{location} was refused: HTTP {response.status_code}, there is no such file. Check the location."
        )
    if response.status_code >= 300:  # includes a redirect without a target
        raise TransferError(f"{location} was refused: {_reason(response)}.")


def _reason(response: requests.Response) -> str:
    if response.status_code in {401, 403}:
        return f"HTTP {response.status_code} {response.reason}. Ask the owner of the location for access"
    wait = response.headers.get("Retry-After")
    later = f", and asks to wait for {wait}" if wait else ""
    return f"HTTP {response.status_code} {response.reason}{later}. Try again later"


def _length(response: requests.Response) -> int | None:
    """Return the announced size of the body in bytes; None for an encoded one, whose decoded size differs."""
    length = count_of(response.headers.get("Content-Length", ""))
    return None if _is_encoded(response) else length


def _is_encoded(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}


def _validators(response: requests.Response) -> tuple[str | None, str | None]:
    """Return the tag and the strong validator of a file; None for each that is missing."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    if _is_encoded(response):  # the validators are those of the encoded bytes
        return (f"ETag {etag}" if etag else None), None
    if etag and re.fullmatch(r'"[^"]*"', etag):
        return f"ETag {etag}", etag
    if modified and _is_settled(modified, response.headers.get("Date", "")):
        return f"Last-Modified {modified}", modified
    return (f"ETag {etag}" if etag else f"Last-Modified {modified}" if modified else None), None


def _is_settled(modified: str, now: str) -> bool:
    """Whether a file was at least a minute old when the server, by its own clock, sent it."""
    try:
        return parsedate_to_datetime(now) - parsedate_to_datetime(modified) >= _SETTLED
    except (TypeError, ValueError):  # not a date, or only one of the two has a time zone
        return False
