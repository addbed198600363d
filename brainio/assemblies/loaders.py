"""Loaders: from a netCDF-4 file to an assembly joined with its stimulus set.

They read local files and open binary files; resolving, fetching and verifying files is done elsewhere. Values of a
local file are loaded, and the file is closed, before `load` returns, unless the argument `chunks` or the environment
variable `BRAINIO_CHUNKS` asks for lazy dask arrays.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from brainio.assemblies.gathering import gather_indexes
from brainio.assemblies.stimulus_metadata import STIMULUS_ID, STIMULUS_SET, STIMULUS_SET_IDENTIFIER, join_stimuli
from brainio.errors import AssemblyFormatError, BrainioError, FormatWarning, InsufficientMemoryError
from brainio.netcdf.attributes import ARRAY_NAME, decode_attributes, decode_variable
from brainio.netcdf.chunks import BRAINIO_CHUNKS, Chunks, chunk_array, resolve_chunks
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.inspection import inspect, require_block_memory, require_memory
from brainio.netcdf.reading import (
    check_decoding,
    decode_store,
    mask_missing_text,
    open_store,
    open_stream,
    read_coordinates,
    read_lazily,
    read_lazily_by_blocks,
    read_values,
)
from brainio.xarray_compat import coords_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from brainio.netcdf.structure import FileStructure

__all__ = [
    "BRAINIO_CHUNKS",
    "AssemblyLoader",
    "GroupAppendAssemblyLoader",
    "StimulusMergeAssemblyLoader",
    "StimulusReferenceAssemblyLoader",
]

IMAGE_ID = "image_id"
_UNNAMED = "__xarray_dataarray_variable__"  # xarray stores an array without a name under this one
_OWN_ATTRS = frozenset({"identifier", STIMULUS_SET, STIMULUS_SET_IDENTIFIER})


class AssemblyLoader:
    """Load one netCDF file, or one group of it, as an assembly of a class.

    Parameters
    ----------
    cls : type
        The assembly class.
    file_path : path or binary file
        The netCDF-4 file. An open file must be seekable; its values are read when they are used, and only the selected
        ones, which requires the extra `stream`.
    group : str, optional
        The group of the file to read; default: the file's root.
    chunks : optional
        Leave the values in the file, as lazy chunks of dask: `'auto'` for multiples of the file's own chunks of about
        64 MB, `-1` for one chunk, or a dict of dimension -> size. Default: the environment variable
        `BRAINIO_CHUNKS`, else values are loaded. Coordinates are always loaded.
    in_blocks : bool, default False
        Leave the values in the file, without dask and regardless of `BRAINIO_CHUNKS`: `brainio.netcdf.chunks` reads
        them block by block. Files with a chunk of more than 64 MiB, or with coordinates that do not fit into memory,
        raise an error before they are opened.
    kwargs : optional
        Further arguments of `xarray.open_dataset`.
    """

    extra_class: ClassVar[type[xr.DataArray]]
    """The class of extras; `classes` sets it, because the assembly classes refer to their loaders."""

    def __init__(
        self,
        cls: type[xr.DataArray],
        file_path: str | Path | IO[bytes],
        group: str | None = None,
        chunks: Chunks | None = None,
        in_blocks: bool = False,
        **kwargs: Any,
    ) -> None:
        self.assembly_class = cls
        self.file_path = Path(file_path) if isinstance(file_path, str | os.PathLike) else file_path
        self.group = group
        self.in_blocks = in_blocks
        loads_values = in_blocks or (chunks is None and BRAINIO_CHUNKS not in os.environ)
        self.chunks = None if loads_values else resolve_chunks(chunks)
        self._chunked_dims = list(chunks) if isinstance(chunks, Mapping) and group is None else []
        self.kwargs = kwargs

    def load(self) -> Any:
        """Read the file.

        Coordinates are indexed, text is `str` in object arrays, a numeric `stimulus_id` becomes text, and `image_id` of
        older files is copied to `stimulus_id`. `attrs` are those of the file and of its data variable, which takes
        precedence. Each group of the file (an extra) is loaded into `attrs`, under its name.

        Returns
        -------
        DataAssembly
            An instance of the assembly class; extras are instances of `MetadataAssembly`.

        Raises
        ------
        AssemblyFormatError
            The file is damaged or not netCDF, does not have exactly one data variable, has values that cannot be
            decoded, a group with the name of a reserved attribute, or dimensions that its class does not have.
        FileNotFoundError
            The file does not exist.
        """
        array, groups = self._read()
        array = _with_text_ids(self.correct_stimulus_id_name(array))
        assembly = self._construct(self._with_metadata(array))
        self._validate(assembly)
        for group in groups:
            assembly.attrs[group] = self._extra(group)
        return assembly

    def _construct(self, array: xr.DataArray) -> Any:
        """Return the assembly; raise AssemblyFormatError if the contents of the file fit no assembly class."""
        try:
            return self.assembly_class(array)
        except BrainioError:
            raise
        except Exception as error:
            self._require_indexable(array, error)
            if self.assembly_class.__module__.partition(".")[0] == "brainio":
                raise self._as_brainio_error(error) from error
            raise  # by a class of another package

    def _with_metadata(self, array: xr.DataArray) -> xr.DataArray:
        """Return the array with coordinates that are not in its file; its class is constructed afterwards, once."""
        return array

    def _require_indexable(self, array: xr.DataArray, error: Exception) -> None:
        """Raise AssemblyFormatError for an error that the coordinates of the file caused."""
        try:
            gather_indexes(array)
        except Exception:
            raise self._as_brainio_error(error) from error

    @classmethod
    def correct_stimulus_id_name(cls, assembly: xr.DataArray) -> xr.DataArray:
        """Add the coordinate `stimulus_id` to an array with the coordinate `image_id` of older files."""
        if IMAGE_ID not in assembly.coords or STIMULUS_ID in assembly.coords:
            return assembly
        coordinate = assembly.coords[IMAGE_ID]
        return assembly.assign_coords({STIMULUS_ID: (coordinate.dims, coordinate.values)})

    def _read(self) -> tuple[xr.DataArray, list[str]]:
        """Return the array and the names of the other groups of the file."""
        try:
            file = self.file_path
            array, groups = self._read_file(file) if isinstance(file, Path) else self._read_stream(file)
            return _with_original_names(array), groups
        except (FileNotFoundError, BrainioError):
            raise
        except Exception as error:  # for damaged files, the libraries raise almost every built-in exception
            if self.kwargs and isinstance(error, TypeError):  # an argument that xarray does not know
                raise
            raise self._as_brainio_error(error) from error

    def _as_brainio_error(self, error: Exception) -> AssemblyFormatError:
        """Translate an error of the libraries that read the file."""
        where, text = self._where(), " ".join([str(error), *getattr(error, "__notes__", [])])  # notes name variables
        if isinstance(error, MemoryError):
            return InsufficientMemoryError(
                f"{where} does not fit into memory ({text}). Read it in chunks (chunks='auto', or "
                f"BRAINIO_CHUNKS=auto), or with stream=True, and select a part."
            )
        if isinstance(error, ValueError | ArithmeticError) and not isinstance(error, UnicodeError):
            return AssemblyFormatError(
                f"{where} has values that cannot be decoded: {text} Correct the attributes of that variable, or load "
                f"with decode_cf=False."
            )
        return AssemblyFormatError(
            f"{where} cannot be read as netCDF-4 ({text}). The file is damaged, truncated or of another format; "
            f"fetch or write it again."
        )

    def _inspect(self, *, eager: bool) -> FileStructure:
        """Raise an error for a file that is unsafe to open, or too large to read; see `inspect` for the lock."""
        structure = inspect(self.file_path)
        if self.in_blocks:
            require_block_memory(structure, self._where(), self.group)
        else:
            require_memory(structure, self._where(), self.group, eager=eager)
        return structure

    def _read_file(self, path: Path) -> tuple[xr.DataArray, list[str]]:
        structure = self._inspect(eager=self.chunks is None and not self.in_blocks)
        with hdf5_access():
            store = open_store(path, self.group, structure)
            groups = _array_groups(store.ds) if self.group is None else []
            dataset = decode_store(store, self.kwargs)
            if self.in_blocks:
                array = self._only_variable(dataset)
                check_decoding(array, store)
                read_coordinates(array, store)
                read_lazily_by_blocks(array, store)
            elif self.chunks is None:
                with dataset:
                    array = self._only_variable(dataset)
                    read_values(array, store)  # first, since coordinates fit into the memory that this frees
                    read_coordinates(array, store)
            else:
                array = self._only_variable(dataset)
                self._require_dims(array)
                check_decoding(array, store)
                read_coordinates(array, store)
                array = chunk_array(array, self.chunks)
        return array, groups

    def _read_stream(self, file: IO[bytes]) -> tuple[xr.DataArray, list[str]]:
        store = open_stream(file, self.group)
        self._inspect(eager=False)
        groups = _array_groups(store.ds) if self.group is None else []
        array = self._only_variable(decode_store(store, self.kwargs))
        self._require_dims(array)
        check_decoding(array, store)
        read_coordinates(array, store)
        if self.chunks is None:
            read_lazily(array)
        else:
            array = chunk_array(array, self.chunks)
        return array, groups

    def _require_dims(self, array: xr.DataArray) -> None:
        unknown = [dim for dim in self._chunked_dims if dim not in array.dims]
        if unknown:
            raise AssemblyFormatError(
                f"chunks name the dimension {unknown[0]!r}, which {self._where()} does not have; it has {array.dims}"
            )

    def _validate(self, assembly: Any) -> None:
        if not hasattr(assembly, "validate"):
            return
        try:
            assembly.validate()
        except (AssemblyFormatError, AssertionError) as error:  # classes of other packages assert
            # Only a warning: such files were published before packaging checked dimensions.
            warnings.warn(
                f"{self._where()} has the wrong form for a {self.assembly_class.__name__}: {error or assembly.dims}",
                FormatWarning,
                stacklevel=2,
            )

    def _extra(self, group: str) -> Any:
        if group in _OWN_ATTRS:
            raise AssemblyFormatError(
                f"{self.file_path} has a group {group!r}, the name of a reserved attribute; "
                f"expected another name. Read it with AssemblyLoader(group={group!r}) and write it under another name."
            )
        lazy: dict[str, Any] = {"chunks": self.chunks, "in_blocks": self.in_blocks}
        loader = StimulusReferenceAssemblyLoader
        return loader(self.extra_class, self.file_path, group=group, **lazy, **self._stimuli()).load()

    def _stimuli(self) -> dict[str, Any]:
        """Return the arguments about stimuli for the loaders of extras."""
        return {}

    def _only_variable(self, dataset: xr.Dataset) -> xr.DataArray:
        # coordinates that are not named as such in the file have one dimension, like no data variable beside others
        names = list(dataset.data_vars)
        if len(names) != 1:
            raise AssemblyFormatError(
                f"{self._where()} has {len(names)} data variables {names}; expected exactly one. Read it with "
                f"xarray.open_dataset and write each variable to a separate file."
            )
        array = dataset[names[0]]
        for variable in (array.variable, *coords_of(array).values()):
            decode_variable(variable)
        array.attrs = {**decode_attributes(dataset.attrs), **array.attrs}
        mask_missing_text(array)
        return array

    def _where(self) -> str:
        return str(self.file_path) if self.group is None else f"group {self.group!r} of {self.file_path}"


class StimulusReferenceAssemblyLoader(AssemblyLoader):
    """Load an assembly, with its stimulus set in `attrs`.

    Parameters
    ----------
    stimulus_set_identifier : str, optional
        Becomes `attrs['stimulus_set_identifier']`; default: that of the file, or None.
    stimulus_set : pandas.DataFrame, optional
        Becomes `attrs['stimulus_set']`; default: None.
    allow_missing_stimuli : bool, default False
        Give missing metadata to presentations without `stimulus_id`, or with a stimulus that the set lacks, instead of
        an error. Integers then become floats, booleans become objects.
    """

    def __init__(
        self,
        cls: type[xr.DataArray],
        file_path: str | Path | IO[bytes],
        stimulus_set_identifier: str | None = None,
        stimulus_set: pd.DataFrame | None = None,
        allow_missing_stimuli: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(cls, file_path, **kwargs)
        self.stimulus_set_identifier = stimulus_set_identifier
        self.stimulus_set = stimulus_set
        self.allow_missing_stimuli = allow_missing_stimuli

    def _stimuli(self) -> dict[str, Any]:
        return {STIMULUS_SET_IDENTIFIER: self.stimulus_set_identifier, STIMULUS_SET: self.stimulus_set}

    def load(self) -> Any:
        """Read the file, see `AssemblyLoader.load`."""
        assembly = super().load()
        in_file = assembly.attrs.get(STIMULUS_SET_IDENTIFIER)
        assembly.attrs[STIMULUS_SET_IDENTIFIER] = self.stimulus_set_identifier or in_file
        assembly.attrs[STIMULUS_SET] = self.stimulus_set
        return assembly


class StimulusMergeAssemblyLoader(StimulusReferenceAssemblyLoader):
    """Load an assembly, with the metadata of its stimuli joined by `stimulus_id`.

    `load` raises AssemblyFormatError, too, if the stimulus set lacks a stimulus of the assembly, unless
    `allow_missing_stimuli`.
    """

    def _with_metadata(self, array: xr.DataArray) -> xr.DataArray:
        if self.stimulus_set is None:
            return array
        try:
            return cast("xr.DataArray", self.merge_stimulus_set_meta(array, self.stimulus_set))
        except BrainioError:
            raise
        except Exception as error:
            self._require_indexable(array, error)
            raise  # caused by the stimulus set

    def merge_stimulus_set_meta(self, assy: Any, stimulus_set: pd.DataFrame) -> Any:
        """Add each column of the stimulus set that the assembly lacks, as a level next to `stimulus_id`.

        `load` calls this method with the array of the file, before it constructs the assembly from the result.

        Raises
        ------
        AssemblyFormatError
            Either has no ids to join by, the set has a duplicate id, or lacks stimuli of the assembly.
        """
        return join_stimuli(assy, stimulus_set, self._where(), allow_missing=self.allow_missing_stimuli)


class GroupAppendAssemblyLoader(StimulusReferenceAssemblyLoader):
    """Load an assembly with metadata in the groups of its file; its stimulus set is not joined."""


def _with_original_names(array: xr.DataArray) -> xr.DataArray:
    """Restore the name of an array, and of coordinates that were named as their dimension.

    A coordinate `<dimension>_` that is the only one of its dimension was renamed by brainscore-brainio.
    """
    named = array.encoding.pop(ARRAY_NAME, None)
    if isinstance(named, str) or array.name == _UNNAMED:
        array.name = named
    for dim in array.dims:
        along = [name for name, coordinate in array.coords.items() if coordinate.dims == (dim,)]
        if along == [f"{dim}_"]:
            values = array.coords[along[0]].values
            array = array.drop_vars(along).assign_coords({dim: (dim, values)})
    return array


def _with_text_ids(array: xr.DataArray) -> xr.DataArray:
    """Convert a numeric `stimulus_id` to text, as stimulus sets do."""
    if STIMULUS_ID not in array.coords or array.coords[STIMULUS_ID].dtype.kind not in "iuf":
        return array
    coordinate = array.coords[STIMULUS_ID]
    return array.assign_coords({STIMULUS_ID: (coordinate.dims, text_ids(coordinate.values), coordinate.attrs)})


def text_ids(ids: np.ndarray) -> np.ndarray:
    """Convert numeric ids to text, as loading does; other ids are returned unchanged."""
    if ids.dtype.kind not in "iuf":
        return ids
    distinct, places = np.unique(ids, return_inverse=True)
    texts = np.array([_number_as_text(number) for number in distinct.tolist()], dtype=object)
    converted = np.empty(ids.shape, dtype=object)
    converted[...] = texts[places.reshape(ids.shape)]
    return converted


def _number_as_text(number: float) -> str | float:
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return number if np.isnan(number) else str(number)  # NaN remains a missing id


def _array_groups(parent: Any, path: str = "") -> list[str]:
    """Return the paths of the groups of an open file that contain variables."""
    names: list[str] = []
    for name, group in parent.groups.items():
        names += [f"{path}{name}"] if group.variables else []
        names += _array_groups(group, f"{path}{name}/")
    return names
