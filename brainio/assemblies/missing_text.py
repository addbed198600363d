"""Missing texts in netCDF files, which store them as empty texts: an attribute of the variable tells them apart.

The attribute `brainio_missing` is `'empty'` where every empty text is missing, else an array with the positions of
missing texts (in C order, from 0). Readers that do not know it read empty texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from brainio.assemblies.stored_attributes import MISSING_TEXT
from brainio.errors import AssemblyFormatError
from brainio.levels import Level

if TYPE_CHECKING:
    import xarray as xr

_ALL_EMPTY = "empty"


def missing_attribute(missing: np.ndarray, texts: np.ndarray) -> dict[str, object]:
    """Return the attribute that marks missing texts; none where no text is missing.

    Parameters
    ----------
    missing : numpy.ndarray of bool
        Which texts are missing.
    texts : numpy.ndarray of object
        The texts as they are stored, missing ones empty; of the same shape.

    Examples
    --------
    >>> missing_attribute(np.array([False, True]), np.array(["x", ""], dtype=object))
    {'brainio_missing': 'empty'}
    """
    if not missing.any():
        return {}
    if bool((missing | (texts != "")).all()):
        return {MISSING_TEXT: _ALL_EMPTY}
    positions = np.flatnonzero(missing)
    return {MISSING_TEXT: positions.astype(np.int32 if missing.size < 2**31 else np.int64)}


def missing_in(variable: xr.Variable) -> np.ndarray | str | None:
    """Return which texts of an opened variable are missing: all empty ones (`'empty'`), those of a mask, or None.

    Raises
    ------
    AssemblyFormatError
        The mark is damaged.
    """
    mark = variable.encoding.get(MISSING_TEXT)
    if mark is None or variable.dtype.kind != "O":
        return None
    if isinstance(mark, str) and mark == _ALL_EMPTY:
        return mark
    positions = np.atleast_1d(np.asarray(mark))
    if positions.dtype.kind not in "iu" or not ((positions >= 0) & (positions < variable.size)).all():
        raise AssemblyFormatError(
            f"the attribute {MISSING_TEXT!r} of a variable with {variable.size} texts is {mark!r}; expected 'empty' or "
            f"positions of these. The file is damaged; fetch or write it again."
        )
    mask = np.zeros(variable.size, dtype=bool)
    mask[positions] = True
    return mask.reshape(variable.shape)


def without_missing(level: Level, missing: np.ndarray | str | None) -> Level:
    """Return a level of texts in which those that are missing have the code -1."""
    if missing is None or not len(level.values) or level.values[0] != "":  # '' is the first in order
        return level
    is_missing = level.codes == 0
    if not isinstance(missing, str):
        is_missing &= missing
    if np.count_nonzero(is_missing) == np.count_nonzero(level.codes == 0):
        return Level(level.values[1:], level.codes - 1, level.dtype)
    return level._replace(codes=np.where(is_missing, level.codes.dtype.type(-1), level.codes))


def with_missing(texts: np.ndarray, missing: np.ndarray | str | None) -> np.ndarray:
    """Return texts with NaN in place of those that are missing."""
    if missing is None:
        return texts
    replaced = np.array(texts, dtype=object)
    is_missing = replaced == ""
    if not isinstance(missing, str):
        is_missing &= missing
    replaced[is_missing] = np.nan
    return replaced


class LazyText(BackendArray):
    """Text that is left in a file and has missing values.

    Parameters
    ----------
    texts : array of xarray
        The decoded texts, missing ones empty.
    missing : numpy.ndarray of bool or 'empty'
        From `missing_in`.
    """

    __slots__ = ("dtype", "missing", "shape", "texts")

    def __init__(self, texts: Any, missing: np.ndarray | str) -> None:
        self.texts, self.missing = indexing.as_indexable(texts), missing
        self.shape = texts.shape
        self.dtype = np.dtype(object)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._at)

    def _at(self, key: tuple[Any, ...]) -> Any:
        texts = np.asarray(self.texts[indexing.BasicIndexer(key)].get_duck_array(), dtype=object)
        return with_missing(texts, self.missing if isinstance(self.missing, str) else self.missing[key])
