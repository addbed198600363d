"""Snapshots of the served catalogs: a thread refreshes them, requests read them.

A request reads one immutable `Snapshot`, and therefore never waits for a disk or another server. If a catalog becomes
unavailable, the service continues with its last snapshot.
"""

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
from brainio.catalogs.csv_format import Row, read_rows
from brainio.catalogs.entries import cells_of
from brainio.errors import BrainioError, CatalogError
from brainio.index.freshness import sidecar_states
from brainio.service import telemetry
from brainio.service.access import Access, AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.embargoes import UNKNOWN, ActiveEmbargoes, Embargoes
from brainio.service.errors import http_error, unavailable
from brainio.service.locations import ServedFile, every_version, served_csv, served_files
from brainio.service.responses import RenderedBody, ResponseCache, render
from brainio.service.settings import Settings
from brainio.service.tokens import ALL_CATALOGS
from brainio.service.urls import api_url

_log = structlog.get_logger("brainio.service")
Position = tuple[str, str, str]
"""(identifier, kind, catalog)"""


@dataclass(frozen=True)
class ServedCatalog:
    """One catalog as last read.

    Attributes
    ----------
    files : dict
        Path below the URL of the catalog -> file or card.
    csv : RenderedBody
        The CSV form for other machines.
    sidecars : list of str
        Version of the sidecars.
    embargoes : ActiveEmbargoes or None
        The active embargoes in the CSV form; None if they were unknown.
    """

    name: str
    listing: Listing
    files: dict[str, ServedFile]
    csv: RenderedBody
    sidecars: list[str]
    embargoes: ActiveEmbargoes | None
    source: CatalogSource

    @property
    def version(self) -> str:
        """Version token of the served form of the catalog."""
        return self.csv.etag

    @cached_property
    def counts(self) -> Counter[str]:
        """Number of entries of each kind."""
        return Counter(kind for kind, _ in self.listing.entries)


@dataclass
class Snapshot:
    """All catalogs at one moment, and the responses rendered from them.

    Attributes
    ----------
    catalogs : dict
        Identifier -> catalog, for catalogs that were read at least once.
    problems : dict
        Identifier -> error, for catalogs that cannot be read now.
    embargoes : Embargoes
        The embargoes in the snapshot.
    profiles : object
        Version of the profiles shown on pages.
    order : list of Position
        All entries, sorted as in lists.
    responses : ResponseCache
        Rendered responses.
    """

    catalogs: dict[str, ServedCatalog] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    embargoes: Embargoes = UNKNOWN
    profiles: object = None
    order: list[Position] = field(default_factory=list)
    responses: ResponseCache = field(default_factory=lambda: ResponseCache(0))
    _restricted: dict[str, list[Entry]] | None = None

    def names(self, access: Access) -> list[str]:
        """Return the visible catalogs, including unavailable ones."""
        return sorted(name for name in {*self.catalogs, *self.problems} if access.sees(name))

    def listings(self, access: Access) -> list[Listing]:
        """Return the listings of the visible catalogs, in look-up order."""
        return [catalog.listing for name, catalog in self.catalogs.items() if access.sees(name)]

    def catalog(self, name: str, access: Access) -> ServedCatalog:
        """Return a catalog; raise 404 if it is not visible, 503 if it was never read."""
        if not access.sees(name) or (name not in self.catalogs and name not in self.problems):
            hint = f"{api_url('catalogs')} lists the catalogs."
            raise http_error(404, "no_such_catalog", f"no catalog {name[:200]!r} is served", hint)
        if name not in self.catalogs:
            raise unavailable(f"catalog {name!r} is temporarily unavailable")
        return self.catalogs[name]

    def entry(self, catalog: str, kind: str, identifier: str, access: Access, version: str | None = None) -> Entry:
        """Return an entry by its identifier or an alias; raise 404 or 503."""
        entry = self.catalog(catalog, access).listing.find_by_name(kind, identifier, version)
        if entry is None:
            suffix = f" in version {version[:100]!r}" if version is not None else ""
            message = f"catalog {catalog!r} has no {kind.replace('_', ' ')} {identifier[:200]!r}{suffix}"
            hint = f"{api_url('entries')}?catalog={catalog} lists its entries."
            raise http_error(404, "no_such_entry", message, hint)
        return entry

    def counts(self, access: Access) -> dict[Literal["ok", "stale", "away"], int]:
        """Return how many visible catalogs are current (`ok`), served as last read (`stale`), unavailable (`away`)."""
        names = self.names(access)
        stale = sum(name in self.problems for name in names if name in self.catalogs)
        away = sum(name not in self.catalogs for name in names)
        return {"ok": len(names) - stale - away, "stale": stale, "away": away}

    def withheld_twins(self, entry: Entry, access: Access) -> list[Entry]:
        """Return other entries that list a file of an entry, by its SHA-1, and whose data are not accessible."""
        restricted = self._restricted_entries(access.private)
        if not restricted:
            return []
        others = {other for file in entry.files if file.sha1 for other in restricted.get(file.sha1, ())}
        return [other for other in others if not access.may_download(other, self.embargoes)]

    def _restricted_entries(self, private: frozenset[str]) -> dict[str, list[Entry]]:
        """Return the entries whose data are not public, by the SHA-1 of their files."""
        if self._restricted is None:
            restricted: dict[str, list[Entry]] = {}
            public = Access(private)
            for catalog in self.catalogs.values():
                if public.sees(catalog.name) and catalog.embargoes == frozenset():
                    continue
                for entry in every_version(catalog.listing):
                    if public.may_download(entry, self.embargoes):
                        continue
                    for sha1 in {file.sha1 for file in entry.files} - {""}:
                        restricted.setdefault(sha1, []).append(entry)
            self._restricted = restricted
        return self._restricted

    def entries_after(self, position: Position | None) -> Iterable[Position]:
        """Yield the positions after a given one, or all positions."""
        order = self.order
        start = 0 if position is None else bisect_right(order, position)
        return (order[number] for number in range(start, len(order)))


