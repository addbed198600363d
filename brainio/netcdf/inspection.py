"""Inspection of netCDF files before netCDF4 or h5netcdf opens them.

HDF5 follows external storage, external links and virtual datasets to any file of this machine, and some structures make
it loop or crash. `inspect` finds these in the structure of a file and refuses the file. `require_memory` refuses a file
whose values exceed free memory: a file of a few kB may expand to many GB. No value is read.

h5py contains its own HDF5 library, which shares no state with that of netCDF4. Each call of h5py acquires a lock of its
own (`phil`), which h5py also acquires for a fork. This lock is not enough: h5py 3.16 crashed when eight threads opened
their first files at once, so a lock of this module surrounds each inspection. Do not call `inspect` within
`hdf5_access`: threads that fork acquire `phil` before the lock of netCDF4.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from brainio.errors import AssemblyFormatError, BrainioError, InsufficientMemoryError, UnsafeFileError
from brainio.forks import guard
from brainio.local_files import Fingerprint
from brainio.memory import free_memory, memory_left
from brainio.netcdf.file_objects import MAX_PAGES, PAGE_BYTES, PinnedFile
from brainio.progress import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainio.netcdf.structure import FileStructure

_ATTEMPTS = 3  # link count or mode of a cached file may change meanwhile
# HDF5 takes up to three times the size of a chunk to decompress it, and statistics take about as much.
_MAX_CHUNK_BYTES = 64 << 20
_MEMO_SIZE = 256  # structures, of some kB each
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NETCDF3_SIGNATURES = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_MIN_USER_BLOCK = 512  # an HDF5 file may begin with a user block of this or any doubled size
_lock = guard(threading.RLock(), "the inspection of netCDF files")
_path_memo: dict[tuple[str, Fingerprint], FileStructure] = {}
_stream_memo: WeakKeyDictionary[IO[bytes], tuple[int, FileStructure]] = WeakKeyDictionary()


def inspect(file: Path | IO[bytes]) -> FileStructure:
    """Return the structure of a netCDF file, unless the file is unsafe to open.

    Parameters
    ----------
    file : pathlib.Path or binary file
        An open file must be seekable; its position is restored. Results are memoized by path and fingerprint (device,
        inode, size, mtime, ctime), or by open file.

    Returns
    -------
    FileStructure
        Groups and variables with their types, shapes, chunks, filters, and sizes in the file and in memory.

    Raises
    ------
    UnsafeFileError
        An object leads out of the file or in a circle, has a type or filter that netCDF-4 does not have, or exceeds a
        limit (see `docs/security.md`). The message names the object.
    AssemblyFormatError
        The file is neither netCDF-4 nor netCDF-3, is damaged, or changed during the inspection.
    FileNotFoundError
        The file does not exist.

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
    raise AssemblyFormatError(f"{file} changed while it was inspected. Load it again when no program writes to it.")


def require_memory(structure: FileStructure, where: str, group: str | None = None, *, eager: bool) -> None:
    """Raise unless a file, or one group of it, fits into free memory.

    Parameters
    ----------
    structure : FileStructure
        Structure of the file.
    where : str
        Name of the file, or of its group, in messages.
    group : str, optional
        The group to read; default: the root.
    eager : bool
        Whether all values are read at once, rather than by chunks. Coordinates are always read at once.

    Raises
    ------
    InsufficientMemoryError
        The decoded values, or one decoded chunk and the coordinates, exceed free memory.
    """
    need = structure.memory_needs.get((group or "").strip("/"))
    if need is None:
        return
    free = free_memory()
    if free is None or (need.values if eager else 0) + need.coordinates + need.largest_chunk <= free:
        return
    parts = [
        f"{readable_size(need.values)} for the values of {need.data_path}" if eager else "",
        f"{readable_size(need.coordinates)} for coordinates",
        f"{readable_size(need.largest_chunk)} for the largest chunk" if need.largest_chunk else "",
    ]
    if need.coordinates + need.largest_chunk > free:
        remedy = "Use a machine with more memory, or ask the author for a file with fewer coordinates or smaller chunks"
    else:
        remedy = "Read it by chunks (chunks='auto', or BRAINIO_CHUNKS=auto), or with stream=True, and select a part"
    raise InsufficientMemoryError(
        f"{where} does not fit into memory: it has {readable_size(structure.file_bytes)}, and decoded it needs "
        f"{', '.join(part for part in parts if part)}; {readable_size(free)} are free. {remedy}."
    )


