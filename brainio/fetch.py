"""The way out: from an identifier to the entry, to verified local files, to the object in memory.

Joins the rooms below and adds no rule of its own to any of them. Every function may be called from many threads.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from brainio.cache import Cache, Unpacked, hash_file
from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile, resolve, stimulus_set_of
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_UNAVAILABLE
from brainio.errors import (
    BrainioError,
    CatalogWarning,
    EntryStatusWarning,
    EntryUnavailableError,
    FormatError,
    IntegrityError,
    LocationError,
    StimulusSetFormatError,
    StreamWarning,
    TransferError,
    UnknownClassError,
)
from brainio.progress import transfer_bar
from brainio.stimuli import StimulusSet, StimulusSetLoader
from brainio.stores import Location, open_file, open_read, parse_location

if TYPE_CHECKING:
    from brainio.assemblies import DataAssembly
    from brainio.assemblies.chunks import Chunks
    from brainio.stores.ranges import RangeFile

T = TypeVar("T")

__all__ = [
    "BRAINIO_HOME",
    "StimulusSetLoader",
    "fetch_entry",
    "fetch_file",
    "get_assembly",
    "get_local_data_path",
    "get_stimulus_set",
    "load_stimulus_files",
    "local_file",
    "resolve_assembly_class",
    "resolve_stimulus_set_class",
    "unzip",
    "verify_sha1",
]

BRAINIO_HOME = "BRAINIO_HOME"

# Tests of other projects set this to redirect the cache.
_local_data_path: str | os.PathLike[str] | None = None


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
    _warn_of_status(entry, stacklevel=3)
    return _load_stimulus_set(entry)


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
    _warn_of_status(entry, stacklevel=3)
    with _named_in_errors(entry):
        source = _stream(entry) if stream else fetch_entry(entry)["nc"]
    stimulus_set = _stimulus_set_for(entry, stream=stream)
    with _named_in_errors(entry):
        assembly = cls.from_files(
            source,
            stimulus_set_identifier=entry.stimulus_set_identifier or None,
            stimulus_set=stimulus_set,
            **({} if chunks is None else {"chunks": chunks}),  # loaders of others may not know these
            **({"allow_missing_stimuli": True} if allow_missing_stimuli else {}),
        )
    assembly.attrs["identifier"] = entry.identifier
    return assembly


def _stimulus_set_for(entry: Entry, *, stream: bool) -> StimulusSet | None:
    stimuli = stimulus_set_of(entry)
    if stimuli is None:
        return None
    _warn_of_status(stimuli, stacklevel=4)
    if stimuli.status == STATUS_UNAVAILABLE:
        warnings.warn(
            f"assembly {entry.identifier!r} comes without the metadata of its stimuli: {_unavailable(stimuli)}",
            EntryStatusWarning,
            stacklevel=3,
        )
        return None
    return _load_table(stimuli) if stream else _load_stimulus_set(stimuli)


def _load_stimulus_set(entry: Entry) -> StimulusSet:
    _, archive = _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with _named_in_errors(entry):
        paths = fetch_entry(entry)
        return load_stimulus_files(paths["csv"], paths["zip"], entry.identifier, archive.sha1, cls)


def _load_table(entry: Entry) -> StimulusSet:
    """Load a stimulus set without its files, which are fetched when the first path is looked at."""
    table, _ = _files_of_stimulus_set(entry)
    cls = resolve_stimulus_set_class(entry.class_name)
    with _named_in_errors(entry):
        path = _fetch_entry_file(entry, table)
        stimulus_set: StimulusSet = StimulusSetLoader(cls, path, partial(_folder_of_stimuli, entry)).load()
    stimulus_set.identifier = entry.identifier
    return stimulus_set


def _folder_of_stimuli(entry: Entry) -> Path:
    _load_stimulus_set(entry)  # which checks that all files are there
    return _cache().unpack(fetch_entry(entry)["zip"], _files_of_stimulus_set(entry)[1].sha1 or None).folder


def _files_of_stimulus_set(entry: Entry) -> tuple[EntryFile, EntryFile]:
    table, archive = entry.file("csv"), entry.file("zip")
    if table is None or archive is None:
        raise EntryUnavailableError(_unavailable(entry))
    return table, archive


def _stream(entry: Entry) -> "RangeFile":
    """Open the file of an assembly where it lies, or the verified copy of it that is in the cache."""
    _require_available(entry)
    file = entry.file("nc")
    if file is None:
        raise EntryUnavailableError(_unavailable(entry))
    places = _places_of(entry, file)
    if (cached := _cached(places, file.sha1, file.sha256)) is not None:
        return open_file(parse_location(cached.as_uri()))
    opened = _first_that_works(lambda place, version: open_file(place, version or None), places)
    pin = f"pinned by {opened.pin}" if opened.pin else "pinned by nothing, since its store names no version"
    warnings.warn(
        f"{entry.kind} {entry.identifier!r} is read from {opened} as it is used: {pin}, not verified by a hash; "
        f"without stream=True it is fetched and verified",
        StreamWarning,
        stacklevel=3,
    )
    return opened


@contextmanager
def _named_in_errors(entry: Entry) -> Iterator[None]:
    """Begin messages about the bytes of an entry with its name: whoever asked for it knows no paths and hashes."""
    try:
        yield
    except (FormatError, TransferError, IntegrityError) as error:
        raise type(error)(f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}: {error}") from error


def load_stimulus_files(
    csv_path: Path, zip_path: Path, identifier: str, zip_sha1: str = "", cls: type[StimulusSet] = StimulusSet
) -> StimulusSet:
    """Make a stimulus set of a CSV and a ZIP file on this machine.

    Parameters
    ----------
    zip_sha1 : str
        The verified hash of the ZIP file; without it the file is hashed again.

    Raises
    ------
    StimulusSetFormatError, ArchiveError
        The files break the format; for one, a row names a file that the archive does not hold.
    """
    unpacked = _cache().unpack(zip_path, zip_sha1 or None)
    stimulus_set = StimulusSetLoader(cls, csv_path, unpacked.folder).load()
    _require_members(stimulus_set, unpacked, csv_path, zip_path)
    stimulus_set.identifier = identifier
    return stimulus_set


def _require_members(stimulus_set: StimulusSet, unpacked: Unpacked, csv_path: Path, zip_path: Path) -> None:
    missing = ~stimulus_set["filename"].isin(unpacked.members)
    if not missing.any():
        return
    lacking = stimulus_set.loc[missing, ["stimulus_id", "filename"]].head(5).itertuples(index=False)
    named = ", ".join(f"{row.filename!r} (stimulus_id {row.stimulus_id!r})" for row in lacking)
    raise StimulusSetFormatError(
        f"{zip_path} lacks {missing.sum()} of the {len(stimulus_set)} files that {csv_path} names: {named}"
        f"{', ...' if missing.sum() > 5 else ''}; the package must be made again with these files in its ZIP archive"
    )


def fetch_entry(entry: Entry) -> dict[str, Path]:
    """Bring the files of an entry into the cache and return where they are: part (`'csv'`, `'zip'`, `'nc'`) -> path.

    Raises
    ------
    EntryUnavailableError, LocationError, TransferError, IntegrityError
    """
    _require_available(entry)
    return {file.part: _fetch_entry_file(entry, file) for file in entry.files}


def _require_available(entry: Entry) -> None:
    if entry.status == STATUS_UNAVAILABLE:
        raise EntryUnavailableError(_unavailable(entry))


def _fetch_entry_file(entry: Entry, file: EntryFile) -> Path:
    if not (file.sha1 or file.sha256):
        warnings.warn(
            f"catalog {entry.catalog!r} promises no hash for the {file.part} file of {entry.kind} "
            f"{entry.identifier!r}; its bytes are taken as they come",
            CatalogWarning,
            stacklevel=2,
        )
    return local_file(_places_of(entry, file), sha1=file.sha1, sha256=file.sha256, size=file.size)


def _places_of(entry: Entry, file: EntryFile) -> list[tuple[Location, str]]:
    first = (_place_of(entry, file.location, file.location_type), file.version_id)
    return [first, *((mirror, "") for mirror in _mirrors(entry, file))]


def _place_of(entry: Entry, location: str, location_type: str = "") -> Location:
    """Read a location that the catalog of an entry states; one from the network may not name places on this machine."""
    place = parse_location(location, location_type, base=entry.base)
    if place.is_local and "://" in entry.base and not entry.base.startswith(f"{place.location_type}://"):
        raise LocationError(
            f"catalog {entry.catalog!r} came over the network and may not name a place on this machine: "
            f"{place} (of {entry.kind} {entry.identifier!r}); copy the catalog if you trust it"
        )
    return place


def _mirrors(entry: Entry, file: EntryFile) -> Iterator[Location]:
    for mirror in file.mirrors:
        try:
            yield _place_of(entry, mirror)
        except LocationError as error:
            warnings.warn(
                f"a mirror of {entry.kind} {entry.identifier!r} is left out: {error}", CatalogWarning, stacklevel=2
            )


def local_file(
    places: Iterable[tuple[Location, str]], *, sha1: str = "", sha256: str = "", size: int | None = None
) -> Path:
    """Return the verified local copy of a file, fetched from the first place that gives the right bytes.

    Parameters
    ----------
    places : iterable of (Location, str)
        Locations of the same bytes with their version ids (empty: none stated), in the order to try them.
    sha1, sha256 : str
        Promised hashes; with neither, what a location and version once gave is what they mean.
    size : int, optional
        Promised size in bytes.

    Raises
    ------
    TransferError, IntegrityError
        No place gave the right bytes; the message has the reason of each.
    """
    places = list(places)
    location, version_id = places[0]
    found = _cached(places, sha1, sha256)
    if found is not None and size in (None, found.stat().st_size):
        return found
    cache = _cache()

    def download(place: Location, version: str) -> Path:
        return _download(cache, place, version, name=location.name, sha1=sha1, sha256=sha256, size=size)

    path = _first_that_works(download, places)
    if not sha1:
        cache.remember(location.url, version_id or None, hash_file(path), location.name)
    return path


def _cached(places: list[tuple[Location, str]], sha1: str, sha256: str) -> Path | None:
    """Return the verified local copy of a file, None where there is none."""
    location, version_id = places[0]
    if sha1:
        return _cache().find(sha1, location.name, sha256 or None)
    return _cache().recall(location.url, version_id or None, sha256 or None)


def _first_that_works(get: Callable[[Location, str], T], places: list[tuple[Location, str]]) -> T:
    """Return what the first place gives from which something can be had."""
    failures: list[BrainioError] = []
    for place, version_id in places:
        try:
            return get(place, version_id)
        except (LocationError, TransferError, IntegrityError) as failure:
            failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    reasons = "\n".join(f"- {failure}" for failure in failures)
    all_wrong = all(isinstance(failure, IntegrityError) for failure in failures)
    error = IntegrityError if all_wrong else TransferError
    raise error(f"{places[0][0].name} could not be had from any of its {len(failures)} locations:\n{reasons}")


def _download(
    cache: Cache, place: Location, version_id: str, *, name: str, sha1: str, sha256: str, size: int | None
) -> Path:
    with open_read(place, version_id or None) as reading:
        chunks = _with_progress(reading.chunks(), name, reading.facts.size or size)
        try:
            return cache.add(chunks, name=name, sha1=sha1 or None, sha256=sha256 or None, size=size)
        except IntegrityError as error:
            raise IntegrityError(f"{place}: {error}") from error


def _with_progress(chunks: Iterator[bytes], name: str, size: int | None) -> Iterator[bytes]:
    """Pass chunks on and show their progress."""
    with transfer_bar(name, size) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))


def _warn_of_status(entry: Entry, *, stacklevel: int) -> None:
    if entry.status in (STATUS_CURRENT, STATUS_UNAVAILABLE):
        return
    instead = f"; its successor is {entry.successor!r}" if entry.successor else ""
    version = f" (version {entry.version})" if entry.version else ""
    warnings.warn(
        f"{entry.kind} {entry.identifier!r}{version} is {entry.status} in catalog {entry.catalog!r}{instead}",
        EntryStatusWarning,
        stacklevel=stacklevel,
    )


def _unavailable(entry: Entry) -> str:
    parts = ("csv", "zip") if entry.lookup_type == TYPE_STIMULUS_SET else ("nc",)
    lacking = [part.upper() for part in parts if entry.file(part) is None]
    default = f"the catalog lists no {' and no '.join(lacking)} file" if lacking else "the catalog gives no reason"
    return (
        f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} cannot be had: "
        f"{_status_reason(entry) or default}"
    )


def _status_reason(entry: Entry) -> str:
    """Read from its card why an entry cannot be had; empty where there is none."""
    if not entry.card:
        return ""
    try:
        with open_read(_place_of(entry, entry.card)) as reading:
            card = json.loads(b"".join(reading.chunks()))
    except (TransferError, LocationError, ValueError):
        return ""
    return str(card.get("status_reason", "")) if isinstance(card, dict) else ""


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


def get_local_data_path() -> str:
    """Return the folder of the cache: what the environment variable `BRAINIO_HOME` says, else `~/.brainio`."""
    if _local_data_path is not None:
        return os.fspath(_local_data_path)
    return str(Path(os.environ.get(BRAINIO_HOME) or "~/.brainio").expanduser().absolute())


def _cache() -> Cache:
    return Cache(Path(get_local_data_path()))


def fetch_file(location_type: str, location: str, sha1: str | None = None, version_id: str | None = None) -> str:
    """Fetch one file, verify it and return its local path.

    Parameters
    ----------
    location_type : str
        `'S3'`, or a protocol of fsspec.
    location : str
        As catalogs write it, e.g. `'https://BUCKET.s3.amazonaws.com/KEY'`.
    sha1 : str, optional
        Promised hash; without it the bytes are taken as they come.
    version_id : str, optional
        S3's.

    Raises
    ------
    LocationError, TransferError, IntegrityError
    """
    return str(local_file([(parse_location(location, location_type), version_id or "")], sha1=sha1 or ""))


def unzip(zip_path: str | os.PathLike[str]) -> str:
    """Unpack a ZIP archive into the cache and return the folder, which appears complete or not at all.

    Raises
    ------
    ArchiveError
        The archive is damaged or holds a member that may not be unpacked.
    """
    return str(_cache().unpack(Path(zip_path)).folder)


def verify_sha1(filepath: str | os.PathLike[str], sha1: str) -> None:
    """Raise `IntegrityError` (an OSError) unless a file has this SHA-1."""
    found = hash_file(Path(filepath))
    if found != sha1.lower():
        raise IntegrityError(f"{filepath}: invalid SHA-1 hash {found} (expected {sha1}); fetch the file again")
