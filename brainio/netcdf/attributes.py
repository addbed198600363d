r"""The attributes of assemblies as netCDF files store them: without effect on values, and read back as they were.

xarray and the netCDF library act on some attributes (`scale_factor`, `units` with "since", `_FillValue`, ...). New
files store these under another name, which other readers show as an attribute without a meaning. Values that netCDF
lacks are stored as JSON. Files that other programs wrote are decoded as xarray decodes them.

========================  ==============================================================================================
`brainio_attr_NAME`       the attribute NAME, whose own name has a meaning
`brainio_json_NAME`       the attribute NAME, as JSON: a truth value, an empty list, a dict, a list of several types
`brainio_lists`           JSON list of attributes with one value that were a list or an array
`brainio_set_hashes`      of a file: the hashes of its stimulus set, see `brainio.catalogs.set_hashes`
`brainio_missing`         see `brainio.netcdf.text`
`brainio_name`            of a data variable: the name of the array, if it has another name than `data`
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
from brainio.text import fault_of_text, shortened

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
_OF_VALUES = frozenset({MISSING_TEXT, ARRAY_NAME})
_OWN = _OF_VALUES | {_LISTS, SET_HASHES}

# xarray's conventions act on the first and second group while they decode, the third with decode_coords='all' (in
# `xarray.conventions` and `xarray.coding`); the netCDF library acts on the fourth, or refuses these names.
_WITH_A_MEANING = frozenset(
    {
        *("scale_factor", "add_offset", "missing_value"),
        *("calendar", "dtype", "coordinates"),
        *("bounds", "grid_mapping", "climatology", "geometry", "node_coordinates", "node_count", "part_node_count"),
        *("interior_ring", "cell_measures", "formula_terms"),
        *("least_significant_digit", "NAME", "CLASS", "REFERENCE_LIST", "DIMENSION_LIST"),
    }
)
# Earlier versions of xarray take numbers with these units for durations.
_DURATIONS = frozenset({"days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"})
_NAME = re.compile(r"[^\W]([^/\x00-\x1f\x7f]*[^/\x00-\x1f\x7f ])?")
_LONGEST_NAME = 256  # bytes
_NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
_EXACT_AS_FLOAT = 2**53


def is_storable_name(name: object) -> bool:
    """Tell whether netCDF stores a name of an attribute, dimension or variable as it is.

    >>> [is_storable_name(name) for name in ("rate", "_x", "é", "a b", "a/b", "-a", "a ", 5)]
    [True, True, True, True, False, False, False, False]
    """
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and fault_of_text(name) is None
        and unicodedata.normalize("NFC", name) == name
        and len(name.encode()) <= _LONGEST_NAME
    )


def encode_attributes(attrs: Mapping[Hashable, object], *, are_dates: bool = False) -> dict[str, object]:
    """Return the attributes to store, without the stimulus set, extras and those that are None.

    Parameters
    ----------
    attrs : mapping
        Of an assembly or a coordinate.
    are_dates : bool, default False
        The values are dates or durations, whose units xarray stores as attributes.

    Returns
    -------
    dict
        Name in the file -> text, list of texts, or flat array of numbers.

    Raises
    ------
    PackagingError
        A name or a value cannot be stored. The message shows the attribute and how to convert it.

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
        key = f"{_JSON if native is None else _ESCAPED if _has_a_meaning(name, value, are_dates) else ''}{name}"
        if not isinstance(name, str) or not is_storable_name(key):
            _refuse(
                name, value, "its name is none that netCDF stores as it is: rename it (letters, digits, underscores)"
            )
        stored[key] = _as_json(name, value) if native is None else native
        if native is not None and _is_sequence(value) and np.size(native) == 1:  # type: ignore[arg-type]
            lists.append(name)
    return stored | ({_LISTS: json.dumps(lists)} if lists else {})


def decode_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as they were before `encode_attributes`; those of other files stay as they are.

    Raises
    ------
    AssemblyFormatError
        An attribute that `encode_attributes` writes is damaged.

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
        elif name not in _OWN:
            attrs[name.removeprefix(_ESCAPED)] = value
    for name in _from_json(_LISTS, stored.get(_LISTS, "[]")):
        if name in attrs:
            attrs[name] = [attrs[name]] if isinstance(attrs[name], str) else np.atleast_1d(attrs[name])
    return attrs


