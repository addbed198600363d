"""Checks of the netCDF file of an assembly against the table of its stimulus set.

Finds and fetches these two files, without the stimuli, and compares them in a worker process. Only the coordinates of
the netCDF file are read.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainio.assemblies import AssemblyLoader, DataAssembly
from brainio.catalogs import TYPE_ASSEMBLY, Entry, stimulus_set_of
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import AssemblyFormatError, EntryLookupError, LocationError
from brainio.fetch import resolve_assembly_class
from brainio.fetch.bulk_fetch import FetchPlan, plan_entries
from brainio.fetch.entry_files import ExpectedFile, explain_unavailable
from brainio.fetch.stimulus_sets import read_set_hashes
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.netcdf.reading import decode_store, open_store, read_coordinates
from brainio.validation import (
    Problem,
    duplicate_id_problems,
    pair_problems,
    problem,
    stimulus_coordinate,
    stimulus_id_problems,
)
from brainio.validation.report import problems_in_worker, to_records
from brainio.validation.table_files import parse_packaged_table
from brainio.xarray_compat import set_stored_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from brainio.errors import BrainioError


@dataclass(frozen=True)
class EntryPair:
    """An assembly and its stimulus set.

    Parameters
    ----------
    assembly : Entry
        Entry of the assembly.
    stimulus_set : Entry or None
        Entry of its stimulus set; None if the assembly names none, or its name does not resolve to one.
    obstacle : str
        Reason why the pair cannot be checked; empty if none is known.
    """

    assembly: Entry
    stimulus_set: Entry | None
    obstacle: str = ""

    def entries_to_fetch(self) -> list[Entry]:
        """Return both entries, reduced to the files that a check reads."""
        parts = [(self.assembly, "nc"), (self.stimulus_set, "csv")]
        return [
            replace(entry, files=tuple(file for file in entry.files if file.part == part))
            for entry, part in parts
            if entry is not None
        ]

    def find_cached(self) -> list[Path] | None:
        """Return the verified files in the cache, the assembly's first; None unless both are cached."""
        files = [(entry, file) for entry in self.entries_to_fetch() for file in entry.files]
        paths = [ExpectedFile.from_entry(entry, file).find_cached() for entry, file in files]
        cached = [path for path in paths if path is not None]
        return cached if len(cached) == 2 else None


def find_pair(assembly: Entry) -> EntryPair:
    """Find the stimulus set of an assembly, and any obstacle to checking both.

    The version of the set comes from the assembly's file if it is in the cache, otherwise from its card.
    """
    try:
        stimulus_set = stimulus_set_of(assembly, hashes=_read_cached_set_hashes(assembly))
    except (EntryLookupError, AssemblyFormatError) as error:
        return EntryPair(assembly, None, str(error))
    if stimulus_set is None:
        return EntryPair(assembly, None, f"catalog {assembly.catalog!r} names no stimulus set for it")
    unavailable = [entry for entry in (assembly, stimulus_set) if _is_unavailable(entry)]
    return EntryPair(assembly, stimulus_set, "; ".join(map(explain_unavailable, unavailable)))


def _read_cached_set_hashes(assembly: Entry) -> dict[str, str] | None:
    """Return the hashes of the stimulus set from the assembly's file; None if it is not in the cache."""
    file = assembly.file("nc")
    with suppress(FileNotFoundError, LocationError):  # pruned meanwhile; or a bad location, which fetching reports
        path = None if file is None else ExpectedFile.from_entry(assembly, file).find_cached()
        return None if path is None else read_set_hashes(path)
    return None


def _is_unavailable(entry: Entry) -> bool:
    part = "nc" if entry.lookup_type == TYPE_ASSEMBLY else "csv"
    return entry.status == STATUS_UNAVAILABLE or entry.file(part) is None


def plan_pairs(pairs: Iterable[EntryPair]) -> FetchPlan:
    """Plan the fetch of the files that checks of pairs need.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> plan = plan_pairs([find_pair(resolve('assembly', 'modelfest.Carney1999'))])
    >>> [file.part for entry in plan.entries for file in entry.files]
    ['nc', 'csv']
    """
    return plan_entries(entry for pair in pairs if not pair.obstacle for entry in pair.entries_to_fetch())


