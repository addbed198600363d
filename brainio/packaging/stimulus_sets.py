"""Packaging of stimulus sets: check them, write their CSV and ZIP files, and publish these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from brainio.cards import compute_card
from brainio.catalogs import TYPE_STIMULUS_SET
from brainio.catalogs.entries import file_name
from brainio.packaging.archives import create_stimulus_zip
from brainio.packaging.checks import raise_for_problems
from brainio.packaging.older_calls import accepts_older_calls
from brainio.packaging.output_files import output_folder, temporary_folder
from brainio.packaging.packages import Package, PackagedFile, canonical_facts, combine_card_facts
from brainio.packaging.publishing import DEFAULT_BUCKET, publish
from brainio.packaging.readback import check_stimulus_set
from brainio.packaging.typed_csv import write_stimulus_csv
from brainio.validation import identifier_problems, stimulus_set_problems

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from brainio.packaging.packages import CatalogName
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
        Identifier of an active catalog, or the `Path` or URL of a catalog, such as `'s3://bucket/lab.csv'`; None: no
        catalog. A missing catalog is created.
    proto_stimulus_set : StimulusSet
        One row for each stimulus with a unique `stimulus_id`; `stimulus_paths` maps each `stimulus_id` to a local file.
        All columns are published. The column `filename` names the files in the archive; by default `stimulus_id` does.
        The stimulus set is not changed.
    stimulus_set_identifier : str
        The identifier to publish, by convention `<lab>.<FirstAuthor><Year>`.
    bucket_name : str or path
        The store of the files: `'bucket'` or `'bucket/folder'` on S3, a local folder (absolute, or a `Path`), or
        a URL such as `'file:///lab/store'`.
    entry_facts : mapping, optional
        Further columns of the entry's rows, e.g. `{'license': 'CC-BY-4.0', 'publication': 'doe2026'}`. `version`
        creates a version of its own, whose files get a folder of that name; the current version becomes superseded and
        remains loadable with `version=`.
    card_facts : mapping, optional
        Facts for the entry's card that the data do not contain: `citation`, `doi`, `authors` (names, or mappings with
        `name` and `orcid`), `species`; see `brainio.cards.normalize_facts`. The licence is taken from `entry_facts`.
    dry_run : bool, default False
        Check everything and store nothing; the additional value `plan` of the result describes the changes.

    Returns
    -------
    dict
        `identifier`, `bucket`, `csv_sha1`, `zip_sha1`, and the version ids `csv_version_id`, `zip_version_id` that the
        store assigned (None: it has no versions, or the file was stored already). `bucket` is `bucket_name`, or the
        folder of the listed files if the catalog lists the same bytes elsewhere.

    Raises
    ------
    PackagingError
        The stimulus set or its rows violate the format (all problems are listed), the catalog lists the identifier and
        version with other bytes, or the location of a file contains other bytes. Nothing was overwritten.
    CatalogError
        The catalog cannot be read or written. It is unchanged.
    TransferError
        A file could not be stored. The catalog is unchanged. Running the same again uses the files that were sent.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> folder.mkdir()
    >>> _ = (folder / "a.txt").write_text("The horse raced past the barn fell.")
    >>> sentences = StimulusSet({"stimulus_id": ["garden1"], "n_words": [7]})
    >>> sentences.stimulus_paths = {"garden1": folder / "a.txt"}
    >>> result = package_stimulus_set(folder / "lab.csv", sentences, "lab.Doe2026", bucket_name=folder / "files")
    >>> sorted(path.name for path in (folder / "files").iterdir())
    ['stimulus_lab_Doe2026.csv', 'stimulus_lab_Doe2026.zip']
    """
    _check(proto_stimulus_set, stimulus_set_identifier)
    facts = canonical_facts(entry_facts)
    card = compute_card(
        proto_stimulus_set,
        identifier=stimulus_set_identifier,
        class_name="StimulusSet",
        version=facts.get("version", ""),
        facts=combine_card_facts(facts, card_facts),
    )
    with temporary_folder() as folder:
        files = _write(proto_stimulus_set, stimulus_set_identifier, folder)
        package = Package(TYPE_STIMULUS_SET, stimulus_set_identifier, files, card, entry_facts=facts)
        result = publish(package, bucket_name, catalog_name, dry_run=dry_run)
    return {
        "identifier": stimulus_set_identifier,
        "bucket": result.bucket,
        "csv_sha1": files[0].sha1,
        "zip_sha1": files[1].sha1,
        "csv_version_id": result.version_ids[0],
        "zip_version_id": result.version_ids[1],
    } | ({"plan": result.plan} if dry_run else {})


def package_stimulus_set_locally(
    proto_stimulus_set: StimulusSet, stimulus_set_identifier: str, downloads_path: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Check a stimulus set and write its files into a folder, to be uploaded by hand.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        See `package_stimulus_set`.
    stimulus_set_identifier : str
        The identifier to publish.
    downloads_path : path, optional
        The folder, created if needed; by default `~/Downloads`.

    Returns
    -------
    dict
        `identifier`, `csv_path`, `csv_sha1`, `zip_path`, `zip_sha1`.

    Raises
    ------
    PackagingError
        The stimulus set violates the format; all problems are listed.
    """
    _check(proto_stimulus_set, stimulus_set_identifier)
    folder = output_folder(downloads_path)
    # Neither file gets its final name before both are complete.
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


def _check(proto_stimulus_set: StimulusSet, identifier: str) -> None:
    problems = identifier_problems(identifier) + stimulus_set_problems(proto_stimulus_set)
    raise_for_problems(f"the stimulus set {identifier!r}", problems)


def _write(proto_stimulus_set: StimulusSet, identifier: str, folder: Path) -> list[PackagedFile]:
    csv_path, zip_path = (folder / file_name(identifier, part) for part in ("csv", "zip"))
    zip_sha1, members = create_stimulus_zip(proto_stimulus_set, zip_path)
    published = proto_stimulus_set.assign(filename=members)
    csv_sha1 = write_stimulus_csv(published, csv_path)
    check_stimulus_set(csv_path, zip_path, published, zip_sha1)
    return [PackagedFile(csv_path, "StimulusSet", csv_sha1), PackagedFile(zip_path, "", zip_sha1)]
