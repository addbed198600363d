"""The catalogs as they are served: looked at again and again in a thread, and held as they were last good.

Requests read a `Snapshot`, which never changes, so that no request waits for a disk or another server to learn what
there is. Where a catalog went away, what was last read of it is served on.
"""

import asyncio
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import structlog

from brainio.cards import profile_folder_version
from brainio.catalogs import CatalogSource, Entry, Listing, listing, sources
from brainio.catalogs.csv_format import Row, line_of, read_rows
from brainio.catalogs.entries import REQUIRED_COLUMNS, cells_of, row_problems
from brainio.catalogs.sources import Source, note_written
from brainio.errors import BrainioError, CatalogError
from brainio.index.freshness import state_beside
from brainio.service import metrics
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.embargoes import UNKNOWN, Active, Embargoes
from brainio.service.errors import away, refusal
from brainio.service.locations import ServedFile, every_version, places_of, served_cells
from brainio.service.response_cache import ResponseCache
from brainio.service.responses import RenderedBody, render
from brainio.service.settings import Settings
from brainio.service.tokens import EVERY
from brainio.service.urls import of_api

_log = structlog.get_logger("brainio.service")
Position = tuple[str, str, str]
"""(identifier, kind, catalog)"""


@dataclass(frozen=True)
class ServedCatalog:
    """One catalog as it was read."""

    name: str
    listing: Listing
    places: dict[str, ServedFile]
    csv: RenderedBody
    beside: list[str]
    embargoed: Active | None
    source: Source

    @property
    def state(self) -> str:
        """What names what it lists."""
        return self.csv.tag

    @cached_property
    def counts(self) -> Counter[str]:
        """How many entries of each kind it lists."""
        return Counter(kind for kind, _ in self.listing.entries)


@dataclass
class Snapshot:
    """All catalogs at one moment, and what was rendered of them.

    Attributes
    ----------
    catalogs : dict
        Identifier -> catalog, those that were ever read.
    problems : dict
        Identifier -> what is wrong with it, of those that cannot be read now.
    embargoes : Embargoes
        Those by which it was made.
    profiled : object
        What names the state of the profiles that pages show.
    order : list of Position
        All entries in the order in which they are listed.
    """

    catalogs: dict[str, ServedCatalog] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    embargoes: Embargoes = UNKNOWN
    profiled: object = None
    order: list[Position] = field(default_factory=list)
    responses: ResponseCache = field(default_factory=lambda: ResponseCache(0))
    _by_sha1: dict[str, list[Entry]] | None = None

    def names(self, access: Access) -> list[str]:
        """Return the catalogs that may be seen, also those that are away."""
        return sorted(name for name in {*self.catalogs, *self.problems} if access.sees(name))

    def listings(self, access: Access) -> list[Listing]:
        """Return what the catalogs list that may be seen, in the order in which identifiers are looked up."""
        return [held.listing for name, held in self.catalogs.items() if access.sees(name)]

    def catalog(self, name: str, access: Access) -> ServedCatalog:
        """Return a catalog; raises 404 where there is none to be seen, 503 where it was never read."""
        if not access.sees(name) or (name not in self.catalogs and name not in self.problems):
            hint = f"{of_api('catalogs')} lists those that there are."
            raise refusal(404, "no_such_catalog", f"no catalog {name[:200]!r} is served", hint)
        if name not in self.catalogs:
            raise away(f"catalog {name!r} cannot be read at the moment, and was not read before")
        return self.catalogs[name]

    def entry(self, catalog: str, kind: str, identifier: str, access: Access, version: str | None = None) -> Entry:
        """Return an entry, by an alias as well; raises 404 or 503."""
        held = self.catalog(catalog, access)
        found = held.listing.find_by_name(kind, identifier, version)
        if found is None:
            of = f" in version {version[:100]!r}" if version is not None else ""
            message = f"catalog {catalog!r} lists no {kind.replace('_', ' ')} {identifier[:200]!r}{of}"
            raise refusal(404, "no_such_entry", message, f"{of_api('entries')}?catalog={catalog} lists what there is.")
        return found

    def counts(self, access: Access) -> dict[Literal["ok", "stale", "away"], int]:
        """Return how many catalogs that may be seen are as they are now, as they were, and not to be had."""
        names = self.names(access)
        stale = sum(name in self.problems for name in names if name in self.catalogs)
        away = sum(name not in self.catalogs for name in names)
        return {"ok": len(names) - stale - away, "stale": stale, "away": away}

    def withheld_with(self, entry: Entry, access: Access) -> list[Entry]:
        """Return the other entries that list a file of an entry, by its sha1, and whose bytes may not be had."""
        guarded = self._guarded(access.private)
        if not guarded:
            return []
        others = {other for file in entry.files if file.sha1 for other in guarded.get(file.sha1, ())}
        return [other for other in others if not access.may_have(other, self.embargoes)]

    def _guarded(self, private: frozenset[str]) -> dict[str, list[Entry]]:
        """Return the entries that are not for everybody, by the sha1 of their files."""
        if self._by_sha1 is None:
            found: dict[str, list[Entry]] = {}
            everybody = Access(private)
            for held in self.catalogs.values():
                if everybody.sees(held.name) and held.embargoed == frozenset():
                    continue
                for entry in every_version(held.listing):
                    if everybody.may_have(entry, self.embargoes):
                        continue
                    for sha1 in {file.sha1 for file in entry.files} - {""}:
                        found.setdefault(sha1, []).append(entry)
            self._by_sha1 = found
        return self._by_sha1

    def after(self, position: Position | None) -> Iterable[Position]:
        """Yield the entries behind a position."""
        order = self.order
        start = 0 if position is None else bisect_right(order, position)
        return (order[number] for number in range(start, len(order)))


