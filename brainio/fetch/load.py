"""From an identifier to the object in memory: its files in the cache, read and joined."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.cache import Cache, Unpacked
from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import (
    ArchiveError,
    EntryStatusWarning,
    EntryUnavailableError,
    StimulusSetFormatError,
    UnknownClassError,
)
from brainio.fetch.entries import (
    fetch_entry,
    fetch_entry_file,
    named_in_errors,
    require_cached,
    unavailable,
    warn_of_status,
)
from brainio.fetch.home import local_cache
from brainio.fetch.pruned import is_gone, read_present, though_pruned
from brainio.fetch.streaming import open_entry
from brainio.fetch.uses import note, resolve, stimulus_set_of
from brainio.stimuli import StimulusSet, StimulusSetLoader
from brainio.stores import is_offline

if TYPE_CHECKING:
    from brainio.assemblies import DataAssembly
    from brainio.assemblies.chunks import Chunks
    from brainio.stores.ranges import RangeFile


def get_stimulus_set(identifier: str, *, catalog: str | None = None, version: str | None = None) -> StimulusSet:
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
    entry = resolve(TYPE_STIMULUS_SET, identifier, catalog=catalog, version=version)
    warn_of_status(entry, stacklevel=3)
    stimulus_set = _load_stimulus_set(entry)
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
        Version of the entry; by default the current one.
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
    entry = resolve(TYPE_ASSEMBLY, identifier, catalog=catalog, version=version)
    cls = resolve_assembly_class(entry.class_name)
    warn_of_status(entry, stacklevel=3)
    stimuli = _stimuli_of(entry)
    if is_offline():
        require_cached(*filter(None, (entry, stimuli)), later=("zip",) if stream else ())
    with named_in_errors(entry):
        source = open_entry(entry) if stream else fetch_entry(entry)["nc"]
    stimulus_set = None if stimuli is None else _load_table(stimuli) if stream else _load_stimulus_set(stimuli)
    options: dict[str, Any] = {} if chunks is None else {"chunks": chunks}  # loaders of others may not know these
    if allow_missing_stimuli:
        options["allow_missing_stimuli"] = True

    def read(source: "Path | RangeFile") -> "DataAssembly":
        stimuli_of = entry.stimulus_set_identifier or None
        return cls.from_files(source, stimulus_set_identifier=stimuli_of, stimulus_set=stimulus_set, **options)

    def read_cached() -> "DataAssembly":
        return read_present(read, source if source.exists() else fetch_entry(entry)["nc"])

    with named_in_errors(entry):
        assembly = though_pruned(read_cached) if isinstance(source, Path) else read(source)
    assembly.attrs["identifier"] = entry.identifier
    note(entry, stimuli)
    return assembly


def _stimuli_of(entry: Entry) -> Entry | None:
    """Return the stimulus set of an assembly, None where there is none or it cannot be had."""
    stimuli = stimulus_set_of(entry)
    if stimuli is None:
        return None
    warn_of_status(stimuli, stacklevel=4)
    if stimuli.status != STATUS_UNAVAILABLE:
        return stimuli
    warnings.warn(
        f"assembly {entry.identifier!r} comes without the metadata of its stimuli: {unavailable(stimuli)}",
        EntryStatusWarning,
        stacklevel=3,
    )
    return None


def _load_stimulus_set(entry: Entry) -> StimulusSet:
    _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with named_in_errors(entry):
        return though_pruned(lambda: _fetched_stimulus_set(entry, cls))


def _fetched_stimulus_set(entry: Entry, cls: type[StimulusSet]) -> StimulusSet:
    paths, files = _fetched_files(entry)
    return _stimulus_set(cls, paths["csv"], files, paths["zip"], entry.identifier)


def _fetched_files(entry: Entry) -> "tuple[dict[str, Path], _FetchedFiles]":
    paths = fetch_entry(entry)
    return paths, _FetchedFiles(_unpacked(entry, paths["zip"]), entry)


def _unpacked(entry: Entry, zip_path: Path) -> Unpacked:
    _, archive = _files_of_stimulus_set(entry)
    return local_cache().unpack(zip_path, archive.sha1 or None)


def _load_table(entry: Entry) -> StimulusSet:
    """Load a stimulus set without its files, which are fetched when the first path is looked at."""
    table, _ = _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with named_in_errors(entry):
        stimulus_set: StimulusSet = though_pruned(
            lambda: StimulusSetLoader(cls, fetch_entry_file(entry, table), _LaterFiles(entry)).load()
        )
    stimulus_set.identifier = entry.identifier
    return stimulus_set


@dataclass(frozen=True)
class _Files:
    """Gives the paths of the files of a stimulus set; one that was lost since is unpacked again."""

    unpacked: Unpacked

    def __call__(self, name: str) -> Path:
        return self.unpacked.path(name)

    def present(self, name: str) -> Path | None:
        """Give the path without looking whether the file was lost."""
        return self.unpacked.folder / name if name in self.unpacked.members else None


@dataclass(frozen=True)
class _FetchedFiles(_Files):
    """The same of an entry; where the archive is lost as well, it is fetched again."""

    entry: Entry

    def __call__(self, name: str) -> Path:
        try:
            return self.unpacked.path(name)
        except (ArchiveError, FileNotFoundError) as error:
            if not is_gone(error):
                raise
        with named_in_errors(self.entry):
            return though_pruned(lambda: _unpacked(self.entry, fetch_entry(self.entry)["zip"]).path(name))


class _LaterFiles:
    """Gives the paths of the files of a stimulus set, which are fetched when the first one is asked for."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __call__(self, name: str) -> Path:
        return self._files(name)

    def present(self, name: str) -> Path | None:
        """Give the path where the files were fetched already."""
        return self._files.present(name) if "_files" in self.__dict__ else None

    @cached_property
    def _files(self) -> _FetchedFiles:
        with named_in_errors(self._entry):
            return though_pruned(self._fetched)

    def _fetched(self) -> _FetchedFiles:
        paths, files = _fetched_files(self._entry)
        _stimulus_set(StimulusSet, paths["csv"], files, paths["zip"], self._entry.identifier)
        return files


