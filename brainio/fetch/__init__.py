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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Tests of other projects set this to redirect the cache.
_local_data_path: str | os.PathLike[str] | None = None
