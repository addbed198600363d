"""`brainio.export`: an identifier described for other programs; on wish in a file, and with the data beside it."""

import filecmp
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from brainio.catalogs import Entry
from brainio.errors import ExchangeError
from brainio.exchange.croissant import croissant
from brainio.exchange.distribution import Described, Node
from brainio.fetch import fetch_entry
from brainio.fetch.cache_access import prevent_pruning
from brainio.fetch.hooks import entries_of
from brainio.home import absolute_path
from brainio.local_files import atomic_path, write_file
from brainio.stores import public_url

FORMATS = ("croissant",)


def export(
    identifier: str,
    output: str | os.PathLike[str] | None = None,
    *,
    format: str = "croissant",  # noqa: A002 - what everybody calls it
    kind: str | None = None,
    catalog: str | None = None,
    version: str | None = None,
    with_files: bool = False,
) -> Node:
    """Describe what an identifier names as Croissant 1.0, which `mlcroissant` and others read.

    Where files lie is said as readers find them: on S3 and the web by https URL, with the version that the catalog
    states; on this machine by absolute path, or, with `with_files`, by their name beside the description. Nothing is
    fetched without `with_files`. The fields of records are those of the table where that is in the cache, else those
    of the card; without either there are no records.

    Parameters
    ----------
    identifier : str
        Identifier or alias; one that names a stimulus set and an assembly gives a description of both.
    output : str or path, optional
        File to write the description to, in a folder that exists.
    format : {'croissant'}, default 'croissant'
        The only one so far.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: what of both an identifier means.
    catalog, version : str, optional
        As for `get_assembly`.
    with_files : bool, default False
        Fetch the files and put copies of them beside `output`, so that the folder can be moved as a whole.

    Returns
    -------
    dict
        The JSON-LD.

    Warns
    -----
    CatalogWarning
        A file has no SHA-256 that catalog or cache knows. Readers want one: fetch the file first.

    Raises
    ------
    EntryLookupError
        The identifier leads nowhere.
    ExchangeError
        `format` is not known, files are wanted and there is no `output`, or it cannot be written; with `with_files`,
        there is another file under the name of one of the entry.
    EntryUnavailableError, TransferError, IntegrityError
        With `with_files`, as for `get_assembly`.

    Examples
    --------
    >>> described = export("modelfest.Carney1999", kind="stimulus_set")
    >>> [node["@type"] for node in described["distribution"]]
    ['cr:FileObject', 'cr:FileObject', 'cr:FileSet']
    """
    if format not in FORMATS:
        raise ExchangeError(f"nothing is exported to the format {format!r}; expected {', '.join(FORMATS)}")
    if with_files and output is None:
        raise ExchangeError("files are put beside the description; name its file as well")
    entries = entries_of(identifier, catalog=catalog, kind=kind, version=version)
    if output is None:
        return croissant(entries, _where_it_lies)
    where = absolute_path(output)
    if where.is_dir() or not where.parent.is_dir():
        raise ExchangeError(f"{where} is no file that could be written; name one in a folder that exists")
    if not with_files:
        return _written(where, entries, _where_it_lies)
    with prevent_pruning():
        for entry in entries:
            fetch_entry(entry)
        return _written(where, entries, _copied_to(where.parent))


def _written(where: Path, entries: Sequence[Entry], url_of: Callable[[Described], str]) -> Node:
    """Write the description of entries to a file, and return it."""
    try:
        document = croissant(entries, url_of)
        write_file(where, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ExchangeError(f"{where} cannot be written: {error}") from error
    return document


def _where_it_lies(file: Described) -> str:
    place, version_id = file.expected.locations[0]
    return public_url(place, version_id)


def _copied_to(folder: Path) -> Callable[[Described], str]:
    """Return what copies a file into a folder and gives its name there."""

    def copied(file: Described) -> str:
        target = folder / file.id
        if file.path is not None and not _holds(target, file.path):
            with atomic_path(target, durable=False) as temporary:  # can be exported again
                shutil.copyfile(file.path, temporary)
        return file.id

    return copied


def _holds(target: Path, path: Path) -> bool:
    """Whether a file is there already; one that holds something else may be somebody's own."""
    if not target.exists():
        return False
    if target.is_file() and filecmp.cmp(target, path, shallow=False):
        return True
    raise ExchangeError(f"{target} is there and holds something else; move it away, or name another folder")
