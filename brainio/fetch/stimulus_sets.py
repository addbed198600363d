"""Loading of stimulus sets: the table and the unpacked archive of an entry, or of two local files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from brainio.cache import Cache, UnpackedArchive
from brainio.catalogs import Entry, EntryFile
from brainio.catalogs.entries import parse_hashes
from brainio.errors import (
    ArchiveError,
    AssemblyFormatError,
    EntryUnavailableError,
    StimulusSetFormatError,
    UnknownClassError,
)
from brainio.fetch.cache_access import is_missing_file_error, local_cache, retry_if_pruned
from brainio.fetch.entry_files import explain_unavailable, fetch_entry, fetch_entry_file, prefix_errors
from brainio.stimuli import StimulusSet, StimulusSetLoader
from brainio.text import share


def load_stimulus_set(entry: Entry) -> StimulusSet:
    """Load a stimulus set with its files, fetched if necessary, verified and unpacked."""
    _require_files(entry)
    cls = resolve_stimulus_set_class(entry.class_name)

    def load() -> StimulusSet:
        table, archive = _fetch(entry)
        return _load(cls, table, archive, entry.identifier)

    with prefix_errors(entry):
        return retry_if_pruned(load)


def load_stimulus_table(entry: Entry) -> StimulusSet:
    """Load a stimulus set without its files, which are fetched at the first access to a path."""
    table, _ = _require_files(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with prefix_errors(entry):
        stimulus_set: StimulusSet = retry_if_pruned(
            lambda: StimulusSetLoader(cls, fetch_entry_file(entry, table), _LazyArchive(entry)).load()
        )
    stimulus_set.identifier = entry.identifier
    return stimulus_set


def load_stimulus_files(
    csv_path: Path,
    zip_path: Path,
    identifier: str,
    zip_sha1: str = "",
    cls: type[StimulusSet] = StimulusSet,
    cache: Cache | None = None,
) -> StimulusSet:
    """Load a stimulus set from a local CSV and ZIP file.

    Parameters
    ----------
    zip_sha1 : str
        The verified SHA-1 of the ZIP file; if empty, the file is hashed.
    cache : Cache, optional
        The cache to unpack into; by default the configured one.

    Raises
    ------
    StimulusSetFormatError, ArchiveError
        The files violate the format, for example because a row names a file that is not in the archive.
    """
    unpacked = (cache or local_cache()).unpack(zip_path, zip_sha1 or None)
    return _load(cls, csv_path, _Archive(zip_path, unpacked), identifier)


@dataclass(frozen=True)
class _Archive:
    """An unpacked archive: returns the paths of its members, and unpacks a member again that was lost."""

    zip_path: Path
    unpacked: UnpackedArchive

    def __call__(self, name: str) -> Path:
        return self.unpacked.path(name)

    def find_local(self, name: str) -> Path | None:
        """Return the path of a member; None if it would have to be unpacked again."""
        return self.unpacked.path_unless_changed(name)


@dataclass(frozen=True)
class _EntryArchive(_Archive):
    """The unpacked archive of an entry, which is fetched again if it was lost too."""

    entry: Entry

    def __call__(self, name: str) -> Path:
        try:
            return self.unpacked.path(name)
        except (ArchiveError, FileNotFoundError) as error:
            if not is_missing_file_error(error):
                raise
        with prefix_errors(self.entry):
            return retry_if_pruned(lambda: _unpack(self.entry, fetch_entry(self.entry)["zip"]).path(name))


class _LazyArchive:
    """The archive of an entry, fetched at the first access to a path."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __call__(self, name: str) -> Path:
        return self._archive(name)

    def find_local(self, name: str) -> Path | None:
        """Return the path of a member; None if the archive was not fetched yet."""
        return self._archive.find_local(name) if "_archive" in self.__dict__ else None

    @cached_property
    def _archive(self) -> _EntryArchive:
        with prefix_errors(self._entry):
            return retry_if_pruned(self._fetch_complete)

    def _fetch_complete(self) -> _EntryArchive:
        table, archive = _fetch(self._entry)
        _load(StimulusSet, table, archive, self._entry.identifier)
        return archive


def _fetch(entry: Entry) -> tuple[Path, _EntryArchive]:
    paths = fetch_entry(entry)
    return paths["csv"], _EntryArchive(paths["zip"], _unpack(entry, paths["zip"]), entry)


def _unpack(entry: Entry, zip_path: Path) -> UnpackedArchive:
    _, archive = _require_files(entry)
    return local_cache().unpack(zip_path, archive.sha1 or None)


def _require_files(entry: Entry) -> tuple[EntryFile, EntryFile]:
    """Return the CSV and ZIP files of an entry; raise EntryUnavailableError if it lacks one."""
    table, archive = entry.file("csv"), entry.file("zip")
    if table is None or archive is None:
        raise EntryUnavailableError(explain_unavailable(entry))
    return table, archive


def _load(cls: type[StimulusSet], csv_path: Path, archive: _Archive, identifier: str) -> StimulusSet:
    stimulus_set: StimulusSet = StimulusSetLoader(cls, csv_path, archive).load()
    _check_members(stimulus_set, csv_path, archive)
    stimulus_set.identifier = identifier
    return stimulus_set


def _check_members(stimulus_set: StimulusSet, csv_path: Path, archive: _Archive) -> None:
    """Raise StimulusSetFormatError if a row names a file that is not in the archive."""
    unpacked = archive.unpacked
    if unpacked.members.issuperset(stimulus_set["filename"].tolist()):
        return
    is_missing = stimulus_set["filename"].map(unpacked.find).isna()
    if not is_missing.any():
        return
    examples = stimulus_set.loc[is_missing, ["stimulus_id", "filename"]].head(5).itertuples(index=False)
    named = ", ".join(f"{row.filename!r} (stimulus_id {row.stimulus_id!r})" for row in examples)
    raise StimulusSetFormatError(
        f"{archive.zip_path} lacks {share(is_missing.sum(), len(stimulus_set), 'file')} that {csv_path} names: {named}"
        f"{', ...' if is_missing.sum() > 5 else ''}. Package the stimulus set again with these files in its ZIP archive"
    )


def read_set_hashes(file: Path | IO[bytes]) -> dict[str, str]:
    """Return the hashes of the stimulus set that the assembly in a netCDF file was packaged with.

    Parameters
    ----------
    file : pathlib.Path or binary file
        It is inspected, not opened; loading it does not repeat the inspection.

    Returns
    -------
    dict of str to str
        See `brainio.catalogs.entries.set_hashes`; empty if the file names no version.

    Raises
    ------
    AssemblyFormatError
        The attribute is malformed, or the file is damaged or unsafe to open.
    FileNotFoundError
        The file does not exist.
    """
    from brainio.netcdf.inspection import inspect

    text = inspect(file).stimulus_set_hashes
    try:
        return parse_hashes(text) if text else {}
    except ValueError as error:
        raise AssemblyFormatError(
            f"the global attribute {error} in {file}. Package the assembly again, or name its stimulus set: "
            f"get_assembly(..., stimulus_set=...)"
        ) from error


def resolve_stimulus_set_class(class_name: str) -> type[StimulusSet]:
    """Return the stimulus set class with a name; the only one is `StimulusSet`.

    Raises
    ------
    UnknownClassError
        The name is another one.
    """
    if class_name != StimulusSet.__name__:
        raise UnknownClassError(f"unknown stimulus set class {class_name!r}; expected {StimulusSet.__name__!r}")
    return StimulusSet
