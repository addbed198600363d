"""What combining and comparing assemblies does with their attrs, of which one value is a whole table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

STIMULUS_SET = "stimulus_set"
STIMULUS_SET_IDENTIFIER = "stimulus_set_identifier"


def combine_stimulus_set(attrs: MutableMapping[Any, Any], parts: Sequence[Mapping[Any, Any]]) -> None:
    """Put the stimulus set of combined arrays into `attrs` if they agree on its identifier, take it out if they do not.

    Arrays that name no stimulus set have no say; nor do any when xarray was told to drop all attrs.
    """
    naming = [part for part in parts if part.get(STIMULUS_SET_IDENTIFIER) is not None]
    if len(naming) < 2 or (not attrs and any(parts)):
        return
    if len({part[STIMULUS_SET_IDENTIFIER] for part in naming}) > 1:
        attrs.pop(STIMULUS_SET, None)
        attrs.pop(STIMULUS_SET_IDENTIFIER, None)
        return
    for part in naming:
        if part.get(STIMULUS_SET) is not None:
            attrs[STIMULUS_SET] = part[STIMULUS_SET]
            return


def same_attrs(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> bool:
    """Tell whether two attrs hold the same; no stimulus set is the same as None."""
    mine, theirs = ({k: v for k, v in a.items() if v is not None or k != STIMULUS_SET} for a in (first, second))
    return _same(mine, theirs)


_KINDS: tuple[Any, ...] = (xr.DataArray, xr.Dataset, xr.Variable, pd.DataFrame, pd.Series, pd.Index, Mapping)


def _same(first: Any, second: Any) -> bool:
    """Compare values of attrs, which may be anything: arrays with coordinates, tables, and containers of them."""
    if first is second:
        return True
    kinds = [[isinstance(value, kind) for kind in _KINDS] for value in (first, second)]
    if kinds[0] != kinds[1]:
        return False
    if isinstance(first, xr.DataArray | xr.Dataset | xr.Variable):
        return bool(first.identical(second))
    if isinstance(first, pd.DataFrame | pd.Series | pd.Index):
        return bool(first.equals(second))
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return xr.DataArray(first).equals(xr.DataArray(second))  # NaN equals NaN there
    both_nan = first != first and second != second
    return bool(both_nan or first == second)
