"""Opening files that somebody named: regular files only, so that no pipe or device makes a program wait forever."""

import io
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading bytes, without a buffer.

    Parameters
    ----------
    path : path
        Of the file, or of a link to one.

    Raises
    ------
    OSError
        It is a pipe, a device or a socket (without an `errno`), a folder (`IsADirectoryError`), or cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("notes.txt").write_bytes(b"three words here")
    16
    >>> with open_regular("notes.txt") as file:
    ...     file.read(5)
    b'three'
    """
    return io.FileIO(os.fspath(path), "r", opener=_open)


def irregular_kind(path: str | os.PathLike[str]) -> str | None:
    """Name what a path leads to if it is a pipe, a device or a socket; None for anything else.

    Examples
    --------
    >>> irregular_kind("/dev/null"), irregular_kind("/dev")
    ('a device', None)
    """
    try:
        return _kind(Path(path).stat().st_mode)
    except OSError:
        return None


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a regular file; raises as `open_regular` does."""
    with open_regular(path) as file:
        return file.readall()


def _open(path: str, flags: int) -> int:
    """Open a file without waiting, which a pipe without a writer would make any other program do."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    kind = _kind(os.fstat(descriptor).st_mode)
    if kind is not None:
        os.close(descriptor)
        raise OSError(f"{path}: expected a regular file, found {kind}")
    return descriptor


def _kind(mode: int) -> str | None:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), None)
