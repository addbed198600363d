"""Fallback copies: the last good text of each remote catalog, used while the catalog itself cannot be read.

Copies are stored below `BRAINIO_HOME`; their names are hashes of the URLs, which may contain passwords.
"""

import hashlib
import os
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from brainio.catalogs.csv_format import require_header
from brainio.errors import CatalogError, CatalogWarning, OfflineCatalogError
from brainio.local_files import BRAINIO_HOME, home_folder, write_file

FOLDER = "catalogs"
_PATIENCE = 5.0  # seconds that a catalog has to respond if there is a copy of it


def copy_path(url: str) -> Path:
    """Return the path of the copy of a catalog, which need not exist."""
    return home_folder() / FOLDER / f"{hashlib.sha256(url.encode()).hexdigest()}.csv"


def read_or_fall_back(url: str, name: str, read: Callable[[], str], *, is_patient: bool) -> str:
    """Read a catalog and store a copy of its text; if it cannot be read, return the copy with a CatalogWarning.

    Parameters
    ----------
    url : str
        The location of the catalog.
    name : str
        Its location without secrets, for messages.
    read : callable
        Reads the catalog from its location; raises CatalogError on failure.
    is_patient : bool
        Whether to wait as long as `read` takes even if there is a copy.

    Raises
    ------
    CatalogError
        The catalog cannot be read or is malformed, and there is no copy.
    """
    path = copy_path(url)
    copy = _read_copy(path, name)

    def read_and_store() -> str:
        text = read()
        require_header(text, name)
        _store_copy(path, text, copy)
        return text

    try:
        return read_and_store() if copy is None or is_patient else _run_with_timeout(read_and_store, name)
    except CatalogError as error:
        if copy is None:
            if isinstance(error, OfflineCatalogError):
                raise OfflineCatalogError(f"{error} There is no copy of it below {BRAINIO_HOME} yet.") from error
            raise
        warnings.warn(
            f"{str(error).rstrip('.')}; brainio uses the copy of {_format_date(path)}", CatalogWarning, stacklevel=2
        )
        return copy


def _run_with_timeout(read: Callable[[], str], name: str) -> str:
    """Return the result of `read` if it arrives in time; a later result is stored for the next process."""
    from concurrent.futures import Future  # it imports logging, which a listing does not need

    result: Future[str] = Future()

    def run() -> None:
        try:
            result.set_result(read())
        except BaseException as error:  # raised in the thread that waits
            result.set_exception(error)

    # A thread of a pool would delay the exit of the program.
    threading.Thread(target=run, name="brainio-catalog", daemon=True).start()
    try:
        return result.result(_PATIENCE)
    except TimeoutError:
        raise CatalogError(f"the catalog at {name} did not respond within {_PATIENCE:g} s") from None


def _read_copy(path: Path, name: str) -> str | None:
    """Return the text of a copy; None if the file is missing or damaged."""
    try:
        text = path.read_bytes().decode("utf-8")
        require_header(text, name)
    except (OSError, UnicodeDecodeError, CatalogError):
        return None
    return text


def _store_copy(path: Path, text: str, known: str | None) -> None:
    """Write a copy, or update the time of an equal one; without a writable folder there is no copy."""
    with suppress(OSError):
        if text == known:
            os.utime(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text)


def _format_date(path: Path) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    except OSError:
        return "an unknown day"
