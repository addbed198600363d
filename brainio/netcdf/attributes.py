r"""Encoding of attributes for netCDF files, without effect on values and without loss.

xarray and the netCDF library interpret some attributes (`scale_factor`, `units` with "since", `_FillValue`, ...). Files
store these under an escaped name, which readers do not interpret. Values of types that netCDF attributes do not have
are stored as JSON. Attributes of files that other programs wrote are decoded as xarray decodes them.

========================  ==============================================================================================
`brainio_attr_NAME`       the attribute NAME, which readers would interpret
`brainio_json_NAME`       the attribute NAME, as JSON: a boolean, an empty list, a dict, a list of several types
`brainio_lists`           JSON list of the attributes that were a list or array of one value
`brainio_set_hashes`      of a file: the hashes of its stimulus set, see `catalogs.entries.set_hashes`
`brainio_missing`         see `brainio.netcdf.text`
`brainio_name`            of a data variable: the name of the array, unless it is `data`
========================  ==============================================================================================
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import xarray as xr

from brainio.errors import AssemblyFormatError, PackagingError
from brainio.text import fault_of_text, shorten

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

RESERVED = "brainio_"
MASKS = ("_FillValue", "missing_value")
MISSING_TEXT = "brainio_missing"
ARRAY_NAME = "brainio_name"
SET_HASHES = "brainio_set_hashes"
_ESCAPED = "brainio_attr_"
_JSON = "brainio_json_"
_LISTS = "brainio_lists"
_VALUE_ATTRIBUTES = frozenset({MISSING_TEXT, ARRAY_NAME})
_INTERNAL = _VALUE_ATTRIBUTES | {_LISTS, SET_HASHES}

# xarray interprets the first two groups when it decodes a file, the third with decode_coords='all' (see
# `xarray.conventions` and `xarray.coding`); the netCDF library interprets or refuses the fourth.
_INTERPRETED = frozenset(
    {
        *("scale_factor", "add_offset", "missing_value"),
        *("calendar", "dtype", "coordinates"),
        *("bounds", "grid_mapping", "climatology", "geometry", "node_coordinates", "node_count", "part_node_count"),
        *("interior_ring", "cell_measures", "formula_terms"),
        *("least_significant_digit", "NAME", "CLASS", "REFERENCE_LIST", "DIMENSION_LIST"),
    }
)
# Earlier versions of xarray read numbers with these units as durations.
_DURATION_UNITS = frozenset({"days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"})
_NAME = re.compile(r"[^\W]([^/\x00-\x1f\x7f]*[^/\x00-\x1f\x7f ])?")
_MAX_NAME_BYTES = 256
_NUMBER_TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
_EXACT_AS_FLOAT = 2**53  # smaller integers are exact as float64


def is_storable_name(name: object) -> bool:
    """Return whether netCDF stores a name of an attribute, dimension or variable without a change.

    >>> [is_storable_name(name) for name in ("rate", "_x", "é", "a b", "a/b", "-a", "a ", 5)]
    [True, True, True, True, False, False, False, False]
    """
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and fault_of_text(name) is None
        and unicodedata.normalize("NFC", name) == name
        and len(name.encode()) <= _MAX_NAME_BYTES
    )


def encode_attributes(attrs: Mapping[Hashable, object], *, are_dates: bool = False) -> dict[str, object]:
    """Encode attributes for netCDF, except the stimulus set, extras (arrays) and those that are None.

    Parameters
    ----------
    attrs : mapping
        Attributes of an assembly or a coordinate.
    are_dates : bool, default False
        Whether the values are dates or durations, whose units xarray stores as attributes.

    Returns
    -------
    dict
        Text, list of texts, or one-dimensional array of numbers, by name in the file.

    Raises
    ------
    PackagingError
        netCDF cannot store a name or a value. The message shows the attribute and how to convert it.

    Examples
    --------
    >>> encode_attributes({"units": "ms", "scale_factor": 2.0, "is_public": True})
    {'units': 'ms', 'brainio_attr_scale_factor': array(2.), 'brainio_json_is_public': 'true'}
    """
    stored: dict[str, object] = {}
    lists: list[str] = []
    for name, value in attrs.items():
        if value is None or name == "stimulus_set" or isinstance(value, xr.DataArray):
            continue
        native = _native(name, value)
        key = f"{_JSON if native is None else _ESCAPED if _is_interpreted(name, value, are_dates) else ''}{name}"
        if not isinstance(name, str) or not is_storable_name(key):
            _refuse(name, value, "netCDF cannot store its name without a change: use letters, digits, underscores")
        stored[key] = _as_json(name, value) if native is None else native
        if native is not None and _is_sequence(value) and np.size(native) == 1:  # type: ignore[arg-type]
            lists.append(name)
    return stored | ({_LISTS: json.dumps(lists)} if lists else {})


def decode_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Decode attributes that `encode_attributes` encoded; attributes of other files do not change.

    Raises
    ------
    AssemblyFormatError
        An encoded attribute is damaged.

    Examples
    --------
    >>> decode_attributes({"units": "ms", "brainio_attr_scale_factor": 2.0, "brainio_json_is_public": "true"})
    {'units': 'ms', 'scale_factor': 2.0, 'is_public': True}
    """
    if not any(name.startswith(RESERVED) for name in stored):
        return dict(stored)
    attrs: dict[str, Any] = {}
    for name, value in stored.items():
        if name.startswith(_JSON):
            attrs[name.removeprefix(_JSON)] = _from_json(name, value)
        elif name not in _INTERNAL:
            attrs[name.removeprefix(_ESCAPED)] = value
    for name in _from_json(_LISTS, stored.get(_LISTS, "[]")):
        if name in attrs:
            attrs[name] = [attrs[name]] if isinstance(attrs[name], str) else np.atleast_1d(attrs[name])
    return attrs


