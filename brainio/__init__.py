"""Stimuli and neural recordings by identifier: fetched, verified, joined with their metadata, ready to analyse.

Names load when they are first used, so that `import brainio` costs nothing.

Examples
--------
>>> import brainio
>>> assembly = brainio.get_assembly('modelfest.Carney1999')
>>> assembly.attrs['stimulus_set'].identifier
'modelfest.Carney1999'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.catalogs import add_catalog, list_assemblies, list_catalogs, list_stimulus_sets
    from brainio.exchange import cite, export
    from brainio.fetch import fetch_many, get_assembly, get_stimulus_set, plan_fetch, prefetch
    from brainio.index import search
    from brainio.lockfile import lock, locked
    from brainio.lookup import get_catalog
    from brainio.relations.integrity import check
    from brainio.relations.overlaps import overlap
    from brainio.relations.users import assemblies_of, stimulus_set_of
    from brainio.validation import validate

__all__ = [
    "add_catalog",
    "assemblies_of",
    "check",
    "cite",
    "export",
    "fetch_many",
    "get_assembly",
    "get_catalog",
    "get_stimulus_set",
    "list_assemblies",
    "list_catalogs",
    "list_stimulus_sets",
    "lock",
    "locked",
    "overlap",
    "plan_fetch",
    "prefetch",
    "search",
    "stimulus_set_of",
    "validate",
]

_HOMES = {
    "add_catalog": "catalogs",
    "assemblies_of": "relations.users",
    "check": "relations.integrity",
    "cite": "exchange",
    "export": "exchange",
    "fetch_many": "fetch",
    "get_assembly": "fetch",
    "get_catalog": "lookup",
    "get_stimulus_set": "fetch",
    "list_assemblies": "catalogs",
    "list_catalogs": "catalogs",
    "list_stimulus_sets": "catalogs",
    "lock": "lockfile",
    "locked": "lockfile",
    "overlap": "relations.overlaps",
    "plan_fetch": "fetch",
    "prefetch": "fetch",
    "search": "index",
    "stimulus_set_of": "relations.users",
    "validate": "validation",
}
_MODULES = (
    *("assemblies", "catalogs", "errors", "fetch", "lookup", "packaging", "s3"),
    *("stimuli", "stores", "transform", "validation"),
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from brainio.installation import installed_version

        return installed_version()
    if name in _MODULES:
        return import_module(f"brainio.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"brainio.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    dunders = [name for name in globals() if name.startswith("__")]
    return sorted({*dunders, "__version__", *__all__, *_MODULES})