def explain_unfetched(pair: EntryPair, failures: Mapping[str, BrainioError]) -> str:
    """Return why the files of a pair are not in the cache: the failures of their fetch, or that there was no fetch."""
    entries = pair.entries_to_fetch()
    names = [f"{entry.kind} {entry.identifier}" for entry in entries]
    names += [f"the {file.part} file of {entry.kind} {entry.identifier}" for entry in entries for file in entry.files]
    return "; ".join(str(failures[name]) for name in names if name in failures) or "not fetched"


def check_files(assembly_path: Path, table_path: Path, class_name: str) -> list[Problem]:
    """Check the netCDF file of an assembly against the table of its stimulus set, in the worker process.

    Parameters
    ----------
    assembly_path, table_path : Path
        The netCDF file, and the CSV file.
    class_name : str
        Class of the assembly, such as `'NeuroidAssembly'`.
    """
    arguments = [str(assembly_path.absolute()), str(table_path.absolute()), class_name]
    (problems,) = problems_in_worker("brainio.relations.file_checks:find_file_problems", arguments, assembly_path, 1)
    return problems


def find_file_problems(assembly: str, table: str, class_name: str) -> list[list[dict[str, str]]]:
    """Run `check_files` inside the worker process, and return the problems as records."""
    return [to_records(_compare_files(Path(assembly), Path(table), class_name))]


def _compare_files(assembly_path: Path, table_path: Path, class_name: str) -> list[Problem]:
    table, table_problems = parse_packaged_table(table_path.read_bytes(), table_path.name)
    problems = [finding for finding in table_problems if finding.severity == "error"]
    problems += duplicate_id_problems(table.ids(), table.row_names)
    try:
        assembly = CoordinatesLoader(assembly_path).load()
    except AssemblyFormatError as error:
        return [*problems, problem("assembly-unreadable", f"file {assembly_path.name}", str(error))]
    problems += stimulus_id_problems(assembly, resolve_assembly_class(class_name))
    return problems + pair_problems(assembly, table)


class CoordinatesLoader(AssemblyLoader):
    """Load the coordinates of one netCDF file; the values are zeros that take no memory.

    Unlike other loaders, it does not convert numeric stimulus ids to text, so that checks can report them.

    Parameters
    ----------
    file_path : path
        The netCDF-4 file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from brainio.packaging import write_netcdf
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.nc"
    >>> assembly = DataAssembly([5.0, 6.0], dims=["presentation"], coords={"stimulus_id": ("presentation", [7, 8])})
    >>> _ = write_netcdf(assembly, path)
    >>> loaded = CoordinatesLoader(path).load()
    >>> loaded["stimulus_id"].values.tolist(), loaded.values.tolist()
    ([7, 8], [0, 0])
    """

    def __init__(self, file_path: Path) -> None:
        super().__init__(DataAssembly, file_path)

    def load(self) -> Any:
        """Read the coordinates of the file.

        Returns
        -------
        xarray.DataArray

        Raises
        ------
        AssemblyFormatError
            The file is not netCDF, is damaged, or does not hold exactly one data variable.
        FileNotFoundError
            There is no such file.
        """
        array, _ = self._read()
        name = stimulus_coordinate(array)
        if name is None or array[name].dtype.kind != "f":
            return array
        ids = np.array([_to_id(value) for value in array[name].values.tolist()], dtype=object)
        return array.assign_coords({name: (array[name].dims, ids)})

    def _read_file(self, path: Path) -> tuple[xr.DataArray, list[str]]:
        """Return the coordinates of the file, in an array of zeros that replaces its values."""
        structure = self._inspect(eager=False)
        with hdf5_access():
            store = open_store(path, None, structure)
            with decode_store(store, {}) as dataset:
                array = self._only_variable(dataset)
                set_stored_values(array.variable, np.broadcast_to(np.int8(0), array.shape))
                read_coordinates(array, store)
        return array, []


def _to_id(number: float) -> int | float | str:
    """Convert a float to the id that loading gives it, except that whole numbers become integers, and NaN remains."""
    if math.isnan(number):
        return number
    return int(number) if number.is_integer() else str(number)
