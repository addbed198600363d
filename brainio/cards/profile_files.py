"""Where profiles lie, `BRAINIO_HOME/profiles/<key>.sqlite`, and opening them; nothing is made here.

A file gets its name when it is finished, and never changes then. One that is damaged, or that somebody changed, is as
good as none, and is taken away.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from brainio.cache.sqlite_files import ENDING, Opened, note_use, read_only
from brainio.cards.profile_schema import COLUMNS, MADE, VERSION, StimulusColumn, about, stimulus_table
from brainio.catalogs.entries import TYPE_STIMULUS_SET
from brainio.errors import CacheError, LocationError
from brainio.fetch.entries import wanted_file
from brainio.fetch.home import get_local_data_path
from brainio.forks import guard, renew_in_child
from brainio.local_files import Fingerprint
from brainio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection as SQLite

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from brainio.cards.profile_assemblies import AssemblyProfile
    from brainio.cards.profiles import StimulusProfile
    from brainio.catalogs import Entry

FOLDER = "profiles"
_MOST_OPEN = 32  # files of a process
_log = get_logger("brainio.cards")
_opened: OrderedDict[Path, ProfileFile] = OrderedDict()
_lock = guard(threading.RLock(), "open profiles")
Answer = TypeVar("Answer")


class ProfileFile(Opened):
    """An open profile, whichever entry it is of."""

    @cached_property
    def about(self) -> dict[str, Any]:
        """What is noted in the file, by name."""
        rows = self.ask(lambda connection: connection.execute(select(about)).all())
        return {row.name: json.loads(row.value) for row in rows}

    @cached_property
    def columns(self) -> list[StimulusColumn]:
        """The columns of the table of stimuli."""
        return [StimulusColumn(*column) for column in self.about[COLUMNS]]

    @cached_property
    def table(self) -> Table:
        """The table of stimuli."""
        return stimulus_table(self.columns)

    def ask(self, work: Callable[[Connection], Answer]) -> Answer:
        """Return what some work on the file gives.

        Raises
        ------
        CacheError
            The file is damaged; it was taken away, so that it can be made again.
        """
        try:
            return self.run(work)
        except DatabaseError as error:
            discard(self)
            raise CacheError(f"the profile {self.path} was damaged, and is to be made again: {error.orig}") from error


def find_profile(entry: Entry) -> StimulusProfile | AssemblyProfile | None:
    """Open the profile of an entry; None where none was made of these bytes.

    Costs a look at one file where it is open already. Any number of threads may ask; 32 files are open at most.

    Parameters
    ----------
    entry : Entry
        From a catalog, of any version.

    Raises
    ------
    CacheError
        By what is returned, later, where the file turns out to be damaged.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> from brainio.cards import make_profile
    >>> entry = resolve('stimulus_set', 'modelfest.Carney1999')
    >>> make_profile(entry)
    >>> profile = find_profile(entry)
    >>> rows, total = profile.rows({'kind': 'Gabor*', 'degrees': '..1'}, limit=2)
    """
    key = profile_key(entry)
    found = None if key is None else _file(path_of(key))
    if found is None:
        return None
    if entry.lookup_type == TYPE_STIMULUS_SET:
        from brainio.cards.profiles import StimulusProfile

        return StimulusProfile(entry, found)
    from brainio.cards.profile_assemblies import AssemblyProfile

    return AssemblyProfile(entry, found)


def has_profile(entry: Entry) -> bool:
    """Whether there is a profile of the bytes of an entry; it is not opened."""
    return file_of(entry) is not None


def file_of(entry: Entry) -> Path | None:
    """Return the file of an entry's profile, without opening it; None where there is none."""
    key = profile_key(entry)
    path = None if key is None else path_of(key)
    return path if path is not None and path.is_file() else None


def profile_key(entry: Entry) -> str | None:
    """Return what names the profile of an entry: the sha1 of its main file, and a digest of all; None: not known.

    It is not known while the catalog promises no hash and nothing was fetched.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> entry = resolve('assembly', 'modelfest.Carney1999')
    >>> profile_key(entry).startswith(entry.file('nc').sha1)
    True
    """
    contents = {}
    for file in entry.files:
        try:
            sha1 = file.sha1 or wanted_file(entry, file).content
        except LocationError:
            return None
        if sha1 is None:
            return None
        contents[file.part] = sha1
    main = contents.get("csv" if entry.lookup_type == TYPE_STIMULUS_SET else "nc")
    digest = hashlib.sha256(json.dumps([VERSION, entry.lookup_type, sorted(contents.items())]).encode())
    return f"{main}-{digest.hexdigest()[:16]}" if main else None


def profile_state() -> object:
    """Return what changes when a profile is added or taken away: equal answers mean that none was."""
    return Fingerprint.find(folder())


def folder() -> Path:
    """Return where profiles lie; it need not exist."""
    return Path(get_local_data_path()) / FOLDER


def path_of(key: str) -> Path:
    """Return where the profile of that key lies, or would lie."""
    return folder() / f"{key}{ENDING}"


def discard(file: ProfileFile) -> None:
    """Close a damaged file and take it away, unless another one has its name by now."""
    with _lock:
        if file.path is not None and _opened.get(file.path) is file:
            del _opened[file.path]
    file.close()
    _log.warning("the profile %s is damaged; it is taken away", file.path)
    if file.path is not None and file.is_there():
        with suppress(OSError):
            file.path.unlink()


def _file(path: Path) -> ProfileFile | None:
    with _lock:
        known = _opened.get(path)
        if known is not None and known.is_there():
            _opened.move_to_end(path)
            return known
    found = _open(path)
    closed = []
    with _lock:
        other = _opened.pop(path, None)
        if other is not None and other is not known and other.is_there():  # another thread opened it meanwhile
            found, other = other, found
        if other is not None:
            closed.append(other)
        if found is not None:
            _opened[path] = found
            while len(_opened) > _MOST_OPEN:
                closed.append(_opened.popitem(last=False)[1])
    for one in closed:
        one.close()
    return found


def _open(path: Path) -> ProfileFile | None:
    """Open a file; None where there is none, or not one that is as it was when it was finished."""
    try:
        print_ = Fingerprint.of(path)
    except OSError:
        return None
    pool = {"poolclass": QueuePool, "pool_size": 2, "max_overflow": -1, "pool_reset_on_return": None}
    file = ProfileFile(create_engine("sqlite://", creator=partial(_connection, path), **pool), path, print_)
    try:
        made = file.about.get(MADE)
    except (CacheError, ValueError):
        file.close()
        return None
    if made != print_.mtime_ns:
        discard(file)
        return None
    note_use(path)
    return file


def _connection(path: Path) -> SQLite:
    connection = read_only(path)
    connection.execute("PRAGMA cache_size=-512")  # kB; the system keeps what is read of the file
    return connection


# Connections stay with the process that made them.
renew_in_child(_opened.clear)
