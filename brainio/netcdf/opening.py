"""Opening inspected netCDF files: stores for xarray that never open another file than the one that was inspected.

A file on this machine is opened by netCDF4, a stream by h5netcdf. No value is read yet.
"""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

import netCDF4
import xarray as xr
from xarray.backends import BackendArray, CachingFileManager, H5NetCDFStore, NetCDF4DataStore
from xarray.backends.file_manager import PickleableFileManager
from xarray.backends.locks import SerializableLock
from xarray.core import indexing

from brainio.errors import AssemblyFormatError, BrainioError, MissingExtraError
from brainio.forks import guard
from brainio.installation import install_command
from brainio.local_files import Fingerprint
from brainio.netcdf.attributes import MASKS
from brainio.netcdf.file_objects import PinnedFile
from brainio.netcdf.hdf5_lock import NETCDF_LOCK, hdf5_access
from brainio.netcdf.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from brainio.netcdf.structure import FileStructure

    Recover: TypeAlias = Callable[[Callable[[Path], Any]], Any]

# Around handles: around HDF5 itself, h5py has one of its own.
_STREAM_LOCK = guard(SerializableLock(), "streamed files")
_ATTEMPTS = 3  # to open a file whose links or mode change meanwhile, as those of a cached file do
_recover: ContextVar[Recover | None] = ContextVar("recover", default=None)
Store: TypeAlias = NetCDF4DataStore | H5NetCDFStore


@contextmanager
def recover_files(recover: Recover) -> Iterator[None]:
    """Read values that the block leaves in a file also after the file was removed.

    Parameters
    ----------
    recover : callable
        Calls the function that it is given with the path of a file of the same bytes, and returns the result. It is
        pickled with the values.
    """
    token = _recover.set(recover)
    try:
        yield
    finally:
        _recover.reset(token)


@dataclass(frozen=True)
class _Recoverable:
    """A variable of a file that can be recovered."""

    path: Path
    inspected: Fingerprint
    group: str | None
    name: str
    recover: Recover

    def is_lost(self) -> bool:
        """Whether the file was removed, or another one has its name."""
        try:
            return not Fingerprint.of(self.path).has_contents_of(self.inspected)
        except OSError:
            return True

    def open_in(self, path: Path) -> Any:
        """Return the values in another file of the same bytes."""
        structure = inspect(path)
        with hdf5_access():
            store = open_store(path, self.group, structure)
            return store.open_store_variable(self.name, store.ds.variables[self.name])._data.array.stored


class _ValuesInFile(BackendArray):
    """Values that are left in a file; what keeps them from being read later is an error that names the file."""

    __slots__ = ("dtype", "origin", "shape", "stored", "where")

    def __init__(self, stored: Any, where: str, origin: _Recoverable | None = None) -> None:
        self.stored, self.where, self.origin = stored, where, origin
        self.shape, self.dtype = stored.shape, stored.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        try:
            try:
                return self.stored[key]
            except Exception:
                if self.origin is None or not self.origin.is_lost():
                    raise
            return self.origin.recover(partial(self._read_in, key))
        except (BrainioError, IndexError):
            raise
        except Exception as error:  # for damaged chunks, the libraries raise nearly every built-in exception
            raise AssemblyFormatError(
                f"the values of {self.where} cannot be read ({error}). The file is damaged or was removed; fetch or "
                f"write it again."
            ) from error

    def _read_in(self, key: indexing.ExplicitIndexer, path: Path) -> Any:
        assert self.origin is not None  # noqa: S101 - only then there is another file
        self.stored = self.origin.open_in(path)
        return self.stored[key]


def _left_in_file(variable: xr.Variable, where: str, origin: _Recoverable | None = None) -> xr.Variable:
    """Read no value of a variable yet: xarray would convert text of variable length to its type at once."""
    data: Any = variable._data
    data = indexing.LazilyIndexedArray(_ValuesInFile(data.array, where, origin))
    variable._data = data
    if variable.encoding.get("dtype") is str and not any(mask in variable.attrs for mask in MASKS):
        del variable.encoding["dtype"]
    return variable


