"""Commands that list, verify and remove files in the cache.

The package `brainio.cache` does the work; this module names the entry to which each file belongs.
"""

import re
import shutil
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from brainio.catalogs import Entry, entries_of, listings
from brainio.cli import options
from brainio.cli.output import EXIT_CODE_HELP, Record, exit_code, notify, show, show_json, show_log_warnings
from brainio.errors import EntryLookupError, IntegrityError
from brainio.progress import TransferBar, readable_size

if TYPE_CHECKING:
    from brainio.cache.inventory import Item
    from brainio.cache.pruning import Removal
    from brainio.cache.verification import VerificationResult


_SHA1_START = re.compile(r"[0-9a-f]{7,40}")
_READ_KINDS = {"content", "unpacked"}  # kinds of items that are read completely
_ITEM_COLUMNS = ("entry", "kind", "size", "last_use", "sha1")


@click.group(epilog=EXIT_CODE_HELP)
def cache() -> None:
    """List, verify and remove files in the cache.

    These commands may run while other programs load data: removed files are fetched again when they are next needed.

    \b
    Examples:
      brainio cache where
      brainio cache ls
      brainio cache verify
      brainio cache rm dicarlo.MajajHong2015 --dry-run
      brainio cache prune --older-than 30d --max-size 100GB
    """
    show_log_warnings()


@cache.command()
@options.as_json
def where(as_json: bool) -> None:
    """Show the folders of the cache, their sizes and the free space.

    brainio writes to BRAINIO_HOME (default ~/.brainio) and only reads the folders listed in BRAINIO_SHARED.

    \b
    Examples:
      brainio cache where
      brainio cache where --json
    """
    from brainio.fetch.cache_access import local_cache

    ours = local_cache()
    places = [_folder_record("written", ours.root), *(_folder_record("shared", folder) for folder in ours.shared)]
    for place in [] if as_json else places:
        place["size"] = readable_size(place["size"]) if place["exists"] else "no such folder"
        place["free"] = readable_size(place["free"])
    show(places, ("use", "folder", "size", "free"), as_json=as_json)


@cache.command("ls")
@options.as_json
def ls(as_json: bool) -> None:
    """List the files in the cache, the most recently used first.

    Each line names the entry, kind, size and time of last use, which is exact to the hour. Kinds are `content` (a
    verified file), `unpacked` (the members of an archive), `profile` (data for pages), `partial` (an unfinished
    download) and `quarantine` (a damaged file). Shared caches are not listed.

    \b
    Examples:
      brainio cache ls
      brainio cache ls --json
    """
    items = [item for item in _contents() if item.kind != "ref"]
    items.sort(key=lambda item: item.last_use, reverse=True)
    if items or as_json:
        show(_item_records(items, items, as_json=as_json), _ITEM_COLUMNS, as_json=as_json)
    sizes: dict[str, int] = defaultdict(int)
    for item in items:
        sizes[item.kind] += item.size
    each = ", ".join(f"{kind} {readable_size(size)}" for kind, size in sizes.items())
    notify(f"{_count(items)}, {readable_size(sum(sizes.values()))}{f': {each}' if len(sizes) > 1 else ''}")


@cache.command()
@click.option("--deep", is_flag=True, help="Also read every member of every unpacked archive.")
@click.option("--quick", is_flag=True, help="Read no file completely: compare only sizes, times, modes and lists.")
@options.as_json
def verify(deep: bool, quick: bool, as_json: bool) -> None:
    """Verify all files in the cache and repair damaged ones.

    Prints every damaged or missing file. A file with wrong bytes is moved to quarantine and fetched again when it is
    next needed; members of an archive are unpacked again. Members that changed since they were unpacked are always
    read, all others only with --deep. With --quick nothing is repaired. The exit code is 6 if any file was damaged.
    Notes on harmless findings follow, and a list of everything that was not checked, with the reason.

    \b
    Examples:
      brainio cache verify
      brainio cache verify --deep --json
      brainio cache verify --quick
    """
    from brainio.cache import verification
    from brainio.fetch.cache_access import local_cache

    if deep and quick:
        raise click.UsageError("Use either --deep or --quick, not both.")
    items, checked = _contents(), []
    with TransferBar("verify", sum(item.size for item in items if item.kind in _READ_KINDS)) as bar:
        for result in verification.verify(_root(), deep=deep, quick=quick):
            checked.append(result)
            if result.item.kind in _READ_KINDS:
                bar.add(result.item.size)
    omitted = verification.list_unverified(_root(), local_cache().shared)
    _show_checked(checked, omitted, items, as_json=as_json)
    if any(result.fault for result in checked):
        raise click.exceptions.Exit(exit_code(IntegrityError()))


