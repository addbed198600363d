"""Loaders: from a netCDF-4 file to an assembly in memory, joined with its stimulus set.

They read local files only; finding, fetching and verifying those is not their business. Values are loaded and the file
is closed before `load` returns, unless the environment variable `BRAINIO_CHUNKS` asks for lazy dask arrays.
"""

from __future__ import annotations

import ast
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies.attrs import STIMULUS_SET, STIMULUS_SET_IDENTIFIER
from brainio.assemblies.codes import Level, factorize_level
from brainio.assemblies.gather import gather_indexes
from brainio.assemblies.index import AssemblyIndex
from brainio.errors import AssemblyFormatError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

BRAINIO_CHUNKS = "BRAINIO_CHUNKS"
STIMULUS_ID = "stimulus_id"
_IMAGE_ID = "image_id"
# HDF5 is not safe for threads: whoever opens or reads a netCDF file in this process holds this lock.
HDF5_LOCK = threading.RLock()


class AssemblyLoader:
    """Read one netCDF file, or one group of it, into an assembly of a class.

    Parameters
    ----------
    cls
        The assembly class.
    file_path
        The netCDF-4 file.
    group
        The group of the file to read; default: the file's root.
    kwargs
        Further arguments of `xarray.open_dataset`.
    """

    def __init__(self, cls: type[xr.DataArray], file_path: str | Path, group: str | None = None, **kwargs: Any) -> None:
        self.assembly_class = cls
        self.file_path = Path(file_path)
        self.group = group
        self.kwargs = kwargs

    def load(self) -> Any:
        """Read the file.

        Coordinates are indexed, text is `str` in object arrays, a numeric `stimulus_id` becomes text, `image_id` of
        older files is kept and gives `stimulus_id`. `attrs` are those of the file and of its data variable; where both
        have one, that of the variable.

        Raises
        ------
        AssemblyFormatError
            The file is not netCDF or damaged, or does not hold exactly one data variable.
        """
        with HDF5_LOCK:
            array = self._read()
        array = self.correct_stimulus_id_name(array)
        return self.assembly_class(_with_text_ids(array))

    @classmethod
    def correct_stimulus_id_name(cls, assembly: xr.DataArray) -> xr.DataArray:
        """Give an array with the coordinate `image_id` of older files the coordinate `stimulus_id` as well."""
        if _IMAGE_ID not in assembly.coords or STIMULUS_ID in assembly.coords:
            return assembly
        coordinate = assembly.coords[_IMAGE_ID]
        return assembly.assign_coords({STIMULUS_ID: (coordinate.dims, coordinate.values)})

    def _read(self) -> xr.DataArray:
        chunks = os.environ.get(BRAINIO_CHUNKS)
        try:
            dataset = xr.open_dataset(
                self.file_path,
                engine="netcdf4",
                group=self.group,
                chunks=_parse_chunks(chunks) if chunks else None,
                **self.kwargs,
            )
            if chunks:
                array = self._only_variable(dataset)
                for coordinate in array.coords.values():
                    coordinate.load()  # only values stay in the file: coordinates are indexed at once
                return array
            with dataset:
                return self._only_variable(dataset).load()
        except FileNotFoundError:
            raise
        except (OSError, RuntimeError, UnicodeDecodeError) as error:
            raise AssemblyFormatError(
                f"{self._where()} cannot be read as netCDF-4 ({error}). The file is damaged, cut short or of another "
                f"kind; fetch or write it again."
            ) from error

    def _only_variable(self, dataset: xr.Dataset) -> xr.DataArray:
        # coordinates that are not named as such in the file have one dimension, like no data variable beside others
        names = list(dataset.data_vars)
        if len(names) != 1:
            raise AssemblyFormatError(
                f"{self._where()} holds {len(names)} data variables {names}; expected exactly one. Read it with "
                f"xarray.open_dataset and write each variable to a file of its own."
            )
        array = dataset[names[0]]
        array.attrs = {**dataset.attrs, **array.attrs}
        return _with_dimension_names(array)

    def _where(self) -> str:
        return str(self.file_path) if self.group is None else f"group {self.group!r} of {self.file_path}"


