"""The commands `brainio profile`: making what pages show of entries, and listing what was made."""

import time
from collections.abc import Iterable

import click

from brainio.catalogs import Entry
from brainio.cli import options
from brainio.cli.output import Record, fail, notify, show, show_log_warnings
from brainio.cli.wanted import wanted
from brainio.errors import BrainioError
from brainio.progress import readable_size

_COLUMNS = ("identifier", "kind", "catalog", "profile", "size")


@click.group()
def profile() -> None:
    """Build and list the profiles that pages show.

    A profile contains the plots and statistics of an entry, precomputed from its files on this machine. The service
    builds profiles by itself for all entries that are fetched here.

    \b
    Examples:
      brainio profile build modelfest.Carney1999
      brainio profile build --all
      brainio profile list
    """


@profile.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option("--catalog", metavar="CATALOG", help="Look in this catalog only; without identifiers: all that is here.")
@options.version
@click.option("--all", "every", is_flag=True, help="Of all entries of active catalogs whose files are on this machine.")
@click.option("--again", is_flag=True, help="Make them also where there are some.")
@options.as_json
def build(
    identifiers: tuple[str, ...],
    kind: str | None,
    catalog: str | None,
    version: str | None,
    every: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Build the profiles of entries in the cache.

    Nothing is fetched. If some profiles fail, all others are still built.

    \b
    Examples:
      brainio profile build modelfest.Carney1999
      brainio profile build --catalog my_lab
      brainio profile build --all --again
    """
    if every and identifiers:
        raise click.UsageError("Name identifiers or say --all, not both.")
    if not every:
        options.require_names(identifiers, catalog, version, to="make all of its profiles", current_entries="get some")
    show_log_warnings()
    found, failures = wanted(identifiers, kind=kind, catalog=catalog, version=version)
    from brainio.cards import build_profile
    from brainio.fetch.entry_files import has_local_files

    made = []
    wanted_entries = found if identifiers else list(filter(has_local_files, found))
    for entry in wanted_entries:
        notify(f"making the profile of {entry.kind} {entry.identifier}")
        try:
            build_profile(entry, rebuild=again)
            made.append(entry)
        except BrainioError as error:
            failures[f"the profile of {entry.kind} {entry.identifier}"] = error
    if made or not failures:
        show(_records(made, as_json=as_json), _COLUMNS, as_json=as_json)
    if failures:
        fail(failures, of_many=len(identifiers or wanted_entries) > 1)


@profile.command("list")
@options.kind
@options.catalog
@options.as_json
def list_(kind: str | None, catalog: str | None, as_json: bool) -> None:
    """List entries in the cache with their profiles.

    Each line gives the time at which the profile was built.

    \b
    Examples:
      brainio profile list
      brainio profile list --catalog my_lab --json
    """
    from brainio.cards import has_profile
    from brainio.fetch.entry_files import has_local_files

    found, _ = wanted((), kind=kind, catalog=catalog, version=None)
    here = [entry for entry in found if has_profile(entry) or has_local_files(entry)]
    show(_records(here, as_json=as_json), _COLUMNS, as_json=as_json)


def _records(found: Iterable[Entry], *, as_json: bool) -> list[Record]:
    from brainio.cards.profile_files import find_profile_path

    records = []
    for entry in found:
        record = {name: getattr(entry, name) for name in ("identifier", "catalog", "version")}
        path = find_profile_path(entry)
        status = path.stat() if path is not None else None
        size, made = (status.st_size, status.st_mtime) if status is not None else (0, 0.0)
        if as_json:
            told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made)) if path else None
            records.append(
                {**record, "kind": entry.lookup_type, "profile": told, "size": size, "path": str(path or "")}
            )
            continue
        told = time.strftime("%Y-%m-%d %H:%M", time.localtime(made)) if path else "none"
        shown = readable_size(size) if path else ""
        records.append({**record, "kind": entry.lookup_type, "profile": told, "size": shown})
    return records
