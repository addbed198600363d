"""The files that a check of an assembly and its stimulus set needs: the netCDF file and the table, no stimuli."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brainio.catalogs import TYPE_ASSEMBLY, Entry, stimulus_set_of
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import AssemblyFormatError, EntryLookupError, LocationError
from brainio.fetch.bulk_fetch import FetchPlan, plan_entries
from brainio.fetch.entry_files import ExpectedFile, explain_unavailable
from brainio.fetch.stimulus_sets import read_set_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from brainio.errors import BrainioError


@dataclass(frozen=True)
class Pair:
    """An assembly, the stimulus set that it names, and why they cannot be checked (empty: nothing is known against it).

    Parameters
    ----------
    assembly : Entry
        From a catalog.
    stimulus_set : Entry or None
        None where the assembly names none, or its name does not lead to one.
    obstacle : str
        Why not, in words.
    """

    assembly: Entry
    stimulus_set: Entry | None
    obstacle: str = ""

    def files(self) -> list[Entry]:
        """Return both entries with the files alone that are needed."""
        needed = [(self.assembly, "nc"), (self.stimulus_set, "csv")]
        return [
            replace(entry, files=tuple(file for file in entry.files if file.part == part))
            for entry, part in needed
            if entry is not None
        ]

    def paths(self) -> list[Path] | None:
        """Return the verified files in the cache, first the assembly's; None unless both are there."""
        found = [ExpectedFile.from_entry(entry, file).find_cached() for entry in self.files() for file in entry.files]
        there = [path for path in found if path is not None]
        return there if len(there) == 2 else None


def pair_of(assembly: Entry) -> Pair:
    """Find the stimulus set of an assembly, and what stands against checking both.

    The version of the set is known from the assembly's file where it is in the cache, else from its card.
    """
    try:
        stimulus_set = stimulus_set_of(assembly, hashes=_set_hashes(assembly))
    except (EntryLookupError, AssemblyFormatError) as error:
        return Pair(assembly, None, str(error))
    if stimulus_set is None:
        return Pair(assembly, None, f"catalog {assembly.catalog!r} names no stimulus set for it")
    gone = [entry for entry in (assembly, stimulus_set) if _cannot_be_had(entry)]
    return Pair(assembly, stimulus_set, "; ".join(map(explain_unavailable, gone)))


def _set_hashes(assembly: Entry) -> dict[str, str] | None:
    file = assembly.file("nc")
    with suppress(FileNotFoundError, LocationError):  # pruned meanwhile; fetching reports the location
        path = None if file is None else ExpectedFile.from_entry(assembly, file).find_cached()
        return None if path is None else read_set_hashes(path)
    return None


def plan_of(pairs: Iterable[Pair]) -> FetchPlan:
    """Find out what fetching the needed files of pairs will take.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> plan = plan_of([pair_of(resolve('assembly', 'modelfest.Carney1999'))])
    >>> [file.part for entry in plan.entries for file in entry.files]
    ['nc', 'csv']
    """
    return plan_entries(entry for pair in pairs if not pair.obstacle for entry in pair.files())


def _cannot_be_had(entry: Entry) -> bool:
    part = "nc" if entry.lookup_type == TYPE_ASSEMBLY else "csv"
    return entry.status == STATUS_UNAVAILABLE or entry.file(part) is None


def not_fetched(pair: Pair, failures: Mapping[str, BrainioError]) -> str:
    """Say why the files of a pair are not in the cache: fetching failed, or nobody asked for them."""
    names = [f"{entry.kind} {entry.identifier}" for entry in pair.files()]
    names += [
        f"the {file.part} file of {entry.kind} {entry.identifier}" for entry in pair.files() for file in entry.files
    ]
    return "; ".join(str(failures[name]) for name in names if name in failures) or "not fetched"
