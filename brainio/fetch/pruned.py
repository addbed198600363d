"""Reading cached files while other processes prune the cache: a file that was removed is fetched again.

A reader takes no locks, so it can lose a file between finding and opening it. It then starts over under a hold
(`brainio.cache.holds`), during which others remove no content. Errors about files that are present are raised.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from brainio.cache.files import reading
from brainio.cache.holds import hold
from brainio.errors import FormatError, TransferError
from brainio.fetch.home import local_cache
from brainio.local_files import Fingerprint

T = TypeVar("T")
_ATTEMPTS = 20  # each lost attempt needs a removal that began before the hold
_LONGEST_WAIT = 0.05  # seconds, in which such removals end


def retry_if_pruned(work: Callable[[], T]) -> T:
    """Do work that fetches and reads cached files; start over if another process removed one of them meanwhile.

    Parameters
    ----------
    work : function
        Finds or fetches the files itself, so that it can be repeated.

    Raises
    ------
    CacheError
        The operating system cannot read one of the files.
    """
    with reading("A file of the cache"):
        try:
            return work()
        except Exception as error:
            if not is_gone(error):
                raise
        with hold(local_cache().root):
            again = Retrying(
                retry=retry_if_exception(is_gone),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random(0, _LONGEST_WAIT),
                reraise=True,
            )
            return again(work)


def is_gone(error: BaseException) -> bool:
    """Return whether an error was caused by a missing local file, rather than by a store that lacks a file."""
    causes = list(_causes(error))
    is_missing = any(isinstance(cause, FileNotFoundError) for cause in causes)
    return is_missing and not any(isinstance(cause, TransferError) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def read_present(read: Callable[[Path], T], path: Path) -> T:
    """Read a cached file.

    Raises
    ------
    FileNotFoundError
        The file was removed or replaced while it was opened, whatever error a library raised about its bytes.
    """
    before = Fingerprint.of(path)
    try:
        return read(path)
    except (FormatError, OSError, RuntimeError):
        if Fingerprint.of(path) != before:
            raise FileNotFoundError(f"{path} was replaced while it was read") from None
        raise


@contextmanager
def keep_cached() -> Iterator[None]:
    """Keep other processes from pruning the cache during an operation that reports missing files as findings."""
    with hold(local_cache().root):
        yield
