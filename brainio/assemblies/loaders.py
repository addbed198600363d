"""Loaders: from a netCDF-4 file to an assembly in memory, joined with its stimulus set.

They read local files, and open binary files wherever those lie; finding, fetching and verifying them is not their
business. Values of a local file are loaded and the file is closed before `load` returns, unless `chunks` or the
environment variable `BRAINIO_CHUNKS` asks for lazy dask arrays.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np

from brainio.assemblies.gathering import gather_indexes
from brainio.assemblies.stimulus_metadata import STIMULUS_ID, STIMULUS_SET, STIMULUS_SET_IDENTIFIER, join_stimuli
from brainio.errors import AssemblyFormatError, BrainioError, FormatWarning, InsufficientMemoryError
from brainio.netcdf.attributes import ARRAY_NAME, decode_attributes, decode_variable
from brainio.netcdf.chunks import BRAINIO_CHUNKS, Chunks, chunk_array, resolve_chunks
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.inspection import inspect
from brainio.netcdf.memory import require_block_memory, require_memory
from brainio.netcdf.opening import decode_store, open_store, open_stream
from brainio.netcdf.reading import (
    check_decoding,
    mask_missing_text,
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
    """Read one netCDF file, or one group of it, into an assembly of a class.

    Parameters
    ----------
    cls : type
        The assembly class.
    file_path : path or binary file
        The netCDF-4 file. Of an open file, which must allow to seek, values are read when they are used, and only those
        that were selected; that needs the extra `stream`.
    group : str, optional
        The group of the file to read; default: the file's root.
    chunks : optional
        Leave the values in the file, as lazy chunks of dask: `'auto'` for multiples of the file's own chunks of about
        64 MB, `-1` for one chunk, or a dict of dimension -> size. Default: what the environment variable
        `BRAINIO_CHUNKS` says, else values are loaded. Coordinates are always loaded.
    in_blocks : bool, default False
        Leave the values in the file, without dask and regardless of `BRAINIO_CHUNKS`: `brainio.netcdf.chunks` reads
        them block by block. A file with a chunk of more than 64 MiB, or whose coordinates do not fit into memory, is
        refused before it is opened.
    kwargs : optional
        Further arguments of `xarray.open_dataset`.
    """

    extra_class: ClassVar[type[xr.DataArray]]
    """The class of extras, which `classes` sets: the classes name their loaders."""

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
        self.chunks = None if in_blocks else resolve_chunks(chunks)
        self._chunked_dims = list(chunks) if isinstance(chunks, Mapping) and group is None else []
        self.kwargs = kwargs

    def load(self) -> Any:
        """Read the file.

        Coordinates are indexed, text is `str` in object arrays, a numeric `stimulus_id` becomes text, `image_id` of
        older files is kept and gives `stimulus_id`. `attrs` are those of the file and of its data variable; where both
        have one, that of the variable. Each group of the file ("extra") is loaded into `attrs`, under its name.

        Returns
        -------
        DataAssembly
            Of the assembly class; extras are of `MetadataAssembly`.

        Raises
        ------
        AssemblyFormatError
            The file is not netCDF or damaged, does not hold exactly one data variable, holds values that cannot be
            decoded, a group that is named as an attribute of every assembly, or dimensions that its class does not
            have.
        FileNotFoundError
            There is no such file.
        """
        array, groups = self._read()
        array = self.correct_stimulus_id_name(array)
        assembly = self._construct(array)
        self._validate(assembly)
        for group in groups:
            assembly.attrs[group] = self._extra(group)
        return assembly

    def _construct(self, array: xr.DataArray) -> Any:
        """Return the assembly; where no class could be built from the file, its contents are at fault."""
        try:
            array = _with_text_ids(array)
            return self.assembly_class(array)
        except BrainioError:
            raise
        except Exception as error:
            try:
                gather_indexes(array)
            except Exception:
                raise self._translated(error) from error
            if self.assembly_class.__module__.partition(".")[0] == "brainio":
                raise self._translated(error) from error
            raise  # an error of a class of others

    @classmethod
    def correct_stimulus_id_name(cls, assembly: xr.DataArray) -> xr.DataArray:
        """Give an array with the coordinate `image_id` of older files the coordinate `stimulus_id` as well."""
        if IMAGE_ID not in assembly.coords or STIMULUS_ID in assembly.coords:
            return assembly
        coordinate = assembly.coords[IMAGE_ID]
        return assembly.assign_coords({STIMULUS_ID: (coordinate.dims, coordinate.values)})

    def _read(self) -> tuple[xr.DataArray, list[str]]:
        """Give the array and the names of the groups that the file has beside it."""
        try:
            place = self.file_path
            array, groups = self._read_file(place) if isinstance(place, Path) else self._read_stream(place)
            return _with_own_names(array), groups
        except (FileNotFoundError, BrainioError):
            raise
        except Exception as error:  # for damaged files, the libraries raise nearly every built-in exception
            if self.kwargs and isinstance(error, TypeError):  # an argument that xarray does not know
                raise
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> AssemblyFormatError:
        """Return the error to raise for one of the libraries that read the file."""
        where, text = self._where(), " ".join([str(error), *getattr(error, "__notes__", [])])  # notes name variables
        if isinstance(error, MemoryError):
            return InsufficientMemoryError(
                f"{where} does not fit into memory ({text}). Read it by chunks (chunks='auto', or "
                f"BRAINIO_CHUNKS=auto), or with stream=True, and select a part."
            )
        if isinstance(error, ValueError | ArithmeticError) and not isinstance(error, UnicodeError):
            return AssemblyFormatError(
                f"{where} holds values that cannot be decoded: {text} Correct the attributes of that variable, or load "
                f"with decode_cf=False."
            )
        return AssemblyFormatError(
            f"{where} cannot be read as netCDF-4 ({text}). The file is damaged, cut short or of another kind; fetch or "
            f"write it again."
        )

    def _inspect(self, *, eager: bool) -> FileStructure:
        """Refuse a file that is unsafe to open, or too large to read; see `inspect` for the lock."""
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
            groups = _groups_with_arrays(store.ds) if self.group is None else []
            dataset = decode_store(store, self.kwargs)
            if self.in_blocks:
                array = self._only_variable(dataset)
                check_decoding(array, store)
                read_coordinates(array, store)
                read_lazily_by_blocks(array, store)
            elif self.chunks is None:
                with dataset:
                    array = self._only_variable(dataset)
                    read_values(array, store)  # first: what this frees, coordinates fit into
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
        groups = _groups_with_arrays(store.ds) if self.group is None else []
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
        except (AssemblyFormatError, AssertionError) as error:  # classes of others assert
            # A warning, since files were published before anybody checked them; packaging refuses new ones.
            warnings.warn(
                f"{self._where()} is no proper {self.assembly_class.__name__}: {error or assembly.dims}",
                FormatWarning,
                stacklevel=2,
            )

    def _extra(self, group: str) -> Any:
        if group in _OWN_ATTRS:
            raise AssemblyFormatError(
                f"{self.file_path} has a group {group!r}, which is the name of an attribute of every assembly; "
                f"expected another name. Read it with AssemblyLoader(group={group!r}) and write it under that."
            )
        lazy: dict[str, Any] = {"chunks": self.chunks, "in_blocks": self.in_blocks}
        loader = StimulusReferenceAssemblyLoader
        return loader(self.extra_class, self.file_path, group=group, **lazy, **self._stimuli()).load()

    def _stimuli(self) -> dict[str, Any]:
        """Give what extras are told about stimuli."""
        return {}

    def _only_variable(self, dataset: xr.Dataset) -> xr.DataArray:
        # coordinates that are not named as such in the file have one dimension, like no data variable beside others
        names = list(dataset.data_vars)
        if len(names) != 1:
            raise AssemblyFormatError(
                f"{self._where()} holds {len(names)} data variables {names}; expected exactly one. Read it with "
                f"xarray.open_dataset and write each variable to a file of its own."
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
    """Read an assembly and put its stimulus set into its attrs.

    Parameters
    ----------
    stimulus_set_identifier : str, optional
        Goes to `attrs['stimulus_set_identifier']`; default: what the file says, or None.
    stimulus_set : pandas.DataFrame, optional
        Goes to `attrs['stimulus_set']`; default: None.
    allow_missing_stimuli : bool, default False
        Where metadata of stimuli are joined in, give missing values to presentations whose stimulus the set lacks, or
        that have no `stimulus_id`, in place of an error. Integers then become floats, booleans become objects.
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
    """Read an assembly and join in the metadata of its stimuli by `stimulus_id`."""

    def load(self) -> Any:
        """Read the file, see `AssemblyLoader.load`.

        Raises
        ------
        AssemblyFormatError
            Also when the stimulus set lacks a stimulus of the assembly, unless `allow_missing_stimuli`.
        """
        assembly = super().load()
        if self.stimulus_set is None:
            return assembly
        return self.merge_stimulus_set_meta(assembly, self.stimulus_set)

    def merge_stimulus_set_meta(self, assy: Any, stimulus_set: pd.DataFrame) -> Any:
        """Add each column of the stimulus set that the assembly does not have as a level beside `stimulus_id`.

        Raises
        ------
        AssemblyFormatError
            Either has no ids to join by, an id stands twice in the set, or the set lacks stimuli of the assembly.
        """
        return join_stimuli(assy, stimulus_set, self._where(), allow_missing=self.allow_missing_stimuli)


