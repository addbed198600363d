"""Opening a netCDF-4 file, here or where it lies, and reading its values and texts with little memory.

xarray decodes what the attributes of a variable ask for. What needs no decoding goes straight from the file into its
final array, and text along one dimension becomes integer codes block by block: neither is ever in memory twice. Does
not know assemblies.
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
from xarray.backends.file_manager import PickleableFileManager
from xarray.backends.locks import SerializableLock
from xarray.core import indexing
from xarray.indexes import PandasIndex

from brainio.assemblies.hdf5 import NETCDF_LOCK, hdf5_access
from brainio.assemblies.inspection import inspect
from brainio.assemblies.missing_text import LazyText, missing_in, with_missing, without_missing
from brainio.assemblies.pinned import PinnedFile
from brainio.errors import AssemblyFormatError, BrainioError, MissingExtraError
from brainio.forks import guard
from brainio.levels import Level, factorize_level
from brainio.local_files import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from brainio.assemblies.structure import FileStructure

    Recover: TypeAlias = Callable[[Callable[[Path], Any]], Any]

_CHUNK_CACHE_BYTES = 1 << 20  # whole chunks are read once, one after the other; netCDF's 64 MB a variable help nobody
_TEXT_BLOCK_ROWS = 1 << 14
# Around handles: around HDF5 itself, h5py has one of its own.
_STREAM_LOCK = guard(SerializableLock(), "streamed files")
_ATTEMPTS = 3  # to open a file whose links or mode change meanwhile, as those of a cached file do
_recover: ContextVar[Recover | None] = ContextVar("recover", default=None)
_MASKS = ("_FillValue", "missing_value")
_SCALES = ("scale_factor", "add_offset", "_Unsigned")


class CodedText(BackendArray):
    """Text along one dimension, kept as a level: distinct texts and a code a row. Becomes objects when asked for."""

    __slots__ = ("dtype", "level", "shape")

    def __init__(self, level: Level) -> None:
        self.level = level
        self.shape = level.codes.shape
        self.dtype = np.dtype(object)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER_1VECTOR
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._at)

    def _at(self, key: tuple[Any, ...]) -> Any:
        codes = self.level.codes[key]
        return self.level.values.to_numpy()[codes]


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


def level_of(variable: xr.Variable) -> Level:
    """Give a one-dimensional variable as a level; what was read as codes is not factorised again."""
    data = variable._data
    return data.level if isinstance(data, CodedText) else factorize_level(np.asarray(variable.values))


def _left_in_file(variable: xr.Variable, where: str, origin: _Recoverable | None = None) -> xr.Variable:
    """Read no value of a variable yet: xarray would convert text of variable length to its type at once."""
    data: Any = variable._data
    data = indexing.LazilyIndexedArray(_ValuesInFile(data.array, where, origin))
    variable._data = data
    if variable.encoding.get("dtype") is str and not any(mask in variable.attrs for mask in _MASKS):
        del variable.encoding["dtype"]
    return variable


class _FileStore(NetCDF4DataStore):
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
        raise MissingExtraError("reading a file where it lies needs h5netcdf: pip install 'brainio[stream]'")
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
    store = _FileStore(manager, group=group, mode="r", lock=NETCDF_LOCK)
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


Store: TypeAlias = NetCDF4DataStore | H5NetCDFStore


def decoded(store: Store, options: Mapping[str, Any]) -> xr.Dataset:
    """Decode what a store has by its attributes, reading nothing yet but dimension coordinates.

    Options are those of `xarray.open_dataset`, which is used only where there are any: it imports dask, if that is
    installed, for half a second and 80 MB.
    """
    return xr.open_dataset(store, cache=False, **options) if options else xr.decode_cf(store)


def read_coordinates(array: xr.DataArray, store: Store) -> None:
    """Read all coordinates of an opened array, in place: text along one dimension as `CodedText`."""
    for name, variable in list(array._coords.items()):
        missing = missing_in(variable)
        if isinstance(variable, xr.IndexVariable):
            if missing is not None:
                _set_dimension_coordinate(array, name, with_missing(np.asarray(variable.values, dtype=object), missing))
            continue
        is_text = variable.ndim == 1 and variable.dtype.kind in "OST"
        read = _text_reader(variable, store.ds.variables[name]) if is_text else None
        # `variable.load()`, or setting `variable.values`, would import dask
        rows = _TEXT_BLOCK_ROWS if isinstance(store, _FileStore) else variable.size  # chunks are fetched once only
        values: Any
        if read is None:
            values = with_missing(np.asarray(variable.values), missing)
        else:
            values = CodedText(without_missing(_read_text(read, variable.size, rows), missing))
        variable._data = values


def _set_dimension_coordinate(array: xr.DataArray, name: Any, values: np.ndarray) -> None:
    """Replace the values of a coordinate that is named as its dimension and has been read already, in place."""
    index = PandasIndex(pd.Index(values, dtype=object, name=name), name, coord_dtype=values.dtype)
    array._coords.update(index.create_variables({name: array._coords[name]}))
    array._indexes[name] = index


def mark_missing_text(array: xr.DataArray) -> None:
    """Give missing values to the texts of an opened array that its file marks as missing, in place; reads none."""
    variable = array._variable
    missing = missing_in(variable)
    if missing is not None:
        lazy: Any = indexing.LazilyIndexedArray(LazyText(variable._data, missing))
        variable._data = lazy


def try_decoding(array: xr.DataArray, store: Store) -> None:
    """Decode an empty part of an opened array, so that attributes that cannot be applied fail now, not when it is used.

    Raises
    ------
    Exception
        Of xarray, by the attribute; ValueError or LookupError for the encoding of texts.
    """
    if (encoding := array.encoding.get("_Encoding")) is not None:
        codecs.lookup(str(encoding))
        if getattr(store.ds.variables[array.name].dtype, "kind", "O") in "iuf":
            raise ValueError(f"the attribute _Encoding={encoding!r} of {array.name!r} is for texts, not for numbers")
    nothing = array._variable[tuple(slice(0, 0) for _ in array.dims)]
    are_dates_of_another_calendar = array.dtype == object and "calendar" in array.encoding
    if array.dims and not are_dates_of_another_calendar:  # xarray decodes the first of these as it opens, but not none
        np.asarray(nothing.values)


def leave_values(array: xr.DataArray) -> None:
    """Leave the values of an opened array where they are, in place: what is selected is read once, when it is used."""
    values: Any = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(array._variable._data))
    array._variable._data = values


def leave_in_file(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Leave the values of an opened array in its file, in place; each selection is read when it is used."""
    variable, name = array._variable, str(array.name)
    raw = store.ds.variables[name]
    if not _needs_decoding(variable, raw):
        # as the file has them: decoding would copy each block to put NaN in place of NaN
        stored: Any = indexing.LazilyIndexedArray(store.open_store_variable(name, raw)._data)
        variable._data = stored
    _limit_chunk_cache(store, raw)
    leave_values(array)


