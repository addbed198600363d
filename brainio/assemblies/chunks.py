"""Whether an assembly is to be lazy, and the sizes of its chunks, which follow those of its file.

Imports dask only when somebody asks for chunks. Does not compute anything.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from brainio.errors import AssemblyFormatError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Hashable

    import xarray as xr

BRAINIO_CHUNKS = "BRAINIO_CHUNKS"
Chunks: TypeAlias = "str | int | Mapping[Any, Any]"
_AUTO = "auto"
_AUTO_BYTES = 64 << 20


def wanted_chunks(chunks: Chunks | None) -> Chunks | None:
    """Give the chunks that were asked for, by argument or else by environment; None: values are to be loaded.

    Raises
    ------
    AssemblyFormatError
        They are neither `'auto'`, nor -1, nor a dict of sizes.
    MissingExtraError
        Lazy values need dask, which is not installed.
    """
    source = "chunks"
    if chunks is None:
        text = os.environ.get(BRAINIO_CHUNKS, "").strip()
        if text.lower() in ("", "none"):
            return None
        source, chunks = BRAINIO_CHUNKS, _parsed(text)
    is_sizes = isinstance(chunks, Mapping) and all(_is_size(size) for size in chunks.values())
    if not (is_sizes or (isinstance(chunks, str) and chunks == _AUTO) or (isinstance(chunks, int) and chunks == -1)):
        raise AssemblyFormatError(
            f"{source}={chunks!r} are no chunk sizes; expected 'auto', -1 (one chunk), a dict of sizes (-1: the whole "
            f"dimension) such as {{'presentation': 10000}}, or None (load the values)"
        )
    if importlib.util.find_spec("dask") is None:
        raise MissingExtraError(
            f"{source}={chunks!r} asks for a lazy assembly, which needs dask: pip install 'brainio[dask]'"
        )
    return chunks


def _parsed(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_size(size: Any) -> bool:
    if isinstance(size, tuple):
        return all(isinstance(part, int) and part > 0 for part in size)
    return size is None or size == _AUTO or (isinstance(size, int) and (size == -1 or size > 0))


def chunked(array: xr.DataArray, chunks: Chunks) -> xr.DataArray:
    """Make the values of an opened array lazy, in chunks of the given sizes.

    Parameters
    ----------
    array : xarray.DataArray
        Its values lie in a file still.
    chunks : 'auto', -1 or dict
        See `AssemblyLoader`. A dimension that a dict does not name is cut as `'auto'` cuts it, and so is one of size
        `'auto'`; dimensions that the array does not have are left out.
    """
    sizes: dict[Hashable, Any]
    if isinstance(chunks, Mapping):
        named = {dim: size for dim, size in chunks.items() if dim in array.dims and size != _AUTO}
        fixed = {dim: array.sizes[dim] if size in (-1, None) else size for dim, size in named.items()}
        sizes = {**auto_sizes(array.variable, fixed), **fixed}
    else:
        sizes = dict(array.sizes) if chunks == -1 else auto_sizes(array.variable, {})
    return array._replace(array.variable.chunk(sizes))


def auto_sizes(
    variable: xr.Variable, fixed: Mapping[Hashable, Any], target_bytes: int = _AUTO_BYTES
) -> dict[Hashable, int]:
    """Give chunk sizes that are multiples of the file's own, the last dimensions first, of about 64 MB by default.

    A file without chunks is cut along its first dimensions, so that each part is one stretch of the file.

    >>> import xarray as xr
    >>> variable = xr.Variable(("a", "b"), [[0]], encoding={"preferred_chunks": {"a": 1, "b": 1}})
    >>> auto_sizes(variable, {})
    {'a': 1, 'b': 1}
    """
    own = variable.encoding.get("preferred_chunks") or {}
    sizes: dict[Hashable, int] = {}
    for dim, size in variable.sizes.items():
        whole = max(size, 1)
        if dim in fixed:
            cut = fixed[dim]
            sizes[dim] = max(cut) if isinstance(cut, tuple) else min(cut, whole)
        else:
            sizes[dim] = min(own.get(dim, 1), whole)
    for dim in reversed(variable.dims):
        if dim not in fixed:
            room = target_bytes // max(1, math.prod(sizes.values()) * variable.dtype.itemsize)
            sizes[dim] = min(sizes[dim] * max(1, room), max(variable.sizes[dim], 1))
    return {dim: size for dim, size in sizes.items() if dim not in fixed}