class GroupAppendAssemblyLoader(StimulusReferenceAssemblyLoader):
    """Read an assembly whose metadata lie in the groups of its file, and whose stimulus set is not joined in."""


def _with_own_names(array: xr.DataArray) -> xr.DataArray:
    """Give an array the name that it was written with, and coordinates the names of their dimensions.

    Where a dimension has only the coordinate `<dimension>_`, brainscore-brainio wrote its own coordinate like that.
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
    """Turn a numeric `stimulus_id` into text: stimulus sets read theirs as text, whatever it looks like."""
    if STIMULUS_ID not in array.coords or array.coords[STIMULUS_ID].dtype.kind not in "iuf":
        return array
    coordinate = array.coords[STIMULUS_ID]
    return array.assign_coords({STIMULUS_ID: (coordinate.dims, text_ids(coordinate.values), coordinate.attrs)})


def text_ids(ids: np.ndarray) -> np.ndarray:
    """Return numeric ids as the texts that they are loaded as; other ids as they are."""
    if ids.dtype.kind not in "iuf":
        return ids
    distinct, places = np.unique(ids, return_inverse=True)
    texts = np.array([_number_as_text(number) for number in distinct.tolist()], dtype=object)
    found = np.empty(ids.shape, dtype=object)
    found[...] = texts[places.reshape(ids.shape)]
    return found


def _number_as_text(number: float) -> str | float:
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return number if np.isnan(number) else str(number)  # NaN stays: it is a missing id


def _groups_with_arrays(place: Any, path: str = "") -> list[str]:
    """Name the groups of an open file that hold variables, those within others by their path."""
    names: list[str] = []
    for name, group in place.groups.items():
        names += [f"{path}{name}"] if group.variables else []
        names += _groups_with_arrays(group, f"{path}{name}/")
    return names
