"""Says in words what publishing does, or would do: files, rows, and what is superseded. Does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import card_location
from brainio.catalogs.entries import STATUS_CURRENT, in_words
from brainio.progress import readable_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainio.catalogs import CatalogSource, Entry, Listing
    from brainio.packaging.storing import Placed


@dataclass(frozen=True)
class Plan:
    """What publishing a package changes; as text, a line for each change.

    Attributes
    ----------
    placed
        Its files.
    source, listing
        The catalog, and what it lists before; None: no catalog.
    rows
        That the catalog gets.
    """

    placed: Sequence[Placed]
    source: CatalogSource | None
    listing: Listing | None
    rows: Sequence[Mapping[str, str]]

    def __str__(self) -> str:
        return "\n".join([*map(of_file, self.placed), *self._of_catalog()])

    def _of_catalog(self) -> list[str]:
        if self.source is None or self.listing is None:
            return ["no catalog is changed"]
        where, first = format_location(self.source.location), self.rows[0]
        known = f"it lists {len(self.listing.entries)} now" if self.listing.source else "a new catalog"
        version = f", version {first['version']}" if first.get("version") else ""
        lines = [f"add the {in_words(first['lookup_type'])} {first['identifier']}{version} to {where} ({known}):"]
        for row in self.rows:
            facts = (f"{name}={value}" for name, value in row.items() if value and name not in _SAID)
            lines.append(f"  row: {' '.join(facts)}")
        place = card_location(first["lookup_type"], first["identifier"], first.get("version", ""))
        lines.append(f"write its card beside the catalog: {place}")
        return lines + [f"mark {_named(entry)} as superseded" for entry in self._superseded()]

    def _superseded(self) -> list[Entry]:
        first = self.rows[0]
        entry = self.listing.find(first["lookup_type"], first["identifier"]) if self.listing else None
        if self.listing is None or entry is None or (first.get("status") or STATUS_CURRENT) != STATUS_CURRENT:
            return []
        return [one for one in self.listing.all_versions(entry) if one.status == STATUS_CURRENT]


_SAID = ("identifier", "lookup_type", "version")


def already_listed(entry: Entry, *, is_whole: bool) -> str:
    """Say that the catalog lists the same bytes, and that nothing happens where all of them are there."""
    known = f"the catalog {entry.catalog!r} lists {_named(entry)} already, with the same bytes"
    return f"nothing to do: {known}" if is_whole else f"no catalog is changed: {known}"


def of_file(one: Placed) -> str:
    """Say what happens to a file."""
    size = readable_size(one.file.path.stat().st_size)
    if one.is_there:
        return f"leave {one.location} ({size}), which has the same bytes already"
    return f"send {one.file.path.name} ({size}) to {one.location} and read it back"


def _named(entry: Entry) -> str:
    return f"the {entry.kind} {entry.identifier}" + (f", version {entry.version}" if entry.version else "")
