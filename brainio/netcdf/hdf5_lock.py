"""Process-wide lock for netCDF files, since HDF5 is not thread-safe.

xarray reads lazy arrays under locks of its own, whenever they are computed. The lock of this module also acquires
those. Opens no file.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brainio import forks
from brainio.xarray_compat import NETCDF4_PYTHON_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

# HDF5 frees the buffers of several chunks together. If they are at the end of the heap, glibc returns them to the
# system, and page faults bring them back: 80,000 for 150 MB, a fifth of the time of reading. Allocating and freeing one
# large block raises the size up to which glibc keeps the end of the heap, to twice the size of the block.
_TRIM_BLOCK_BYTES = 8 << 20

_XARRAY_LOCKS: tuple[Any, ...] = getattr(NETCDF4_PYTHON_LOCK, "locks", (NETCDF4_PYTHON_LOCK,))


class NetcdfLock:
    """A re-entrant lock that also acquires xarray's locks for netCDF files, which are not re-entrant.

    Pass it to xarray as `lock=` if files are opened under it. The only instance is `NETCDF_LOCK`, also after pickling.
    A fork of the process waits for the lock.
    """

    def __init__(self) -> None:
        self._own_lock = threading.RLock()
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock.

        Parameters
        ----------
        blocking : bool, default True
            Whether to wait until the lock is free.
        timeout : float, default -1
            Maximum time to wait for each of the locks, in seconds; -1 waits without a limit.

        Returns
        -------
        bool
            Whether the lock was acquired.

        Raises
        ------
        ForkError
            This process was forked while another thread used HDF5 for too long.
        """
        if forks.lost_locks:
            forks.require_intact(self)
        if not self._own_lock.acquire(blocking, timeout):
            return False
        if not self._depth and not _acquire_xarray_locks(blocking, timeout):
            self._own_lock.release()
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock; it is free once it was released as often as it was acquired."""
        self._depth -= 1
        if not self._depth:
            for lock in _XARRAY_LOCKS:
                lock.release()
        self._own_lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *args: object) -> None:
        self.release()

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> str:
        return "NETCDF_LOCK"


def _acquire_xarray_locks(blocking: bool, timeout: float) -> bool:
    """Acquire all of xarray's locks or none: xarray's `CombinedLock` keeps the first one if the second one is busy."""
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
    """Hold the lock for netCDF files, so that no other thread uses HDF5, not even to read lazy arrays of xarray.

    May be nested. Do not compute lazy arrays within: threads of dask would wait for this one for ever. If xarray opens
    a file within, pass it `lock=NETCDF_LOCK`.

    Examples
    --------
    >>> from netCDF4 import Dataset
    >>> with hdf5_access(), Dataset("memory.nc", "w", diskless=True) as file:
    ...     file.data_model
    'NETCDF4'
    """
    bytearray(_TRIM_BLOCK_BYTES)
    with NETCDF_LOCK:
        yield