def require_block_memory(structure: FileStructure, where: str, group: str | None = None) -> None:
    """Raise unless each chunk and all coordinates of a file, or of one group of it, fit into memory.

    Parameters
    ----------
    structure : FileStructure
        Structure of the file.
    where : str
        Name of the file, or of its group, in messages.
    group : str, optional
        The group to read; default: the root.

    Raises
    ------
    InsufficientMemoryError
        A decoded chunk has more than 64 MiB, or the coordinates exceed free memory, which in a worker process is the
        remainder of its limit.
    """
    variables = structure.variables_of(group)
    for variable in variables:
        if variable.chunk_bytes > _MAX_CHUNK_BYTES:
            raise InsufficientMemoryError(
                f"{where}: one chunk of {variable.path} has {readable_size(variable.chunk_bytes)} "
                f"({variable.chunk_bytes:,} bytes) when it is decompressed; to read a file block by block, chunks may "
                f"have at most {readable_size(_MAX_CHUNK_BYTES)}. Load the file on a machine with enough memory and "
                f"write it again with brainio.packaging.write_netcdf, whose chunks have 1 MiB."
            )
    need = structure.memory_needs.get((group or "").strip("/"))
    coordinates = 0 if need is None else need.coordinates
    free, worker = free_memory(), memory_left()
    if free is None or coordinates <= free:
        return
    remedy = f"Set {worker.setting} to more MB" if worker is not None else "Use a machine with more memory"
    raise InsufficientMemoryError(
        f"{where}: its coordinates need about {readable_size(coordinates)} of memory; {readable_size(free)} are free. "
        f"{remedy}, or ask the author for a file with fewer coordinates."
    )


def _inspect_path(path: Path, fingerprint: Fingerprint) -> FileStructure:
    key = (str(path), fingerprint)
    if (known := _path_memo.get(key)) is not None:
        return known
    with path.open("rb") as file, _exclusive():
        if (known := _path_memo.get(key)) is not None:  # another thread inspected it meanwhile
            return known
        structure = _read_structure(file, fingerprint.size, path.absolute())
        while len(_path_memo) >= _MEMO_SIZE:
            del _path_memo[next(iter(_path_memo))]
        _path_memo[key] = structure = dataclasses.replace(structure, fingerprint=fingerprint)
    return structure


def _inspect_stream(file: IO[bytes]) -> FileStructure:
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    try:
        known, known_size = _find_memoized(file)
        if known is not None and known_size == size:
            return known
        with _exclusive():
            structure = _read_pinned_structure(file, size)
    finally:
        file.seek(position)
    with suppress(TypeError):  # this kind of file has no weak references
        _stream_memo[file] = (size, structure)
    return structure


def _read_pinned_structure(file: IO[bytes], size: int) -> FileStructure:
    """Return the structure of a stream with the pages that it was read from, since a server may send others later."""
    pinned = PinnedFile(file, size)
    structure = _read_structure(cast("IO[bytes]", pinned), size, None)
    if pinned.exceeds_limit:
        raise UnsafeFileError(
            f"{pinned} is refused before it is opened: its metadata takes more than {MAX_PAGES * PAGE_BYTES:,} bytes, "
            f"the limit for streams. Load it without stream=True."
        )
    return dataclasses.replace(structure, pages=pinned.pages)


def _find_memoized(file: IO[bytes]) -> tuple[FileStructure | None, int]:
    with suppress(TypeError):  # this kind of file has no weak references
        size, structure = _stream_memo.get(file, (0, None))
        return structure, size
    return None, 0


@contextmanager
def _exclusive() -> Iterator[None]:
    """Let only one thread at a time inspect files with h5py."""
    from brainio.netcdf.filters import allowed_filters  # imports h5py

    allowed_filters()  # acquires the lock of netCDF4, so it must be computed before
    with _lock:
        yield


def _read_structure(file: IO[bytes], size: int, path: Path | None) -> FileStructure:
    """Return the structure of an open file, which h5py opens by its path if it has one."""
    from brainio.netcdf import hdf5_structure, netcdf3  # the first imports h5py

    name = str(path or getattr(file, "name", None) or file)
    start = 0
    while start + len(_HDF5_SIGNATURE) <= size:
        file.seek(start)
        signature = file.read(len(_HDF5_SIGNATURE))
        if signature == _HDF5_SIGNATURE:
            break
        if not start and signature[:4] in _NETCDF3_SIGNATURES:
            return netcdf3.read_structure(file, size, name)
        start = start * 2 or _MIN_USER_BLOCK
    else:
        raise AssemblyFormatError(
            f"{name} cannot be read as netCDF-4 (no HDF5 signature in {size:,} bytes). The file is damaged, cut "
            f"short or of another kind; fetch or write it again."
        )
    try:
        return hdf5_structure.read_structure(file if path is None else path, size, name)
    except BrainioError:
        raise
    except (Exception, RecursionError) as error:  # for a damaged file, h5py raises nearly any built-in exception
        raise AssemblyFormatError(
            f"{name} cannot be read as netCDF-4 ({error}). The file is damaged, cut short or of another kind; fetch "
            f"or write it again."
        ) from error
