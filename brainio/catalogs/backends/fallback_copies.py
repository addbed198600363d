"""The last good copy of each catalog that lies elsewhere: what serves while the catalog itself cannot be read.

Copies lie below `BRAINIO_HOME` and are named by the hash of their URL, which may hold a password. How a catalog is
read is the business of `sources`.
"""

import hashlib
import os
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from brainio.catalogs.csv_format import require_header
from brainio.catalogs.listing import shown
from brainio.catalogs.writing import replace_file
from brainio.errors import CatalogError, CatalogWarning, OfflineCatalogError
from brainio.home import BRAINIO_HOME, home_folder

FOLDER = "catalogs"
_PATIENCE = 5.0  # seconds that a catalog has to come in, where there is a copy of it


def copy_of(url: str) -> Path:
    """Return where the copy of a catalog lies, or would."""
    return home_folder() / FOLDER / f"{hashlib.sha256(url.encode()).hexdigest()}.csv"


def text_or_copy(url: str, read: Callable[[], str], *, patient: bool) -> str:
    """Return the text of a catalog, which is kept; of one that cannot be read the copy, with a CatalogWarning.

    Parameters
    ----------
    url : str
        Where the catalog lies.
    read : callable
        Reads it there, and raises CatalogError where that cannot be.
    patient : bool
        Whether it is waited for as long as `read` tries, also where there is a copy.

    Raises
    ------
    CatalogError
        It cannot be read, or is no catalog, and there is no copy.
    """
    path = copy_of(url)
    known = _known(path, url)

    def read_and_keep() -> str:
        text = read()
        require_header(text, shown(url))
        _keep(path, text, known)
        return text

    try:
        return read_and_keep() if known is None or patient else _soon(read_and_keep, url)
    except CatalogError as error:
        if known is None:
            if isinstance(error, OfflineCatalogError):
                raise OfflineCatalogError(f"{error} No copy of it is kept below {BRAINIO_HOME} yet.") from error
            raise
        warnings.warn(f"{str(error).rstrip('.')}; the copy of {_day(path)} is used", CatalogWarning, stacklevel=2)
        return known


def _soon(work: Callable[[], str], url: str) -> str:
    """Return what work gives soon; what comes later is kept for the next time."""
    done: Future[str] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # whoever waits for it gets it
            done.set_exception(error)

    # Not of a pool, which would be waited for when the program ends.
    threading.Thread(target=run, name="brainio-catalog", daemon=True).start()
    try:
        return done.result(_PATIENCE)
    except TimeoutError:
        raise CatalogError(f"the catalog at {shown(url)} did not come within {_PATIENCE:g} s") from None


def _known(path: Path, url: str) -> str | None:
    """Return a copy; None where there is none that can be read."""
    try:
        text = path.read_bytes().decode("utf-8")
        require_header(text, shown(url))
    except (OSError, UnicodeDecodeError, CatalogError):
        return None
    return text


def _keep(path: Path, text: str, known: str | None) -> None:
    """Write a copy, or note that it is as good as new; where nothing can be written nothing is kept."""
    with suppress(OSError):
        if text == known:
            os.utime(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text)


def _day(path: Path) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    except OSError:
        return "an unknown day"