def _show_checked(
    checked: Collection["VerificationResult"], omitted: list[str], items: Iterable["Item"], *, as_json: bool
) -> None:
    """Print faults on stdout, and a summary, notes and omissions on stderr; JSON contains all of them."""
    bad = [result for result in checked if result.fault]
    shown = _item_records([result.item for result in bad], items, as_json=as_json)
    faults = [{**record, "fault": result.fault} for record, result in zip(shown, bad, strict=True)]
    counted = [result for result in checked if result.item.kind in {*_READ_KINDS, "profile", "ref"}]
    size, unread = sum(result.item.size for result in counted), sum(result.unread for result in checked)
    notes = [{"path": str(result.item.path), "note": note} for result in checked for note in result.notes]
    if as_json:
        totals = {"checked": len(counted), "size": size, "unread": unread}
        show_json({**totals, "faults": faults, "notes": notes, "not_checked": omitted})
    elif faults:
        show(faults, ("entry", "kind", "fault"), as_json=False)
    state = f"{len(bad)} not sound" if bad else "all sound"
    notify(f"{_count(counted)} checked, {readable_size(size)}: {state}")
    if as_json:
        return
    if unread:
        notify(
            f"not read: {unread} files whose size and time have not changed since they were verified; --deep reads all"
        )
    for note in notes:
        notify(f"note: {note['path']}: {note['note']}")
    for reason in omitted:
        notify(f"not checked: {reason}")


@cache.command("rm")
@click.argument("names", metavar="IDENTIFIER_OR_SHA1...", nargs=-1, required=True)
@options.which
@options.dry_run
@options.as_json
def rm(names: tuple[str, ...], dry_run: bool, as_json: bool, **which: str | None) -> None:
    """Remove the files of identifiers, or files with a SHA-1.

    A SHA-1 may be shortened to its first seven or more digits. The stimulus set of an assembly stays, since other
    assemblies may use it. Nothing is removed from shared caches.

    \b
    Examples:
      brainio cache rm dicarlo.MajajHong2015
      brainio cache rm hvm --kind stimulus_set --dry-run
      brainio cache rm bf8f8d0101
    """
    from brainio.cache import pruning

    items = [item for item in _contents() if item.kind in {"content", "unpacked", "profile", "ref"}]
    sha1s: set[str] = set()
    for name in names:
        selected = _sha1s_of_name(name, items, **which)
        if not any(item.sha1 in selected for item in items):
            notify(f"{_root()} has no files of {name}")
        sha1s |= selected
    _show_removed(pruning.remove(_root(), sha1s, dry_run=dry_run), items, dry_run=dry_run, as_json=as_json)


