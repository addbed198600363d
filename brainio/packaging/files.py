"""Gives a file its name when all of it is written, and hashes it while it is written. Knows no format."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from brainio import processes
from brainio.cache.incoming_files import Hasher
from brainio.errors import BrainioError, PackagingError
from brainio.local_files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 1 << 20  # bytes that are worth a call of the system
_MOST = 1 << 26  # bytes that may wait in memory for what comes before them
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def in_one_step(target: Path) -> Iterator[Path]:
    """Give a temporary name beside `target`; the target is replaced when the block ends, and left alone if it fails.

    Parameters
    ----------
    target : Path
        In a folder that exists.
    """
    with writing_in(target.parent), atomic_path(target, durable=False) as temporary:  # can be packaged again
        yield temporary


@contextmanager
def writing_in(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into a PackagingError that names the cause, and how to go on.

    Errors of this package and of connections pass.

    Raises
    ------
    PackagingError
        There was no space left, on the disk or of a quota; or a file could not be read or written for another reason.
    """
    try:
        yield
    except (BrainioError, ConnectionError):
        raise
    except OSError as error:
        reason = error.strerror or error
        if error.errno in _NO_SPACE:
            raise PackagingError(
                f"there is no space left to write in {folder} ({reason}). Nothing was stored; make room there and try "
                f"again, or write to a larger disk (set TMPDIR to a folder of it: packages are made there)."
            ) from error
        place = folder if error.filename is None else error.filename
        raise PackagingError(
            f"{place} could not be read or written ({reason}). Nothing was stored; check that it exists, its "
            f"permissions and its disk, and try again, or make the package in another folder (set TMPDIR to it)."
        ) from error


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for files that are not finished, and delete it at the end; also those of processes that are gone.

    Parameters
    ----------
    parent : Path, optional
        Where; by default as TMPDIR says.

    Raises
    ------
    PackagingError
        It could not be made, or a file in it could not be written.
    """
    with ExitStack() as stack:
        with writing_in(parent or Path(os.environ.get("TMPDIR") or "/tmp")):  # noqa: S108 (as `tempfile` does)
            folder = stack.enter_context(processes.temporary_folder(parent))
        stack.enter_context(writing_in(folder))
        yield folder


class HashedWriter:
    """Writes a file whose SHA-1 is known at its end, although its writer goes back over what it wrote last.

    `zipfile` writes the header of a member once more when it knows the size of the member. So what is written waits in
    memory until `settle`. What is too much for that, or changes in another way, goes to the file at once, and is read
    again to be hashed.

    Parameters
    ----------
    file : binary file
        Empty, open for writing and reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hasher = Hasher(["sha1"])
        self._pieces: dict[int, bytes] = {}  # what waits, by its place in the file
        self._hashed = self._end = self._position = 0
        self._is_direct = False

    def write(self, data: bytes) -> int:
        """Write at the current position."""
        is_new = self._position == self._end or len(self._pieces.get(self._position, b"")) == len(data)
        if not self._is_direct and (not is_new or self._end - self._hashed > _MOST):
            self._file.write(b"".join(self._pieces.values()))
            self._pieces, self._is_direct = {}, True
        if self._is_direct:
            self._file.seek(self._position)
            self._file.write(data)
        else:
            self._pieces[self._position] = data
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def tell(self) -> int:
        """Return the position: bytes from the start."""
        return self._position

    def seek(self, position: int) -> None:
        """Go to a position behind all that was settled."""
        self._position = position

    def flush(self) -> None:
        """Do nothing: what waits may still change."""

    def settle(self) -> None:
        """Say that what is written will not change any more."""
        if self._end - self._hashed >= _ENOUGH:
            self._hash_rest()

    def hexdigest(self) -> str:
        """Settle everything and return the SHA-1 of the file."""
        self._hash_rest()
        self._file.flush()
        return self._hasher.hexdigests()["sha1"]

    def close(self) -> None:
        """Let go of the thread that hashes; the file stays open."""
        self._hasher.close()

    def _hash_rest(self) -> None:
        if self._is_direct:
            self._file.seek(self._hashed)
            while chunk := self._file.read(_ENOUGH):
                self._hasher.update(chunk)
        else:
            joined = b"".join(self._pieces.values())
            self._hasher.update(joined)
            self._file.write(joined)
        self._pieces, self._hashed, self._is_direct = {}, self._end, False
