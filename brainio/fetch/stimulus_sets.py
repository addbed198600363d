"""The stimulus set of an entry, or of two files: its table, and where the files of its archive are."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from brainio.cache import Cache, Unpacked
from brainio.catalogs import Entry, EntryFile
from brainio.errors import ArchiveError, EntryUnavailableError, StimulusSetFormatError, UnknownClassError
from brainio.fetch.entries import fetch_entry, fetch_entry_file, named_in_errors, unavailable
from brainio.fetch.home import local_cache
from brainio.fetch.pruned import is_gone, retry_if_pruned
from brainio.stimuli import StimulusSet, StimulusSetLoader
from brainio.text import share


def load_stimulus_set(entry: Entry) -> StimulusSet:
    """Load a stimulus set with its files, which are fetched if need be, verified and unpacked."""
    _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with named_in_errors(entry):
        return retry_if_pruned(lambda: _fetched_stimulus_set(entry, cls))


def _fetched_stimulus_set(entry: Entry, cls: type[StimulusSet]) -> StimulusSet:
    paths, files = _fetched_files(entry)
    return _stimulus_set(cls, paths["csv"], files, paths["zip"], entry.identifier)


def _fetched_files(entry: Entry) -> "tuple[dict[str, Path], _FetchedFiles]":
    paths = fetch_entry(entry)
    return paths, _FetchedFiles(_unpacked(entry, paths["zip"]), entry)


def _unpacked(entry: Entry, zip_path: Path) -> Unpacked:
    _, archive = _files_of_stimulus_set(entry)
    return local_cache().unpack(zip_path, archive.sha1 or None)


def load_table(entry: Entry) -> StimulusSet:
    """Load a stimulus set without its files, which are fetched when the first path is looked at."""
    table, _ = _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with named_in_errors(entry):
        stimulus_set: StimulusSet = retry_if_pruned(
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
        """Give the path where that takes no unpacking."""
        return self.unpacked.present(name)


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
            return retry_if_pruned(lambda: _unpacked(self.entry, fetch_entry(self.entry)["zip"]).path(name))


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
            return retry_if_pruned(self._fetched)

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
    missing = stimulus_set["filename"].map(unpacked.find).isna()
    if not missing.any():
        return
    lacking = stimulus_set.loc[missing, ["stimulus_id", "filename"]].head(5).itertuples(index=False)
    named = ", ".join(f"{row.filename!r} (stimulus_id {row.stimulus_id!r})" for row in lacking)
    raise StimulusSetFormatError(
        f"{zip_path} lacks {share(missing.sum(), len(stimulus_set), 'file')} that {csv_path} names: {named}"
        f"{', ...' if missing.sum() > 5 else ''}; the package must be made again with these files in its ZIP archive"
    )


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