def decode_variable(variable: xr.Variable) -> None:
    """Decode the attributes of an opened variable in place; move those that describe its values to its encoding."""
    variable.encoding.update({name: variable.attrs[name] for name in _VALUE_ATTRIBUTES if name in variable.attrs})
    variable.attrs = decode_attributes(variable.attrs)


def equal_attributes(before: object, after: object) -> bool:
    """Return whether two attribute values are equal, where numbers may be of numpy, and sequences lists or arrays.

    >>> equal_attributes([1, 2], np.array([1, 2])), equal_attributes([1], 1), equal_attributes(True, 1)
    (True, False, False)
    """
    if _is_sequence(before):
        first, second = list(before), list(after) if _is_sequence(after) else None  # type: ignore[call-overload]
        return second is not None and len(first) == len(second) and all(map(equal_attributes, first, second))
    if isinstance(before, dict):
        is_dict = isinstance(after, dict) and list(before) == list(after)
        return is_dict and all(equal_attributes(before[key], after[key]) for key in before)  # type: ignore[index]
    if before is None or isinstance(before, str):
        return type(after) is (type(None) if before is None else str) and before == after
    return _equal_numbers(before, after)


def _is_sequence(value: object) -> bool:
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _equal_numbers(before: Any, after: Any) -> bool:
    numbers = [np.asarray(value) for value in (before, after)]
    if any(number.ndim or number.dtype.kind not in "biufO" for number in numbers):
        return False
    first, second = (number.item() for number in numbers)
    if isinstance(first, bool) != isinstance(second, bool):
        return False
    is_equal = numbers[0].dtype.kind == numbers[1].dtype.kind or isinstance(before, int)
    if hasattr(before, "dtype") and hasattr(after, "dtype"):
        is_equal = numbers[0].dtype.newbyteorder("=") == numbers[1].dtype
    return is_equal and bool(first == second or (first != first and second != second))


