"""Local files: paths as users write them, fingerprints, atomic writes, and opening of regular files.

`home_folder` is the folder that holds the cache and all other files of brainio. Knows no format and no store. The
content-addressed store of the cache has its own protocol, since a download resumes where an earlier one stopped.
"""

import errno
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from brainio.errors import CacheError, LocationError
from brainio.processes import PART, remove_leftovers, this_process
from brainio.text import shorten

BRAINIO_HOME = "BRAINIO_HOME"
_LONGEST_PATH, _LONGEST_NAME = 4096, 255  # bytes, on every file system that is promised

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def home_folder() -> Path:
    """Return the folder that the environment variable `BRAINIO_HOME` names, by default `~/.brainio`; it may not exist.

    Raises
    ------
    CacheError
        The user has no home folder, as in a container that runs under an arbitrary user ID, or the path is relative to
        a working folder that was deleted. The message names `BRAINIO_HOME`.

    Examples
    --------
    >>> home_folder() == Path(os.environ.get("BRAINIO_HOME") or "~/.brainio").expanduser().absolute()
    True
    """
    try:
        return absolute_path(os.environ.get(BRAINIO_HOME) or "~/.brainio")
    except LocationError as error:
        raise CacheError(
            f"{error}. Set {BRAINIO_HOME} to an absolute path that may be written, such as /tmp/brainio"
        ) from error


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return the absolute form of a path that a user wrote, with `~` and `~USER` expanded; it may not exist.

    Raises
    ------
    LocationError
        The text cannot be a path, the home folder is unknown, or the path is relative to a deleted working folder.

    Examples
    --------
    >>> absolute_path("/data/../lab.csv")
    PosixPath('/data/../lab.csv')
    """
    require_possible_path(path)
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        user = f"the user ID {os.getuid()}" if hasattr(os, "getuid") else "this user"
        is_own = Path(path).parts[0] == "~"
        reason = f"no home folder is known for {user}, and HOME is not set" if is_own else "there is no such user"
        raise LocationError(f"{str(path)!r} cannot be expanded: {reason}") from error
    except FileNotFoundError as error:
        raise LocationError(f"{str(path)!r} is relative, and the working folder was deleted") from error


def require_possible_path(path: str | os.PathLike[str]) -> None:
    """Check that a text can be a path, so that the operating system raises no errors of its own.

    Raises
    ------
    LocationError
        The text contains a NUL character, or it or one of its parts is too long.

    Examples
    --------
    >>> require_possible_path("lab.csv")
    """
    text = os.fspath(path)
    if "\0" in text:
        raise LocationError(f"{shorten(text)!r} can be no path: it holds a NUL character")
    if len(text) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in Path(text).parts):
        raise LocationError(
            f"{shorten(text)!r} can be no path: it has {len(text):,} characters; a path has at most "
            f"{_LONGEST_PATH:,}, each part of it {_LONGEST_NAME}"
        )


class Fingerprint(NamedTuple):
    """The identity and status of a local file, which stay the same while its bytes do; compare for equality only.

    A program can restore the modification time after a write, but not the ctime: the kernel sets it at every change of
    bytes, mode, owner, name or link count.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Return the current fingerprint of a file or folder.

        Raises
        ------
        OSError
            It does not exist, or its folder cannot be read.
        """
        return cls.from_status(os.stat(path))  # noqa: PTH116 (called at every lookup: no Path is built)

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> Self | None:
        """Return the current fingerprint of a file or folder; None if it is missing or its status cannot be read."""
        try:
            return cls.of(path)
        except (OSError, ValueError):  # ValueError: the path contains a null character
            return None

    @classmethod
    def from_status(cls, status: os.stat_result) -> Self:
        """Return the fingerprint in the result of `os.stat` or `os.fstat`."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def portable(self) -> tuple[int, int, int, int]:
        """The fingerprint without the device number, which differs between machines that mount one file system."""
        return self.inode, self.size, self.mtime_ns, self.ctime_ns

    def differs_in_ctime_only(self, other: "Fingerprint") -> bool:
        """Whether the other fingerprint may be of the same bytes after a chmod, a rename or a link."""
        return self != other and self._replace(ctime_ns=other.ctime_ns) == other

    def has_contents_of(self, other: "Fingerprint") -> bool:
        """Whether size and modification time are equal, so that both may be copies of one state of a file."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


@contextmanager
def atomic_path(
    target: Path, *, temporary: Path | None = None, replace: bool = True, durable: bool = True
) -> Iterator[Path]:
    """Yield a temporary path, and rename the file that the block writes there to its target.

    Readers of the target see the old file or the complete new one, never a part. If the block raises an error, the
    target stays as it was, and the temporary file is removed. Temporary files that killed processes left next to the
    target are removed as well.

    Parameters
    ----------
    target : Path
        In an existing folder. The new file has the mode that the umask gives; a symbolic link is replaced.
    temporary : Path, optional
        On the same file system as the target. Default: a hidden file with a unique name next to it.
    replace : bool, default True
        If False, a file that exists at the target stays, and `FileExistsError` is raised.
    durable : bool, default True
        Flush the file and its folder to the disk, so that a loss of power leaves the old file or the new one. False is
        for files that can be written again at any time, and need not slow down anybody.

    Raises
    ------
    FileExistsError
        `replace` is False, and the target exists.
    OSError
        The file cannot be written or renamed.

    Examples
    --------
    >>> target = Path("result.txt")
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("complete")
    >>> target.read_text(), list(Path().glob(".result*"))
    ('complete', [])
    """
    with _removed_afterwards(temporary or _temporary_path(target)) as path:
        yield path
        _move(path, target, replace=replace, durable=durable)


def write_file(
    target: Path,
    content: str | bytes,
    *,
    check: Callable[[], bool] = lambda: True,
    temporary: Path | None = None,
    durable: bool = True,
) -> bool:
    r"""Write a file in one atomic step; see `atomic_path`.

    Parameters
    ----------
    target : Path
        In an existing folder.
    content : str or bytes
        Text is encoded as UTF-8; line ends stay as they are.
    check : callable, optional
        Called when the content is on the disk, just before the rename. If it returns False, the target stays as it was.
    temporary, durable
        As for `atomic_path`.

    Returns
    -------
    bool
        Whether the target has the new content.

    Examples
    --------
    >>> write_file(Path("table.csv"), "a,b\n"), write_file(Path("table.csv"), "", check=lambda: False)
    (True, False)
    """
    with _removed_afterwards(temporary or _temporary_path(target)) as path:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        if durable:
            _sync(path)
        if not check():
            return False
        path.replace(target)
    if durable:
        sync_folder(target.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, if its file system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _temporary_path(target: Path) -> Path:
    """Return a unique hidden path next to a file, by which others see whether its process is gone."""
    remove_leftovers(target.parent, f".*{PART}")
    # A name may have 255 bytes, and a character up to four of them.
    return target.with_name(f".{target.name[:40]}.{this_process().tag}-{secrets.token_hex(8)}{PART}")


@contextmanager
def _removed_afterwards(path: Path) -> Iterator[Path]:
    try:
        yield path
    finally:
        with suppress(OSError):  # an error of the block is more important
            path.unlink(missing_ok=True)


def _move(path: Path, target: Path, *, replace: bool, durable: bool) -> None:
    if durable:
        _sync(path)
    if replace:
        path.replace(target)
    else:
        _link(path, target)
    if durable:
        sync_folder(target.parent)


def _link(path: Path, target: Path) -> None:
    """Give a file a name that no file has; a rename would replace the other file."""
    try:
        target.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.replace(target)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:  # some systems flush a file only through a writable descriptor
        os.fsync(file.fileno())


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading bytes, without a buffer.

    Parameters
    ----------
    path : path
        A file, or a link to one.

    Raises
    ------
    OSError
        The path leads to a pipe, a device or a socket (no `errno`), or a folder (`IsADirectoryError`); or the file
        cannot be opened.

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
    """Return the kind of a path that leads to a pipe, a device or a socket; None for anything else.

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
    """Open a file without waiting: opening a pipe that has no writer would block."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    kind = _kind(os.fstat(descriptor).st_mode)
    if kind is not None:
        os.close(descriptor)
        raise OSError(f"{path}: expected a regular file, found {kind}")
    return descriptor


def _kind(mode: int) -> str | None:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), None)