class CatalogWatcher:
    """What a process serves, kept up to date."""

    def __init__(self, settings: Settings, seen: ChangeLog, rights: AccessControl) -> None:
        self._settings, self._seen, self._rights = settings, seen, rights
        self._read_at: dict[str, float] = {}
        self._to_note: dict[str, ServedCatalog] = {}
        self._mistyped: set[str] = set()
        self.snapshot = Snapshot()

    async def watch(self) -> None:
        """Look for changes for ever."""
        while True:
            await asyncio.sleep(self._settings.refresh_seconds)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:  # whatever it is, what was read before is served on
                _log.exception("refreshing failed")

    def refresh(self) -> None:
        """Take over what changed."""
        before, embargoes = self.snapshot, self._rights.embargoes
        profiled = profile_folder_version()
        catalogs: dict[str, ServedCatalog] = {}
        problems: dict[str, str] = {}
        in_force = sources()
        self._check_private(in_force)
        for name, source in in_force.items():
            known = before.catalogs.get(name)
            try:
                catalogs[name] = self._held(name, source, known, embargoes)
            except CatalogError as error:
                problems[name] = str(error)
                if known is not None:
                    catalogs[name] = self._kept(known, embargoes)
        for name in problems.keys() - before.problems.keys():
            _log.warning("catalog away", catalog=name, error=problems[name])
        changed = [held for name, held in catalogs.items() if held is not before.catalogs.get(name)]
        is_as_before = not changed and catalogs.keys() == before.catalogs.keys()
        depends = problems, profiled, embargoes
        if not is_as_before or depends != (before.problems, before.profiled, before.embargoes):
            order = before.order if is_as_before else _ordered(catalogs)
            kept = ResponseCache(self._settings.cached_mb * 2**20)
            snapshot = Snapshot(catalogs, problems, embargoes, profiled, order, kept)
            self.snapshot = snapshot
            self._count(snapshot)
            if not is_as_before:
                _log.info("catalogs changed", catalogs=[held.name for held in changed])
        self._to_note |= {held.name: held for held in changed}
        self._note()

    def _check_private(self, in_force: Iterable[str]) -> None:
        """Say which names hide nothing: one that is mistyped leaves a catalog public."""
        mistyped = {*self._settings.private} - {EVERY, *in_force}
        if mistyped - self._mistyped:
            _log.warning("private names no active catalog", names=sorted(mistyped))
        self._mistyped = mistyped

    def _note(self) -> None:
        """Note changes; what cannot be noted now is again at the next time."""
        for name, held in list(self._to_note.items()):
            if held.embargoed is None:  # the database is away, and that was told
                continue
            try:
                self._seen.note(name, held.listing, held.embargoed)
            except BrainioError as error:
                _log.warning("changes not noted", catalog=name, error=str(error))
                return
            del self._to_note[name]

    def _held(self, name: str, source: Source, known: ServedCatalog | None, embargoes: Embargoes) -> ServedCatalog:
        if isinstance(source, CatalogSource) and source.is_remote and not source.is_database:
            self._read_again(source)
        one, embargoed = listing(name), embargoes.active(name)
        beside = state_beside(one)
        if known is not None and known.listing is one and (known.beside, known.embargoed) == (beside, embargoed):
            return known
        return self._made(source, one, beside, _rows(source, one), embargoes)

    def _kept(self, known: ServedCatalog, embargoes: Embargoes) -> ServedCatalog:
        """Return a catalog that cannot be read now as it was, but under the embargoes of now."""
        one = known.listing
        if known.embargoed == embargoes.active(known.name):
            return known
        return self._made(known.source, one, known.beside, _listed_rows(one), embargoes)

    def _made(
        self, source: Source, one: Listing, beside: list[str], rows: Iterable[Row], embargoes: Embargoes
    ) -> ServedCatalog:
        places, name = places_of(one, embargoes), one.identifier
        text = _served_text(rows, places, self._settings.signed_buckets, embargoes)
        csv_form = render(text.encode(), "text/csv; charset=utf-8")
        return ServedCatalog(name, one, places, csv_form, beside, embargoes.active(name), source)

    def _read_again(self, source: CatalogSource) -> None:
        """Have a catalog that lies elsewhere read again, if that was long ago."""
        now = time.monotonic()
        if now - self._read_at.setdefault(source.location, now) > self._settings.remote_refresh_seconds:
            self._read_at[source.location] = now
            note_written(source)

    def _count(self, snapshot: Snapshot) -> None:
        for state, number in snapshot.counts(self._rights.everybody).items():
            metrics.held.labels(state).set(number)


