"""Indexes of many entries are made by a process of its own: `python -m brainio.index.apart`, which a service starts.

So that making one neither slows those down who ask meanwhile nor leaves memory behind. The process is told what to
make in a line of JSON, answers with the name of the index, and ends when its input does: also where the service was
killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from brainio.catalogs import listing, sources
from brainio.errors import CatalogError
from brainio.index.files import Files
from brainio.index.server import Server
from brainio.index.store import Indexes

if TYPE_CHECKING:
    from brainio.index.origins import Names
    from brainio.index.store import Index

_FEW = 5_000  # entries, of which an index is made in less time than a process takes to start
_NICE = 10  # a tenth of the share of those who answer, on a machine that is busy; where nobody waits for the index
_STOPPED = 3  # exit code


class Apart:
    """The indexes in files or in a database, made apart; see `Shelf`.

    Parameters
    ----------
    database : str
        `postgresql://...`; empty: files below `BRAINIO_HOME`.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._shelf = shelf_in(database)

    def is_current(self, index: Index, names: Names) -> bool:
        """Whether an index is that of catalogs as they are now."""
        return self._shelf.is_current(index, names)

    def found_or_made(self, names: Names, before: Index | None) -> Index:
        """Open an index if it is there; else have it made, apart if that takes long and can be done."""
        if not _are_few(names):
            if (found := self._shelf.found(names)) is not None:
                return found
            name = _made(names, self._database, is_waited_for=before is None)
            if name and (made := self._shelf.opened(name)) is not None:
                return made
        return self._shelf.found_or_made(names, before)


def shelf_in(database: str) -> Files | Server:
    """Return the indexes in a database; without one, those in files."""
    return Server(database) if database else Files()


def _are_few(names: Names) -> bool:
    entries = 0
    for name in sources() if names is None else names:
        with suppress(CatalogError):
            entries += len(listing(name).entries)
    return entries < _FEW


def _made(names: Names, database: str, *, is_waited_for: bool) -> str:
    """Have another process make an index, and return its name; empty where it could not."""
    told = {"names": None if names is None else sorted(names), "database": database, "nice": not is_waited_for}
    command = [sys.executable, "-m", "brainio.index.apart"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603 - no shell
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
        return process.stdout.read().strip()


def main() -> None:
    """Make one index."""
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    if told["nice"]:
        os.nice(_NICE)
    warnings.simplefilter("ignore")  # whoever opens the index is told
    names = None if told["names"] is None else frozenset(told["names"])
    name = Indexes(shelf_in(told["database"])).ask(names, lambda _, index: index.name)
    sys.stdout.write(f"{name}\n")


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(_STOPPED)


if __name__ == "__main__":
    main()
