"""The maker of profiles: of whatever is served and has its bytes on this machine, one after the other, apart.

One process on a machine makes them (of many workers the first), by another process (`apart`), so that no worker grows
and no visitor waits. What cannot be made is said in the log, and tried again after a day, or when its bytes change.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import structlog

from brainio.cache.files import partial_folder
from brainio.cache.locks import Turn, try_turn
from brainio.cache.records import Fingerprint, fingerprint
from brainio.catalogs import Entry
from brainio.fetch.entries import wanted_file
from brainio.fetch.home import local_cache
from brainio.profiles import has_profile, profile_key
from brainio.service.holdings import Holdings, Snapshot
from brainio.service.looking import Looking

_log = structlog.get_logger("brainio.service")
_TURN = "profile-making"
_AGAIN_AFTER = 86_400.0  # seconds
_LONGEST = 3600.0  # seconds for one profile
_MOST = 50  # profiles that one process makes: whatever its libraries leave in memory goes with it


class Maker:
    """Makes profiles while the service runs."""

    def __init__(self, holdings: Holdings, every: float) -> None:
        self._holdings, self._every = holdings, every
        self._stop = threading.Event()
        self._looking = Looking(self._stop.wait)
        self._failed: dict[object, float] = {}
        self._turn: Turn | None = None
        self._is_alone = False

    async def watch(self) -> None:
        """Look and make for ever."""
        try:
            while True:
                await asyncio.sleep(self._every)
                try:
                    await self._round()
                except Exception:  # whatever it is, pages do without profiles meanwhile
                    self._looking.forget()
                    _log.exception("making profiles failed")
        finally:
            self._stop.set()
            if self._turn is not None:
                self._turn.end()

    async def _round(self) -> None:
        if not self._is_alone and not self._take_turn():
            return
        snapshot = self._holdings.snapshot
        wanted = await asyncio.to_thread(self._wanted, snapshot)
        for start in range(0, len(wanted), _MOST):
            await self._make(wanted[start : start + _MOST])

    def _wanted(self, snapshot: Snapshot) -> list[Entry]:
        lacking = self._looking.lacking(snapshot, _served(snapshot))
        return [entry for entry in lacking if self._may_be_tried(entry)]

    def _take_turn(self) -> bool:
        """Become the one that makes profiles; where locks do not work, every process does."""
        try:
            self._turn = try_turn(partial_folder(local_cache().root), _TURN)
        except OSError:  # another process has it, or nothing can be written
            return False
        self._is_alone = True
        return True

    def _may_be_tried(self, entry: Entry) -> bool:
        return time.monotonic() - self._failed.get(_attempt(entry), float("-inf")) > _AGAIN_AFTER

    async def _make(self, entries: Iterable[Entry]) -> None:
        command = (sys.executable, "-m", "brainio.service.apart")
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=nowhere)
        try:
            for entry in entries:
                if await asyncio.to_thread(
                    has_profile, entry
                ):  # another catalog lists the same bytes, or somebody made it meanwhile
                    continue
                try:
                    async with asyncio.timeout(_LONGEST):
                        error = await _asked(process, entry)
                except TimeoutError:
                    process.kill()
                    await process.wait()
                    error = f"it was not made within {_LONGEST:,.0f} seconds"
                if error:
                    self._failed[await asyncio.to_thread(_attempt, entry)] = time.monotonic()
                    _log.warning("no profile", catalog=entry.catalog, identifier=entry.identifier, error=error)
                else:
                    _log.info("profile made", catalog=entry.catalog, kind=entry.kind, identifier=entry.identifier)
                if process.returncode is not None:
                    self._looking.forget()  # what is left is for the next one
                    return
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _asked(process: asyncio.subprocess.Process, entry: Entry) -> str:
    """Have a profile made; return why that was impossible, or nothing."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    named = {"kind": entry.lookup_type, "catalog": entry.catalog, "version": entry.version}
    process.stdin.write(json.dumps({**named, "identifier": entry.identifier}).encode() + b"\n")
    with suppress(ConnectionError):
        await process.stdin.drain()
    answer = await process.stdout.readline()
    if answer.endswith(b"\n"):
        return str(json.loads(answer)["error"])
    return f"the process that makes profiles ended with {await process.wait()}"


def _attempt(entry: Entry) -> object:
    """Return what is another one when it is worth trying again: other hashes, or files that changed."""
    prints: list[Fingerprint] = []
    for file in entry.files:
        with suppress(OSError):
            prints += [fingerprint(place.path) for place, _ in wanted_file(entry, file).local_places()]
    return entry.catalog, entry.lookup_type, entry.identifier, profile_key(entry), tuple(prints)


def _served(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield all that has a page: every version of every entry, the current ones first."""
    for held in snapshot.catalogs.values():
        yield from held.listing.entries.values()
    for held in snapshot.catalogs.values():
        for key, versions in held.listing.versions.items():
            yield from (one for one in versions if one is not held.listing.entries[key])
