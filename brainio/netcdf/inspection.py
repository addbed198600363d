"""Inspection of a netCDF file before netCDF4 or h5netcdf opens it: the gate in front of HDF5.

HDF5 follows external storage, external links and virtual data sets to any file of this machine, and some structures
make it loop or crash. `inspect` finds them in the structure of a file and refuses the file. It reads no value.

h5py brings an HDF5 library of its own, next to that of netCDF4: the two share no state. Each call of h5py takes and
releases a lock of its own (`phil`), which h5py also holds during a fork. That does not suffice: h5py 3.16 crashed when
eight threads opened their first files at once, so that a lock of this module surrounds each inspection. `inspect` must
not be called with `hdf5_access`, since threads that fork acquire `phil` before the lock of netCDF4.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from brainio.errors import AssemblyFormatError, BrainioError, UnsafeFileError
from brainio.forks import guard
from brainio.local_files import Fingerprint
from brainio.netcdf.file_objects import MOST_PAGES, PAGE, PinnedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainio.netcdf.structure import FileStructure

_ATTEMPTS = 3  # the links or mode of a cached file may change meanwhile
_MEMO_SIZE = 256  # structures of some kB each
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NETCDF3 = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_SMALLEST_USER_BLOCK = 512
_lock = guard(threading.RLock(), "the inspection of netCDF files")
_paths: dict[tuple[str, Fingerprint], FileStructure] = {}
_streams: WeakKeyDictionary[IO[bytes], tuple[int, FileStructure]] = WeakKeyDictionary()


def inspect(file: Path | IO[bytes]) -> FileStructure:
    """Return the structure of a netCDF file, and refuse a file that is unsafe to open.

    Parameters
    ----------
    file : pathlib.Path or binary file
        An open file must allow to seek; its position is restored. The result is remembered while neither the file nor
        its fingerprint (device, inode, size, times of modification and change) changes.

    Returns
    -------
    FileStructure
        The groups and variables, with their types, shapes, chunks, filters, and sizes in the file and in memory.

    Raises
    ------
    UnsafeFileError
        An object of the file leads out of it or in a circle, has a type or a filter that the format does not have, or
        exceeds a limit (see `docs/security.md`). The message names the object.
    AssemblyFormatError
        The file is neither netCDF-4 nor netCDF-3, is damaged, or changed during the inspection.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from brainio.assemblies import DataAssembly
    >>> from brainio.packaging import write_netcdf
    >>> path = Path(tempfile.mkdtemp()) / "a.nc"
    >>> _ = write_netcdf(DataAssembly([1.0, 2.0], coords={"unit": ("x", [7, 8])}, dims=["x"]), path)
    >>> [(variable.path, variable.shape, str(variable.dtype)) for variable in inspect(path).variables]
    [('/data', (2,), 'float64'), ('/unit', (2,), 'int64')]
    """
    if not isinstance(file, Path):
        return _inspect_stream(file)
    for _ in range(_ATTEMPTS):
        fingerprint = Fingerprint.of(file)
        structure = _inspect_path(file, fingerprint)
        if Fingerprint.of(file) == fingerprint:
            return structure
    raise AssemblyFormatError(f"{file} changed while it was inspected. Load it again when nothing writes to it.")


def _inspect_path(path: Path, fingerprint: Fingerprint) -> FileStructure:
    key = (str(path), fingerprint)
    if (known := _paths.get(key)) is not None:
        return known
    with path.open("rb") as file, _exclusive():
        if (known := _paths.get(key)) is not None:  # by another thread meanwhile
            return known
        structure = _structure(file, fingerprint.size, path.absolute())
        while len(_paths) >= _MEMO_SIZE:
            del _paths[next(iter(_paths))]
        _paths[key] = structure = dataclasses.replace(structure, fingerprint=fingerprint)
    return structure


def _inspect_stream(file: IO[bytes]) -> FileStructure:
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    try:
        known, known_size = _known_stream(file)
        if known is not None and known_size == size:
            return known
        with _exclusive():
            structure = _pinned_structure(file, size)
    finally:
        file.seek(position)
    with suppress(TypeError):  # no weak references to this kind of file
        _streams[file] = (size, structure)
    return structure


def _pinned_structure(file: IO[bytes], size: int) -> FileStructure:
    """Return the structure of a stream with the pages that it was read from: a server may send others next time."""
    pinned = PinnedFile(file, size)
    structure = _structure(cast("IO[bytes]", pinned), size, None)
    if pinned.exceeds_limit:
        raise UnsafeFileError(
            f"{pinned} is refused before it is opened: its metadata takes more than {MOST_PAGES * PAGE:,} bytes, which "
            f"is the limit for streams. Load it without stream=True."
        )
    return dataclasses.replace(structure, pages=pinned.pages)


def _known_stream(file: IO[bytes]) -> tuple[FileStructure | None, int]:
    with suppress(TypeError):  # no weak references to this kind of file
        size, structure = _streams.get(file, (0, None))
        return structure, size
    return None, 0


@contextmanager
def _exclusive() -> Iterator[None]:
    """Keep other threads from h5py, as far as they inspect files."""
    from brainio.netcdf.filters import allowed_filters  # imports h5py

    allowed_filters()  # before: needs the lock of netCDF4
    with _lock:
        yield


def _structure(file: IO[bytes], size: int, path: Path | None) -> FileStructure:
    """Return the structure of an open file; h5py opens it by its path where there is one."""
    from brainio.netcdf.hdf5_structure import read_structure  # imports h5py

    where = str(path or getattr(file, "name", None) or file)
    start = 0
    while start + len(_HDF5) <= size:
        file.seek(start)
        signature = file.read(len(_HDF5))
        if signature == _HDF5:
            break
        if not start and signature[:4] in _NETCDF3:
            from brainio.netcdf.netcdf3 import read_header

            return read_header(file, size, where)
        start = start * 2 or _SMALLEST_USER_BLOCK
    else:
        raise AssemblyFormatError(
            f"{where} cannot be read as netCDF-4 (no signature of HDF5 in {size:,} bytes). The file is damaged, cut "
            f"short or of another kind; fetch or write it again."
        )
    try:
        return read_structure(file if path is None else path, size, where)
    except BrainioError:
        raise
    except (Exception, RecursionError) as error:  # h5py raises nearly every built-in exception for damage
        raise AssemblyFormatError(
            f"{where} cannot be read as netCDF-4 ({error}). The file is damaged, cut short or of another kind; fetch "
            f"or write it again."
        ) from error
