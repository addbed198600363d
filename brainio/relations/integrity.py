"""`check`: whether the presentations of fetched assemblies resolve in their stimulus sets, and references in catalogs.

The rules are those of `brainio.validation`. What lies in stores is the business of its `check_catalog`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.catalogs import TYPE_ASSEMBLY, Entry, entries, entries_of, listing
from brainio.catalogs.entries import STATUS_SUPERSEDED
from brainio.errors import AssemblyFormatError, BrainioError, FetchManyError
from brainio.fetch import resolve_assembly_class, run_plan
from brainio.fetch.cache_access import prevent_pruning, retry_if_pruned
from brainio.progress import counted
from brainio.relations.checked import Checked, Checks
from brainio.relations.coordinates import CoordinatesLoader
from brainio.relations.fetched import Pair, not_fetched, pair_of, plan_of
from brainio.relations.users import users_of
from brainio.validation import (
    Problem,
    Report,
    card_problems,
    duplicate_id_problems,
    pair_problems,
    problem,
    reference_problems,
    set_version_problems,
    stimulus_id_problems,
)
from brainio.validation.netcdf import problems_in_worker, to_records
from brainio.validation.table_files import parse_packaged_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from brainio.fetch import FetchPlan


def check(
    *identifiers: str,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    fetch: bool = False,
    on_plan: Callable[[FetchPlan], object] = lambda _: None,
) -> Checks:
    """Check that assemblies and their stimulus sets fit each other, both ways, and that references in catalogs lead on.

    Of an assembly only coordinates are read, of a stimulus set only its table. What is not in the cache is listed as
    not checked. Cards are looked for on this machine only.

    Parameters
    ----------
    *identifiers : str
        Identifiers or aliases. Of a stimulus set all assemblies are checked that used it. None: all entries of
        `catalog`.
    catalog : str, optional
        Identifier of the only catalog to look in.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`; by default both.
    version : str, optional
        Version of the entries; by default the current one.
    fetch : bool, default False
        Fetch what is not in the cache: netCDF files and tables, no stimuli.
    on_plan : function, optional
        Called with what fetching will take, before anything is fetched.

    Returns
    -------
    Checks
        Its `errors` are presentations of stimuli that the set lacks, and references that lead nowhere; it prints as
        tables.

    Raises
    ------
    EntryLookupError, UnknownCatalogError
        There is no such entry or catalog.
    ValueError
        Neither an identifier nor a catalog is named.

    Examples
    --------
    >>> import brainio
    >>> checks = brainio.check('modelfest.Carney1999', fetch=True)
    >>> checks.ok, [one.result for one in checks.assemblies]
    (True, ['sound'])
    """
    if not identifiers and catalog is None:
        raise ValueError("name an identifier, or with catalog= a catalog to check all of it")
    named = [one for name in identifiers for one in entries_of(name, catalog=catalog, kind=kind, version=version)]
    if not identifiers:
        named = list(entries(kind, catalog))
    assemblies = _assemblies_of(named, of_sets=bool(identifiers))
    pairs = [pair_of(one) for one in assemblies]
    failures = _fetched(pairs, on_plan) if fetch else {}
    with prevent_pruning():
        checked = [_checked(pair, failures, fetch) for pair in counted(pairs, "checking assemblies", len(pairs))]
    versions = [one for entry in [*named, *assemblies] for one in _versions(entry, every=not identifiers)]
    subject = ", ".join(identifiers) if identifiers else f"the catalog {catalog!r}"
    return Checks(_references(f"what catalogs say of {subject}", dict.fromkeys(versions)), tuple(checked))


def _assemblies_of(named: Iterable[Entry], *, of_sets: bool) -> list[Entry]:
    """Return the assemblies among entries, and those not superseded that used the stimulus sets among them."""
    found: dict[Entry, None] = {}
    for entry in named:
        if entry.lookup_type == TYPE_ASSEMBLY:
            found[entry] = None
        elif of_sets:
            found.update(dict.fromkeys(user for user in users_of(entry) if user.status != STATUS_SUPERSEDED))
    return list(found)


def _versions(entry: Entry, *, every: bool) -> tuple[Entry, ...]:
    return listing(entry.catalog).all_versions(entry) if every else (entry,)


def _references(subject: str, found: Iterable[Entry]) -> Report:
    by_catalog: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        by_catalog[entry.catalog].append(entry)
    problems = []
    for name, ones in by_catalog.items():
        own = listing(name)
        problems += reference_problems(ones, own) + card_problems(ones, only_here=True)
        problems += set_version_problems(ones, own, only_here=True)
    return Report.of(subject, problems)


def _fetched(pairs: Iterable[Pair], on_plan: Callable[[FetchPlan], object]) -> Mapping[str, BrainioError]:
    """Fetch what pairs lack, and return what could not be had."""
    plan = plan_of(pairs)
    on_plan(plan)
    try:
        run_plan(plan)
    except FetchManyError as error:
        return error.failures
    return {}


def _checked(pair: Pair, failures: Mapping[str, BrainioError], fetch: bool) -> Checked:
    if pair.obstacle:
        return Checked(pair.assembly, pair.stimulus_set, None, pair.obstacle)
    try:
        if fetch and not failures and pair.paths() is None:  # pruned since
            failures = _fetched([pair], lambda _: None)
        problems = retry_if_pruned(lambda: _problems(pair))
    except BrainioError as error:
        return Checked(pair.assembly, pair.stimulus_set, None, str(error))
    if problems is None:
        return Checked(pair.assembly, pair.stimulus_set, None, not_fetched(pair, failures))
    subject = f"assembly {pair.assembly.identifier!r} and stimulus set {pair.assembly.stimulus_set_identifier!r}"
    return Checked(pair.assembly, pair.stimulus_set, Report.of(subject, problems))


def _problems(pair: Pair) -> list[Problem] | None:
    """List what does not fit; None where the files are not in the cache."""
    paths = pair.paths()
    return None if paths is None else problems_between(paths[0], paths[1], pair.assembly.class_name)


def problems_between(assembly_path: Path, table_path: Path, class_name: str) -> list[Problem]:
    """List what does not fit between the netCDF file of an assembly and the table of its stimulus set.

    The file is read in the worker process.
    """
    arguments = [str(assembly_path.absolute()), str(table_path.absolute()), class_name]
    (problems,) = problems_in_worker("brainio.relations.integrity:find_problems_between", arguments, assembly_path, 1)
    return problems


def find_problems_between(assembly: str, table: str, class_name: str) -> list[list[dict[str, str]]]:
    """Do the work of `problems_between`; runs in a worker process."""
    return [to_records(_problems_between(Path(assembly), Path(table), class_name))]


def _problems_between(assembly_path: Path, table_path: Path, class_name: str) -> list[Problem]:
    table, problems = parse_packaged_table(table_path.read_bytes(), table_path.name)
    problems = [one for one in problems if one.severity == "error"]
    problems += duplicate_id_problems(table.ids(), table.row_names)
    try:
        assembly = CoordinatesLoader(assembly_path).load()
    except AssemblyFormatError as error:
        return [*problems, problem("assembly-unreadable", f"file {assembly_path.name}", str(error))]
    problems += stimulus_id_problems(assembly, resolve_assembly_class(class_name))
    return problems + pair_problems(assembly, table)
