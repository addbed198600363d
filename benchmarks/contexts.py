"""What workloads start from, on each side: a catalog in force, the loaded recording, the raw arrays.

The interface of both implementations is the same but for two things, which are here: how a catalog is put in force, and
what resolves an identifier.
"""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_files import ASSEMBLY, SIZES, STIMULI, Places

REPETITIONS_AVERAGED = ["category_name", "object_name", "stimulus_id"]
SPLITS = 10


class RawContext:
    """The data as bare arrays, for the floors."""

    def __init__(self, folder: Path, mode: str, side: str) -> None:
        self.places = Places(folder)
        self.sizes = SIZES[mode]
        self.side = side

    @cached_property
    def values(self) -> np.ndarray:
        """The values of the recording, neuroid x presentation x time_bin, float32."""
        import netCDF4

        with netCDF4.Dataset(self.places.netcdf) as file:
            file.set_auto_mask(False)
            return np.asarray(file["data"][:])

    @cached_property
    def values_with_nan(self) -> np.ndarray:
        """The values, one in a hundred missing."""
        return with_nan(self.values)

    @cached_property
    def stimulus(self) -> np.ndarray:
        """The number of the stimulus of each presentation."""
        import netCDF4

        with netCDF4.Dataset(self.places.netcdf) as file:
            return np.asarray(file["stimulus"][:])

    @cached_property
    def repetition(self) -> np.ndarray:
        """The number of the repetition of each presentation."""
        import netCDF4

        with netCDF4.Dataset(self.places.netcdf) as file:
            return np.asarray(file["repetition"][:])

    @cached_property
    def regions(self) -> np.ndarray:
        """The region of each neuroid."""
        import netCDF4

        with netCDF4.Dataset(self.places.netcdf) as file:
            return np.asarray(file["region"][:], dtype=object)


class Context(RawContext):
    """The data through the `brainio` that this interpreter imports: this project's, or the peer's."""

    def put_in_force(self, catalog: Path) -> None:
        """Make a catalog the one that identifiers are looked up in."""
        if self.side == "ours":
            os.environ["BRAINIO_CATALOGS"] = str(catalog)
            return
        from brainio import lookup
        from brainio.catalogs import Catalog

        catalogs = vars(lookup)["_catalogs"]
        catalogs.clear()
        catalogs[catalog.stem] = Catalog.from_files(catalog.stem, catalog)

    @property
    def resolve(self) -> Callable[[str], object]:
        """What leads from the identifier of an assembly to what the catalog says of it."""
        if self.side == "ours":
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
        """The recording with the metadata of its stimuli, values loaded."""
        import brainio

        return brainio.get_assembly(ASSEMBLY).load()

    @cached_property
    def assembly_with_nan(self) -> Any:
        """The recording, one value in a hundred missing."""
        return self.assembly.copy(data=with_nan(self.assembly.values))

    @cached_property
    def averaged(self) -> Any:
        """The average over repetitions, neuroid x stimulus."""
        averaged = self.assembly.multi_groupby(REPETITIONS_AVERAGED).mean(dim="presentation")
        return averaged.isel(time_bin=0, drop=True)


def with_nan(values: np.ndarray) -> np.ndarray:
    """Return a copy in which one value in a hundred is missing, always the same ones."""
    values = values.copy()
    flat = values.reshape(-1)
    flat[np.random.default_rng(0).integers(0, flat.size, flat.size // 100)] = np.nan
    return values
