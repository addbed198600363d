"""One lock around netCDF files in this process, since HDF5 is not safe for threads.

xarray has a lock of its own, under which lazy arrays are read whenever somebody computes them. Whoever holds the lock
of this module holds that one too. Does not open files.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from brainio import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

# HDF5 keeps the buffers of some chunks and frees them together. Where they end the heap, glibc returns them to the
# system, and page faults bring them back: 80,000 for 150 MB, a fifth of the time of reading. It returns nothing up to
# twice the size of the largest block that it mapped outside the heap, as it does with large ones, and that was freed.
_HEAP_END_KEPT = 8 << 20


_XARRAY_LOCKS: tuple[Any, ...] = getattr(NETCDF4_PYTHON_LOCK, "locks", (NETCDF4_PYTHON_LOCK,))


class NetcdfLock:
    """A re-entrant lock that holds xarray's locks for netCDF files, which are not re-entrant, while anyone holds it.

    Pass it to xarray as `lock=` where files are opened under it. There is one, `NETCDF_LOCK`, also after pickling. A
    fork of the process waits for it.
    """

    def __init__(self) -> None:
        self._mine = threading.RLock()
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock.

        Parameters
        ----------
        blocking : bool, default True
            Wait until it is free.
        timeout : float, default -1
            Seconds to wait for each of the locks at most; -1 means no limit.

        Returns
        -------
        bool
            Whether the lock was acquired.

        Raises
        ------
        ForkError
            This process was forked while another thread was inside HDF5 for too long.
        """
        forks.require_intact(self)
        if not self._mine.acquire(blocking, timeout):
            return False
        if not self._depth and not _acquire_foreign(blocking, timeout):
            self._mine.release()
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock; it is free after as many calls as it was acquired."""
        self._depth -= 1
        if not self._depth:
            for lock in _XARRAY_LOCKS:
                lock.release()
        self._mine.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *args: object) -> None:
        self.release()

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> str:
        return "NETCDF_LOCK"


def _acquire_foreign(blocking: bool, timeout: float) -> bool:
    """Acquire xarray's locks, all or none: its combination of them would keep the first if the second is busy."""
    acquired: list[Any] = []
    for lock in _XARRAY_LOCKS:
        if not lock.acquire(blocking, timeout=timeout):
            for other in acquired:
                other.release()
            return False
        acquired.append(lock)
    return True


NETCDF_LOCK = forks.guard(NetcdfLock(), "HDF5")


@contextmanager
def hdf5_access() -> Iterator[None]:
    """Keep all other threads from netCDF files, those that read lazy arrays of xarray included.

    May be nested. Lazy arrays must not be computed within: threads of dask would wait for this one for ever. Nor may
    files be opened within by xarray under its own lock; hand it `lock=NETCDF_LOCK`.

    Examples
    --------
    >>> from netCDF4 import Dataset
    >>> with hdf5_access(), Dataset("memory.nc", "w", diskless=True) as file:
    ...     file.data_model
    'NETCDF4'
    """
    bytearray(_HEAP_END_KEPT)
    with NETCDF_LOCK:
        yield
