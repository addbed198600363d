"""Inputs of workloads: an active catalog, the loaded recording, raw arrays.

Hides the two differences between the interfaces of this project and the peer: how to activate a catalog, and how to
resolve an identifier.
"""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_files import ASSEMBLY, SIZES, STIMULI, DataPaths

GROUP_LEVELS = ["category_name", "object_name", "stimulus_id"]
SPLITS = 10


class RawContext:
    """The data as raw arrays, for the workloads of the floor."""

    def __init__(self, folder: Path, mode: str, implementation: str) -> None:
        self.paths = DataPaths(folder)
        self.sizes = SIZES[mode]
        self.implementation = implementation

    @cached_property
    def values(self) -> np.ndarray:
        """Values of the recording: neuroid x presentation x time_bin, float32."""
        import netCDF4

        with netCDF4.Dataset(self.paths.netcdf) as file:
            file.set_auto_mask(False)
            return np.asarray(file["data"][:])

    @cached_property
    def values_with_missing(self) -> np.ndarray:
        """The values, of which one in a hundred is missing."""
        return with_missing(self.values)

    @cached_property
    def stimulus(self) -> np.ndarray:
        """Number of the stimulus of each presentation."""
        import netCDF4

        with netCDF4.Dataset(self.paths.netcdf) as file:
            return np.asarray(file["stimulus"][:])

    @cached_property
    def repetition(self) -> np.ndarray:
        """Number of the repetition of each presentation."""
        import netCDF4

        with netCDF4.Dataset(self.paths.netcdf) as file:
            return np.asarray(file["repetition"][:])

    @cached_property
    def regions(self) -> np.ndarray:
        """Region of each neuroid."""
        import netCDF4

        with netCDF4.Dataset(self.paths.netcdf) as file:
            return np.asarray(file["region"][:], dtype=object)


class Context(RawContext):
    """The data, loaded with the `brainio` of this interpreter: this project or the peer."""

    def activate_catalog(self, catalog: Path) -> None:
        """Make a catalog the only active one."""
        if self.implementation == "ours":
            os.environ["BRAINIO_CATALOGS"] = str(catalog)
            return
        from brainio import lookup
        from brainio.catalogs import Catalog

        catalogs = vars(lookup)["_catalogs"]
        catalogs.clear()
        catalogs[catalog.stem] = Catalog.from_files(catalog.stem, catalog)

    @property
    def resolve(self) -> Callable[[str], object]:
        """Function that resolves the identifier of an assembly to its entry."""
        if self.implementation == "ours":
            from brainio.catalogs import TYPE_ASSEMBLY, resolve

            return lambda identifier: resolve(TYPE_ASSEMBLY, identifier)
        from brainio.lookup import lookup_assembly

        return lookup_assembly

    @cached_property
    def stimulus_set(self) -> Any:
        """The stimulus set, from the cache."""
        import brainio

        return brainio.get_stimulus_set(STIMULI)

    @cached_property
    def assembly(self) -> Any:
        """The recording with the metadata of its stimuli and loaded values."""
        import brainio

        return brainio.get_assembly(ASSEMBLY).load()

    @cached_property
    def assembly_with_missing(self) -> Any:
        """The recording, of which one value in a hundred is missing."""
        return self.assembly.copy(data=with_missing(self.assembly.values))

    @cached_property
    def averaged(self) -> Any:
        """Average over repetitions: neuroid x stimulus."""
        averaged = self.assembly.multi_groupby(GROUP_LEVELS).mean(dim="presentation")
        return averaged.isel(time_bin=0, drop=True)


def with_missing(values: np.ndarray) -> np.ndarray:
    """Return a copy in which one value in a hundred is missing, always the same values."""
    values = values.copy()
    flat = values.reshape(-1)
    flat[np.random.default_rng(0).integers(0, flat.size, flat.size // 100)] = np.nan
    return values
