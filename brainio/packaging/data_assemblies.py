"""Packages assemblies: checked, written as one netCDF file with their extras, stored, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import DataAssembly, StimulusMergeAssemblyLoader, flatten_index, named_class
from brainio.assemblies.stimulus_metadata import column_level
from brainio.cards import compute_card
from brainio.catalogs import TYPE_ASSEMBLY
from brainio.catalogs.entries import file_name
from brainio.catalogs.set_hashes import CARD_FIELD, format_hashes, set_hashes
from brainio.netcdf.attributes import SET_HASHES
from brainio.packaging.checks import refuse
from brainio.packaging.netcdf import write_groups
from brainio.packaging.publish import (
    DEFAULT_BUCKET,
    CatalogName,
    Package,
    PackagedFile,
    canonical_facts,
    publish,
    work_folder,
)
from brainio.packaging.readback import check_assembly
from brainio.packaging.references import Reference, find_reference
from brainio.packaging.renamed import accepts_older_calls
from brainio.packaging.stimulus_sets import facts_of_card, local_folder
from brainio.validation import assembly_problems, extra_problems, identifier_problems, problem

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path


@accepts_older_calls(
    xr.DataArray,
    catalog_keyword="catalog_identifier",
    same="catalog_name",
    renamed={
        "data_assembly_name": "assembly_identifier",
        "stimulus_set_name": "stimulus_set_identifier",
        "assembly_class": "assembly_class_name",
    },
)
def package_data_assembly(
    catalog_identifier: CatalogName,
    proto_data_assembly: xr.DataArray,
    assembly_identifier: str,
    stimulus_set_identifier: str,
    assembly_class_name: str = "NeuronRecordingAssembly",
    bucket_name: str | os.PathLike[str] = DEFAULT_BUCKET,
    extras: Mapping[str, xr.DataArray] | None = None,
    *,
    entry_facts: Mapping[str, str] | None = None,
    card_facts: Mapping[str, Any] | None = None,
    stimulus_set_version: str | None = None,
    dry_run: bool = False,
) -> dict[str, str | None]:
    """Check an assembly, write its file, store it, and then add it to a catalog.

    Parameters
    ----------
    catalog_identifier : str, path or None
        Identifier of a catalog in force, the `Path` of a catalog's CSV file, or its location on S3, such as
        `'s3://bucket/lab.csv'`; None: no catalog. A catalog that does not exist is made.
    proto_data_assembly : xarray.DataArray
        With the dimensions of its class, e.g. presentation x neuroid x time_bin, and a coordinate `stimulus_id` along
        one of them (not needed where loading does not join in the stimulus set: `PropertyAssembly`,
        `SpikeTimesAssembly`, `MetadataAssembly`). It is not changed. Presentations must show stimuli of the stimulus
        set that the catalog lists, or, where none is listed or its table cannot be loaded, of that in
        `attrs['stimulus_set']`. Coordinates that loading joins in again from this set are not stored.
    assembly_identifier : str
        Under which it is published, by convention `<lab>.<FirstAuthor><Year>`.
    stimulus_set_identifier : str
        Of the stimulus set that it was recorded with. That catalog, or one in force, must list it: package it first.
        The hashes of the set's files are stored in the assembly's file, so that later versions of the set do not change
        the assembly. With `catalog_identifier=None` no version is known, and none is stored.
    assembly_class_name : str, default 'NeuronRecordingAssembly'
        Class of `brainio.assemblies` that it loads as.
    bucket_name : str or path
        Where the file goes; see `package_stimulus_set`.
    extras : mapping, optional
        Name -> further array, stored as a group of the file. Not named `identifier`, `stimulus_set`,
        `stimulus_set_identifier` or `data`, nor like a coordinate or dimension of the assembly. Arrays in the attrs of
        the assembly, where loading puts extras, are stored as well.
    entry_facts : mapping, optional
        Further columns of the entry's row, e.g. `{'license': 'CC-BY-4.0'}`; `version` makes a version of its own.
    card_facts : mapping, optional
        What no data can tell, for the entry's card: `citation`, `doi`, `authors` (names, or mappings with `name` and
        `orcid`), `species`; see `brainio.cards.normalize_facts`. The licence is taken from `entry_facts`.
    stimulus_set_version : str, optional
        Version of the stimulus set; by default the current one.
    dry_run : bool, default False
        Check everything and store nothing; the answer has a further text `plan`, which says what would happen.

    Returns
    -------
    dict
        `identifier`, `version_id` (None: the store gave none), `sha1`, `bucket`, `cls` (the class name). `bucket` is
        `bucket_name`, or where the file lies if the catalog lists the same bytes elsewhere.

    Raises
    ------
    UnknownClassError
        `assembly_class_name` is no assembly class.
    PackagingError
        The assembly or its row breaks the format (all problems are listed), no catalog lists its stimulus set, the
        catalog lists the identifier and version with other bytes, or other bytes lie where the file would go. Nothing
        was overwritten.
    CatalogError
        The catalog cannot be read or written. It is as it was.
    TransferError
        The file could not be stored. The catalog is as it was. What was sent is used when the same is run again.

    Examples
    --------
    >>> from brainio.assemblies import BehavioralAssembly
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> shown = {"stimulus_id": ("presentation", ["Disk40", "Bessel41"])}
    >>> answers = BehavioralAssembly([1, 0], coords=shown, dims=["presentation"])
    >>> catalog, files = folder / "lab.csv", folder / "files"
    >>> names = {"assembly_identifier": "lab.Doe2026", "stimulus_set_identifier": "modelfest.Carney1999"}
    >>> made = package_data_assembly(
    ...     catalog, answers, **names, assembly_class_name="BehavioralAssembly", bucket_name=files
    ... )
    >>> made["cls"], [path.name for path in files.iterdir()]
    ('BehavioralAssembly', ['assy_lab_Doe2026.nc'])
    """
    labels = _Labels(assembly_identifier, stimulus_set_identifier, assembly_class_name)
    arrays, hashes = _checked(proto_data_assembly, labels, extras, catalog_identifier, stimulus_set_version)
    told = canonical_facts(entry_facts)
    card = compute_card(
        proto_data_assembly.assign_attrs({"stimulus_set_identifier": stimulus_set_identifier, **(extras or {})}),
        identifier=assembly_identifier,
        class_name=assembly_class_name,
        version=told.get("version", ""),
        facts=facts_of_card(told, card_facts),
    )
    card |= {CARD_FIELD: hashes} if hashes else {}
    with work_folder() as folder:
        file = _write(proto_data_assembly, arrays, labels, folder, hashes)
        package = Package(TYPE_ASSEMBLY, assembly_identifier, [file], card, stimulus_set_identifier, told)
        published = publish(package, bucket_name, catalog_identifier, dry_run=dry_run)
    return {
        "identifier": assembly_identifier,
        "version_id": published.version_ids[0],
        "sha1": file.sha1,
        "bucket": published.bucket,
        "cls": assembly_class_name,
    } | ({"plan": published.plan} if dry_run else {})


def package_data_assembly_locally(
    proto_data_assembly: xr.DataArray,
    assembly_identifier: str,
    stimulus_set_identifier: str,
    assembly_class_name: str = "NeuronRecordingAssembly",
    extras: Mapping[str, xr.DataArray] | None = None,
    downloads_path: str | os.PathLike[str] | None = None,
) -> dict[str, str]:
    """Check an assembly and write its file into a folder, to be uploaded by hand.

    Parameters
    ----------
    proto_data_assembly : xarray.DataArray
        As for `package_data_assembly`, as are the next four.
    assembly_identifier : str
        Under which it will be published.
    stimulus_set_identifier : str
        Of the stimulus set that it was recorded with.
    assembly_class_name : str, default 'NeuronRecordingAssembly'
        Class of `brainio.assemblies` that it loads as.
    extras : mapping, optional
        Name -> further array.
    downloads_path : path, optional
        The folder, made where it does not exist; by default `~/Downloads`.

    Returns
    -------
    dict
        `identifier`, `path`, `sha1`, `cls`.

    Raises
    ------
    UnknownClassError
        `assembly_class_name` is no assembly class.
    PackagingError
        The assembly breaks the format; all problems are listed.
    """
    labels = _Labels(assembly_identifier, stimulus_set_identifier, assembly_class_name)
    arrays, hashes = _checked(proto_data_assembly, labels, extras, catalog=None)
    file = _write(proto_data_assembly, arrays, labels, local_folder(downloads_path), hashes)
    return {"identifier": assembly_identifier, "path": str(file.path), "sha1": file.sha1, "cls": assembly_class_name}


class _Labels(NamedTuple):
    """What an assembly is published as."""

    identifier: str
    stimulus_set_identifier: str
    class_name: str


def _checked(
    proto: xr.DataArray,
    labels: _Labels,
    extras: Mapping[str, xr.DataArray] | None,
    catalog: CatalogName,
    stimulus_set_version: str | None = None,
) -> tuple[dict[str, xr.DataArray], dict[str, str]]:
    """Check everything, and return what to write: name of the group ('': the root) -> array; and the set's hashes."""
    identifier, stimulus_set_identifier, class_name = labels
    assembly_class = named_class(class_name)
    in_attrs = {str(name): value for name, value in proto.attrs.items() if isinstance(value, xr.DataArray)}
    groups = in_attrs | dict(extras or {})
    problems = identifier_problems(identifier) + assembly_problems(proto, assembly_class)
    if isinstance(stimulus_set_identifier, str) and stimulus_set_identifier:
        reference = find_reference(proto, stimulus_set_identifier, catalog, stimulus_set_version)
    else:
        reference = Reference([], None, None)
        problems.append(problem("set-unnamed", "stimulus_set_identifier", repr(stimulus_set_identifier)))
    refuse(f"the assembly {identifier!r}", problems + reference.problems + extra_problems(groups, proto))
    attrs = {**proto.attrs, "identifier": identifier, "stimulus_set_identifier": stimulus_set_identifier}
    attrs |= {} if reference.stimuli is None else {"stimulus_set": reference.stimuli}
    proto = proto.assign_attrs(attrs)
    root = _without_joined_in(proto, assembly_class).assign_attrs(attrs)
    arrays = {"": root} | {name: _without_reference(extra) for name, extra in groups.items()}
    return arrays, {} if reference.entry is None else set_hashes(reference.entry)


