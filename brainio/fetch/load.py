"""From an identifier to the object in memory: its files in the cache, read and joined."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry
from brainio.catalogs.entries import STATUS_SUPERSEDED, STATUS_UNAVAILABLE
from brainio.errors import EntryStatusWarning, EntryUnavailableError, StimulusSetLookupError
from brainio.fetch.entries import (
    fetch_entry,
    fetch_entry_file,
    named_in_errors,
    require_cached,
    unavailable,
    warn_of_status,
)
from brainio.fetch.pruned import read_present, retry_if_pruned
from brainio.fetch.set_hashes import read_set_hashes
from brainio.fetch.stimulus_sets import load_stimulus_set, load_table
from brainio.fetch.streaming import open_entry
from brainio.fetch.uses import note, resolve, stimulus_set_of
from brainio.installation import warn_of_conflicts
from brainio.stores import is_offline

if TYPE_CHECKING:
    from brainio.assemblies import DataAssembly
    from brainio.fetch.streaming import CachedFile
    from brainio.netcdf.chunks import Chunks
    from brainio.stimuli import StimulusSet
    from brainio.stores.range_reader import RangeReader

T = TypeVar("T")


def get_stimulus_set(identifier: str, *, catalog: str | None = None, version: str | None = None) -> "StimulusSet":
    """Load a stimulus set by its identifier: fetched if need be, verified, its files unpacked.

    Parameters
    ----------
    identifier : str
        Identifier or alias of a stimulus set in a catalog in force, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to look in.
    version : str, optional
        Version of the entry; by default the current one.

    Returns
    -------
    StimulusSet
        One row a stimulus; `stimulus_paths` leads to the files.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError
        The identifier does not lead to one stimulus set.
    EntryUnavailableError
        The catalog knows it, but its files cannot be had.
    TransferError, IntegrityError
        No location gave the right bytes.
    StimulusSetFormatError, ArchiveError
        The files break the format.

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
    note(entry)
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
    """Load a data assembly by its identifier: fetched if need be, verified, joined with its stimuli's metadata.

    Parameters
    ----------
    identifier : str
        Identifier or alias of an assembly in a catalog in force, or `catalog_identifier:identifier`.
    catalog : str, optional
        Identifier of the only catalog to look in. (The stimulus set of the assembly is looked for there first, and then
        in the other catalogs in force.)
    version : str, optional
        Version of the entry; by default the current one. It comes with the version of the stimulus set that it was
        packaged with, or with the current one where its file names none.
    chunks : 'auto', -1 or dict, optional
        Leave the values in the file, as lazy chunks of dask: `'auto'` for multiples of the file's own chunks of about
        64 MB, `-1` for one chunk, or dimension -> size. Default: what the environment variable `BRAINIO_CHUNKS` says,
        else values are loaded, whether or not dask is installed.
    stream : bool, default False
        Do not fetch the file: leave it where it lies, and read of its values only what is selected, when it is used.
        Needs the extra `stream`. The bytes are pinned by the version id or the ETag that the store names, and not
        verified by hash: a `StreamWarning` says so. A file that is in the cache already is read from there. Of the
        stimulus set only the table is fetched; its files come when the first of `stimulus_paths` is looked at.
    allow_missing_stimuli : bool, default False
        Give missing values (NaN, NaT) to the metadata of presentations whose stimulus the set lacks, or that have no
        `stimulus_id`, in place of an error. Integers then become floats, booleans become objects.
    stimulus_set : StimulusSet, optional
        Join this one, in place of the version that the assembly was packaged with.

    Returns
    -------
    DataAssembly
        Of the class that the catalog names. `attrs` hold `identifier`, `stimulus_set_identifier`, `stimulus_set`, and
        one entry for each group of extras. An assembly whose stimulus set cannot be had comes without its metadata,
        with an `EntryStatusWarning`.

    Raises
    ------
    AssemblyLookupError, AmbiguousEntryError
        The identifier does not lead to one assembly.
    StimulusSetLookupError
        No active catalog lists the stimulus set of the assembly, or the version that it was packaged with.
    EntryUnavailableError
        The catalog knows it, but its file cannot be had.
    TransferError, IntegrityError
        No location gave the right bytes.
    AssemblyFormatError
        The file breaks the format, or names stimuli that its stimulus set lacks.
    UnknownClassError
        The catalog names a class that is no assembly class.
    MissingExtraError
        Chunks were asked for, and dask is not installed; or a stream, and h5netcdf is not.

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
        _require_cached(entry, with_set=stimulus_set is None, later=("zip",) if stream else ())
    with named_in_errors(entry):
        source = open_entry(entry) if stream else retry_if_pruned(lambda: fetch_entry(entry)["nc"])
    stimuli = None
    if stimulus_set is None:
        stimuli = _stimuli_of(entry, source)
        stimulus_set = None if stimuli is None else load_table(stimuli) if stream else load_stimulus_set(stimuli)
    options: dict[str, Any] = {} if chunks is None else {"chunks": chunks}  # loaders of others may not know these
    if allow_missing_stimuli:
        options["allow_missing_stimuli"] = True

    def read(source: "Path | RangeReader | CachedFile") -> "DataAssembly":
        stimuli_of = entry.stimulus_set_identifier or None
        return cls.from_files(source, stimulus_set_identifier=stimuli_of, stimulus_set=stimulus_set, **options)

    def read_cached(path: Path) -> "DataAssembly":
        with _recoverable(entry):
            return read_present(read, path if path.exists() else fetch_entry(entry)["nc"])

    with named_in_errors(entry):
        assembly = retry_if_pruned(partial(read_cached, source)) if isinstance(source, Path) else read(source)
    assembly.attrs["identifier"] = entry.identifier
    note(entry, stimuli)
    return assembly


def _recoverable(entry: Entry) -> AbstractContextManager[None]:
    """Let values that the block leaves in a cached file survive its pruning, if its hash promises the same bytes."""
    from brainio.netcdf.opening import recover_files

    file = entry.file("nc")
    has_hash = file is not None and bool(file.sha1 or file.sha256)
    return recover_files(partial(_read_again, entry)) if has_hash else nullcontext()


def _read_again(entry: Entry, read: Callable[[Path], T]) -> T:
    """Read the file of an assembly, which is fetched again if it was pruned."""
    with named_in_errors(entry):
        return retry_if_pruned(lambda: read_present(read, fetch_entry(entry)["nc"]))


class AssemblyFiles(NamedTuple):
    """The local files of an assembly that describe it: no stimuli.

    Attributes
    ----------
    entry : Entry
        The assembly.
    path : Path
        Its netCDF file.
    stimuli : Entry or None
        Its stimulus set, where that is available.
    table : Path or None
        The CSV file of the stimulus set.
    """

    entry: Entry
    path: Path
    stimuli: Entry | None
    table: Path | None


def fetch_assembly_files(identifier: str, *, catalog: str | None = None, version: str | None = None) -> AssemblyFiles:
    """Fetch the netCDF file of an assembly and the table of its stimulus set; see `get_assembly`, which reads them."""
    entry = resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version)
    resolve_assembly_class(entry.class_name)
    warn_of_status(entry, stacklevel=3)
    if is_offline():
        _require_cached(entry, later=("zip",))
    with named_in_errors(entry):
        path = fetch_entry(entry)["nc"]
    stimuli = _stimuli_of(entry, path)
    table = None
    if stimuli is not None:
        file = stimuli.file("csv")
        if file is None:
            raise EntryUnavailableError(unavailable(stimuli))
        table = fetch_entry_file(stimuli, file)
    note(entry, stimuli)
    return AssemblyFiles(entry, path, stimuli, table)


def _require_cached(entry: Entry, *, later: tuple[str, ...], with_set: bool = True) -> None:
    """Raise OfflineError that lists the missing files of an assembly and, as far as known by now, of its set."""
    stimuli = None
    if with_set:
        with suppress(StimulusSetLookupError):  # raised again once the file names the version of the set
            stimuli = stimulus_set_of(entry)
    require_cached(*filter(None, (entry, stimuli)), later=later)


def _stimuli_of(entry: Entry, source: "Path | RangeReader | CachedFile") -> Entry | None:
    """Return the stimulus set of an assembly; None if the catalog names none or its files are unavailable.

    The version that its file names is no less current for the assembly when it is superseded.
    """

    def hashes_in(path: Path) -> dict[str, str]:
        return read_present(read_set_hashes, path if path.exists() else fetch_entry(entry)["nc"])

    with named_in_errors(entry):
        hashes = retry_if_pruned(partial(hashes_in, source)) if isinstance(source, Path) else read_set_hashes(source)
    stimuli = stimulus_set_of(entry, hashes)
    if stimuli is None:
        return None
    if not (hashes and stimuli.status == STATUS_SUPERSEDED):
        warn_of_status(stimuli, stacklevel=4)
    if stimuli.status != STATUS_UNAVAILABLE:
        return stimuli
    warnings.warn(
        f"assembly {entry.identifier!r} comes without the metadata of its stimuli: {unavailable(stimuli)}",
        EntryStatusWarning,
        stacklevel=3,
    )
    return None


def resolve_assembly_class(class_name: str) -> type["DataAssembly"]:
    """Return the assembly class of that name.

    Raises
    ------
    UnknownClassError
        `brainio.assemblies` has no assembly class of that name.

    Examples
    --------
    >>> resolve_assembly_class('NeuroidAssembly').__name__
    'NeuroidAssembly'
    """
    from brainio.assemblies import named_class

    return named_class(class_name)