def _ordered(catalogs: dict[str, ServedCatalog]) -> list[Position]:
    keys = ((held, kind, name) for held in catalogs.values() for kind, name in held.listing.entries)
    return sorted((name, kind, held.name) for held, kind, name in keys)


def _served_text(
    listed: Iterable[Row], places: dict[str, ServedFile], signed_buckets: list[str], embargoes: Embargoes
) -> str:
    """Return the CSV form as others read it: with places that they can ask for, without rows that break the format."""
    by_key: dict[tuple[str, ...], ServedFile] = {
        (place.entry.lookup_type, place.entry.identifier, place.entry.version, place.file.part): place
        for place in places.values()
        if place.file is not None
    }
    rows = [row for row in listed if not row_problems(row)]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(REQUIRED_COLUMNS)
    served = (row | served_cells(row, by_key, signed_buckets, embargoes) for row in rows)
    cells = ([row.get(name, "") for name in columns] for row in served)
    return "".join(line_of(of_row, "\n") for of_row in (columns, *cells))


def _rows(source: Source, one: Listing) -> Iterable[Row]:
    if isinstance(source, CatalogSource):
        return (row for _, row in read_rows(source.text(), one.identifier))
    return _listed_rows(one)


def _listed_rows(one: Listing) -> Iterable[Row]:
    return (cells_of(entry, file) for entry in every_version(one) for file in entry.files)
