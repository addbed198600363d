"""What lies in the cache, in the words of the catalogs: whose it is, as a line of a table or for a program."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from brainio.catalogs import listings
from brainio.cli.output import Record
from brainio.progress import readable_size

if TYPE_CHECKING:
    from brainio.cache.inventory import Item

_DIGITS = 10  # of a sha1 in a table
_NAMED = 2  # entries that one line of a table names


def records(items: Iterable["Item"], everything: Iterable["Item"], *, as_json: bool) -> list[Record]:
    """Describe items of a cache.

    Parameters
    ----------
    items : iterable of Item
        Which.
    everything : iterable of Item
        All that lies there, for the names of what has none of its own.
    as_json : bool
        Whether for a program: whole, in bytes and UTC; else in words and local time, as far as a line has room.
    """
    known = _entries_by_sha1()
    names = {item.sha1: item.names for item in everything if item.kind == "content"}
    describe = _for_programs if as_json else _in_a_line
    return [describe(item, known.get(item.sha1, []), list(item.names or names.get(item.sha1, ()))) for item in items]


def _entries_by_sha1() -> dict[str, list[Record]]:
    """Return for each promised sha1 whose it is, in the catalogs in force; a version is named if it is not current."""
    known: dict[str, list[Record]] = defaultdict(list)
    for one in listings():
        for current in one.entries.values():
            for entry in one.all_versions(current):
                names = {"identifier": entry.identifier, "kind": entry.lookup_type, "catalog": entry.catalog}
                version = {} if entry is current else {"version": entry.version}
                for file in entry.files:
                    known[file.sha1].append({**names, "part": file.part, **version})
    known.pop("", None)
    return known


def _for_programs(item: "Item", owners: list[Record], names: list[str]) -> Record:
    return {
        "kind": item.kind,
        "entries": owners,
        "names": names,
        "size": item.size,
        "last_use": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item.last_use)),
        "sha1": item.sha1,
        "path": str(item.path),
    }


def _in_a_line(item: "Item", owners: list[Record], names: list[str]) -> Record:
    whose = list(dict.fromkeys(map(_in_words, owners))) or names
    more = [f"{len(whose) - _NAMED} more"] if len(whose) > _NAMED else []
    return {
        "kind": item.kind,
        "entry": [*whose[:_NAMED], *more],
        "size": readable_size(item.size),
        "last_use": time.strftime("%Y-%m-%d %H:%M", time.localtime(item.last_use)),
        "sha1": item.sha1[:_DIGITS],
    }


def _in_words(owner: Record) -> str:
    version = f" version {owner['version']}" if "version" in owner else ""
    return f"{owner['identifier']}{version} ({owner['part']})"
