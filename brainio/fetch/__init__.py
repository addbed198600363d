"""The way out: from an identifier to the entry, to verified local files, to the object in memory.

Joins the rooms below and adds no rule of its own to any of them. Every function may be called from many threads.

=============== =================================================================
`load`          identifier -> object in memory
`stimulus_sets` stimulus set of an entry -> object in memory, with the files of its archive
`streaming`     the file of an assembly that is read where it lies
`many`          many entries at once
`entries`       entry -> its verified local files; what is said of entries that are not sound
`files`         places of a file -> its verified local copy
`uses`          what is loaded, told to whoever records it; what lock files decide
`pruned`        reading the cache while others prune it
`download`      one place -> its bytes in order
`boto_fetcher`  the base class of fetchers that older libraries extend
`home`          what the environment says of the cache
=============== =================================================================

What loads objects is imported when it is named: whoever only asks for files does without pandas.
"""

import os
from typing import TYPE_CHECKING, Any

from brainio.fetch.boto_fetcher import BotoFetcher
from brainio.fetch.entries import fetch_entry
from brainio.fetch.files import WantedFile, fetch_file, local_file, unzip, verify_sha1
from brainio.fetch.home import BRAINIO_SHARED, get_local_data_path
from brainio.fetch.many import Plan, carry_out, fetch_many, plan_fetch, prefetch
from brainio.home import BRAINIO_HOME

if TYPE_CHECKING:
    from brainio.fetch.load import get_assembly, get_stimulus_set, resolve_assembly_class
    from brainio.fetch.stimulus_sets import load_stimulus_files, resolve_stimulus_set_class
    from brainio.stimuli import StimulusSetLoader

__all__ = [
    "BRAINIO_HOME",
    "BRAINIO_SHARED",
    "BotoFetcher",
    "Plan",
    "StimulusSetLoader",
    "WantedFile",
    "carry_out",
    "fetch_entry",
    "fetch_file",
    "fetch_many",
    "get_assembly",
    "get_local_data_path",
    "get_stimulus_set",
    "load_stimulus_files",
    "local_file",
    "plan_fetch",
    "prefetch",
    "resolve_assembly_class",
    "resolve_stimulus_set_class",
    "unzip",
    "verify_sha1",
]

# Tests of other projects set this to redirect the cache.
_local_data_path: str | os.PathLike[str] | None = None

_MODULES = {
    **dict.fromkeys(("get_assembly", "get_stimulus_set", "resolve_assembly_class"), "load"),
    **dict.fromkeys(("load_stimulus_files", "resolve_stimulus_set_class"), "stimulus_sets"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return getattr(import_module(f"brainio.fetch.{_MODULES[name]}"), name)
    if name == "StimulusSetLoader":
        return import_module("brainio.stimuli").StimulusSetLoader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
