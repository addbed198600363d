"""Text of messages: escaped control characters, counts with nouns, suggestions for misspelled names.

Messages and logs quote catalogs, files and servers, whose texts must not control a terminal or forge a line of a log.
This module does not know where a text comes from or goes to. `logging` is imported with the first message of a logger,
so that commands without transfers start faster.
"""

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import logging

_BREAK = re.compile("\r\n|[\r\n\t]")

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)

_SHOWN = 5
_MAX_LENGTH = 100  # characters of a text in a message
_MOST_COMPARED = 10_000  # comparing the spelling of more takes seconds

# Pairs of letters to compare: the time grows with the square of the length of a name.
_MOST_PAIRS = 20_000_000


def printable(text: str) -> str:
    r"""Escape the characters of a text that control a terminal, change the direction of text, or cannot be seen.

    Among them are the control characters of C0 and C1 (all but line breaks and tabs), marks, embeddings and isolates of
    bidirectional text, line and paragraph separators, spaces of no width, and lone surrogates. Joiners of no width stay
    between letters that are not ASCII, where scripts and emoji need them.

    Examples
    --------
    >>> printable("V1\x1b[31m"), printable("a\u202eb")
    ('V1\\x1b[31m', 'a\\u202eb')
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda match: repr(match[0])[1:-1], text.replace("\r\n", "\n"))


def printable_line(text: str) -> str:
    r"""Return a text in one line, with the characters escaped that `printable` escapes.

    Examples
    --------
    >>> printable_line("V1\r\nV2\x07")
    'V1 V2\\x07'
    """
    return printable(_BREAK.sub(" ", text))


def printable_json(document: str) -> str:
    r"""Escape the same characters in a JSON document, which keeps its value.

    Examples
    --------
    >>> printable_json('["V1\u202e\x9b"]')
    '["V1\\u202e\\u009b"]'
    """
    if document.isascii() and "\x7f" not in document:
        return document
    return _HIDDEN.sub(_json_escape, document)


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def get_logger(name: str) -> "logging.Logger":
    """Return the logger of that name, whose messages are single lines without control characters.

    Examples
    --------
    >>> get_logger("brainio.cache").name
    'brainio.cache'
    """
    return cast("logging.Logger", _LazyLogger(name))


class _LazyLogger:
    """A logger that is created when it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        import logging

        logger = logging.getLogger(self._name)
        logger.addFilter(_make_printable)  # the logger ignores a filter that it already has
        return getattr(logger, attribute)


def _make_printable(record: "logging.LogRecord") -> bool:
    record.msg, record.args = printable_line(record.getMessage()), ()
    return True


def fault_of_text(text: str) -> str | None:
    r"""Describe the first character of a text that tables and file names cannot contain; None if all are valid.

    Such characters are NUL, which ends a text in many programs, and halves of surrogate pairs, which UTF-8 cannot
    represent: Python uses them for undecodable bytes in names of files.

    Examples
    --------
    >>> fault_of_text("V1\0"), fault_of_text("V1\ud800"), fault_of_text("V1")
    ('a NUL character', 'the lone surrogate U+D800', None)
    """
    if "\0" in text:
        return "a NUL character"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"the lone surrogate U+{ord(text[error.start]):04X}"
    return None


def shorten(text: str, length: int = _MAX_LENGTH, *, keep_end: bool = False) -> str:
    """Shorten a text to a number of characters with an ellipsis, at its end or in its middle.

    Examples
    --------
    >>> shorten("NeuroidAssembly", 8), shorten("dicarlo.MajajHong2015", 12, keep_end=True)
    ('Neuroid…', 'dicarl…g2015')
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2 if keep_end else 0
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def quantity(number: int, noun: str, plural: str | None = None) -> str:
    """Format a number with the noun that it counts.

    Examples
    --------
    >>> quantity(1, "neuroid"), quantity(1680, "neuroid"), quantity(0, "entry", "entries")
    ('1 neuroid', '1,680 neuroids', '0 entries')
    """
    return f"{number:,} {noun if number == 1 else plural or plural_of(noun)}"


def plural_of(noun: str) -> str:
    """Return the plural of a noun, such as the name of a dimension.

    Examples
    --------
    >>> plural_of("neuroid"), plural_of("neuroid_property"), plural_of("stimulus"), plural_of("box")
    ('neuroids', 'neuroid_properties', 'stimuli', 'boxes')
    """
    if noun.endswith("stimulus"):
        return f"{noun[:-2]}i"
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def share(part: int, whole: int, noun: str) -> str:
    """Format a part of a number of things.

    Examples
    --------
    >>> share(2, 3, "file"), share(1, 1, "file")
    ('2 of the 3 files', '1 of 1 file')
    """
    return f"{part:,} of {'' if whole == 1 else 'the '}{quantity(whole, noun)}"


def some(values: Iterable[object]) -> str:
    """Format the first five values, and the number of further ones.

    Examples
    --------
    >>> some(["V1", "V2"]), some(range(7))
    ("'V1', 'V2'", '0, 1, 2, 3, 4 and 2 more')
    """
    listed = list(values)
    shown = ", ".join(shorten(_quote(value)) for value in listed[:_SHOWN])
    return shown if len(listed) <= _SHOWN else f"{shown} and {len(listed) - _SHOWN:,} more"


def _quote(value: object) -> str:
    return repr(os.fspath(value) if isinstance(value, os.PathLike) else value)


def nearest(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """Return the known names that are most similar to a name, the best first.

    Names that contain it, or that it contains, come before names of similar spelling, and among them names of similar
    length first. Case does not matter.

    Parameters
    ----------
    name : str
        The requested name.
    known : iterable of str
        The existing names. The spelling is compared with at most 10,000 of similar length, and with fewer if the name
        is longer than 40 letters.
    most : int, default 5
        The greatest number of names to return.

    Examples
    --------
    >>> nearest('majajhong2015', ['dicarlo.MajajHong2015', 'tong.Coggan2024_fMRI'])
    ['dicarlo.MajajHong2015']
    >>> nearest('MajajHnog2015', ['MajajHong2015', 'Rust2012'])
    ['MajajHong2015']
    """
    from difflib import get_close_matches

    folded = name.lower()
    if not folded:
        return []
    originals: dict[str, str] = {}
    for original in filter(None, known):
        originals.setdefault(original.lower(), original)
    related = [other for other in originals if folded in other or other in folded]
    containing = sorted(related, key=lambda other: (abs(len(other) - len(folded)), other))
    similar_size = [other for other in originals if 2 * abs(len(other) - len(folded)) <= len(folded)]
    count = min(_MOST_COMPARED, _MOST_PAIRS // len(folded) ** 2)
    similar = get_close_matches(folded, similar_size[:count], n=most, cutoff=0.6)
    return [originals[other] for other in dict.fromkeys([*containing, *similar])][:most]
