"""Checks of assemblies against their stimulus sets: `brainio.check` and its results.

Also checks references between entries in the catalogs. `brainio.validation` has the rules, and `check_catalog` for the
files of a catalog in stores.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainio.catalogs import TYPE_ASSEMBLY, Entry, entries, entries_of, listing
from brainio.catalogs.entries import STATUS_SUPERSEDED
from brainio.errors import BrainioError, FetchManyError, ValidationError
from brainio.fetch import run_plan
from brainio.fetch.cache_access import prevent_pruning, retry_if_pruned
from brainio.progress import show_progress
from brainio.relations.file_checks import EntryPair, check_files, explain_unfetched, find_pair, plan_pairs
from brainio.relations.stimulus_set_usage import find_assemblies
from brainio.text import printable
from brainio.text_tables import format_table
from brainio.validation import (
    Problem,
    Report,
    card_problems,
    format_problems,
    reference_problems,
    set_version_problems,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from brainio.fetch import FetchPlan

_REPORT_WIDTHS = (80, 120)  # columns
_COLUMNS = ("identifier", "version", "catalog", "stimulus_set_identifier", "result", "reason")


@dataclass(frozen=True)
class AssemblyCheck:
    """Result of checking one assembly against its stimulus set.

    Attributes
    ----------
    assembly : Entry
        Entry of the assembly.
    stimulus_set : Entry or None
        Entry of its stimulus set; None if the assembly names none, or no catalog lists it.
    report : Report or None
        Problems found; None if the files were not checked.
    reason : str
        Reason why the files were not checked; otherwise empty.
    """

    assembly: Entry
    stimulus_set: Entry | None
    report: Report | None
    reason: str = ""

    @property
    def result(self) -> str:
        """`'errors'`, `'warnings'`, `'sound'` (may have notes) or `'not checked'`."""
        if self.report is None:
            return "not checked"
        return "errors" if self.report.errors else "warnings" if self.report.warnings else "sound"

    def record(self) -> dict[str, Any]:
        """Return the result as a record for JSON."""
        return {
            "identifier": self.assembly.identifier,
            "version": self.assembly.version,
            "catalog": self.assembly.catalog,
            "stimulus_set_identifier": self.assembly.stimulus_set_identifier,
            "result": self.result,
            "reason": self.reason,
            "problems": self.report.records() if self.report else [],
        }


@dataclass(frozen=True)
class CheckResults:
    """Results of `brainio.check`; printing them shows tables.

    Attributes
    ----------
    references : Report
        Problems of the catalogs: stimulus sets and successors that are not listed, and missing cards.
    assemblies : tuple of AssemblyCheck
        One result for each assembly.
    """

    references: Report
    assemblies: tuple[AssemblyCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no errors. Unchecked assemblies do not count as errors; see `unchecked`."""
        return not self.errors

    @property
    def errors(self) -> list[Problem]:
        """All errors, starting with those of the catalogs."""
        return [error for report in self._reports() for error in report.errors]

    @property
    def unchecked(self) -> list[AssemblyCheck]:
        """The assemblies whose files were not checked."""
        return [check for check in self.assemblies if check.report is None]

    @property
    def summary(self) -> str:
        """The number of checked assemblies, and of those with errors."""
        faulty = sum(check.result == "errors" for check in self.assemblies)
        checked, total = len(self.assemblies) - len(self.unchecked), len(self.assemblies)
        in_references = f"; errors in {self.references.subject}" if self.references.errors else ""
        return f"{checked} of {total} assemblies checked, {faulty or 'none'} of them with errors{in_references}"

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each assembly: `identifier, version, catalog, stimulus_set_identifier, result, reason`."""
        import pandas as pd

        return pd.DataFrame([check.record() for check in self.assemblies], columns=list(_COLUMNS))

    def record(self) -> dict[str, Any]:
        """Return all results as a record for JSON."""
        references = {"subject": self.references.subject, "problems": self.references.records()}
        return {"ok": self.ok, "references": references, "assemblies": [check.record() for check in self.assemblies]}

    def table(self, width: int | None = None) -> str:
        """Format a line for each assembly, then the problems of each.

        Parameters
        ----------
        width : int, optional
            Columns of the terminal, to which cells are shortened. By default, cells are whole.
        """
        rows = [
            (
                check.assembly.identifier,
                check.assembly.stimulus_set_identifier,
                check.result,
                check.reason.partition("\n")[0],
            )
            for check in self.assemblies
        ]
        header = ("assembly", "stimulus set", "result", "reason")
        parts = [format_table(header, rows, width)] if rows else []
        low, high = _REPORT_WIDTHS
        report_width = min(max(width or low, low), high)
        parts += [report.table(report_width) for report in self._reports() if report.problems]
        return printable("\n\n".join([*parts, self.summary]))

    def __str__(self) -> str:
        return self.table()

    def require_ok(self) -> None:
        """Raise an error if the check found errors.

        Raises
        ------
        ValidationError
            The check found errors; the message lists them.
        """
        if self.errors:
            raise ValidationError(f"there are errors:{format_problems(self.errors)}")

    def _reports(self) -> list[Report]:
        return [self.references, *(check.report for check in self.assemblies if check.report is not None)]


def check(
    *identifiers: str,
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    fetch: bool = False,
    on_plan: Callable[[FetchPlan], object] = lambda _: None,
) -> CheckResults:
    """Check assemblies against their stimulus sets, and the references between entries in the catalogs.

    Reads only the coordinates of an assembly and the table of a stimulus set. Lists entries that are not in the cache
    as not checked. Looks for cards on this machine only.

    Parameters
    ----------
    *identifiers : str
        Identifiers or aliases. For a stimulus set, checks all assemblies that used it. By default, checks all entries
        of `catalog`.
    catalog : str, optional
        Identifier of the only catalog to search.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`; by default both.
    version : str, optional
        Version of the entries; by default the current one.
    fetch : bool, default False
        Fetch missing netCDF files and tables, but no stimuli.
    on_plan : function, optional
        Called with the plan of the fetch before it starts.

    Returns
    -------
    CheckResults
        Its `errors` are presentations of stimuli that the set lacks, and references to entries that are not listed.
        Printing it shows tables.

    Raises
    ------
    EntryLookupError, UnknownCatalogError
        There is no such entry or catalog.
    ValueError
        Neither an identifier nor a catalog is given.

    Examples
    --------
    >>> import brainio
    >>> results = brainio.check('modelfest.Carney1999', fetch=True)
    >>> results.ok, [check.result for check in results.assemblies]
    (True, ['sound'])
    """
    if not identifiers and catalog is None:
        raise ValueError("name an identifier, or with catalog= a catalog to check all of it")
    selected = [
        entry for name in identifiers for entry in entries_of(name, catalog=catalog, kind=kind, version=version)
    ]
    if not identifiers:
        selected = list(entries(kind, catalog))
    assemblies = _select_assemblies(selected, follow_sets=bool(identifiers))
    pairs = [find_pair(assembly) for assembly in assemblies]
    failures = _fetch_pairs(pairs, on_plan) if fetch else {}
    with prevent_pruning():
        checks = [
            _check_pair(pair, failures, fetch) for pair in show_progress(pairs, "checking assemblies", len(pairs))
        ]
    versions = [
        version
        for entry in [*selected, *assemblies]
        for version in (listing(entry.catalog).all_versions(entry) if not identifiers else (entry,))
    ]
    subject = ", ".join(identifiers) if identifiers else f"the catalog {catalog!r}"
    return CheckResults(_check_references(f"catalog rows of {subject}", dict.fromkeys(versions)), tuple(checks))


def _select_assemblies(selected: Iterable[Entry], *, follow_sets: bool) -> list[Entry]:
    """Return the assemblies among entries; with `follow_sets` also the current ones that used stimulus sets among them.

    Superseded assemblies are included only if they were selected themselves.
    """
    assemblies: dict[Entry, None] = {}
    for entry in selected:
        if entry.lookup_type == TYPE_ASSEMBLY:
            assemblies[entry] = None
        elif follow_sets:
            users = find_assemblies(entry)
            assemblies.update(dict.fromkeys(user for user in users if user.status != STATUS_SUPERSEDED))
    return list(assemblies)


def _check_references(subject: str, versions: Iterable[Entry]) -> Report:
    """Check the references of entries to other entries, publications and local cards."""
    by_catalog: dict[str, list[Entry]] = defaultdict(list)
    for entry in versions:
        by_catalog[entry.catalog].append(entry)
    problems = []
    for name, members in by_catalog.items():
        own = listing(name)
        problems += reference_problems(members, own) + card_problems(members, only_here=True)
        problems += set_version_problems(members, own, only_here=True)
    return Report.of(subject, problems)


def _fetch_pairs(pairs: Iterable[EntryPair], on_plan: Callable[[FetchPlan], object]) -> Mapping[str, BrainioError]:
    """Fetch the missing files of pairs, and return the failures."""
    plan = plan_pairs(pairs)
    on_plan(plan)
    try:
        run_plan(plan)
    except FetchManyError as error:
        return error.failures
    return {}


def _check_pair(pair: EntryPair, failures: Mapping[str, BrainioError], fetch: bool) -> AssemblyCheck:
    if pair.obstacle:
        return AssemblyCheck(pair.assembly, pair.stimulus_set, None, pair.obstacle)
    try:
        if fetch and not failures and pair.find_cached() is None:  # pruned after the fetch
            failures = _fetch_pairs([pair], lambda _: None)
        problems = retry_if_pruned(lambda: _check_cached(pair))
    except BrainioError as error:
        return AssemblyCheck(pair.assembly, pair.stimulus_set, None, str(error))
    if problems is None:
        return AssemblyCheck(pair.assembly, pair.stimulus_set, None, explain_unfetched(pair, failures))
    subject = f"assembly {pair.assembly.identifier!r} and stimulus set {pair.assembly.stimulus_set_identifier!r}"
    return AssemblyCheck(pair.assembly, pair.stimulus_set, Report.of(subject, problems))


def _check_cached(pair: EntryPair) -> list[Problem] | None:
    """Check the cached files of a pair; None if they are not in the cache."""
    paths = pair.find_cached()
    return None if paths is None else check_files(paths[0], paths[1], pair.assembly.class_name)
