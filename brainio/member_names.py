"""Names of the files of a stimulus set: their stored spelling, and lookup of other spellings.

Tables, archives and folders spell a name in several ways: with `./` or doubled slashes; with accents as one character
(NFC) or two (NFD, on macOS); in archives without the flag for UTF-8, as cp437. Knows no archive and no table.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_PATH, _MOST_FOLDERS, _LONGEST_PART = 1024, 32, 255  # bytes, except the second; each folder is remembered
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def normalized_name(name: str) -> str:
    r"""Return the spelling of a name under which packaging stores a file: NFC, without `.` and doubled slashes.

    Examples
    --------
    >>> normalized_name("./faces//a.png"), normalized_name("cafe\u0301.png") == "caf\xe9.png"
    ('faces/a.png', True)
    """
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return path.as_posix() if path.parts else ""


def fault_of_name(name: str) -> str | None:
    """Return the reason why a file may not be unpacked under a name; None if it may."""
    faults = (
        ("\0" in name, "its name holds a NUL character"),
        (_CONTROLS.search(name), "its name holds a control character"),
        ("\\" in name, "its name holds a backslash"),
        (name.startswith("/") or re.match(r"[A-Za-z]:", name), "its name is absolute"),
        (".." in name.split("/"), "its name holds '..'"),
        (not PurePosixPath(name).parts and not name.endswith("/"), "its name is empty"),
        (len(os.fsencode(name)) > _LONGEST_PATH, f"its path is longer than {_LONGEST_PATH} bytes"),
        (name.count("/") > _MOST_FOLDERS, f"its path has more than {_MOST_FOLDERS} folders"),
        (
            any(len(os.fsencode(part)) > _LONGEST_PART for part in name.split("/")),
            f"its name is longer than {_LONGEST_PART} bytes",
        ),
    )
    return next((fault for found, fault in faults if found), None)


def leaves_folder(name: str) -> bool:
    """Whether a name is empty, or leaves the folder that it is relative to, on any system."""
    if name[:1] not in "/\\" and ":" not in name and ".." not in name and "\0" not in name:
        return not name  # fast path for nearly every name
    windows = PureWindowsPath(name)
    return "\0" in name or PurePosixPath(name).is_absolute() or bool(windows.anchor) or ".." in windows.parts


def path_below(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, in the Unicode normalization form of the existing file.

    Only names that are not ASCII need a look at the disk.
    """
    path = folder / name
    if name.isascii() or path.exists():
        return path
    forms = (folder / unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return next((other for other in forms if other.exists()), path)


class MemberNames:
    r"""The members of an archive by name, independent of the Unicode form and the path separators of the name.

    An exact match always wins. Otherwise the normalized spellings are compared, also with the name as UTF-8 in an
    archive that lacks the flag for it; a name that matches several members has no result.

    Parameters
    ----------
    members : iterable of str
        Names in the archive.

    Examples
    --------
    >>> names = MemberNames(["faces/a.png", "cafe\u0301.png", "Mu\u0308ller.png".encode().decode("cp437")])
    >>> names.find("./faces//a.png"), names.find("caf\xe9.png") == "cafe\u0301.png", names.find("M\xfcller.png") is None
    ('faces/a.png', True, False)
    """

    def __init__(self, members: Iterable[str]) -> None:
        self._members = frozenset(members)
        self._by_spelling: dict[str, str | None] | None = None

    def find(self, name: str) -> str | None:
        """Return the member of a name; None if no member, or more than one, matches."""
        if name in self._members:
            return name
        if self._by_spelling is None:
            by_spelling = _unambiguous(map(_as_utf8, self._members))
            self._by_spelling = by_spelling | _unambiguous(
                (normalized_name(member), member) for member in self._members
            )
        return self._by_spelling.get(normalized_name(name))


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for spelling, member in pairs:
        found[spelling] = None if spelling in found else member
    return found


def _as_utf8(member: str) -> tuple[str, str]:
    """Return the spelling of a member of an archive that lacks the flag for UTF-8, which is read as cp437."""
    try:
        return normalized_name(member.encode("cp437").decode()), member
    except UnicodeError:
        return normalized_name(member), member
