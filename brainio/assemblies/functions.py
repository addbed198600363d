"""Let functions of xarray that are not methods (`apply_ufunc`, `where`, `dot`, `cross`) return assemblies.

All of them end in one function of xarray, which builds a plain DataArray and offers no hook for subclasses. It is
wrapped here; calls without an assembly among the arguments pass through unchanged.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from brainio.assemblies.keeping import KeepingArray

_MODULE = "xarray.computation.apply_ufunc"
_FUNCTION = "apply_dataarray_vfunc"


def keep_class_of_first_assembly() -> None:
    """Wrap the function of xarray; a second call changes nothing, nor does a version of xarray without the function."""
    try:
        module = importlib.import_module(_MODULE)
        function = getattr(module, _FUNCTION)
    except (ImportError, AttributeError):
        return
    if getattr(function, "_keeps_class", False):
        return

    @functools.wraps(function)
    def apply(func: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(func, *args, **kwargs)
        first = next((arg for arg in args if isinstance(arg, KeepingArray)), None)
        if first is None:
            return result
        others = [arg for arg in args if arg is not first]
        if isinstance(result, tuple):
            return tuple(first._keep(part, *others) for part in result)
        return first._keep(result, *others)

    apply._keeps_class = True  # type: ignore[attr-defined]
    setattr(module, _FUNCTION, apply)
