"""Redaction of secrets in texts: names, passwords, tokens and signatures in URLs.

Messages and logs quote locations only in this form.
"""

import re

# A name and password before a host; the second form allows unquoted reserved characters, but no port.
_USER = re.compile(r"(?<=://)(?:[^\s/?#]*@|[^\s/?#@:\[\]]+:(?!\d*(?:[/?#\s]|$))\S*@)")
_WORD = re.compile(r"\S+")
_QUERY = re.compile(r"(?<=\S)([?#])(\S+)")
_NAME = re.compile(r"[\w.-]{1,64}")
_TOKEN = re.compile(r"brainio_[0-9A-Fa-f]{16,}")  # also of a token that was cut


def redact(text: str) -> str:
    """Remove the user names, passwords, tokens and signatures from the URLs in a text.

    The names of a query stay, and its values are removed, since any of them may be a secret. Tokens of a catalog
    service are removed everywhere.

    Parameters
    ----------
    text : str
        A URL, or a message that quotes URLs.

    Examples
    --------
    >>> redact("https://me:secret@lab.org/a.csv?X-Amz-Expires=60&X-Amz-Signature=ab12 was refused")
    'https://lab.org/a.csv?X-Amz-Expires=...&X-Amz-Signature=... was refused'
    """
    without = _WORD.sub(_remove_user, text) if "@" in text else text
    return without_tokens(
        _QUERY.sub(lambda query: query[1] + "&".join(map(_redact_value, query[2].split("&"))), without)
    )


def _remove_user(word: re.Match[str]) -> str:
    """Remove names and passwords from a word; they end at its last "@"."""
    end = word[0].rfind("@") + 1
    return _USER.sub("", word[0][:end]) + word[0][end:]


def without_tokens(text: str) -> str:
    """Return a text without tokens of a catalog service; everything else stays.

    Examples
    --------
    >>> without_tokens(f"is brainio_{'0f' * 32} right?")
    'is brainio_... right?'
    """
    return _TOKEN.sub("brainio_...", text) if "brainio_" in text else text


def _redact_value(part: str) -> str:
    name, _, value = part.partition("=")
    return f"{name}=..." if value.strip("=") and _NAME.fullmatch(name) else "..."
