"""Reading of inspected netCDF files: as xarray stores, whose values are lazy until they are read with little memory.

netCDF4 opens local files, h5netcdf opens streams; neither ever opens a file other than the inspected one. xarray
decodes variables by their attributes. Values that need no decoding are read directly into their final array, and text
along one dimension becomes integer codes block by block: neither is ever in memory twice. Knows no assemblies.
"""

from __future__ import annotations

import codecs
import importlib.util
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray, CachingFileManager, H5NetCDFStore, NetCDF4DataStore
from xarray.indexes import PandasIndex

from brainio.errors import AssemblyFormatError, BrainioError, MissingExtraError
from brainio.forks import guard
from brainio.installation import install_command
from brainio.local_files import Fingerprint
from brainio.netcdf.attributes import MASKS
from brainio.netcdf.file_objects import PinnedFile
from brainio.netcdf.hdf5_lock import NETCDF_LOCK, hdf5_access
from brainio.netcdf.inspection import inspect
from brainio.netcdf.text import (
    MaskedText,
    find_missing,
    mask_texts,
    read_coded_text,
)
from brainio.xarray_compat import (
    ExplicitIndexer,
    LazilyIndexedArray,
    PickleableFileManager,
    SerializableLock,
    coords_of,
    indexes_of,
    read_once,
    set_coords,
    set_stored_values,
    stored_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from brainio.netcdf.structure import FileStructure

    Recover: TypeAlias = Callable[[Callable[[Path], Any]], Any]

# Protects file handles; HDF5 itself is protected by a lock of h5py.
_STREAM_LOCK = guard(SerializableLock(), "streamed files")
_ATTEMPTS = 3  # link count or mode of a cached file may change meanwhile
_CHUNK_CACHE_BYTES = 1 << 20  # each chunk is read once, so that netCDF's default of 64 MB per variable is wasted
_TEXT_BLOCK_ROWS = 1 << 14
_SCALES = ("scale_factor", "add_offset", "_Unsigned")
_recover: ContextVar[Recover | None] = ContextVar("recover", default=None)
Store: TypeAlias = NetCDF4DataStore | H5NetCDFStore


@contextmanager
def recover_files(recover: Recover) -> Iterator[None]:
    """Make lazy values of files opened in the block readable after the file was removed.

    Parameters
    ----------
    recover : callable
        Receives a function, calls it with the path of a file with the same bytes, and returns its result. Pickled
        together with the values.
    """
    token = _recover.set(recover)
    try:
        yield
    finally:
        _recover.reset(token)


def open_store(path: Path, group: str | None, structure: FileStructure) -> NetCDF4DataStore:
    """Open an inspected file, or one group of it, as an xarray store.

    All readers share one handle, since closing one of two would crash the process. A closed file is opened again when
    values are read. Call this function within `hdf5_access`, but `inspect` outside it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    group : str, optional
        The group; default: the root.
    structure : FileStructure
        The result of `inspect` for this file.

    Raises
    ------
    AssemblyFormatError
        The file changed after its inspection.
    """
    name, fingerprint = str(path.absolute()), structure.fingerprint
    opener: Any = _open_file
    manager = CachingFileManager(
        opener, name, fingerprint, mode="r", lock=NETCDF_LOCK, manager_id=f"brainio-{fingerprint}"
    )
    store = _FileStore(manager, group=group, mode="r", lock=NETCDF_LOCK)
    store.find_origin = partial(_origin_of, Path(name), fingerprint, group, _recover.get())
    return store


def _open_file(name: str, inspected: Fingerprint, mode: Literal["r"]) -> netCDF4.Dataset:
    """Open a file, unless it differs from the inspected one."""
    path = Path(name)
    for _ in range(_ATTEMPTS):
        current = Fingerprint.of(path)
        if not current.has_contents_of(inspected):
            break
        if current != inspected:  # on another host, or only link count or mode changed
            inspect(path)
        dataset = netCDF4.Dataset(name, mode)
        if Fingerprint.of(path) == current:
            return dataset
        dataset.close()
    raise AssemblyFormatError(f"{name} changed after it was inspected. Load it again when no program writes to it.")


def open_stream(file: IO[bytes], group: str | None) -> H5NetCDFStore:
    """Open a stream, or one group of it, as an xarray store that reads only the parts that are used.

    Raises
    ------
    MissingExtraError
        h5netcdf is not installed.
    AssemblyFormatError
        As for `inspect`.
    """
    if importlib.util.find_spec("h5netcdf") is None:
        raise MissingExtraError(f"streaming a file needs h5netcdf: {install_command('stream')}")
    manager = PickleableFileManager(_open_stream_file, file, mode="r")
    return _StreamStore(manager, group=group, lock=_STREAM_LOCK)


def _open_stream_file(file: IO[bytes], mode: str) -> Any:
    """Inspect and open a stream, in this process and in each process that unpickles the store."""
    import h5netcdf  # type: ignore[import-untyped, unused-ignore]

    structure = inspect(file)
    if structure.kind != "netCDF-4":
        raise AssemblyFormatError(f"{file} is a netCDF-3 file, which cannot be streamed. Load it without stream=True.")
    pinned = PinnedFile(file, structure.file_bytes, structure.pages)
    return h5netcdf.File(pinned, mode, decode_vlen_strings=True)


def decode_store(store: Store, options: Mapping[str, Any]) -> xr.Dataset:
    """Decode the variables of a store lazily; only dimension coordinates are read.

    Options are those of `xarray.open_dataset`, which is called only if there are options: it imports dask, if dask is
    installed, which takes half a second and 80 MB.
    """
    return xr.open_dataset(store, cache=False, **options) if options else xr.decode_cf(store)


class _FileStore(NetCDF4DataStore):
    """xarray store of a local file."""

    find_origin: Callable[[str], _RecoverableVariable | None]

    def open_store_variable(self, name: str, var: Any) -> xr.Variable:
        where = f"{name!r} in {self._filename}"
        return _defer_reading(super().open_store_variable(name, var), where, self.find_origin(name))


def _origin_of(
    path: Path, inspected: Fingerprint | None, group: str | None, recover: Recover | None, name: str
) -> _RecoverableVariable | None:
    if recover is None or inspected is None:
        return None
    return _RecoverableVariable(path, inspected, group, name, recover)


class _StreamStore(H5NetCDFStore):
    """xarray store of an open binary file."""

    def open_store_variable(self, name: str, var: Any) -> xr.Variable:
        return _defer_reading(super().open_store_variable(name, var), f"{name!r} in {self._filename}")


def _defer_reading(variable: xr.Variable, where: str, origin: _RecoverableVariable | None = None) -> xr.Variable:
    """Make an opened variable lazy; otherwise xarray would convert text of variable length to its type at once."""
    stored = stored_values(variable).array
    set_stored_values(variable, LazilyIndexedArray(_FileArray(stored, where, origin)))
    if variable.encoding.get("dtype") is str and not any(mask in variable.attrs for mask in MASKS):
        del variable.encoding["dtype"]
    return variable


class _FileArray(BackendArray):
    """Lazy values of a file, whose errors name the file."""

    __slots__ = ("dtype", "origin", "shape", "stored", "where")

    def __init__(self, stored: Any, where: str, origin: _RecoverableVariable | None = None) -> None:
        self.stored, self.where, self.origin = stored, where, origin
        self.shape, self.dtype = stored.shape, stored.dtype

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        try:
            try:
                return self.stored[key]
            except Exception:
                if self.origin is None or not self.origin.is_lost():
                    raise
            return self.origin.recover(partial(self._read_in, key))
        except (BrainioError, IndexError):
            raise
        except Exception as error:  # for damaged chunks, the libraries raise nearly any built-in exception
            raise AssemblyFormatError(
                f"the values of {self.where} cannot be read ({error}). The file is damaged or was removed; fetch or "
                f"write it again."
            ) from error

    def _read_in(self, key: ExplicitIndexer, path: Path) -> Any:
        assert self.origin is not None  # noqa: S101 - there is another file only with an origin
        self.stored = self.origin.open_in(path)
        return self.stored[key]


@dataclass(frozen=True)
class _RecoverableVariable:
    """A variable of a file that can be fetched again."""

    path: Path
    inspected: Fingerprint
    group: str | None
    name: str
    recover: Recover

    def is_lost(self) -> bool:
        """Return whether the file was removed or replaced."""
        try:
            return not Fingerprint.of(self.path).has_contents_of(self.inspected)
        except OSError:
            return True

    def open_in(self, path: Path) -> Any:
        """Return the lazy values in another file with the same bytes."""
        structure = inspect(path)
        with hdf5_access():
            store = open_store(path, self.group, structure)
            return stored_values(store.open_store_variable(self.name, store.ds.variables[self.name])).array.stored


def read_coordinates(array: xr.DataArray, store: Store) -> None:
    """Read all coordinates of an opened array in place, text along one dimension as `CodedText`."""
    raw_variables = store.ds.variables  # `ds` acquires the lock at each access
    for name, variable in list(coords_of(array).items()):
        if isinstance(variable, xr.IndexVariable):
            missing = find_missing(variable)
            if missing is not None:
                _set_dimension_coordinate(array, name, mask_texts(np.asarray(variable.values, dtype=object), missing))
            continue
        rows = _TEXT_BLOCK_ROWS if isinstance(store, _FileStore) else variable.size  # a stream fetches each chunk once
        text = read_coded_text(variable, raw_variables[name], rows)
        # `variable.load()`, or setting `variable.values`, would import dask
        values = mask_texts(np.asarray(variable.values), find_missing(variable)) if text is None else text
        set_stored_values(variable, values)


def _set_dimension_coordinate(array: xr.DataArray, name: Any, values: np.ndarray) -> None:
    """Replace in place the values of a dimension coordinate, which xarray has read already."""
    index = PandasIndex(pd.Index(values, dtype=object, name=name), name, coord_dtype=values.dtype)
    coords = coords_of(array) | index.create_variables({name: coords_of(array)[name]})
    set_coords(array, coords, {**indexes_of(array), name: index})


def mask_missing_text(array: xr.DataArray) -> None:
    """Make the texts of an opened array missing that its file marks as missing, in place and lazily."""
    variable = array.variable
    missing = find_missing(variable)
    if missing is not None:
        set_stored_values(variable, LazilyIndexedArray(MaskedText(stored_values(variable), missing)))


def check_decoding(array: xr.DataArray, store: Store) -> None:
    """Decode an empty part of an opened array, so that invalid attributes fail now, not when the array is used.

    Raises
    ------
    Exception
        From xarray, for an invalid attribute; ValueError or LookupError for an invalid text encoding.
    """
    if (encoding := array.encoding.get("_Encoding")) is not None:
        codecs.lookup(str(encoding))
        if getattr(store.ds.variables[array.name].dtype, "kind", "O") in "iuf":
            raise ValueError(f"the attribute _Encoding={encoding!r} of {array.name!r} is for text, not for numbers")
    empty = array.variable[tuple(slice(0, 0) for _ in array.dims)]
    has_other_calendar = array.dtype == object and "calendar" in array.encoding
    if array.dims and not has_other_calendar:  # xarray decoded the first date at opening, and fails for none
        np.asarray(empty.values)


def read_lazily(array: xr.DataArray) -> None:
    """Defer reading the values of an opened array, in place: each selection is read once, when it is used."""
    set_stored_values(array.variable, read_once(stored_values(array.variable)))


def read_lazily_by_blocks(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Defer reading the values of an array of a local file, in place; blocks are read without decoding if possible."""
    variable, name = array.variable, str(array.name)
    file = store.ds
    raw = file.variables[name]
    if not _needs_decoding(variable, raw):
        # decoding would copy each block, only to replace NaN with NaN
        stored = stored_values(store.open_store_variable(name, raw))
        set_stored_values(variable, LazilyIndexedArray(stored))
    _limit_chunk_cache(file, raw)
    read_lazily(array)


def read_values(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Read the values of an opened array, in place."""
    variable = array.variable
    file = store.ds
    raw = file.variables[array.name]
    if _needs_decoding(variable, raw):
        set_stored_values(variable, np.asarray(variable.values))
        return
    raw.set_auto_maskandscale(False)
    _limit_chunk_cache(file, raw)
    set_stored_values(variable, np.asarray(raw[...]))


def _limit_chunk_cache(file: netCDF4.Dataset, raw: Any) -> None:
    if file.data_model.startswith("NETCDF4"):  # netCDF-3 has no chunks
        raw.set_var_chunk_cache(size=_CHUNK_CACHE_BYTES)


def _needs_decoding(variable: xr.Variable, raw: Any) -> bool:
    """Return whether decoding changes the values of a variable."""
    if variable.dtype.kind not in "iuf" or variable.dtype != raw.dtype:
        return True
    if any(name in variable.encoding for name in _SCALES):
        return True
    masks = [variable.encoding[name] for name in MASKS if name in variable.encoding]
    # Most published files have the fill value NaN, which decoding replaces with NaN.
    return any(variable.dtype.kind != "f" or not np.all(np.isnan(mask)) for mask in masks)
