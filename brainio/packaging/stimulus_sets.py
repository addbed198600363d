"""Packages stimulus sets: checked, written as CSV and ZIP, stored, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from brainio.cards import compute_card
from brainio.catalogs import TYPE_STIMULUS_SET
from brainio.catalogs.entries import file_name
from brainio.home import absolute_path
from brainio.packaging.archives import create_stimulus_csv, create_stimulus_zip
from brainio.packaging.checks import refuse
from brainio.packaging.files import temporary_folder, writing_in
from brainio.packaging.publish import (
    DEFAULT_BUCKET,
    CatalogName,
    Package,
    PackagedFile,
    canonical_facts,
    publish,
    work_folder,
)
from brainio.packaging.readback import check_stimulus_set
from brainio.packaging.renamed import accepts_older_calls
from brainio.validation import identifier_problems, stimulus_set_problems

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from brainio.stimuli import StimulusSet


@accepts_older_calls(
    pd.DataFrame,
    catalog_keyword="catalog_name",
    same="catalog_identifier",
    renamed={"stimulus_set_name": "stimulus_set_identifier"},
)
def package_stimulus_set(
    catalog_name: CatalogName,
    proto_stimulus_set: StimulusSet,
    stimulus_set_identifier: str,
    bucket_name: str | os.PathLike[str] = DEFAULT_BUCKET,
    *,
    entry_facts: Mapping[str, str] | None = None,
    card_facts: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> dict[str, str | None]:
    """Check a stimulus set, write its files, store them, and then add it to a catalog.

    Parameters
    ----------
    catalog_name : str, path or None
        Identifier of a catalog in force, the `Path` of a catalog's CSV file, or its location on S3, such as
        `'s3://bucket/lab.csv'`; None: no catalog. A catalog that does not exist is made.
    proto_stimulus_set : StimulusSet
        A row a stimulus with a unique `stimulus_id`, and `stimulus_paths` from `stimulus_id` to local file. All columns
        are published. A column `filename` says how the files are named in the archive; without one they are named by
        `stimulus_id`. It is not changed.
    stimulus_set_identifier : str
        Under which it is published, by convention `<lab>.<FirstAuthor><Year>`.
    bucket_name : str or path
        Where the files go: `'bucket'` or `'bucket/folder'` on S3, the path of a local folder (absolute, or a `Path`),
        or a URL such as `'file:///lab/store'`.
    entry_facts : mapping, optional
        Further columns of the entry's rows, e.g. `{'license': 'CC-BY-4.0', 'publication': 'doe2026'}`. `version` makes
        a version of its own, whose files go below a folder of that name; what was current becomes superseded and stays
        loadable by `version=`.
    card_facts : mapping, optional
        What no data can tell, for the entry's card: `citation`, `doi`, `authors` (names, or mappings with `name` and
        `orcid`), `species`; see `brainio.cards.normalize_facts`. The licence is taken from `entry_facts`.
    dry_run : bool, default False
        Check everything and store nothing; the answer has a further text `plan`, which says what would happen.

    Returns
    -------
    dict
        `identifier`, `bucket`, `csv_sha1`, `zip_sha1`, and the version ids `csv_version_id`, `zip_version_id` that the
        store gave (None: it has no versions, or the file lay there already). `bucket` is `bucket_name`, or where the
        files lie if the catalog lists the same bytes elsewhere.

    Raises
    ------
    PackagingError
        The stimulus set or its rows break the format (all problems are listed), the catalog lists the identifier and
        version with other bytes, or other bytes lie where a file would go. Nothing was overwritten.
    CatalogError
        The catalog cannot be read or written. It is as it was.
    TransferError
        A file could not be stored. The catalog is as it was. What was sent is used when the same is run again.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> folder.mkdir()
    >>> _ = (folder / "a.txt").write_text("The horse raced past the barn fell.")
    >>> sentences = StimulusSet({"stimulus_id": ["garden1"], "n_words": [7]})
    >>> sentences.stimulus_paths = {"garden1": folder / "a.txt"}
    >>> made = package_stimulus_set(folder / "lab.csv", sentences, "lab.Doe2026", bucket_name=folder / "files")
    >>> sorted(path.name for path in (folder / "files").iterdir())
    ['stimulus_lab_Doe2026.csv', 'stimulus_lab_Doe2026.zip']
    """
    _check(proto_stimulus_set, stimulus_set_identifier)
    told = canonical_facts(entry_facts)
    card = compute_card(
        proto_stimulus_set,
        identifier=stimulus_set_identifier,
        class_name="StimulusSet",
        version=told.get("version", ""),
        facts=facts_of_card(told, card_facts),
    )
    with work_folder() as folder:
        files = _write(proto_stimulus_set, stimulus_set_identifier, folder)
        package = Package(TYPE_STIMULUS_SET, stimulus_set_identifier, files, card, entry_facts=told)
        published = publish(package, bucket_name, catalog_name, dry_run=dry_run)
    return {
        "identifier": stimulus_set_identifier,
        "bucket": published.bucket,
        "csv_sha1": files[0].sha1,
        "zip_sha1": files[1].sha1,
        "csv_version_id": published.version_ids[0],
        "zip_version_id": published.version_ids[1],
    } | ({"plan": published.plan} if dry_run else {})


def package_stimulus_set_locally(
    proto_stimulus_set: StimulusSet, stimulus_set_identifier: str, downloads_path: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Check a stimulus set and write its files into a folder, to be uploaded by hand.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        As for `package_stimulus_set`.
    stimulus_set_identifier : str
        Under which it will be published.
    downloads_path : path, optional
        The folder, made where it does not exist; by default `~/Downloads`.

    Returns
    -------
    dict
        `identifier`, `csv_path`, `csv_sha1`, `zip_path`, `zip_sha1`.

    Raises
    ------
    PackagingError
        The stimulus set breaks the format; all problems are listed.
    """
    _check(proto_stimulus_set, stimulus_set_identifier)
    folder = local_folder(downloads_path)
    # No file gets its name before both are made.
    with temporary_folder(folder) as work:
        table, archive = _write(proto_stimulus_set, stimulus_set_identifier, work)
        paths = [file.path.replace(folder / file.path.name) for file in (table, archive)]
    return {
        "identifier": stimulus_set_identifier,
        "csv_path": str(paths[0]),
        "csv_sha1": table.sha1,
        "zip_path": str(paths[1]),
        "zip_sha1": archive.sha1,
    }


