"""Which of the forms that there are a client wants, as its header `Accept` says."""

import re
from collections.abc import Sequence

from fastapi import HTTPException

from brainio.service.errors import refusal

_RANGE = re.compile(
    r"\s*(?P<kind>[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+)\s*"
    r"(?P<rest>(?:;\s*[\w!#$%&'*+.^`|~-]+=(?:\"[^\"]*\"|[\w!#$%&'*+.^`|~-]+)\s*)*)",
    re.ASCII,
)
_QUALITY = re.compile(r";\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def chosen(accept: str | None, offered: Sequence[str]) -> str:
    """Return the media type that is wanted most, the first of those offered where several are wanted as much.

    Raises
    ------
    HTTPException
        400: the header is malformed; 406: nothing that is wanted is offered.

    Examples
    --------
    >>> chosen("text/html;q=0.5, application/*", ["text/csv", "application/json", "text/html"])
    'application/json'
    """
    if accept is None or not accept.strip() or accept == "*/*":
        return offered[0]
    wanted = [_read(one) for one in accept.split(",") if one.strip()]
    best = max(offered, key=lambda kind: _quality(kind, wanted))
    if _quality(best, wanted) == 0:
        raise refusal(
            406,
            "not_acceptable",
            f"Accept is {accept[:100]!r}; this is offered as {' or '.join(offered)}",
            "Ask for one of these, or leave the header out.",
        )
    return best


def wants(accept: str | None, kind: str, other: str) -> bool:
    """Whether one media type is wanted more than another; what is malformed wants nothing.

    Examples
    --------
    >>> wants("text/html,*/*;q=0.8", "text/html", "application/json"), wants("*/*", "text/html", "application/json")
    (True, False)
    """
    try:
        wanted = [_read(one) for one in (accept or "").split(",") if one.strip()]
    except HTTPException:
        return False
    return _quality(kind, wanted) > _quality(other, wanted)


def _read(text: str) -> tuple[str, float]:
    found = _RANGE.fullmatch(text)
    quality = _QUALITY.search(found["rest"]) if found else None
    if found is None or (quality is None and re.search(r";\s*q=", found["rest"], re.IGNORECASE)):
        raise refusal(
            400, "bad_accept", f"the header Accept has {text.strip()[:100]!r}, which is no media type", "See RFC 9110."
        )
    return found["kind"].lower(), float(quality[1]) if quality else 1.0


def _quality(kind: str, wanted: Sequence[tuple[str, float]]) -> float:
    """Return how much a type is wanted, as the most exact of the ranges that it is in says."""
    ranges = dict(wanted)
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
