"""Files of this machine: opening regular files only, and the fingerprints that change with their contents.

No pipe or device makes a program wait forever.
"""

import io
import os
import stat
from pathlib import Path
from typing import NamedTuple

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class Fingerprint(NamedTuple):
    """The status of a file, which stays the same while its bytes do; compared for equality, never by order.

    A program can restore the modification time after a write, but not the ctime: the kernel sets it at every change of
    bytes, mode, owner, name or link count.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Fingerprint":
        """Return the fingerprint that the file at a path has now."""
        status = path.stat()
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def differs_in_ctime_only(self, other: "Fingerprint") -> bool:
        """Whether the other one may be the same bytes after a chmod, a rename or a link."""
        return self != other and self._replace(ctime_ns=other.ctime_ns) == other

    def has_contents_of(self, other: "Fingerprint") -> bool:
        """Whether both may be states of one file: its size and modification time are equal."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


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
