"""Loads files that code pins by bucket, version and hash, without a catalog.

A face over `brainio.fetch`: the same cache, the same checks. `bucket` may be `BUCKET/FOLDER` everywhere.
"""

import shutil
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TypeVar, cast

from brainio.assemblies import (
    AssemblyLoader,
    DataAssembly,
    StimulusMergeAssemblyLoader,
    StimulusReferenceAssemblyLoader,
)
from brainio.cache import hash_file as sha1_hash
from brainio.catalogs.entries import file_name
from brainio.fetch import ExpectedFile, ensure_cached, load_stimulus_files
from brainio.fetch.cache_access import retry_if_pruned
from brainio.local_files import atomic_path
from brainio.stimuli import StimulusSet
from brainio.stores import parse_location

__all__ = [
    "download_file_if_not_exists",
    "get_path",
    "load_assembly_from_s3",
    "load_file",
    "load_file_from_s3",
    "load_folder_from_s3",
    "load_stimulus_set_from_s3",
    "load_weight_file",
    "sha1_hash",
]

_WEIGHTS_FOLDER = "models"

Assembly = TypeVar("Assembly", bound=DataAssembly)


def load_stimulus_set_from_s3(
    identifier: str,
    bucket: str,
    csv_sha1: str,
    zip_sha1: str,
    csv_version_id: str | None = None,
    zip_version_id: str | None = None,
    filename_prefix: str | None = None,
) -> StimulusSet:
    """Load the stimulus set whose files are `stimulus_<identifier>.csv` and `.zip` (dots as underscores).

    Parameters
    ----------
    identifier : str
        Of the stimulus set.
    bucket : str
        `BUCKET` or `BUCKET/FOLDER`.
    csv_sha1, zip_sha1 : str
        Hashes of the two files.
    csv_version_id, zip_version_id : str, optional
        S3's; `'null'` is the version of an object without versioning.
    filename_prefix : str, optional
        Another start of the file names than `stimulus_`, for example `image_`.

    Raises
    ------
    TransferError, IntegrityError, StimulusSetFormatError, ArchiveError
    """

    def load() -> StimulusSet:
        paths = [
            get_path(identifier, part, bucket, version_id, sha1, filename_prefix)
            for part, version_id, sha1 in (("csv", csv_version_id, csv_sha1), ("zip", zip_version_id, zip_sha1))
        ]
        return load_stimulus_files(Path(paths[0]), Path(paths[1]), identifier, zip_sha1)

    return retry_if_pruned(load)


def load_assembly_from_s3(
    identifier: str,
    version_id: str | None,
    sha1: str,
    bucket: str,
    cls: type[Assembly],
    stimulus_set_loader: Callable[[], StimulusSet] | None = None,
    merge_stimulus_set_meta: bool = True,
    allow_missing_stimuli: bool = False,
) -> Assembly:
    """Load the assembly whose file is `assy_<identifier>.nc` (dots as underscores).

    Parameters
    ----------
    identifier : str
        Of the assembly.
    version_id : str or None
        S3's; `'null'` is the version of an object without versioning.
    sha1 : str
        Hash of the file.
    bucket : str
        `BUCKET` or `BUCKET/FOLDER`.
    cls : type
        Class of the assembly.
    stimulus_set_loader : callable, optional
        Returns the stimulus set of the assembly; without it the assembly refers to none.
    merge_stimulus_set_meta : bool
        Whether the metadata of the stimuli are joined in.
    allow_missing_stimuli : bool
        Whether presentations whose stimulus the set lacks get missing values in place of an error.

    Raises
    ------
    TransferError, IntegrityError, AssemblyFormatError
    """
    path = Path(get_path(identifier, "nc", bucket, version_id, sha1))
    loader: AssemblyLoader
    if stimulus_set_loader is None:
        loader = AssemblyLoader(cls=cls, file_path=path)
    else:
        stimulus_set = stimulus_set_loader()
        loader_class = StimulusMergeAssemblyLoader if merge_stimulus_set_meta else StimulusReferenceAssemblyLoader
        loader = loader_class(
            cls=cls,
            file_path=path,
            stimulus_set_identifier=stimulus_set.identifier,
            stimulus_set=stimulus_set,
            allow_missing_stimuli=allow_missing_stimuli,
        )

    def load() -> Assembly:
        loader.file_path = path if path.exists() else Path(get_path(identifier, "nc", bucket, version_id, sha1))
        return cast("Assembly", loader.load())

    assembly = retry_if_pruned(load)
    assembly.attrs["identifier"] = identifier
    return assembly