@cache.command()
@click.option("--older-than", type=options.DURATION, help="Remove files not used for this time, such as 30d.")
@click.option(
    "--max-size", type=options.SIZE, help="Remove the least recently used files until this size is left, such as 10GB."
)
@options.dry_run
@options.as_json
def prune(older_than: int | None, max_size: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove old files, or as many as a size limit requires.

    Unfinished downloads and quarantined files are removed first, and always once they are a week old, also without an
    option. Temporary folders in TMPDIR from processes that were killed while packaging or publishing are removed at
    once.

    \b
    Examples:
      brainio cache prune --older-than 30d
      brainio cache prune --max-size 10GB --dry-run
      brainio cache prune --older-than 12h --max-size 1.5TiB
    """
    from brainio.cache import pruning
    from brainio.processes import remove_temporary_folders

    items = _contents()
    removed = pruning.prune(_root(), older_than, max_size, dry_run=dry_run)
    _show_removed(removed, items, dry_run=dry_run, as_json=as_json)
    for folder in [] if dry_run else remove_temporary_folders():
        notify(f"removed {folder} of a killed process")


def _root() -> Path:
    from brainio.fetch.cache_access import local_cache

    return local_cache().root


def _contents() -> list["Item"]:
    from brainio.cache.inventory import list_items

    return list_items(_root())


def _folder_record(use: str, folder: Path) -> Record:
    from brainio.cache.inventory import list_items

    existing = next(
        parent for parent in (folder, *folder.parents) if parent.is_dir()
    )  # the disk of a folder that does not exist yet
    size = sum(item.size for item in list_items(folder))
    free = shutil.disk_usage(existing).free
    return {"use": use, "folder": str(folder), "exists": folder.is_dir(), "size": size, "free": free}


def _sha1s_of_name(name: str, items: Iterable["Item"], **which: str | None) -> set[str]:
    """Return the SHA-1s of the files of an identifier, or those that start with the given digits."""
    start = name.lower()
    digits = _SHA1_START.fullmatch(start) is not None
    found = sorted({item.sha1 for item in items if item.sha1.startswith(start)}) if digits else []
    if len(found) > 1:
        raise EntryLookupError(
            f"{start} is the start of {len(found)} sha1s in the cache: {', '.join(found)}; give more digits"
        )
    try:
        return set(found) or _sha1s_of_entries(entries_of(name, **which))
    except EntryLookupError as error:
        hint = f"\nno sha1 in {_root()} begins with {start}; brainio cache ls shows them" if digits else ""
        raise EntryLookupError(f"{error}{hint}") from error


def _sha1s_of_entries(found: Iterable[Entry]) -> set[str]:
    """Return the SHA-1s of entries; a file without a listed one has that of its cached copy."""
    from brainio.fetch.entry_files import ExpectedFile

    sha1s = set()
    for entry in found:
        for file in entry.files:
            path = None if file.sha1 else ExpectedFile.from_entry(entry, file).find_cached()
            sha1s |= {path.parent.name} if path else {file.sha1}
    return sha1s - {""}


def _show_removed(removed: "Removal", before: Iterable["Item"], *, dry_run: bool, as_json: bool) -> None:
    """Print the removed files (in a dry run, those to remove), without internal references."""
    items = [item for item in removed.items if item.kind != "ref"]
    records = _item_records(items, before, as_json=as_json)
    if as_json:
        show_json({"dry_run": dry_run, "freed": removed.freed, "items": records})
    elif records:
        show(records, _ITEM_COLUMNS, as_json=False)
    done, freed = "would be " if dry_run else "", readable_size(removed.freed)
    notify(f"{_count(items)} {done}removed, {freed} {done}freed")


def _count(things: Collection[object]) -> str:
    return f"{len(things)} item{'' if len(things) == 1 else 's'}"


_SHA1_DIGITS = 10  # digits of a SHA-1 in a table
_MAX_OWNERS = 2  # entries in one cell


def _item_records(items: Iterable["Item"], everything: Iterable["Item"], *, as_json: bool) -> list[Record]:
    """Describe items of the cache for a table or as JSON records.

    Parameters
    ----------
    items : iterable of Item
        The items to describe.
    everything : iterable of Item
        All items of the cache; an unpacked archive has the names of its content.
    as_json : bool
        Whether to return complete records, in bytes and UTC; otherwise texts for a table, in local time.
    """
    known = _owners_by_sha1()
    names = {item.sha1: item.names for item in everything if item.kind == "content"}
    describe = _json_record if as_json else _table_record
    return [describe(item, known.get(item.sha1, []), list(item.names or names.get(item.sha1, ()))) for item in items]


def _owners_by_sha1() -> dict[str, list[Record]]:
    """Map each SHA-1 in the active catalogs to its entries, with the version of entries that are not current."""
    known: dict[str, list[Record]] = defaultdict(list)
    for catalog_listing in listings():
        for current in catalog_listing.entries.values():
            for entry in catalog_listing.all_versions(current):
                names = {"identifier": entry.identifier, "kind": entry.lookup_type, "catalog": entry.catalog}
                version = {} if entry is current else {"version": entry.version}
                for file in entry.files:
                    known[file.sha1].append({**names, "part": file.part, **version})
    known.pop("", None)
    return known


def _json_record(item: "Item", owners: list[Record], names: list[str]) -> Record:
    return {
        "kind": item.kind,
        "entries": owners,
        "names": names,
        "size": item.size,
        "last_use": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item.last_use)),
        "sha1": item.sha1,
        "path": str(item.path),
    }


def _table_record(item: "Item", owners: list[Record], names: list[str]) -> Record:
    owner_names = list(dict.fromkeys(map(_format_owner, owners))) or names
    more = [f"{len(owner_names) - _MAX_OWNERS} more"] if len(owner_names) > _MAX_OWNERS else []
    return {
        "kind": item.kind,
        "entry": [*owner_names[:_MAX_OWNERS], *more],
        "size": readable_size(item.size),
        "last_use": time.strftime("%Y-%m-%d %H:%M", time.localtime(item.last_use)),
        "sha1": item.sha1[:_SHA1_DIGITS],
    }


def _format_owner(owner: Record) -> str:
    version = f" version {owner['version']}" if "version" in owner else ""
    return f"{owner['identifier']}{version} ({owner['part']})"
