"""Export of entries for other programs: `brainio.export` returns or writes a description, and copies the files."""

import filecmp
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from brainio.catalogs import Entry
from brainio.errors import ExchangeError
from brainio.exchange.croissant import DescribedFile, Node, croissant
from brainio.fetch import fetch_entry
from brainio.fetch.cache_access import prevent_pruning
from brainio.fetch.hooks import entries_of
from brainio.local_files import absolute_path, atomic_path, write_file
from brainio.stores import public_url

FORMATS = ("croissant",)


def export(
    identifier: str,
    output: str | os.PathLike[str] | None = None,
    *,
    format: str = "croissant",  # noqa: A002 - the usual name of this parameter
    kind: str | None = None,
    catalog: str | None = None,
    version: str | None = None,
    with_files: bool = False,
) -> Node:
    """Describe an entry as Croissant 1.0, which `mlcroissant` and other tools read.

    The description locates each file: on S3 and the web by https URL, with the version from the catalog; on this
    machine by absolute path; with `with_files` by its name next to the description. Nothing is fetched without
    `with_files`. The fields of the records come from the table if it is on this machine, otherwise from the card;
    without either, there are no records.

    Parameters
    ----------
    identifier : str
        Identifier or alias. If it names a stimulus set and an assembly, the description covers both.
    output : str or path, optional
        File to write the description to, in an existing folder.
    format : {'croissant'}, default 'croissant'
        The format; there is only one so far.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: export only the entry of this kind.
    catalog, version : str, optional
        As for `get_assembly`.
    with_files : bool, default False
        Fetch the files and copy them next to `output`, so that the folder is complete and can be moved.

    Returns
    -------
    dict
        The JSON-LD.

    Warns
    -----
    CatalogWarning
        The SHA-256 of a file is neither in the catalog nor can it be computed from a cached file. Readers need it;
        fetch the file first.

    Raises
    ------
    EntryLookupError
        The identifier does not resolve to an entry.
    ExchangeError
        `format` is unknown; `output` is missing although `with_files` is set, or cannot be written; or a file next to
        `output` has the name of a file of the entry, but other content.
    EntryUnavailableError, TransferError, IntegrityError
        With `with_files`, as for `get_assembly`.

    Examples
    --------
    >>> document = export("modelfest.Carney1999", kind="stimulus_set")
    >>> [node["@type"] for node in document["distribution"]]
    ['cr:FileObject', 'cr:FileObject', 'cr:FileSet']
    """
    if format not in FORMATS:
        raise ExchangeError(f"unknown export format {format!r}; expected {', '.join(FORMATS)}")
    if with_files and output is None:
        raise ExchangeError("with_files copies files next to the description; name its file with output=")
    entries = entries_of(identifier, catalog=catalog, kind=kind, version=version)
    if output is None:
        return croissant(entries, _public_url)
    path = absolute_path(output)
    if path.is_dir() or not path.parent.is_dir():
        raise ExchangeError(f"{path} cannot be written; expected the name of a file in a folder that exists")
    if not with_files:
        return _write_description(path, entries, _public_url)
    with prevent_pruning():
        for entry in entries:
            fetch_entry(entry)
        return _write_description(path, entries, _copier(path.parent))


def _write_description(path: Path, entries: Sequence[Entry], url_of: Callable[[DescribedFile], str]) -> Node:
    """Write the description of entries to a file, and return it."""
    try:
        document = croissant(entries, url_of)
        write_file(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ExchangeError(f"{path} cannot be written: {error}") from error
    return document


def _public_url(file: DescribedFile) -> str:
    location, version_id = file.expected.locations[0]
    return public_url(location, version_id)


def _copier(folder: Path) -> Callable[[DescribedFile], str]:
    """Return a function that copies a file into a folder, and returns its name there."""

    def copy(file: DescribedFile) -> str:
        target = folder / file.id
        if file.path is not None and not _is_copied(target, file.path):
            with atomic_path(target, durable=False) as temporary:  # a lost copy can be exported again
                shutil.copyfile(file.path, temporary)
        return file.id

    return copy


def _is_copied(target: Path, source: Path) -> bool:
    """Return whether a target has the content of a source; never replace other content, which may be the user's."""
    if not target.exists():
        return False
    if target.is_file() and filecmp.cmp(target, source, shallow=False):
        return True
    raise ExchangeError(f"{target} exists with other content; move it away, or name another folder")
