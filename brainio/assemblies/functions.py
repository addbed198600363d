"""Let functions of xarray that are not methods (`apply_ufunc`, `where`, `dot`, `cross`) return assemblies."""

from __future__ import annotations

from typing import Any

from brainio.assemblies.keeping import KeepingArray
from brainio.xarray_compat import convert_function_results


def keep_class_of_first_assembly() -> None:
    """Make the functions return the class of the first assembly among their arguments."""
    convert_function_results(_as_first_assembly)


def _as_first_assembly(result: Any, args: tuple[Any, ...]) -> Any:
    first = next((arg for arg in args if isinstance(arg, KeepingArray)), None)
    if first is None:
        return result
    return first._keep(result, *(arg for arg in args if arg is not first))
