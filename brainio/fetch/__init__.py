"""Loading of entries: from an identifier to the entry, to verified local files, to the object in memory.

==================== ===============================================================
`load`               identifier -> object in memory
`stimulus_sets`      stimulus set entry -> object in memory
`streaming`          assembly file, read at its location
`bulk_fetch`         many entries, planned and fetched together
`hooks`              listeners for loaded entries; override of identifier resolution
`entry_files`        entry -> its verified local files
`single_files`       location -> verified local file, for code without entries
`cache_access`       the configured cache; reads that survive concurrent pruning
`download`           location -> verified bytes in the cache, resumed and in parallel
`content_signatures` detection of content that is not the expected file
==================== ===============================================================

Every function is thread-safe. Names are imported lazily, so that fetching files needs no pandas.
"""

import os

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Tests of other projects set this to redirect the cache.
_local_data_path: str | os.PathLike[str] | None = None