def load_file(
    bucket: str,
    relative_path: str,
    version_id: str | None = None,
    folder_name: str | None = None,
    sha1: str | None = None,
) -> Path:
    """Fetch a file of a model and return its local path, which keeps the name of the file.

    Parameters
    ----------
    bucket : str
        `BUCKET` or `BUCKET/FOLDER`.
    relative_path : str
        Path below the folder.
    version_id : str, optional
        S3's.
    folder_name : str, optional
        Folder in the bucket; by default `models`.
    sha1 : str, optional
        Hash of the file. Without it, what this location and version gave first is what later calls return, until
        `brainio cache rm SHA1` removes it (`brainio cache ls` shows the SHA-1).

    Raises
    ------
    TransferError, IntegrityError
    """
    folder = (folder_name or _WEIGHTS_FOLDER).strip("/")
    return _fetch(bucket, f"{folder}/{relative_path}", version_id, sha1)


def load_weight_file(
    bucket: str, relative_path: str, version_id: str | None, sha1: str, folder_name: str | None = None
) -> Path:
    """Fetch the weights of a model: `load_file` with a hash."""
    return load_file(bucket, relative_path, version_id, folder_name, sha1)


def load_folder_from_s3(
    bucket: str,
    folder_path: str,
    filename_version_sha: Iterable[tuple[str, str | None, str | None]],
    save_directory: str | PathLike[str],
) -> None:
    """Fetch several files of one folder, each given as (name, version id, SHA-1), into a directory."""
    for name, version_id, sha1 in filename_version_sha:
        load_file_from_s3(bucket, f"{folder_path}/{name}", Path(save_directory) / name, sha1, version_id)


def load_file_from_s3(
    bucket: str,
    path: str,
    local_filepath: str | PathLike[str],
    sha1: str | None = None,
    version_id: str | None = None,
) -> None:
    """Fetch a file and copy it to a path; the copy appears there complete or not at all.

    Raises
    ------
    TransferError, IntegrityError
    """
    target = Path(local_filepath)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target, durable=False) as temporary:  # the file can be fetched again
        shutil.copyfile(_fetch(bucket, path, version_id, sha1), temporary)


def download_file_if_not_exists(local_path: str | PathLike[str], bucket: str, remote_filepath: str) -> None:
    """Fetch a file and copy it to a path, unless that exists already."""
    if not Path(local_path).is_file():
        load_file_from_s3(bucket, remote_filepath, local_path)


def get_path(
    identifier: str,
    file_type: str,
    bucket: str,
    version_id: str | None,
    sha1: str,
    filename_prefix: str | None = None,
    folder_name: str | None = None,
) -> str:
    """Fetch one file of a package and return its local path.

    Parameters
    ----------
    file_type : str
        `'csv'`, `'zip'` or `'nc'`.
    filename_prefix : str, optional
        By default `stimulus_` for CSV and ZIP files, `assy_` for netCDF files.
    folder_name : str, optional
        Folder below `bucket`.
    """
    name = file_name(identifier, file_type, filename_prefix)
    return str(_fetch(bucket, f"{folder_name.strip('/')}/{name}" if folder_name else name, version_id, sha1))


def _fetch(bucket: str, key: str, version_id: str | None, sha1: str | None) -> Path:
    location = parse_location(f"s3://{bucket.strip('/')}/{key}", "S3")
    return ensure_cached(ExpectedFile([(location, version_id or "")], (sha1 or "").lower()))
