"""The folder of this machine that is brainio's own, as the environment says, and paths as their user wrote them."""

import os
from pathlib import Path

from brainio.errors import CacheError, LocationError

BRAINIO_HOME = "BRAINIO_HOME"


def home_folder() -> Path:
    """Return what the environment variable `BRAINIO_HOME` names, else `~/.brainio`; it need not exist.

    Raises
    ------
    CacheError
        The user has no home folder, as in a container that runs under an arbitrary user ID, or the path is relative to
        a working folder that was deleted. The message names `BRAINIO_HOME`.

    Examples
    --------
    >>> home_folder() == Path(os.environ.get("BRAINIO_HOME") or "~/.brainio").expanduser().absolute()
    True
    """
    try:
        return absolute_path(os.environ.get(BRAINIO_HOME) or "~/.brainio")
    except LocationError as error:
        raise CacheError(
            f"{error}. Set {BRAINIO_HOME} to an absolute path that may be written, such as /tmp/brainio"
        ) from error


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a user wrote as an absolute one, with `~` and `~USER` expanded; it need not exist.

    Raises
    ------
    LocationError
        The home folder is not known, or the path is relative to a working folder that was deleted.

    Examples
    --------
    >>> absolute_path("/data/../lab.csv")
    PosixPath('/data/../lab.csv')
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        user = f"the user ID {os.getuid()}" if hasattr(os, "getuid") else "this user"
        is_own = Path(path).parts[0] == "~"
        reason = f"no home folder is known for {user}, and HOME is not set" if is_own else "there is no such user"
        raise LocationError(f"{str(path)!r} cannot be expanded: {reason}") from error
    except FileNotFoundError as error:
        raise LocationError(f"{str(path)!r} is relative, and the working folder was deleted") from error
