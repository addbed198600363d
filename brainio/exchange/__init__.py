"""What other programs take of an entry: citations as text and BibTeX, and descriptions as Croissant.

=============== ====================================================================
`citing`        identifiers -> citations
`works`         entries -> the works to cite, each once, with their keys
`bibtex`        works -> BibTeX
`latex`         text -> LaTeX
`exporting`     identifier -> a description, in memory or as a file with its data beside it
`croissant`     entries -> JSON-LD of Croissant 1.0
`distribution`  files of an entry -> what Croissant says of them
`records`       columns of a stimulus set -> fields of Croissant's records
=============== ====================================================================
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainio.exchange.citing import cite
    from brainio.exchange.exporting import export

__all__ = ["cite", "export"]

_MODULES = {"cite": "citing", "export": "exporting"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
