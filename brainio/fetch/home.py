"""Where fetched files are kept on this machine, and whether anything may be fetched, as the environment says."""

import os
from pathlib import Path

from brainio.cache import Cache
from brainio.cache.passed_over import say_once
from brainio.home import absolute_path, home_folder

BRAINIO_SHARED = "BRAINIO_SHARED"


def get_local_data_path() -> str:
    """Return the folder of the cache: what the environment variable `BRAINIO_HOME` says, else `~/.brainio`."""
    from brainio import fetch  # tests of other projects set its attribute to redirect the cache

    if fetch._local_data_path is not None:
        return os.fspath(fetch._local_data_path)
    return str(home_folder())


def shared_caches() -> list[Path]:
    """Return the read-only caches in front of it: the folders that `BRAINIO_SHARED` lists, as `PATH` lists its own.

    One that is not there is said in the log, once: its name is probably misspelt.
    """
    named = os.environ.get(BRAINIO_SHARED, "").split(os.pathsep)
    folders = [absolute_path(folder) for folder in named if folder]
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112 - a Path raises where it may not look
            say_once(folder, f"is no folder that can be reached, but {BRAINIO_SHARED} names it")
    return folders


def local_cache() -> Cache:
    """Return the cache as the environment is now."""
    return Cache(Path(get_local_data_path()), shared_caches())