class CatalogWatcher:
    """Refreshes the snapshot when catalogs, embargoes or profiles change.

    Attributes
    ----------
    snapshot : Snapshot
        The current snapshot.
    """

    def __init__(self, settings: Settings, change_log: ChangeLog, access_control: AccessControl) -> None:
        self._settings, self._change_log, self._access_control = settings, change_log, access_control
        self._read_at: dict[str, float] = {}
        self._unrecorded: dict[str, ServedCatalog] = {}
        self._unknown_private: set[str] = set()
        self.snapshot = Snapshot()

    def refresh(self) -> None:
        """Replace the snapshot if anything changed, and record changes of entries."""
        before, embargoes = self.snapshot, self._access_control.embargoes
        profiles = profile_folder_version()
        catalogs: dict[str, ServedCatalog] = {}
        problems: dict[str, str] = {}
        active = sources()
        self._warn_of_unknown_private(active)
        for name, source in active.items():
            known = before.catalogs.get(name)
            try:
                catalogs[name] = self._read(name, source, known, embargoes)
            except CatalogError as error:
                problems[name] = str(error)
                if known is not None:
                    catalogs[name] = self._with_embargoes(known, embargoes)
        for name in problems.keys() - before.problems.keys():
            _log.warning("catalog away", catalog=name, error=problems[name])
        changed = [catalog for name, catalog in catalogs.items() if catalog is not before.catalogs.get(name)]
        is_same = not changed and catalogs.keys() == before.catalogs.keys()
        if not is_same or (problems, profiles, embargoes) != (before.problems, before.profiles, before.embargoes):
            order = before.order if is_same else _sorted_positions(catalogs)
            responses = ResponseCache(self._settings.cached_mb * 2**20)
            self.snapshot = Snapshot(catalogs, problems, embargoes, profiles, order, responses)
            self._update_metrics()
            if not is_same:
                _log.info("catalogs changed", catalogs=[catalog.name for catalog in changed])
        self._unrecorded |= {catalog.name: catalog for catalog in changed}
        self._record_changes()

    def _warn_of_unknown_private(self, active: Iterable[str]) -> None:
        """Log private names that match no catalog: a typo leaves a catalog public."""
        unknown = {*self._settings.private} - {ALL_CATALOGS, *active}
        if unknown - self._unknown_private:
            _log.warning("private names no active catalog", names=sorted(unknown))
        self._unknown_private = unknown

    def _record_changes(self) -> None:
        """Record changes in the change log; failed ones are tried again at the next refresh."""
        for name, catalog in list(self._unrecorded.items()):
            if catalog.embargoes is None:  # the database is unavailable, which was logged
                continue
            try:
                self._change_log.record(name, catalog.listing, catalog.embargoes)
            except BrainioError as error:
                _log.warning("changes not recorded", catalog=name, error=str(error))
                return
            del self._unrecorded[name]

    def _read(
        self, name: str, source: CatalogSource, known: ServedCatalog | None, embargoes: Embargoes
    ) -> ServedCatalog:
        """Read a catalog; return the known one if it did not change."""
        self._expire_remote(source)
        current, active = listing(name), embargoes.active_in(name)
        sidecars = sidecar_states(current)
        if known is not None and known.listing is current and (known.sidecars, known.embargoes) == (sidecars, active):
            return known
        rows = (row for _, row in read_rows(source.backend.read(), current.identifier))
        return self._build(source, current, sidecars, rows, embargoes)

    def _with_embargoes(self, known: ServedCatalog, embargoes: Embargoes) -> ServedCatalog:
        """Return an unavailable catalog as last read, with the current embargoes."""
        if known.embargoes == embargoes.active_in(known.name):
            return known
        return self._build(known.source, known.listing, known.sidecars, _listed_rows(known.listing), embargoes)

    def _build(
        self, source: CatalogSource, current: Listing, sidecars: list[str], rows: Iterable[Row], embargoes: Embargoes
    ) -> ServedCatalog:
        files, name = served_files(current, embargoes), current.identifier
        text = served_csv(rows, files, self._settings.signed_buckets, embargoes)
        csv_form = render(text.encode(), "text/csv; charset=utf-8")
        return ServedCatalog(name, current, files, csv_form, sidecars, embargoes.active_in(name), source)

    def _expire_remote(self, source: CatalogSource) -> None:
        """Make a remote catalog be read again after `remote_refresh_seconds`."""
        now = time.monotonic()
        if now - self._read_at.setdefault(source.location, now) > self._settings.remote_refresh_seconds:
            self._read_at[source.location] = now
            source.backend.refresh()

    def _update_metrics(self) -> None:
        for state, number in self.snapshot.counts(self._access_control.public).items():
            telemetry.catalog_states.labels(state).set(number)


def _sorted_positions(catalogs: dict[str, ServedCatalog]) -> list[Position]:
    keys = ((catalog, kind, name) for catalog in catalogs.values() for kind, name in catalog.listing.entries)
    return sorted((name, kind, catalog.name) for catalog, kind, name in keys)


def _listed_rows(current: Listing) -> Iterable[Row]:
    return (cells_of(entry, file) for entry in every_version(current) for file in entry.files)
