"""Loading by identifier: resolve it to an entry, fetch the files, and build the object."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry
from brainio.catalogs.entries import STATUS_SUPERSEDED, STATUS_UNAVAILABLE
from brainio.errors import EntryStatusWarning, EntryUnavailableError, StimulusSetLookupError
from brainio.fetch.cache_access import read_if_unchanged, retry_if_pruned
from brainio.fetch.entry_files import (
    check_cached,
    explain_unavailable,
    fetch_entry,
    fetch_entry_file,
    prefix_errors,
    warn_of_status,
)
from brainio.fetch.hooks import notify_loaded, resolve, stimulus_set_of
from brainio.fetch.stimulus_sets import load_stimulus_set, load_stimulus_table, read_set_hashes
from brainio.fetch.streaming import open_entry
from brainio.installation import warn_of_conflicts
from brainio.stores import is_offline

if TYPE_CHECKING:
    from brainio.assemblies import DataAssembly
    from brainio.fetch.streaming import CachedFile
    from brainio.netcdf.chunks import Chunks
    from brainio.stimuli import StimulusSet
    from brainio.stores.range_reader import RangeReader

    Source = Path | RangeReader | CachedFile

T = TypeVar("T")


def get_stimulus_set(identifier: str, *, catalog: str | None = None, version: str | None = None) -> "StimulusSet":
    """Load a stimulus set by its identifier; fetch, verify and unpack its files if necessary.

    Parameters
    ----------
    identifier : str
        Identifier or alias of a stimulus set in an active catalog, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to search.
    version : str, optional
        Version of the entry; by default the current one.

    Returns
    -------
    StimulusSet
        One row per stimulus; `stimulus_paths` gives the local files.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        The identifier does not resolve to exactly one stimulus set.
    EntryUnavailableError
        A catalog lists the stimulus set, but its files are unavailable.
    TransferError, IntegrityError
        No location returned the right bytes.
    StimulusSetFormatError, ArchiveError
        The files violate the format.

    Examples
    --------
    >>> stimulus_set = get_stimulus_set('modelfest.Carney1999')
    >>> len(stimulus_set)
    43
    """
    warn_of_conflicts()
    entry = resolve(TYPE_STIMULUS_SET, identifier, catalog=catalog, version=version)
    warn_of_status(entry, stacklevel=3)
    stimulus_set = load_stimulus_set(entry)
    notify_loaded(entry)
    return stimulus_set


def get_assembly(
    identifier: str,
    *,
    catalog: str | None = None,
    version: str | None = None,
    chunks: "Chunks | None" = None,
    stream: bool = False,
    allow_missing_stimuli: bool = False,
    stimulus_set: "StimulusSet | None" = None,
) -> "DataAssembly":
    """Load a data assembly by its identifier, fetched and verified if necessary, with the metadata of its stimuli.

    Parameters
    ----------
    identifier : str
        Identifier or alias of an assembly in an active catalog, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to search. (Its stimulus set is searched there first, then in the other active
        catalogs.)
    version : str, optional
        Version of the entry; by default the current one. The stimulus set has the version that the assembly was
        packaged with, or the current one if the file names no version.
    chunks : 'auto', -1 or dict, optional
        Keep the values in the file, as lazy dask chunks: `'auto'` for multiples of the file's own chunks of about
        64 MB, `-1` for one chunk, or dimension -> size. The default is the environment variable `BRAINIO_CHUNKS`;
        without it, values are loaded, whether or not dask is installed.
    stream : bool, default False
        Do not fetch the file: read the selected values from its location when they are used. Needs the extra `stream`.
        The bytes are pinned by the version id or the ETag of the store, but not verified by a hash, hence a
        `StreamWarning`. If the file is in the cache, that copy is read. Only the table of the stimulus set is fetched;
        the first access to one of `stimulus_paths` fetches its files.
    allow_missing_stimuli : bool, default False
        Fill the metadata of presentations whose stimulus is not in the set, or that have no `stimulus_id`, with
        missing values (NaN, NaT) instead of raising an error. Integers then become floats, booleans become objects.
    stimulus_set : StimulusSet, optional
        The stimulus set to join instead of the version that the assembly was packaged with.

    Returns
    -------
    DataAssembly
        Of the class that the catalog names. `attrs` contains `identifier`, `stimulus_set_identifier`, `stimulus_set`,
        and an item for each group of extras. If the stimulus set is unavailable, its metadata are missing, and an
        `EntryStatusWarning` explains why.

    Raises
    ------
    AssemblyLookupError, AmbiguousEntryError
        The identifier does not resolve to exactly one assembly.
    StimulusSetLookupError
        No active catalog lists the stimulus set of the assembly, or the version that it was packaged with.
    EntryUnavailableError
        A catalog lists the assembly, but its file is unavailable.
    TransferError, IntegrityError
        No location returned the right bytes.
    AssemblyFormatError
        The file violates the format, or names stimuli that are not in its stimulus set.
    UnknownClassError
        The catalog names an unknown assembly class.
    MissingExtraError
        `chunks` needs dask, or `stream` needs h5netcdf, which is not installed.

    Examples
    --------
    >>> assembly = get_assembly('modelfest.Carney1999')
    >>> assembly.sizes['presentation']
    2752
    """
    warn_of_conflicts()
    entry = resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version)
    cls = resolve_assembly_class(entry.class_name)
    warn_of_status(entry, stacklevel=3)
    if is_offline():
        _check_cached(entry, with_set=stimulus_set is None, later=("zip",) if stream else ())
    with prefix_errors(entry):
        source = open_entry(entry) if stream else retry_if_pruned(lambda: fetch_entry(entry)["nc"])
    set_entry = None
    if stimulus_set is None:
        set_entry = _stimulus_set_of(entry, source)
        load_set = load_stimulus_table if stream else load_stimulus_set
        stimulus_set = None if set_entry is None else load_set(set_entry)
    options: dict[str, Any] = {} if chunks is None else {"chunks": chunks}  # third-party loaders may not accept these
    if allow_missing_stimuli:
        options["allow_missing_stimuli"] = True

    def read(source: "Source") -> "DataAssembly":
        set_identifier = entry.stimulus_set_identifier or None
        return cls.from_files(source, stimulus_set_identifier=set_identifier, stimulus_set=stimulus_set, **options)

    def read_cached(path: Path) -> "DataAssembly":
        with _recoverable(entry):
            return read_if_unchanged(read, path if path.exists() else fetch_entry(entry)["nc"])

    with prefix_errors(entry):
        assembly = retry_if_pruned(partial(read_cached, source)) if isinstance(source, Path) else read(source)
    assembly.attrs["identifier"] = entry.identifier
    notify_loaded(entry, set_entry)
    return assembly


def _check_cached(entry: Entry, *, later: tuple[str, ...], with_set: bool = True) -> None:
    """Raise OfflineError, which lists the missing files of an assembly and, if already known, of its stimulus set."""
    set_entry = None
    if with_set:
        with suppress(StimulusSetLookupError):  # raised again once the file names the version of the set
            set_entry = stimulus_set_of(entry)
    check_cached(*filter(None, (entry, set_entry)), later=later)


def _stimulus_set_of(entry: Entry, source: "Source") -> Entry | None:
    """Return the stimulus set of an assembly; None if the catalog names none or its files are unavailable.

    A superseded version is not reported if the file of the assembly names it.
    """

    def read_hashes(path: Path) -> dict[str, str]:
        return read_if_unchanged(read_set_hashes, path if path.exists() else fetch_entry(entry)["nc"])

    with prefix_errors(entry):
        hashes = retry_if_pruned(partial(read_hashes, source)) if isinstance(source, Path) else read_set_hashes(source)
    set_entry = stimulus_set_of(entry, hashes)
    if set_entry is None:
        return None
    if not (hashes and set_entry.status == STATUS_SUPERSEDED):
        warn_of_status(set_entry, stacklevel=4)
    if set_entry.status != STATUS_UNAVAILABLE:
        return set_entry
    warnings.warn(
        f"assembly {entry.identifier!r} is loaded without the metadata of its stimuli: "
        f"{explain_unavailable(set_entry)}",
        EntryStatusWarning,
        stacklevel=3,
    )
    return None


def _recoverable(entry: Entry) -> AbstractContextManager[None]:
    """Let lazy values that the block leaves in a cached file survive its pruning, if a hash identifies its bytes."""
    from brainio.netcdf.reading import recover_files

    file = entry.file("nc")
    has_hash = file is not None and bool(file.sha1 or file.sha256)
    return recover_files(partial(_read_again, entry)) if has_hash else nullcontext()


def _read_again(entry: Entry, read: Callable[[Path], T]) -> T:
    """Read the file of an assembly, fetched again if it was pruned."""
    with prefix_errors(entry):
        return retry_if_pruned(lambda: read_if_unchanged(read, fetch_entry(entry)["nc"]))


class AssemblyFiles(NamedTuple):
    """The local files that describe an assembly, without its stimuli.

    Attributes
    ----------
    entry : Entry
        The assembly.
    path : Path
        Its netCDF file.
    stimuli : Entry or None
        Its stimulus set, if available.
    table : Path or None
        The CSV file of the stimulus set.
    """

    entry: Entry
    path: Path
    stimuli: Entry | None
    table: Path | None


def fetch_assembly_files(identifier: str, *, catalog: str | None = None, version: str | None = None) -> AssemblyFiles:
    """Fetch the netCDF file of an assembly and the table of its stimulus set, without opening them."""
    entry = resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version)
    resolve_assembly_class(entry.class_name)
    warn_of_status(entry, stacklevel=3)
    if is_offline():
        _check_cached(entry, later=("zip",))
    with prefix_errors(entry):
        path = fetch_entry(entry)["nc"]
    set_entry = _stimulus_set_of(entry, path)
    table = None
    if set_entry is not None:
        file = set_entry.file("csv")
        if file is None:
            raise EntryUnavailableError(explain_unavailable(set_entry))
        table = fetch_entry_file(set_entry, file)
    notify_loaded(entry, set_entry)
    return AssemblyFiles(entry, path, set_entry, table)


def resolve_assembly_class(class_name: str) -> type["DataAssembly"]:
    """Return the assembly class with a name.

    Raises
    ------
    UnknownClassError
        `brainio.assemblies` has no such assembly class.

    Examples
    --------
    >>> resolve_assembly_class('NeuroidAssembly').__name__
    'NeuroidAssembly'
    """
    from brainio.assemblies import named_class

    return named_class(class_name)
