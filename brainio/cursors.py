"""Where a list goes on: positions that whoever asks hands back unread.

A cursor holds only what its owner could ask for anyway, so it is checked, not signed: it has to be one of ours, and of
the same question.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from brainio.errors import CursorError

LONGEST = 4000
"""Characters of a cursor that is read from an address."""


def write_cursor(question: Mapping[str, object], position: object) -> str:
    """Return the cursor of a position in the answer to a question.

    Examples
    --------
    >>> read_cursor(write_cursor({"kind": "assembly"}, ["lab", 7]), {"kind": "assembly"})
    ['lab', 7]
    """
    text = json.dumps([_digest(question), position], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "backslashreplace")).decode().rstrip("=")


def read_cursor(cursor: str, question: Mapping[str, object]) -> Any:
    """Return the position that a cursor holds.

    Raises
    ------
    CursorError
        It is no cursor, or one of another question.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        digest, position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise bad_cursor("is none that was given") from None
    if digest != _digest(question):
        raise bad_cursor("belongs to another question")
    return position


def bad_cursor(why: str) -> CursorError:
    """Return the error of a cursor that cannot be used."""
    return CursorError(f"the cursor {why}; ask without one, and go on from there with those that are given as `next`")


def _digest(question: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()[:16]
