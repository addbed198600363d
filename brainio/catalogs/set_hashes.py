"""The version of the stimulus set that an assembly was packaged with, as the hashes of the set's files.

Packaging stores the hashes in the assembly's file and on its card; loading looks up the version that has them.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from brainio.catalogs.entries import Entry

CARD_FIELD = "stimulus_set_hashes"
_DIGITS = {40: "SHA-1", 64: "SHA-256"}
_HEX = frozenset("0123456789abcdef")


def set_hashes(stimulus_set: Entry) -> dict[str, str]:
    """Return the hash of each file of a stimulus set; empty where its catalog gives none for one of them.

    Parameters
    ----------
    stimulus_set : Entry
        From a catalog.

    Returns
    -------
    dict of str to str
        Part (`'csv'`, `'zip'`) -> SHA-1, or SHA-256 where the catalog gives no SHA-1.
    """
    hashes = {file.part: file.sha1 or file.sha256 for file in stimulus_set.files}
    return hashes if all(hashes.values()) else {}


def has_hashes(stimulus_set: Entry, hashes: Mapping[str, str]) -> bool:
    """Whether a catalog lists the files of a stimulus set with these hashes."""
    listed = {file.part: (file.sha1, file.sha256) for file in stimulus_set.files}
    return all(digest in listed.get(part, ()) for part, digest in hashes.items())


def format_hashes(hashes: Mapping[str, str]) -> str:
    """Return hashes as the text that files of assemblies hold.

    Examples
    --------
    >>> format_hashes({"csv": "a" * 40, "zip": "b" * 40})[:8]
    'csv:aaaa'
    """
    return " ".join(f"{part}:{digest}" for part, digest in sorted(hashes.items()))


def parse_hashes(text: str) -> dict[str, str]:
    """Return the hashes that a file of an assembly holds.

    Raises
    ------
    ValueError
        The text has another form.

    Examples
    --------
    >>> sorted(parse_hashes(format_hashes({"csv": "a" * 40, "zip": "b" * 40})))
    ['csv', 'zip']
    """
    hashes = {part: digest.lower() for part, _, digest in (item.partition(":") for item in text.split())}
    if not _is_valid(hashes):
        raise ValueError(f"brainio_set_hashes is {text[:200]!r}; expected 'csv:SHA1 zip:SHA1' with hexadecimal digits")
    return hashes


def hashes_on_card(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes on the card of an assembly; empty where it has none, or a malformed field."""
    hashes = card.get(CARD_FIELD)
    return dict(hashes) if _is_valid(hashes) else {}


def _is_valid(value: object) -> TypeGuard[Mapping[str, str]]:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and {*value} <= {"csv", "zip"}
        and all(isinstance(text, str) and len(text) in _DIGITS and _HEX.issuperset(text) for text in value.values())
    )


def describe_hashes(hashes: Mapping[str, str]) -> str:
    """Return hashes as messages show them, such as `'csv file with the SHA-1 0beec7b5..., zip file ...'`."""
    return ", ".join(f"{part} file with the {_DIGITS[len(digest)]} {digest}" for part, digest in sorted(hashes.items()))
