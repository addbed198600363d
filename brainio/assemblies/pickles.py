"""Reading assemblies that brainscore-brainio 1.1.0 pickled, on xarray of its time.

Such pickles hold a multi-index under its dimension only, without its levels as coordinates, and indexes that lack
attributes which xarray expects today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from brainio.assemblies.gather import Coords, Indexes, gather
from brainio.assemblies.index import as_assembly_index

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_outdated(indexes: Mapping[object, xr.Index] | None) -> bool:
    """Tell whether indexes were pickled by an xarray that did not yet list levels as coordinates.

    That xarray left the indexes of a selection to be made when they are asked for: None.
    """
    return indexes is None or any(
        isinstance(index, PandasIndex) and not hasattr(index, "coord_dtype") for index in indexes.values()
    )


def renew(coords: Coords) -> tuple[Coords, Indexes]:
    """Build coordinates and indexes anew from the values of outdated ones; every level becomes a coordinate."""
    fresh: Coords = {}
    indexes: Indexes = {}
    for name, variable in coords.items():
        index = variable.to_index() if isinstance(variable, xr.IndexVariable) else None
        if isinstance(index, pd.MultiIndex):
            whole = as_assembly_index(PandasMultiIndex(index, name))
            variables = whole.create_variables()
            fresh.update(variables)
            indexes.update(dict.fromkeys(variables, whole))
        else:
            values = variable.values if index is None else index.to_numpy()
            fresh[name] = xr.Variable(variable.dims, values, variable.attrs)
    return gather(fresh, indexes)