def facts_of_card(entry_facts: Mapping[str, str], card_facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the card of an entry says beside what its data tell; the licence is that of its rows."""
    return {"license": entry_facts.get("license"), **(card_facts or {})}


def local_folder(downloads_path: str | os.PathLike[str] | None) -> Path:
    """Return the folder for packages that are uploaded by hand, and make it.

    Parameters
    ----------
    downloads_path : path, optional
        The folder; by default `~/Downloads`.

    Raises
    ------
    PackagingError
        It cannot be made.
    """
    folder = absolute_path("~/Downloads" if downloads_path is None else downloads_path)
    with writing_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check(proto_stimulus_set: StimulusSet, identifier: str) -> None:
    problems = identifier_problems(identifier) + stimulus_set_problems(proto_stimulus_set)
    refuse(f"the stimulus set {identifier!r}", problems)


def _write(proto_stimulus_set: StimulusSet, identifier: str, folder: Path) -> list[PackagedFile]:
    csv_path, zip_path = (folder / file_name(identifier, part) for part in ("csv", "zip"))
    zip_sha1, members = create_stimulus_zip(proto_stimulus_set, zip_path)
    published = proto_stimulus_set.assign(filename=members)
    csv_sha1 = create_stimulus_csv(published, csv_path)
    check_stimulus_set(csv_path, zip_path, published, zip_sha1)
    return [PackagedFile(csv_path, "StimulusSet", csv_sha1), PackagedFile(zip_path, "", zip_sha1)]
