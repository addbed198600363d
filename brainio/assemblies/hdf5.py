"""One lock around netCDF files in this process, since HDF5 is not safe for threads.

xarray has a lock of its own, under which lazy arrays are read whenever somebody computes them. Whoever holds the lock
of this module holds that one too. Does not open files.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

# HDF5 keeps the buffers of some chunks and frees them together. Where they end the heap, glibc returns them to the
# system, and page faults bring them back: 80,000 for 150 MB, a fifth of the time of reading. It returns nothing up to
# twice the size of the largest block that it mapped outside the heap, as it does with large ones, and that was freed.
_HEAP_END_KEPT = 8 << 20


class NetcdfLock:
    """A re-entrant lock that holds xarray's lock for netCDF files, which is not re-entrant, while anyone holds it.

    To be handed to xarray as `lock=`, where files are opened under it. There is one, `NETCDF_LOCK`, also after
    pickling.
    """

    def __init__(self) -> None:
        self._mine = threading.RLock()
        self._depth = 0

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock.

        Parameters
        ----------
        blocking : bool, default True
            Wait until it is free.

        Returns
        -------
        bool
            Whether it was taken.
        """
        if not self._mine.acquire(blocking):
            return False
        if not self._depth and not NETCDF4_PYTHON_LOCK.acquire(blocking):
            self._mine.release()
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Give the lock back, as often as it was taken."""
        self._depth -= 1
        if not self._depth:
            NETCDF4_PYTHON_LOCK.release()
        self._mine.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *args: object) -> None:
        self.release()

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> str:
        return "NETCDF_LOCK"


NETCDF_LOCK = NetcdfLock()


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
