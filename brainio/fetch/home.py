"""Where fetched files are kept on this machine, and whether anything may be fetched, as the environment says."""

import os
from pathlib import Path

from brainio.cache import Cache

BRAINIO_HOME = "BRAINIO_HOME"
BRAINIO_SHARED = "BRAINIO_SHARED"


def get_local_data_path() -> str:
    """Return the folder of the cache: what the environment variable `BRAINIO_HOME` says, else `~/.brainio`."""
    from brainio import fetch  # tests of other projects set its attribute to redirect the cache

    if fetch._local_data_path is not None:
        return os.fspath(fetch._local_data_path)
    return str(Path(os.environ.get(BRAINIO_HOME) or "~/.brainio").expanduser().absolute())


def shared_caches() -> list[Path]:
    """Return the read-only caches in front of it: the folders that `BRAINIO_SHARED` lists, as `PATH` lists its own."""
    named = os.environ.get(BRAINIO_SHARED, "").split(os.pathsep)
    return [Path(folder).expanduser().absolute() for folder in named if folder]


def local_cache() -> Cache:
    """Return the cache as the environment is now."""
    return Cache(Path(get_local_data_path()), shared_caches())
