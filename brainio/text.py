"""Texts from catalogs, files and servers: show them without effects, and recognize those that cannot be stored.

This module knows nothing about where a text comes from or goes to.
"""

from collections.abc import Iterable

_SHOWN = 5
_LONGEST = 100  # characters of a text in a message


def printable(text: str) -> str:
    r"""Return a text of somebody's file that does not control the terminal.

    Examples
    --------
    >>> printable("V1\x1b[31m")
    'V1 [31m'
    """
    return "".join(one if one.isprintable() else " " for one in text)


def fault_of_text(text: str) -> str | None:
    r"""Describe the first character of a text that no table or file name may hold; None if there is none.

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


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Cut a text to a number of characters; an ellipsis shows that there was more.

    Examples
    --------
    >>> shortened("a" * 200, 10)
    'aaaaaaa...'
    """
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def some(values: Iterable[object]) -> str:
    """Show the first five values, and how many more there are.

    Examples
    --------
    >>> some(["V1", "V2"]), some(range(7))
    ("'V1', 'V2'", '0, 1, 2, 3, 4 and 2 more')
    """
    listed = list(values)
    shown = ", ".join(shortened(repr(value)) for value in listed[:_SHOWN])
    return shown if len(listed) <= _SHOWN else f"{shown} and {len(listed) - _SHOWN:,} more"