def _files_of_stimulus_set(entry: Entry) -> tuple[EntryFile, EntryFile]:
    table, archive = entry.file("csv"), entry.file("zip")
    if table is None or archive is None:
        raise EntryUnavailableError(unavailable(entry))
    return table, archive


def load_stimulus_files(
    csv_path: Path,
    zip_path: Path,
    identifier: str,
    zip_sha1: str = "",
    cls: type[StimulusSet] = StimulusSet,
    cache: Cache | None = None,
) -> StimulusSet:
    """Make a stimulus set of a CSV and a ZIP file on this machine.

    Parameters
    ----------
    zip_sha1 : str
        The verified hash of the ZIP file; without it the file is hashed again.
    cache : Cache, optional
        Where it is unpacked; by default where all is.

    Raises
    ------
    StimulusSetFormatError, ArchiveError
        The files break the format; for one, a row names a file that the archive does not hold.
    """
    unpacked = (cache or local_cache()).unpack(zip_path, zip_sha1 or None)
    return _stimulus_set(cls, csv_path, _Files(unpacked), zip_path, identifier)


def _stimulus_set(
    cls: type[StimulusSet], csv_path: Path, files: _Files, zip_path: Path, identifier: str
) -> StimulusSet:
    stimulus_set: StimulusSet = StimulusSetLoader(cls, csv_path, files).load()
    _require_members(stimulus_set, files.unpacked, csv_path, zip_path)
    stimulus_set.identifier = identifier
    return stimulus_set


def _require_members(stimulus_set: StimulusSet, unpacked: Unpacked, csv_path: Path, zip_path: Path) -> None:
    if unpacked.members.issuperset(stimulus_set["filename"].tolist()):
        return
    missing = ~stimulus_set["filename"].isin(unpacked.members)
    lacking = stimulus_set.loc[missing, ["stimulus_id", "filename"]].head(5).itertuples(index=False)
    named = ", ".join(f"{row.filename!r} (stimulus_id {row.stimulus_id!r})" for row in lacking)
    raise StimulusSetFormatError(
        f"{zip_path} lacks {missing.sum()} of the {len(stimulus_set)} files that {csv_path} names: {named}"
        f"{', ...' if missing.sum() > 5 else ''}; the package must be made again with these files in its ZIP archive"
    )


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


def resolve_stimulus_set_class(class_name: str) -> type[StimulusSet]:
    """Return the stimulus set class of that name; there is one, `StimulusSet`.

    Raises
    ------
    UnknownClassError
        Another name was given.
    """
    if class_name != StimulusSet.__name__:
        raise UnknownClassError(f"{class_name!r} is no stimulus set class; expected {StimulusSet.__name__!r}")
    return StimulusSet