class FileStore(NetCDF4DataStore):
    """What xarray reads a file on this machine from."""

    find_origin: Callable[[str], _Recoverable | None]

    def open_store_variable(self, name: str, var: Any) -> xr.Variable:
        where = f"{name!r} in {self._filename}"
        return _left_in_file(super().open_store_variable(name, var), where, self.find_origin(name))


class _StreamStore(H5NetCDFStore):
    """What xarray reads an open binary file from."""

    def open_store_variable(self, name: str, var: Any) -> xr.Variable:
        return _left_in_file(super().open_store_variable(name, var), f"{name!r} in {self._filename}")


def open_stream(file: IO[bytes], group: str | None) -> H5NetCDFStore:
    """Open an open binary file, or one group of it, of which only those parts are read that somebody asks for.

    Raises
    ------
    MissingExtraError
        This needs h5netcdf, which is not installed.
    AssemblyFormatError
        As for `inspect`.
    """
    if importlib.util.find_spec("h5netcdf") is None:
        raise MissingExtraError(f"reading a file where it lies needs h5netcdf: {install_command('stream')}")
    manager = PickleableFileManager(_open_stream_file, file, mode="r")
    return _StreamStore(manager, group=group, lock=_STREAM_LOCK)


def _open_stream_file(file: IO[bytes], mode: str) -> Any:
    """Open a stream once it was inspected: in this process, and in each that the store is sent to."""
    import h5netcdf  # type: ignore[import-untyped, unused-ignore]

    structure = inspect(file)
    if structure.kind != "netCDF-4":
        raise AssemblyFormatError(f"{file} is a netCDF-3 file, which cannot be streamed. Load it without stream=True.")
    pinned = PinnedFile(file, structure.file_bytes, structure.pages)
    return h5netcdf.File(pinned, mode, decode_vlen_strings=True)


def open_store(path: Path, group: str | None, structure: FileStructure) -> NetCDF4DataStore:
    """Open a file that was inspected, or one group of it, once for all its readers.

    Closing one of two handles would crash the process. Each read opens the file again if it was closed. To be called
    with `hdf5_access`; `inspect` is to be called without.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    group : str, optional
        The group; default: the root.
    structure : FileStructure
        What `inspect` returned for this file.

    Raises
    ------
    AssemblyFormatError
        The file changed since it was inspected.
    """
    name, fingerprint = str(path.absolute()), structure.fingerprint
    opener: Any = _open_file
    manager = CachingFileManager(
        opener, name, fingerprint, mode="r", lock=NETCDF_LOCK, manager_id=f"brainio-{fingerprint}"
    )
    store = FileStore(manager, group=group, mode="r", lock=NETCDF_LOCK)
    store.find_origin = partial(_origin_of, Path(name), fingerprint, group, _recover.get())
    return store


def _origin_of(
    path: Path, inspected: Fingerprint | None, group: str | None, recover: Recover | None, name: str
) -> _Recoverable | None:
    if recover is None or inspected is None:
        return None
    return _Recoverable(path, inspected, group, name, recover)


def _open_file(name: str, inspected: Fingerprint, mode: Literal["r"]) -> netCDF4.Dataset:
    """Open the file that was inspected, and no other that has its name now."""
    path = Path(name)
    for _ in range(_ATTEMPTS):
        current = Fingerprint.of(path)
        if not current.has_contents_of(inspected):
            break
        if current != inspected:  # seen from another host, or only its links or mode changed
            inspect(path)
        dataset = netCDF4.Dataset(name, mode)
        if Fingerprint.of(path) == current:
            return dataset
        dataset.close()
    raise AssemblyFormatError(f"{name} changed after it was inspected. Load it again when nothing writes to it.")


def decoded(store: Store, options: Mapping[str, Any]) -> xr.Dataset:
    """Decode what a store has by its attributes, reading nothing yet but dimension coordinates.

    Options are those of `xarray.open_dataset`, which is used only where there are any: it imports dask, if that is
    installed, for half a second and 80 MB.
    """
    return xr.open_dataset(store, cache=False, **options) if options else xr.decode_cf(store)
