"""Access to the local cache: its configuration from the environment, and reads that survive concurrent pruning.

A reader takes no locks, so another process can remove a file between finding and opening it. `retry_if_pruned` then
repeats the work under a hold (`brainio.cache.holds`), during which others remove no content.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from brainio.cache import Cache
from brainio.cache.files import log_once, translate_read_errors
from brainio.cache.holds import hold
from brainio.errors import FormatError, TransferError
from brainio.local_files import Fingerprint, absolute_path, home_folder

T = TypeVar("T")
BRAINIO_SHARED = "BRAINIO_SHARED"
_CONFIGURATIONS = 8  # more than one process uses: the tests and notebooks that redirect the cache use a few
_ATTEMPTS = 20  # each lost attempt needs a removal that began before the hold
_LONGEST_WAIT = 0.05  # seconds, in which such removals end


def get_local_data_path() -> str:
    """Return the folder of the cache: the environment variable `BRAINIO_HOME`, by default `~/.brainio`."""
    from brainio import fetch  # tests of other projects set its attribute to redirect the cache

    if fetch._local_data_path is not None:
        return os.fspath(fetch._local_data_path)
    return str(home_folder())


def shared_caches() -> list[Path]:
    """Return the read-only caches to search first: the folders in `BRAINIO_SHARED`, separated as in `PATH`.

    A missing folder, probably a spelling mistake, is logged once.
    """
    names = os.environ.get(BRAINIO_SHARED, "").split(os.pathsep)
    folders = [absolute_path(folder) for folder in names if folder]
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112 - a Path raises without permission to look
            log_once(folder, f"is not a reachable folder, but {BRAINIO_SHARED} names it")
    return folders


def local_cache() -> Cache:
    """Return the cache that the environment configures now; one object per configuration."""
    return _open_cache(Path(get_local_data_path()), tuple(shared_caches()))


# A cache object holds paths only, so that threads and forked processes share it safely.
_open_cache = lru_cache(_CONFIGURATIONS)(Cache)


def retry_if_pruned(work: Callable[[], T]) -> T:
    """Do work that fetches and reads cached files; repeat it if another process removed one of them meanwhile.

    Parameters
    ----------
    work : function
        Finds or fetches the files itself, so that it can be repeated.

    Raises
    ------
    CacheError
        The operating system cannot read one of the files.
    """
    with translate_read_errors("A file of the cache"):
        try:
            return work()
        except Exception as error:
            if not is_missing_file_error(error):
                raise
        with hold(local_cache().root):
            retrying = Retrying(
                retry=retry_if_exception(is_missing_file_error),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random(0, _LONGEST_WAIT),
                reraise=True,
            )
            return retrying(work)


def is_missing_file_error(error: BaseException) -> bool:
    """Return whether an error was caused by a missing local file, rather than by a store that lacks a file."""
    causes = list(_causes(error))
    is_missing = any(isinstance(cause, FileNotFoundError) for cause in causes)
    return is_missing and not any(isinstance(cause, TransferError) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def read_if_unchanged(read: Callable[[Path], T], path: Path) -> T:
    """Read a cached file.

    Raises
    ------
    FileNotFoundError
        Reading failed, and the file was removed or replaced meanwhile: the error is not about its bytes.
    """
    before = Fingerprint.of(path)
    try:
        return read(path)
    except (FormatError, OSError, RuntimeError):
        if Fingerprint.of(path) != before:
            raise FileNotFoundError(f"{path} was replaced while it was read") from None
        raise


@contextmanager
def prevent_pruning() -> Iterator[None]:
    """Prevent other processes from pruning the cache during an operation that reports missing files as findings."""
    with hold(local_cache().root):
        yield
