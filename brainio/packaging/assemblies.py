"""Packaging of assemblies: check them with their stimulus sets, write their netCDF files, and publish these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import DataAssembly, StimulusMergeAssemblyLoader, flatten_index, named_class
from brainio.assemblies.stimulus_metadata import column_level
from brainio.cards import compute_card
from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, resolve
from brainio.catalogs.entries import CARD_FIELD, file_name, format_hashes, set_hashes
from brainio.errors import AmbiguousEntryError, BrainioError, StimulusSetLookupError
from brainio.fetch.stimulus_sets import load_stimulus_table
from brainio.netcdf.attributes import SET_HASHES
from brainio.packaging.checks import raise_for_problems
from brainio.packaging.netcdf import write_groups
from brainio.packaging.older_calls import accepts_older_calls
from brainio.packaging.output_files import output_folder, temporary_folder
from brainio.packaging.packages import (
    CatalogName,
    Package,
    PackagedFile,
    canonical_facts,
    combine_card_facts,
    resolve_target,
)
from brainio.packaging.publishing import DEFAULT_BUCKET, publish
from brainio.packaging.readback import check_assembly
from brainio.validation import (
    Table,
    assembly_problems,
    collision_problems,
    duplicate_id_problems,
    extra_problems,
    identifier_problems,
    pair_problems,
    problem,
)
from brainio.xarray_compat import replace_parts

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from brainio.stimuli import StimulusSet
    from brainio.validation import Problem


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
        Identifier of an active catalog, or the `Path` or URL of a catalog, such as `'s3://bucket/lab.csv'`; None: no
        catalog. A missing catalog is created.
    proto_data_assembly : xarray.DataArray
        It needs the dimensions of its class, e.g. presentation x neuroid x time_bin, and a coordinate `stimulus_id`
        along one of them (except in classes that are loaded without their stimulus set: `PropertyAssembly`,
        `SpikeTimesAssembly`, `MetadataAssembly`). All stimuli must occur in the stimulus set that the catalog lists;
        if none is listed or its table cannot be loaded, in `attrs['stimulus_set']`. Coordinates that loading joins from
        this set are not stored. The assembly is not changed.
    assembly_identifier : str
        The identifier to publish, by convention `<lab>.<FirstAuthor><Year>`.
    stimulus_set_identifier : str
        The stimulus set of the recording. That catalog or an active one must list it: package it first. The hashes of
        the set's files are stored in the assembly's file, so that later versions of the set do not change the
        assembly. With `catalog_identifier=None`, no version is known and no hashes are stored.
    assembly_class_name : str, default 'NeuronRecordingAssembly'
        Class of `brainio.assemblies` of the loaded object.
    bucket_name : str or path
        The store of the file; see `package_stimulus_set`.
    extras : mapping, optional
        Name -> additional array, stored as a group of the file. The names `identifier`, `stimulus_set`,
        `stimulus_set_identifier`, `data` and those of coordinates and dimensions of the assembly are reserved. Arrays
        in the attrs of the assembly, where loading puts extras, are stored as well.
    entry_facts : mapping, optional
        Further columns of the entry's row, e.g. `{'license': 'CC-BY-4.0'}`; `version` creates a version of its own.
    card_facts : mapping, optional
        Facts for the entry's card that the data do not contain: `citation`, `doi`, `authors` (names, or mappings with
        `name` and `orcid`), `species`; see `brainio.cards.normalize_facts`. The licence is taken from `entry_facts`.
    stimulus_set_version : str, optional
        Version of the stimulus set; by default the current one.
    dry_run : bool, default False
        Check everything and store nothing; the additional value `plan` of the result describes the changes.

    Returns
    -------
    dict
        `identifier`, `version_id` (None: the store assigned none), `sha1`, `bucket`, `cls` (the class name). `bucket`
        is `bucket_name`, or the folder of the listed file if the catalog lists the same bytes elsewhere.

    Raises
    ------
    UnknownClassError
        `assembly_class_name` does not name an assembly class.
    PackagingError
        The assembly or its row violates the format (all problems are listed), no catalog lists its stimulus set, the
        catalog lists the identifier and version with other bytes, or the location of the file contains other bytes.
        Nothing was overwritten.
    CatalogError
        The catalog cannot be read or written. It is unchanged.
    TransferError
        The file could not be stored. The catalog is unchanged. Running the same again uses a file that was sent.

    Examples
    --------
    >>> from brainio.assemblies import BehavioralAssembly
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> shown = {"stimulus_id": ("presentation", ["Disk40", "Bessel41"])}
    >>> answers = BehavioralAssembly([1, 0], coords=shown, dims=["presentation"])
    >>> catalog, files = folder / "lab.csv", folder / "files"
    >>> names = {"assembly_identifier": "lab.Doe2026", "stimulus_set_identifier": "modelfest.Carney1999"}
    >>> result = package_data_assembly(
    ...     catalog, answers, **names, assembly_class_name="BehavioralAssembly", bucket_name=files
    ... )
    >>> result["cls"], [path.name for path in files.iterdir()]
    ('BehavioralAssembly', ['assy_lab_Doe2026.nc'])
    """
    labels = _Labels(assembly_identifier, stimulus_set_identifier, assembly_class_name)
    checked = _check(proto_data_assembly, labels, extras, catalog_identifier, stimulus_set_version)
    facts = canonical_facts(entry_facts)
    card = compute_card(
        _with_attrs(proto_data_assembly, {"stimulus_set_identifier": stimulus_set_identifier, **(extras or {})}),
        identifier=assembly_identifier,
        class_name=assembly_class_name,
        version=facts.get("version", ""),
        facts=combine_card_facts(facts, card_facts),
    )
    card |= {CARD_FIELD: checked.set_hashes} if checked.set_hashes else {}
    with temporary_folder() as folder:
        file = _write(checked, labels, folder)
        package = Package(TYPE_ASSEMBLY, assembly_identifier, [file], card, stimulus_set_identifier, facts)
        result = publish(package, bucket_name, catalog_identifier, dry_run=dry_run)
    return {
        "identifier": assembly_identifier,
        "version_id": result.version_ids[0],
        "sha1": file.sha1,
        "bucket": result.bucket,
        "cls": assembly_class_name,
    } | ({"plan": result.plan} if dry_run else {})


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
        This and the next four parameters: see `package_data_assembly`.
    assembly_identifier : str
        The identifier to publish.
    stimulus_set_identifier : str
        The stimulus set of the recording.
    assembly_class_name : str, default 'NeuronRecordingAssembly'
        Class of `brainio.assemblies` of the loaded object.
    extras : mapping, optional
        Name -> additional array.
    downloads_path : path, optional
        The folder, created if needed; by default `~/Downloads`.

    Returns
    -------
    dict
        `identifier`, `path`, `sha1`, `cls`.

    Raises
    ------
    UnknownClassError
        `assembly_class_name` does not name an assembly class.
    PackagingError
        The assembly violates the format; all problems are listed.
    """
    labels = _Labels(assembly_identifier, stimulus_set_identifier, assembly_class_name)
    checked = _check(proto_data_assembly, labels, extras, catalog=None)
    file = _write(checked, labels, output_folder(downloads_path))
    return {"identifier": assembly_identifier, "path": str(file.path), "sha1": file.sha1, "cls": assembly_class_name}


class _Labels(NamedTuple):
    """The identifiers and the class name under which an assembly is published."""

    identifier: str
    stimulus_set_identifier: str
    class_name: str


class _CheckedArrays(NamedTuple):
    """An assembly that may be published.

    Attributes
    ----------
    complete : xarray.DataArray
        The assembly with all coordinates, as loading returns it.
    root : xarray.DataArray
        The array to write, without the coordinates that loading joins.
    extras : dict
        The array of each group to write.
    set_hashes : dict
        The hashes of the files of the stimulus set; empty if no catalog lists it.
    """

    complete: xr.DataArray
    root: xr.DataArray
    extras: dict[str, xr.DataArray]
    set_hashes: dict[str, str]


def _check(
    proto: xr.DataArray,
    labels: _Labels,
    extras: Mapping[str, xr.DataArray] | None,
    catalog: CatalogName,
    stimulus_set_version: str | None = None,
) -> _CheckedArrays:
    """Check everything, and return the arrays to write."""
    identifier, stimulus_set_identifier, class_name = labels
    assembly_class = named_class(class_name)
    in_attrs = {str(name): value for name, value in proto.attrs.items() if isinstance(value, xr.DataArray)}
    groups = in_attrs | dict(extras or {})
    problems = identifier_problems(identifier) + assembly_problems(proto, assembly_class)
    if isinstance(stimulus_set_identifier, str) and stimulus_set_identifier:
        reference = _find_set(proto, stimulus_set_identifier, catalog, stimulus_set_version)
    else:
        reference = _SetReference([], None, None)
        problems.append(problem("set-unnamed", "stimulus_set_identifier", repr(stimulus_set_identifier)))
    raise_for_problems(f"the assembly {identifier!r}", problems + reference.problems + extra_problems(groups, proto))
    attrs = {**proto.attrs, "identifier": identifier, "stimulus_set_identifier": stimulus_set_identifier}
    attrs |= {} if reference.stimuli is None else {"stimulus_set": reference.stimuli}
    complete = _with_attrs(proto, attrs)
    root = _drop_joined_coordinates(complete, assembly_class).assign_attrs(attrs)
    stored = {name: _drop_set_identifier(extra) for name, extra in groups.items()}
    return _CheckedArrays(complete, root, stored, {} if reference.entry is None else set_hashes(reference.entry))


def _with_attrs(array: xr.DataArray, attrs: Mapping[str, Any]) -> xr.DataArray:
    """Return an array with further attributes; unlike `assign_attrs`, it shares the indexes."""
    variable = array.variable.copy(deep=False)
    variable.attrs = {**array.attrs, **attrs}
    return replace_parts(array, variable)


def _write(checked: _CheckedArrays, labels: _Labels, folder: Path) -> PackagedFile:
    """Write the file and compare it with the assembly, including the coordinates that loading joins."""
    assembly_class = named_class(labels.class_name)

    def check(path: Path, _: Mapping[str, xr.DataArray]) -> None:
        check_assembly(path, checked.complete, assembly_class, checked.extras)

    path = folder / file_name(labels.identifier, "nc")
    file_attributes = {SET_HASHES: format_hashes(checked.set_hashes)} if checked.set_hashes else {}
    sha1 = write_groups({"": checked.root} | checked.extras, path, file_attributes=file_attributes, check=check)
    return PackagedFile(path, labels.class_name, sha1)


def _drop_set_identifier(extra: xr.DataArray) -> xr.DataArray:
    """Drop the attribute that loading copies from the assembly to each extra."""
    copy = extra.copy(deep=False)
    copy.attrs = {name: value for name, value in extra.attrs.items() if name != "stimulus_set_identifier"}
    return copy


def _drop_joined_coordinates(proto: xr.DataArray, assembly_class: type[DataAssembly]) -> xr.DataArray:
    """Drop the coordinates that loading joins from the stimulus set with the same values."""
    flat = flatten_index(proto)
    stimulus_set = proto.attrs.get("stimulus_set")
    if not isinstance(stimulus_set, pd.DataFrame) or not {"stimulus_id"} <= {*flat.coords} & {*stimulus_set.columns}:
        return flat
    if not issubclass(assembly_class.get_loader_class(), StimulusMergeAssemblyLoader):
        return flat
    stimulus_ids = flat["stimulus_id"]
    rows = pd.Index(stimulus_set["stimulus_id"]).get_indexer(pd.Index(np.atleast_1d(stimulus_ids.values)))
    if (rows < 0).any():  # ids that are equal only as numbers
        return flat
    joined = [
        name
        for name, coord in flat.coords.items()
        if name != "stimulus_id"
        and name in stimulus_set.columns
        and coord.dims == stimulus_ids.dims
        and not coord.attrs
        and _equal(coord.values, column_level(stimulus_set[name]).to_numpy()[rows])
    ]
    return flat.drop_vars(joined)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and pd.Series(first.ravel(), dtype=object).equals(
        pd.Series(second.ravel(), dtype=object)
    )


class _SetReference(NamedTuple):
    """The stimulus set of an assembly.

    Attributes
    ----------
    problems : list of Problem
        The reasons why the published assembly could not be joined with the set.
    entry : Entry or None
        The entry of the set, if a catalog lists it.
    stimuli : pandas.DataFrame or None
        The table that loading will join: the listed one, or the set in the attrs of the assembly if that cannot be
        loaded.
    """

    problems: list[Problem]
    entry: Entry | None
    stimuli: pd.DataFrame | None


def _find_set(
    assembly: xr.DataArray, stimulus_set_identifier: str, catalog: CatalogName, version: str | None = None
) -> _SetReference:
    """Find the stimulus set of an assembly, and compare it with the assembly.

    Uses `attrs['stimulus_set']` only if no catalog lists the set, or its table cannot be loaded.
    """
    problems: list[Problem] = []
    entry: Entry | None = None
    if catalog is not None:
        subject = f"stimulus set {stimulus_set_identifier!r}"
        try:
            entry = _resolve_set(stimulus_set_identifier, catalog, version)
        except StimulusSetLookupError as error:
            problems.append(problem("set-unlisted", subject, str(error)))
        except AmbiguousEntryError as error:
            problems.append(problem("set-ambiguous", subject, str(error)))
    stimuli: pd.DataFrame | None = None if entry is None else _load_listed_table(entry)
    if stimuli is None:
        attached = assembly.attrs.get("stimulus_set")
        stimuli = attached if isinstance(attached, pd.DataFrame) and "stimulus_id" in attached.columns else None
    if stimuli is not None:
        table = Table.in_memory(stimuli)
        problems += duplicate_id_problems(table.ids(), [f"the stimulus set, {row}" for row in table.row_names])
        problems += pair_problems(assembly, table) + collision_problems(assembly, table)
    return _SetReference(problems, entry, stimuli)


def _resolve_set(identifier: str, catalog: CatalogName, version: str | None) -> Entry:
    """Find a stimulus set in the catalog that gets the assembly, then in the active catalogs."""
    target = resolve_target(catalog)
    listed = None if target is None else target.listing.find_by_name(TYPE_STIMULUS_SET, identifier, version)
    return listed or resolve(TYPE_STIMULUS_SET, identifier, version=version)


def _load_listed_table(entry: Entry) -> StimulusSet | None:
    """Load the published table; None if that fails, since loading the assembly will report the error."""
    try:
        return load_stimulus_table(entry)
    except BrainioError:
        return None
