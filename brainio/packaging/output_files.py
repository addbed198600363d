"""Output files of packaging: written atomically, in temporary folders, with errors that name the next step."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brainio import processes
from brainio.errors import BrainioError, PackagingError
from brainio.local_files import absolute_path, atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Give the path of a temporary file next to `target` that replaces it at the end of the block, unless that fails.

    Parameters
    ----------
    target : Path
        Its folder must exist.

    Raises
    ------
    PackagingError
        The file could not be written; see `explain_os_errors`.
    """
    # Not durable: after a power failure the package can be created again.
    with explain_os_errors(target.parent), atomic_path(target, durable=False) as temporary:
        yield temporary


@contextmanager
def explain_os_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into a PackagingError that names the cause and the next step.

    Errors of brainio and connection errors are raised unchanged.

    Parameters
    ----------
    folder : Path
        The folder that is written to.

    Raises
    ------
    PackagingError
        The disk or a quota has no space left, or a file could not be read or written for another reason.
    """
    try:
        yield
    except (BrainioError, ConnectionError):
        raise
    except OSError as error:
        reason = error.strerror or error
        if error.errno in _NO_SPACE:
            raise PackagingError(
                f"there is no space left to write in {folder} ({reason}). Nothing was stored; free some space and try "
                f"again, or set TMPDIR to a folder on a larger disk: packages are created there."
            ) from error
        path = folder if error.filename is None else error.filename
        raise PackagingError(
            f"{path} could not be read or written ({reason}). Nothing was stored; check that it exists, its "
            f"permissions and its disk, and try again, or set TMPDIR to another folder: packages are created there."
        ) from error


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Create a folder for unfinished files and delete it at the end; also delete those of dead processes.

    Parameters
    ----------
    parent : Path, optional
        The folder to create it in; by default that of the environment variable TMPDIR.

    Raises
    ------
    PackagingError
        The folder could not be created, or a file in it could not be written.
    """
    with ExitStack() as stack:
        with explain_os_errors(parent or Path(os.environ.get("TMPDIR") or "/tmp")):  # noqa: S108 (as `tempfile` does)
            folder = stack.enter_context(processes.temporary_folder(parent))
        stack.enter_context(explain_os_errors(folder))
        yield folder


def output_folder(downloads_path: str | os.PathLike[str] | None) -> Path:
    """Return the folder for packages that are uploaded by hand; create it if needed.

    Parameters
    ----------
    downloads_path : path, optional
        The folder; by default `~/Downloads`.

    Raises
    ------
    PackagingError
        The folder cannot be created.
    """
    folder = absolute_path("~/Downloads" if downloads_path is None else downloads_path)
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
