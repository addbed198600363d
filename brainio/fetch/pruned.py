"""Reading files of the cache while other processes prune it: what goes away in between is asked for once more.

Whoever found a file can lose it before it is open. Then the work is done again from the start, which fetches the file
again. What is wrong with files that are there is passed on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from brainio.cache.files import reading
from brainio.cache.records import fingerprint
from brainio.errors import FormatError, TransferError

T = TypeVar("T")
_TRIES = 9  # more than a cache is pruned at once


def though_pruned(work: Callable[[], T]) -> T:
    """Do work on files of the cache, and again from the start when one of them was taken away meanwhile.

    Raises
    ------
    CacheError
        The operating system cannot read one of them.
    """
    with reading("A file of the cache"):
        return Retrying(retry=retry_if_exception(is_gone), stop=stop_after_attempt(_TRIES), reraise=True)(work)


def is_gone(error: BaseException) -> bool:
    """Whether an error says that a file of the cache is not there, rather than one of a store."""
    gone = isinstance(error, FileNotFoundError) or isinstance(error.__cause__, FileNotFoundError)
    return gone and not isinstance(error, TransferError)


def read_present(read: Callable[[Path], T], path: Path) -> T:
    """Read a file; one that goes while it is opened is a FileNotFoundError, whatever a library says of its bytes."""
    before = fingerprint(path)
    try:
        return read(path)
    except FormatError:
        if fingerprint(path) != before:
            raise FileNotFoundError(f"{path} was replaced while it was read") from None
        raise
