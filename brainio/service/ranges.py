"""Which part of a file a request asks for, by RFC 9110. Knows headers and sizes; opens nothing."""

import re

from brainio.stores import Span

_BYTES = re.compile(r"bytes\s*+=\s*+(\d{0,19})\s*+-\s*+(\d{0,19})\s*+", re.ASCII)


def span_of(header: str | None, size: int) -> Span | None:
    """Return the part of a file that a header `Range` asks for; None for all of it.

    What is malformed, of another unit, or several parts counts as not said: then all of the file is given.

    Parameters
    ----------
    header : str or None
        `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`.
    size : int
        Bytes of the file.

    Returns
    -------
    Span or None
        Empty (`start == stop`) where no byte of the file is in the range.

    Examples
    --------
    >>> span_of("bytes=2-3", 10), span_of("bytes=-4", 10), span_of("bytes=7-", 10)
    (Span(start=2, stop=4), Span(start=6, stop=10), Span(start=7, stop=10))
    """
    found = _BYTES.fullmatch(header.strip()) if header else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        count = min(int(found[2]), size)
        return Span(size - count, size)
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        return Span(size, size)
    return Span(first, min(last, size - 1) + 1)


def is_still(if_range: str | None, tag: str) -> bool:
    """Whether a part may be given to a client that has others: it says no tag, or this one.

    Examples
    --------
    >>> is_still(None, "ab"), is_still('"ab"', "ab"), is_still('W/"ab"', "ab")
    (True, True, False)
    """
    return if_range is None or if_range.strip() == f'"{tag}"'