class StimulusReferenceAssemblyLoader(AssemblyLoader):
    """Read an assembly and put its stimulus set into its attrs.

    Parameters
    ----------
    stimulus_set_identifier
        Goes to `attrs['stimulus_set_identifier']`; default: what the file says, or None.
    stimulus_set
        Goes to `attrs['stimulus_set']`; default: None.
    """

    def __init__(
        self,
        cls: type[xr.DataArray],
        file_path: str | Path,
        stimulus_set_identifier: str | None = None,
        stimulus_set: pd.DataFrame | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cls, file_path, **kwargs)
        self.stimulus_set_identifier = stimulus_set_identifier
        self.stimulus_set = stimulus_set

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
            Also when the stimulus set lacks a stimulus of the assembly.
        """
        assembly = super().load()
        if self.stimulus_set is None:
            return assembly
        return self.merge_stimulus_set_meta(assembly, self.stimulus_set)

    def merge_stimulus_set_meta(self, assy: Any, stimulus_set: pd.DataFrame) -> Any:
        """Add each column of the stimulus set that the assembly does not have as a level beside `stimulus_id`."""
        assy = gather_indexes(assy)
        if STIMULUS_ID not in assy.coords:
            raise AssemblyFormatError(
                f"{self._where()} has no coordinate 'stimulus_id' (nor 'image_id') to join the stimulus set by; it has "
                f"{list(assy.coords)}"
            )
        (dim,) = assy[STIMULUS_ID].dims
        index = assy.xindexes[STIMULUS_ID]
        if not isinstance(index, AssemblyIndex):
            raise AssemblyFormatError(f"{self._where()}: stimulus_id may not be the name of a dimension")
        rows, known = _rows_of_stimuli(index.levels[STIMULUS_ID], stimulus_set, self._where())
        added: dict[Hashable, Level] = {
            name: factorize_level(column.to_numpy()).at(rows)
            for name, column in stimulus_set.items()
            if name not in assy.coords and name != dim
        }
        joined = AssemblyIndex.from_levels(dim, {**index.levels, STIMULUS_ID: known, **added})
        variables = joined.create_variables(assy._coords)
        coords: dict[Hashable, xr.Variable] = {}
        for name, variable in assy._coords.items():
            coords.update(variables if name in variables else {name: variable})
        return assy._replace(coords=coords, indexes={**assy._indexes, **dict.fromkeys(variables, joined)})


class GroupAppendAssemblyLoader(StimulusReferenceAssemblyLoader):
    """Read an assembly and put each group of its file ("extra") into its attrs, as a MetadataAssembly."""

    def load(self) -> Any:
        """Read the file and its groups, see `AssemblyLoader.load`."""
        from brainio.assemblies.classes import MetadataAssembly  # the classes name their loaders

        assembly = super().load()
        for group in self._groups():
            loader = MetadataAssembly.get_loader_class()(
                MetadataAssembly,
                self.file_path,
                stimulus_set_identifier=self.stimulus_set_identifier,
                stimulus_set=self.stimulus_set,
                group=group,
            )
            assembly.attrs[group] = loader.load()
        return assembly

    def _groups(self) -> list[str]:
        with HDF5_LOCK, netCDF4.Dataset(self.file_path, mode="r") as file:
            return list(file.groups)


def _parse_chunks(text: str) -> Mapping[Any, Any]:
    try:
        chunks = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        chunks = None
    if not isinstance(chunks, dict):
        raise AssemblyFormatError(
            f"{BRAINIO_CHUNKS}={text!r} is no dict of chunk sizes; expected something like {{'presentation': 10000}}"
        )
    return chunks


def _with_dimension_names(array: xr.DataArray) -> xr.DataArray:
    """Name a dimension's only coordinate as the dimension where the file has `<dimension>_` for it.

    brainscore-brainio wrote coordinates that are named as their dimension like that.
    """
    for dim in array.dims:
        along = [name for name, coordinate in array.coords.items() if coordinate.dims == (dim,)]
        if along == [f"{dim}_"]:
            values = array.coords[along[0]].values
            array = array.drop_vars(along).assign_coords({dim: (dim, values)})
    return array


def _with_text_ids(array: xr.DataArray) -> xr.DataArray:
    """Turn a numeric `stimulus_id` into text: stimulus sets read theirs as text, whatever it looks like."""
    if STIMULUS_ID not in array.coords or array.coords[STIMULUS_ID].dtype.kind not in "iu":
        return array
    coordinate = array.coords[STIMULUS_ID]
    return array.assign_coords({STIMULUS_ID: (coordinate.dims, coordinate.values.astype(str).astype(object))})


def _rows_of_stimuli(level: Level, stimulus_set: pd.DataFrame, where: str) -> tuple[np.ndarray, Level]:
    """Find the row of the stimulus set for each position of the assembly, by way of the distinct ids alone."""
    ids = pd.Index(stimulus_set[STIMULUS_ID].to_numpy(), dtype=object)
    if ids.has_duplicates:
        doubled = ids[ids.duplicated()].unique()[:5].tolist()
        raise AssemblyFormatError(f"{where} cannot be joined: the stimulus set has doubled ids, such as {doubled}")
    found = ids.get_indexer(level.values)
    if (found < 0).any():
        # ids written as numbers: '7' in the assembly may be '007' in the table, or a number in a set made by hand
        loose = pd.Index([_loose(value) for value in ids], dtype=object)
        if loose.is_unique:
            again = loose.get_indexer(pd.Index([_loose(value) for value in level.values], dtype=object))
            found = np.where(found < 0, again, found)
            names = np.where(found < 0, level.values.to_numpy(), ids.to_numpy()[found])
            renamed = factorize_level(names)
            rows = np.full(len(renamed.values), -1)
            rows[renamed.codes] = found
            level, found = renamed.at(level.codes), rows
    used = np.zeros(len(level.values) + 1, dtype=bool)
    used[level.codes] = True
    missing = level.values[used[:-1] & (found < 0)]
    if len(missing) or used[-1]:
        name = stimulus_set.__dict__.get("identifier")
        raise AssemblyFormatError(
            f"{where} names {len(missing) + int(used[-1])} stimuli that the stimulus set {name or ''!s} of "
            f"{len(ids)} lacks, such as {missing[:5].tolist() or ['(missing id)']}. Load it with the set it was "
            f"recorded with."
        )
    return np.append(found, -1)[level.codes], level


def _loose(value: Any) -> Any:
    text = str(value)
    return int(text) if text.isdecimal() else text