def _is_interpreted(name: object, value: object, are_dates: bool) -> bool:
    if name == "units":
        return are_dates or (isinstance(value, str) and ("since" in value or value in _DURATION_UNITS))
    return isinstance(name, str) and (name in _INTERPRETED or name.startswith(("_", RESERVED)))


def _native(name: object, value: object) -> object | None:
    """Return a value as netCDF stores it, None where JSON has to."""
    if isinstance(value, bytes | bytearray):
        _refuse(name, value, "netCDF attributes hold text or numbers: decode it to text")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, str):
        _require_text(name, value, [value])
        return str(value)
    if isinstance(value, np.ndarray) and (value.dtype.kind not in "OUT" or value.ndim > 1):
        return _native_array(name, value)
    if _is_sequence(value):
        return _native_sequence(name, list(value))  # type: ignore[call-overload]
    number = np.asarray(value) if isinstance(value, int | float | complex | np.generic) else None
    return None if number is None or number.dtype.kind == "O" else _native_array(name, number)


def _native_sequence(name: object, values: list[Any]) -> object | None:
    if values and all(isinstance(value, str) for value in values):
        _require_text(name, values, values)
        return [str(value) for value in values]
    kinds = {type(value) for value in values}
    is_number = values and all(kind is not bool and issubclass(kind, int | float | np.number) for kind in kinds)
    is_exact = len(kinds) == 1 or (kinds == {int, float} and all(abs(value) < _EXACT_AS_FLOAT for value in values))
    array = np.asarray(values) if is_number and is_exact else None
    return None if array is None or array.dtype.kind == "O" else _native_array(name, array)


def _native_array(name: object, array: np.ndarray) -> np.ndarray | None:
    if array.dtype.kind == "b":
        return None
    plain = array.astype(array.dtype.newbyteorder("="))
    if plain.ndim > 1:
        _refuse(name, array, "netCDF attributes have at most one dimension: convert it with .tolist()")
    if plain.dtype.str[1:] not in _NUMBER_TYPES:
        _refuse(name, array, f"netCDF attributes cannot store {array.dtype}: convert it to text, float64 or int64")
    return plain


def _as_json(name: object, value: object) -> str:
    try:
        text = json.dumps(value, default=_to_python, ensure_ascii=False)
        is_equal = equal_attributes(_without_numpy(value), json.loads(text))
    except (TypeError, ValueError, RecursionError):
        is_equal = False
        text = ""
    if not is_equal:
        _refuse(name, value, "netCDF attributes store text, numbers, booleans, and lists and dicts of them: convert it")
    _require_text(name, value, [text.replace("\\u0000", "\0")])
    return text


def _to_python(value: object) -> object:
    """Convert numpy objects to Python objects for JSON."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUO":
        return value.tolist()
    if isinstance(value, np.generic) and value.dtype.kind in "biufU" and value.dtype.itemsize <= np.float64().itemsize:
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def _without_numpy(value: Any) -> Any:
    """Convert nested numpy objects to Python objects, as `_as_json` stores them."""
    if isinstance(value, dict):
        return {key: _without_numpy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numpy(inner) for inner in value]
    return _to_python(value) if isinstance(value, np.ndarray | np.generic) and not isinstance(value, str) else value


def _from_json(name: str, text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else _raise_type()
    except (ValueError, RecursionError, TypeError) as error:
        raise AssemblyFormatError(
            f"the attribute {name!r} is not valid JSON ({error}). The file is damaged; fetch or write it again."
        ) from error


def _raise_type() -> NoReturn:
    raise TypeError("expected text")


def _require_text(name: object, value: object, texts: Iterable[str]) -> None:
    fault = fault_of_text("".join([str(name), *texts]))
    if fault is not None:
        raise PackagingError(f"the attribute {name!r} contains {fault}: {value!r}; remove the character")


def _refuse(name: object, value: object, remedy: str) -> NoReturn:
    raise PackagingError(f"the attribute {name!r} is {shorten(repr(value))}; {remedy}, or delete it")
