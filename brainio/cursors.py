"""Cursors of paged lists: opaque positions that a client sends back to get the next page.

A cursor gives access to nothing beyond its query, so it is validated but not signed: it must be well-formed and belong
to the same query.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from brainio.errors import CursorError

LONGEST = 4000
"""The greatest accepted length of a cursor in a URL, in characters."""


def write_cursor(query: Mapping[str, object], position: object) -> str:
    """Return the cursor of a position in the result of a query.

    Examples
    --------
    >>> read_cursor(write_cursor({"kind": "assembly"}, ["lab", 7]), {"kind": "assembly"})
    ['lab', 7]
    """
    text = json.dumps([_digest(query), position], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "backslashreplace")).decode().rstrip("=")


def read_cursor(cursor: str, query: Mapping[str, object]) -> Any:
    """Return the position in a cursor.

    Raises
    ------
    CursorError
        The cursor is malformed, or belongs to another query.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        digest, position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise bad_cursor("is not valid") from None
    if digest != _digest(query):
        raise bad_cursor("belongs to another query")
    return position


def bad_cursor(reason: str) -> CursorError:
    """Return the error for an unusable cursor."""
    return CursorError(f"the cursor {reason}; start without one, and continue with the cursor in the field `next`")


def _digest(query: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(query, sort_keys=True, default=str).encode()).hexdigest()[:16]
