"""What combining and comparing assemblies does with their attrs, of which one value is a whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, MutableMapping, Sequence

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


def same_stimulus_sets(first: Mapping[Hashable, Any], second: Mapping[Hashable, Any]) -> bool:
    """Tell whether two attrs hold the same stimulus set (the same object, or equal tables), or none both."""
    mine, theirs = first.get(STIMULUS_SET), second.get(STIMULUS_SET)
    if mine is theirs:
        return True
    if not isinstance(mine, pd.DataFrame) or not isinstance(theirs, pd.DataFrame):
        return False
    return mine.equals(theirs)
