"""DOIs: parse every form in which people write them, and store one.

The stored form is bare and in lower case, since DOIs ignore case: `10.1117/12.348473`. Knows no catalog and no network.
"""

import re
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import quote, unquote

EXPECTED = "a DOI such as '10.1117/12.348473' or 'https://doi.org/10.1117/12.348473'"
"""The accepted forms, for error messages."""

_RESOLVER = re.compile(r"(?:https?://)?(?:www\.)?(?:dx\.)?doi\.org/+", re.IGNORECASE)
_LABEL = re.compile(r"(?:info:|urn:)?doi\s*[:=/]?\s*(?=10\.|doi|https?:|www\.|dx\.|info:|urn:)", re.IGNORECASE)
_ZENODO_DOI = re.compile(r"(?:https?://)?(?:www\.)?zenodo\.org/(?:doi|badge/doi)/+", re.IGNORECASE)
_ZENODO_RECORD = re.compile(
    r"(?:https?://)?(?:www\.)?zenodo\.org/(?:api/)?records?/(\d+)(?:[/?#].*)?", re.IGNORECASE | re.DOTALL
)
_SHAPE = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s\x00-\x1f\x7f]+")
_BLANKS = "\u200b\u2060\ufeff"  # which `str.strip` keeps
_QUOTES = {"<": ">", "(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_LONGEST = 2000
_IN_URLS = "/:;,()!*'@$=&+~"  # characters that need no percent-encoding in the path of a URL


def parse_doi(text: str) -> str:
    """Return the stored form of a DOI.

    Parameters
    ----------
    text : str
        The DOI alone, with `doi:`, or as a URL of doi.org, dx.doi.org or a Zenodo record; in upper or lower case, with
        blanks around it or its slash, in quotes or brackets, followed by a full stop, and percent-encoded.

    Returns
    -------
    str
        Bare, in lower case.

    Raises
    ------
    ValueError
        The text is not a DOI.

    Examples
    --------
    >>> parse_doi(" https://dx.doi.org/10.1016/J.Neuron.2019.01.001. ")
    '10.1016/j.neuron.2019.01.001'
    >>> parse_doi("https://zenodo.org/records/4011278"), parse_doi("doi:10.1016%2Fj.neuron.2019.01.001")
    ('10.5281/zenodo.4011278', '10.1016/j.neuron.2019.01.001')
    """
    bare, is_url = _without_prefixes(text) if len(text) <= _LONGEST else ("", False)
    if is_url:
        bare = re.split(r"[?#]", bare, maxsplit=1)[0].rstrip("/")
    if is_url or "/" not in bare:
        bare = unquote(bare)
    bare = re.sub(r"\s*/\s*", "/", bare, count=1)
    if not _SHAPE.fullmatch(bare):
        raise ValueError(f"expected {EXPECTED}")
    return bare.translate(_LOWER)


def stored_doi(text: str) -> str:
    """Return the stored form of a DOI; other texts, which published cards may contain, unchanged.

    Examples
    --------
    >>> stored_doi("doi:10.1117/12.348473"), stored_doi("to appear")
    ('10.1117/12.348473', 'to appear')
    """
    try:
        return parse_doi(text)
    except ValueError:
        return text


def doi_url(doi: str) -> str:
    """Return the one URL of a DOI in its stored form.

    Examples
    --------
    >>> doi_url("10.1002/(sici)1097-0193(1997)5:4<272::aid-hbm8>3.0.co;2-1")
    'https://doi.org/10.1002/(sici)1097-0193(1997)5:4%3C272::aid-hbm8%3E3.0.co;2-1'
    """
    return f"https://doi.org/{quote(doi, safe=_IN_URLS)}"


def doi_of_url(url: str) -> str:
    """Return the DOI that a URL of doi.org or of a Zenodo record names; empty for any other text."""
    is_candidate = any(pattern.match(url.strip()) for pattern in (_RESOLVER, _ZENODO_DOI, _ZENODO_RECORD))
    if not is_candidate:
        return ""
    try:
        return parse_doi(url)
    except ValueError:
        return ""


def _without_prefixes(text: str) -> tuple[str, bool]:
    """Return a text without labels, resolvers, quotes and full stops, and whether it was a URL."""
    bare, is_url = _strip_punctuation(text), False
    while True:
        record = _ZENODO_RECORD.fullmatch(bare)
        if record is not None:
            return f"10.5281/zenodo.{record[1]}", True
        shorter = _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare
        for resolver in (_RESOLVER, _ZENODO_DOI):
            if resolver.match(shorter):
                is_badge = resolver is _ZENODO_DOI
                shorter = resolver.sub("", shorter, count=1)
                shorter = re.sub(r"\.svg$", "", shorter, flags=re.IGNORECASE) if is_badge else shorter
                is_url = True
        if shorter == bare:
            return bare, is_url
        bare = _strip_punctuation(shorter)


def _strip_punctuation(text: str) -> str:
    """Remove blanks, quotes and brackets around a text, and punctuation after it; keep its own brackets."""
    while True:
        shorter = text.strip().strip(_BLANKS).rstrip(".,;")
        closing = _QUOTES.get(shorter[:1])
        if closing and shorter.endswith(closing):
            shorter = shorter[1:-1]
        if any(shorter.endswith(end) and shorter.count(begin) < shorter.count(end) for begin, end in ("()", "[]")):
            shorter = shorter[:-1]
        if shorter == text:
            return text
        text = shorter
