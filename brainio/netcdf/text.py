"""Text variables of netCDF files, read as integer codes, with missing text.

netCDF has no missing text. Files store it as an empty text, and the attribute `brainio_missing` of the variable marks
it: `'empty'` if every empty text is missing, else an array with the positions of the missing texts (in C order, from
0). Readers that do not know the attribute read empty texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from xarray.backends import BackendArray

from brainio.errors import AssemblyFormatError
from brainio.levels import Level, factorize_level
from brainio.netcdf.attributes import MASKS, MISSING_TEXT
from brainio.xarray_compat import ExplicitIndexer, select_basic, select_lazily, stored_values

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

_ALL_EMPTY = "empty"


def encode_missing(missing: np.ndarray, texts: np.ndarray) -> dict[str, object]:
    """Return the attribute that marks missing texts; no attribute if no text is missing.

    Parameters
    ----------
    missing : numpy.ndarray of bool
        Mask of the missing texts.
    texts : numpy.ndarray of object
        The stored texts, where missing ones are empty; of the same shape.

    Examples
    --------
    >>> encode_missing(np.array([False, True]), np.array(["x", ""], dtype=object))
    {'brainio_missing': 'empty'}
    """
    if not missing.any():
        return {}
    if bool((missing | (texts != "")).all()):
        return {MISSING_TEXT: _ALL_EMPTY}
    positions = np.flatnonzero(missing)
    return {MISSING_TEXT: positions.astype(np.int32 if missing.size < 2**31 else np.int64)}


def find_missing(variable: xr.Variable) -> np.ndarray | str | None:
    """Return which texts of an opened variable are missing: a mask, `'empty'` for all empty texts, or None.

    Raises
    ------
    AssemblyFormatError
        The attribute is damaged.
    """
    attribute = variable.encoding.get(MISSING_TEXT)
    if attribute is None or variable.dtype.kind != "O":
        return None
    if isinstance(attribute, str) and attribute == _ALL_EMPTY:
        return attribute
    positions = np.atleast_1d(np.asarray(attribute))
    if positions.dtype.kind not in "iu" or not ((positions >= 0) & (positions < variable.size)).all():
        raise AssemblyFormatError(
            f"the attribute {MISSING_TEXT!r} of a variable with {variable.size} texts is {attribute!r}; expected "
            f"'empty' or positions of texts. The file is damaged; fetch or write it again."
        )
    mask = np.zeros(variable.size, dtype=bool)
    mask[positions] = True
    return mask.reshape(variable.shape)


def mask_level(level: Level, missing: np.ndarray | str | None) -> Level:
    """Return a level of texts with the code -1 for missing texts."""
    if missing is None or not len(level.values) or level.values[0] != "":  # levels are sorted, so '' is first
        return level
    is_missing = level.codes == 0
    if not isinstance(missing, str):
        is_missing &= missing
    if np.count_nonzero(is_missing) == np.count_nonzero(level.codes == 0):
        return Level(level.values[1:], level.codes - 1, level.dtype)
    return level._replace(codes=np.where(is_missing, level.codes.dtype.type(-1), level.codes))


def mask_texts(texts: np.ndarray, missing: np.ndarray | str | None) -> np.ndarray:
    """Return texts with NaN for missing texts."""
    if missing is None:
        return texts
    replaced = np.array(texts, dtype=object)
    is_missing = replaced == ""
    if not isinstance(missing, str):
        is_missing &= missing
    replaced[is_missing] = np.nan
    return replaced


class MaskedText(BackendArray):
    """Lazy text of a file with missing values.

    Parameters
    ----------
    texts : array of xarray
        The decoded texts, where missing ones are empty.
    missing : numpy.ndarray of bool or 'empty'
        From `find_missing`.
    """

    __slots__ = ("dtype", "missing", "shape", "texts")

    def __init__(self, texts: Any, missing: np.ndarray | str) -> None:
        self.texts, self.missing = texts, missing
        self.shape = texts.shape
        self.dtype = np.dtype(object)

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return select_lazily(key, self.shape, self._get)

    def _get(self, key: tuple[Any, ...]) -> Any:
        texts = np.asarray(select_basic(self.texts, key), dtype=object)
        return mask_texts(texts, self.missing if isinstance(self.missing, str) else self.missing[key])


class CodedText(BackendArray):
    """Text along one dimension, stored as a level: distinct texts and one code per row. Indexing returns objects."""

    __slots__ = ("dtype", "level", "shape")

    def __init__(self, level: Level) -> None:
        self.level = level
        self.shape = level.codes.shape
        self.dtype = np.dtype(object)

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return select_lazily(key, self.shape, self._get, one_vector=True)

    def _get(self, key: tuple[Any, ...]) -> Any:
        codes = self.level.codes[key]
        return self.level.values.to_numpy()[codes]


def factorize_variable(variable: xr.Variable) -> Level:
    """Return the level of a one-dimensional variable; text that was read as codes is not factorized again."""
    data = stored_values(variable)
    return data.level if isinstance(data, CodedText) else factorize_level(np.asarray(variable.values))


def read_coded_text(variable: xr.Variable, raw: Any, block_rows: int) -> CodedText | None:
    """Read a text coordinate along one dimension, block by block; None for masked texts and for other coordinates.

    Parameters
    ----------
    variable : xarray.Variable
        The opened variable.
    raw : variable of netCDF4 or h5netcdf
        The same variable of the file.
    block_rows : int
        Rows of a block.
    """
    if variable.ndim != 1 or variable.dtype.kind not in "OST":
        return None
    read = _text_reader(variable, raw)
    if read is None:
        return None
    return CodedText(mask_level(_read_text(read, variable.size, block_rows), find_missing(variable)))


def _text_reader(variable: xr.Variable, raw: Any) -> Callable[[slice], tuple[np.ndarray, list[str]]] | None:
    """Return a function that reads rows of text as codes and distinct texts; None for masked or other variables."""
    if any(name in variable.encoding for name in MASKS):
        return None
    if "char_dim_name" not in variable.encoding:
        if not _is_text(raw):
            return None
        return lambda rows: _factorize_texts(np.asarray(raw[rows], dtype=object))
    encoding = variable.encoding.get("_Encoding", "utf-8")
    if hasattr(raw, "set_auto_chartostring"):  # netCDF4; h5netcdf has no such conversion
        raw.set_auto_maskandscale(False)
        raw.set_auto_chartostring(False)
    return lambda rows: _factorize_characters(np.asarray(raw[rows]), encoding)


def _is_text(raw: Any) -> bool:
    """Return whether a variable of netCDF4 or h5netcdf has text of variable length."""
    return raw.dtype is str or getattr(raw.datatype, "metadata", None) == {"vlen": str}


def _factorize_texts(texts: np.ndarray) -> tuple[np.ndarray, list[str]]:
    codes, distinct = pd.factorize(texts)
    return codes, list(distinct)


def _factorize_characters(characters: np.ndarray, encoding: str) -> tuple[np.ndarray, list[str]]:
    """Factorize rows of bytes as integers, eight bytes at a time, and decode the distinct rows."""
    count, width = characters.shape
    padded = np.zeros((count, max(8, -(-width // 8) * 8)), dtype="S1")
    padded[:, :width] = characters
    codes, size = np.zeros(count, dtype=np.int64), min(count, 1)
    words = padded.view(np.int64)
    for number in range(words.shape[1]):
        word, distinct = pd.factorize(words[:, number])
        if len(distinct) > 1:
            codes, distinct = pd.factorize(codes * len(distinct) + word)
            size = len(distinct)
    first = np.empty(size, dtype=np.intp)
    first[codes[::-1]] = np.arange(count - 1, -1, -1)
    texts = padded[first].view(f"S{padded.shape[1]}").ravel()
    return codes, [text.decode(encoding) for text in texts.tolist()]


def _read_text(read: Callable[[slice], tuple[np.ndarray, list[str]]], size: int, block_rows: int) -> Level:
    """Read all rows of a text variable, block by block, with a function from `_text_reader`."""
    numbers: dict[str, int] = {}
    codes = np.empty(size, dtype=np.int32)
    for start in range(0, size, max(1, block_rows)):
        rows = slice(start, min(size, start + block_rows))
        block, distinct = read(rows)
        table = np.array([numbers.setdefault(text, len(numbers)) for text in distinct], dtype=np.int32)
        codes[rows] = table[block]
    sorted_level = factorize_level(np.array(list(numbers), dtype=object))
    return Level(sorted_level.values, sorted_level.codes.astype(np.int32)[codes], sorted_level.dtype)
