"""The coordinates of a netCDF file, without its values: ids that are numbers stay numbers, unlike in loading."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.opening import decode_store, open_store
from brainio.netcdf.reading import read_coordinates
from brainio.validation import stimulus_coordinate
from brainio.xarray_compat import set_stored_values

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


class CoordinatesLoader(AssemblyLoader):
    """Read the coordinates of one netCDF file; the values are zeros that take no memory.

    Parameters
    ----------
    file_path : path
        The netCDF-4 file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from brainio.packaging import write_netcdf
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.nc"
    >>> assembly = DataAssembly([5.0, 6.0], dims=["presentation"], coords={"stimulus_id": ("presentation", [7, 8])})
    >>> _ = write_netcdf(assembly, path)
    >>> read = CoordinatesLoader(path).load()
    >>> read["stimulus_id"].values.tolist(), read.values.tolist()
    ([7, 8], [0, 0])
    """

    def __init__(self, file_path: Path) -> None:
        super().__init__(DataAssembly, file_path)

    def load(self) -> Any:
        """Read the file.

        Returns
        -------
        xarray.DataArray

        Raises
        ------
        AssemblyFormatError
            The file is not netCDF or damaged, or does not hold exactly one data variable.
        FileNotFoundError
            There is no such file.
        """
        array, _ = self._read()
        name = stimulus_coordinate(array)
        if name is None or array[name].dtype.kind != "f":
            return array
        ids = np.array([_whole(value) for value in array[name].values.tolist()], dtype=object)
        return array.assign_coords({name: (array[name].dims, ids)})

    def _read_file(self, path: Path) -> tuple[xr.DataArray, list[str]]:
        structure = self._inspect(eager=False)
        with hdf5_access():
            store = open_store(path, None, structure)
            with decode_store(store, {}) as dataset:
                array = self._only_variable(dataset)
                set_stored_values(array.variable, np.broadcast_to(np.int8(0), array.shape))
                read_coordinates(array, store)
        return array, []


def _whole(number: float) -> int | float | str:
    """Return a number as loading writes it as an id, but whole ones as numbers; NaN is a missing id."""
    if math.isnan(number):
        return number
    return int(number) if number.is_integer() else str(number)