def decode_variable(variable: xr.Variable) -> None:
    """Decode the attributes of a variable that was opened, in place; what describes its values goes to its encoding."""
    variable.encoding.update({name: variable.attrs[name] for name in _OF_VALUES if name in variable.attrs})
    variable.attrs = decode_attributes(variable.attrs)


def same_attribute(before: object, after: object) -> bool:
    """Tell whether an attribute came back as it was: numbers may be numpy's, and sequences lists or arrays.

    >>> same_attribute([1, 2], np.array([1, 2])), same_attribute([1], 1), same_attribute(True, 1)
    (True, False, False)
    """
    if _is_sequence(before):
        first, second = list(before), list(after) if _is_sequence(after) else None  # type: ignore[call-overload]
        return second is not None and len(first) == len(second) and all(map(same_attribute, first, second))
    if isinstance(before, dict):
        is_dict = isinstance(after, dict) and list(before) == list(after)
        return is_dict and all(same_attribute(before[key], after[key]) for key in before)  # type: ignore[index]
    if before is None or isinstance(before, str):
        return type(after) is (type(None) if before is None else str) and before == after
    return _same_number(before, after)


def _is_sequence(value: object) -> bool:
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _same_number(before: Any, after: Any) -> bool:
    numbers = [np.asarray(value) for value in (before, after)]
    if any(number.ndim or number.dtype.kind not in "biufO" for number in numbers):
        return False
    first, second = (number.item() for number in numbers)
    if isinstance(first, bool) != isinstance(second, bool):
        return False
    is_kept = numbers[0].dtype.kind == numbers[1].dtype.kind or isinstance(before, int)
    if hasattr(before, "dtype") and hasattr(after, "dtype"):
        is_kept = numbers[0].dtype.newbyteorder("=") == numbers[1].dtype
    return is_kept and bool(first == second or (first != first and second != second))


def _has_a_meaning(name: object, value: object, are_dates: bool) -> bool:
    if name == "units":
        return are_dates or (isinstance(value, str) and ("since" in value or value in _DURATIONS))
    return isinstance(name, str) and (name in _WITH_A_MEANING or name.startswith(("_", RESERVED)))


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
        _refuse(name, array, "netCDF attributes have one dimension at most: convert it with .tolist()")
    if plain.dtype.str[1:] not in _NUMBERS:
        _refuse(name, array, f"netCDF attributes hold no {array.dtype}: convert it to text, float64 or int64")
    return plain


def _as_json(name: object, value: object) -> str:
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False)
        is_kept = same_attribute(_plain_containers(value), json.loads(text))
    except (TypeError, ValueError, RecursionError):
        is_kept = False
        text = ""
    if not is_kept:
        _refuse(name, value, "netCDF attributes hold text, numbers, truths, and lists and dicts of them: convert it")
    _require_text(name, value, [text.replace("\\u0000", "\0")])
    return text


def _plain(value: object) -> object:
    """Return what JSON stores in place of objects of numpy."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUO":
        return value.tolist()
    if isinstance(value, np.generic) and value.dtype.kind in "biufU" and value.dtype.itemsize <= np.float64().itemsize:
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def _plain_containers(value: Any) -> Any:
    """Return nested values with those of numpy as Python's, as `_as_json` stores them."""
    if isinstance(value, dict):
        return {key: _plain_containers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_containers(inner) for inner in value]
    return _plain(value) if isinstance(value, np.ndarray | np.generic) and not isinstance(value, str) else value


def _from_json(name: str, text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else _raise_type()
    except (ValueError, RecursionError, TypeError) as error:
        raise AssemblyFormatError(
            f"the attribute {name!r} is no JSON document ({error}), which only a damaged file has. Fetch or write the "
            f"file again."
        ) from error


def _raise_type() -> NoReturn:
    raise TypeError("expected text")


def _require_text(name: object, value: object, texts: Iterable[str]) -> None:
    fault = fault_of_text("".join([str(name), *texts]))
    if fault is not None:
        raise PackagingError(f"the attribute {name!r} holds {fault}: {value!r}; remove the character")


def _refuse(name: object, value: object, remedy: str) -> NoReturn:
    raise PackagingError(f"the attribute {name!r} is {shortened(repr(value))}; {remedy}, or delete it")
