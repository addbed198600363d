"""The command that fetches entries into the cache: plan, transfer, paths and summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from brainio.catalogs import Entry
from brainio.catalogs.backends import format_location
from brainio.cli import options
from brainio.cli.output import Record, fail, notify, show, show_log_warnings, summarize
from brainio.errors import BrainioError, FetchManyError

if TYPE_CHECKING:
    from brainio.fetch import FetchPlan


@click.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option(
    "--catalog", metavar="CATALOG", help="Use only this catalog; without identifiers, fetch all of its entries."
)
@options.version
@click.option(
    "--locked",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Fetch exactly the files in this lock file: all of them, or those of the identifiers.",
)
@click.option("--refresh", is_flag=True, help="Fetch files again if the catalog has no hash for them.")
@options.dry_run
@options.as_json
def get(
    identifiers: tuple[str, ...],
    locked: Path | None,
    refresh: bool,
    dry_run: bool,
    as_json: bool,
    **which: str | None,
) -> None:
    """Fetch the files of identifiers into the cache.

    Prints the number of files and bytes to fetch, fetches and verifies them, and prints their paths. The archive of a
    stimulus set is unpacked, and an assembly includes its stimulus set. If some files fail, all others are still
    fetched.

    \b
    Examples:
      brainio get dicarlo.MajajHong2015
      brainio get hvm modelfest.Carney1999 --json
      brainio get --catalog brainio_demo
      brainio get --catalog brainscore --kind assembly --dry-run
      brainio get --locked brainio.lock
      brainio get --refresh dicarlo.MajajHong2015
    """
    if not identifiers and locked is not None and any(which.values()):
        raise click.UsageError(
            "--locked without identifiers fetches every recorded entry; omit --kind, --catalog and --version."
        )
    if locked is not None and refresh:
        raise click.UsageError("Omit --refresh with --locked: a lock file has the hash of every file.")
    if locked is None:
        options.require_names(
            identifiers, which["catalog"], which["version"], to="fetch all of it", current_entries="are fetched"
        )
    show_log_warnings()
    plan = _plan_fetch(identifiers, locked, which, refresh=refresh)
    entries = {*plan.entries, *plan.failures}
    if plan.entries:
        notify(str(plan))
    if dry_run:
        failures = plan.failures
        _show_plan(plan, as_json=as_json)
    else:
        fetched, failures = _fetch(plan)
        records = [record for entry, paths in fetched.items() for record in _list_paths(entry, paths, failures)]
        if records or not failures:
            show(records, ("identifier", "kind", "part", "path"), as_json=as_json)
        summarize(len(fetched), len(entries), "in the cache")
    if failures:
        fail(failures, of_many=(len(identifiers) or len(entries)) > 1)


def _plan_fetch(
    identifiers: tuple[str, ...], lockfile: Path | None, which: Mapping[str, str | None], *, refresh: bool
) -> "FetchPlan":
    from brainio.fetch import plan_fetch

    if lockfile is None:
        return plan_fetch(identifiers, **which, refresh=refresh)
    from brainio.lockfile import plan_locked, use_lock

    if not identifiers:
        return plan_locked(lockfile)
    with use_lock(lockfile):
        return plan_fetch(identifiers, **which, refresh=refresh)


def _fetch(plan: "FetchPlan") -> tuple[dict[Entry, dict[str, Path]], dict[str, BrainioError]]:
    from brainio.fetch import run_plan

    try:
        return run_plan(plan), {}
    except FetchManyError as error:
        return cast("dict[Entry, dict[str, Path]]", error.fetched), error.failures


def _list_paths(entry: Entry, paths: Mapping[str, Path], failures: dict[str, BrainioError]) -> list[Record]:
    """Return the paths of the parts of an entry, and unpack its archive."""
    from brainio.fetch.cache_access import local_cache

    records: dict[str, Path] = dict(paths)
    archive = entry.file("zip")
    if archive is not None and "zip" in paths:
        try:
            records["folder"] = local_cache().unpack(paths["zip"], archive.sha1 or None).folder
        except BrainioError as failure:
            failures[f"the archive of {entry.kind} {entry.identifier}"] = failure
    names = {"identifier": entry.identifier, "kind": entry.lookup_type}
    return [{**names, "part": part, "path": str(path)} for part, path in records.items()]


def _show_plan(plan: "FetchPlan", *, as_json: bool) -> None:
    from brainio.progress import readable_size

    missing = [
        {
            "identifier": file.entry.identifier,
            "kind": file.entry.lookup_type,
            "part": file.file.part,
            "size": file.size if as_json or file.size is None else readable_size(file.size),
            "location": format_location(file.file.location),
        }
        for file in plan.missing
    ]
    if missing or as_json:
        show(missing, ("identifier", "kind", "part", "size", "location"), as_json=as_json)