def _write(
    proto: xr.DataArray, arrays: Mapping[str, xr.DataArray], labels: _Labels, folder: Path, hashes: Mapping[str, str]
) -> PackagedFile:
    """Write the file, and compare it with the assembly: with all its coordinates, also those that loading joins in."""
    complete = proto.assign_attrs(arrays[""].attrs)
    extras = {name: extra for name, extra in arrays.items() if name}
    assembly_class = named_class(labels.class_name)

    def check(path: Path, _: Mapping[str, xr.DataArray]) -> None:
        check_assembly(path, complete, assembly_class, extras)

    path = folder / file_name(labels.identifier, "nc")
    file_attributes = {SET_HASHES: format_hashes(hashes)} if hashes else {}
    sha1 = write_groups(arrays, path, file_attributes=file_attributes, check=check)
    return PackagedFile(path, labels.class_name, sha1)


def _without_reference(extra: xr.DataArray) -> xr.DataArray:
    """Leave out what loading gives each extra from its assembly again."""
    kept = {name: value for name, value in extra.attrs.items() if name != "stimulus_set_identifier"}
    plain = extra.copy(deep=False)
    plain.attrs = kept
    return plain


def _without_joined_in(proto: xr.DataArray, assembly_class: type[DataAssembly]) -> xr.DataArray:
    """Leave out what loading takes from the stimulus set again, value for value."""
    flat = flatten_index(proto)
    stimulus_set = proto.attrs.get("stimulus_set")
    if not isinstance(stimulus_set, pd.DataFrame) or not {"stimulus_id"} <= {*flat.coords} & {*stimulus_set.columns}:
        return flat
    if not issubclass(assembly_class.get_loader_class(), StimulusMergeAssemblyLoader):
        return flat
    shown = flat["stimulus_id"]
    rows = pd.Index(stimulus_set["stimulus_id"]).get_indexer(pd.Index(np.atleast_1d(shown.values)))
    if (rows < 0).any():  # ids that are the same as numbers only
        return flat
    joined_in = [
        name
        for name, coord in flat.coords.items()
        if name != "stimulus_id"
        and name in stimulus_set.columns
        and coord.dims == shown.dims
        and not coord.attrs
        and _equal(coord.values, column_level(stimulus_set[name]).to_numpy()[rows])
    ]
    return flat.drop_vars(joined_in)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and pd.Series(first.ravel(), dtype=object).equals(
        pd.Series(second.ravel(), dtype=object)
    )
