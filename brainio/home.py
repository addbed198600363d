"""The folder of this machine that is brainio's own, as the environment says, and paths as their user wrote them."""

import os
from pathlib import Path

from brainio.errors import CacheError, LocationError
from brainio.text import shortened

BRAINIO_HOME = "BRAINIO_HOME"
_LONGEST_PATH, _LONGEST_NAME = 4096, 255  # bytes, on every file system that is promised


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
        It can be no path, the home folder is not known, or the path is relative to a working folder that was deleted.

    Examples
    --------
    >>> absolute_path("/data/../lab.csv")
    PosixPath('/data/../lab.csv')
    """
    require_possible_path(path)
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        user = f"the user ID {os.getuid()}" if hasattr(os, "getuid") else "this user"
        is_own = Path(path).parts[0] == "~"
        reason = f"no home folder is known for {user}, and HOME is not set" if is_own else "there is no such user"
        raise LocationError(f"{str(path)!r} cannot be expanded: {reason}") from error
    except FileNotFoundError as error:
        raise LocationError(f"{str(path)!r} is relative, and the working folder was deleted") from error


def require_possible_path(path: str | os.PathLike[str]) -> None:
    """Refuse a text that no file system takes for a path, before the operating system raises errors of its own.

    Raises
    ------
    LocationError
        It holds a NUL character, or it or one of its parts is too long.

    Examples
    --------
    >>> require_possible_path("lab.csv")
    """
    text = os.fspath(path)
    if "\0" in text:
        raise LocationError(f"{shortened(text)!r} can be no path: it holds a NUL character")
    if len(text) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in Path(text).parts):
        raise LocationError(
            f"{shortened(text)!r} can be no path: it has {len(text):,} characters; a path has at most "
            f"{_LONGEST_PATH:,}, each part of it {_LONGEST_NAME}"
        )