def read_values(array: xr.DataArray, store: NetCDF4DataStore) -> None:
    """Read the values of an opened array, in place."""
    variable = array._variable
    raw = store.ds.variables[array.name]
    if _needs_decoding(variable, raw):
        variable._data = np.asarray(variable.values)
        return
    raw.set_auto_maskandscale(False)
    _limit_chunk_cache(store, raw)
    variable._data = np.asarray(raw[...])


def _limit_chunk_cache(store: NetCDF4DataStore, raw: Any) -> None:
    if store.ds.data_model.startswith("NETCDF4"):  # netCDF-3 has no chunks
        raw.set_var_chunk_cache(size=_CHUNK_CACHE_BYTES)


def _needs_decoding(variable: xr.Variable, raw: Any) -> bool:
    """Tell whether the values of a variable are others than those in the file."""
    if variable.dtype.kind not in "iuf" or variable.dtype != raw.dtype:
        return True
    if any(name in variable.encoding for name in _SCALES):
        return True
    masks = [variable.encoding[name] for name in _MASKS if name in variable.encoding]
    # NaN in place of NaN is no change, and what most published files ask for
    return any(variable.dtype.kind != "f" or not np.all(np.isnan(mask)) for mask in masks)


def _text_reader(variable: xr.Variable, raw: Any) -> Callable[[slice], tuple[np.ndarray, list[str]]] | None:
    """Give what reads a part of a text variable as codes and distinct texts; None where it is masked or no text."""
    if any(name in variable.encoding for name in _MASKS):
        return None
    if "char_dim_name" not in variable.encoding:
        if not _is_text(raw):
            return None
        return lambda rows: _factorize_texts(np.asarray(raw[rows], dtype=object))
    encoding = variable.encoding.get("_Encoding", "utf-8")
    if isinstance(raw, netCDF4.Variable):
        raw.set_auto_maskandscale(False)
        raw.set_auto_chartostring(False)
    return lambda rows: _factorize_characters(np.asarray(raw[rows]), encoding)


def _is_text(raw: Any) -> bool:
    """Whether a variable, of netCDF4 or h5netcdf, holds text of variable length."""
    return raw.dtype is str or getattr(raw.datatype, "metadata", None) == {"vlen": str}


def _factorize_texts(texts: np.ndarray) -> tuple[np.ndarray, list[str]]:
    codes, distinct = pd.factorize(texts)
    return codes, list(distinct)


def _factorize_characters(characters: np.ndarray, encoding: str) -> tuple[np.ndarray, list[str]]:
    """Factorise rows of bytes as integers, eight bytes at a time, and decode the distinct ones."""
    count, width = characters.shape
    padded = np.zeros((count, max(8, -(-width // 8) * 8)), dtype="S1")
    padded[:, :width] = characters
    codes, size = np.zeros(count, dtype=np.int64), min(count, 1)
    words = padded.view(np.int64)
    for number in range(words.shape[1]):
        word, distinct = pd.factorize(words[:, number])
        if len(distinct) > 1:
            codes, distinct = pd.factorize(codes * len(distinct) + word)
            size = len(distinct)
    first = np.empty(size, dtype=np.intp)
    first[codes[::-1]] = np.arange(count - 1, -1, -1)
    texts = padded[first].view(f"S{padded.shape[1]}").ravel()
    return codes, [text.decode(encoding) for text in texts.tolist()]


def _read_text(read: Callable[[slice], tuple[np.ndarray, list[str]]], size: int, block_rows: int) -> Level:
    numbers: dict[str, int] = {}
    codes = np.empty(size, dtype=np.int32)
    for start in range(0, size, max(1, block_rows)):
        rows = slice(start, min(size, start + block_rows))
        block, distinct = read(rows)
        table = np.array([numbers.setdefault(text, len(numbers)) for text in distinct], dtype=np.int32)
        codes[rows] = table[block]
    sorted_level = factorize_level(np.array(list(numbers), dtype=object))
    return Level(sorted_level.values, sorted_level.codes.astype(np.int32)[codes], sorted_level.dtype)
