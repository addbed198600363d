"""Packages assemblies: checked, written as one netCDF file with their extras, stored, listed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from brainio.assemblies import DataAssembly, StimulusMergeAssemblyLoader, flatten_index, named_class
from brainio.catalogs import TYPE_ASSEMBLY
from brainio.packaging.checks import assembly_problems, identifier_problems, refuse
from brainio.packaging.netcdf import write_netcdf
from brainio.packaging.publish import DEFAULT_BUCKET, CatalogName, Package, PackagedFile, file_name, publish
from brainio.packaging.renamed import accepts_older_calls
from brainio.packaging.stimulus_sets import local_folder

if TYPE_CHECKING:
    from collections.abc import Mapping


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
) -> dict[str, str | None]:
    """Check an assembly, write its file, store it, and then add it to a catalog.

    Parameters
    ----------
    catalog_identifier : str, path or None
        Identifier of a catalog in force, or the `Path` of a catalog's CSV file; None: no catalog.
    proto_data_assembly : xarray.DataArray
        With the dimensions of its class, e.g. presentation x neuroid x time_bin, and a coordinate `stimulus_id`. It is
        not changed. Where `attrs['stimulus_set']` holds the stimulus set, presentations must show its stimuli, and
        coordinates that loading joins in from it again are not stored.
    assembly_identifier : str
        Under which it is published, by convention `<lab>.<FirstAuthor><Year>`.
    stimulus_set_identifier : str
        Of the stimulus set that it was recorded with.
    assembly_class_name : str, default 'NeuronRecordingAssembly'
        Class of `brainio.assemblies` that it loads as.
    bucket_name : str or path
        Where the file goes; see `package_stimulus_set`.
    extras : mapping, optional
        Name -> further array, stored as a group of the file. Arrays in the attrs of the assembly, where loading puts
        extras, are stored as well.
    entry_facts : mapping, optional
        Further columns of the entry's row, e.g. `{'license': 'CC-BY-4.0'}`.

    Returns
    -------
    dict
        `identifier`, `version_id` (None: the store has no versions), `sha1`, `bucket`, `cls` (the class name).

    Raises
    ------
    UnknownClassError
        `assembly_class_name` is no assembly class.
    PackagingError
        The assembly breaks the format (all problems are listed), or the catalog lists the identifier with other bytes.
        Nothing was stored.
    TransferError
        The file could not be stored. The catalog is as it was.

    Examples
    --------
    >>> from brainio.assemblies import BehavioralAssembly
    >>> from pathlib import Path
    >>> folder = Path("doe2026").absolute()
    >>> folder.mkdir()
    >>> shown = {"stimulus_id": ("presentation", ["a", "b"])}
    >>> answers = BehavioralAssembly([1, 0], coords=shown, dims=["presentation"])
    >>> files = folder / "files"
    >>> name = "lab.Doe2026"
    >>> made = package_data_assembly(folder / "lab.csv", answers, name, name, "BehavioralAssembly", files)
    >>> made["cls"], [path.name for path in files.iterdir()]
    ('BehavioralAssembly', ['assy_lab_Doe2026.nc'])
    """
    with tempfile.TemporaryDirectory() as folder:
        file = _write(
            proto_data_assembly, assembly_identifier, stimulus_set_identifier, assembly_class_name, extras, Path(folder)
        )
        package = Package(TYPE_ASSEMBLY, assembly_identifier, [file], stimulus_set_identifier, entry_facts or {})
        (version_id,) = publish(package, bucket_name, catalog_identifier).values()
    return {
        "identifier": assembly_identifier,
        "version_id": version_id,
        "sha1": file.sha1,
        "bucket": os.fspath(bucket_name),
        "cls": assembly_class_name,
    }


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
    proto_data_assembly, assembly_identifier, stimulus_set_identifier, assembly_class_name, extras
        As for `package_data_assembly`.
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
    folder = local_folder(downloads_path)
    file = _write(
        proto_data_assembly, assembly_identifier, stimulus_set_identifier, assembly_class_name, extras, folder
    )
    return {"identifier": assembly_identifier, "path": str(file.path), "sha1": file.sha1, "cls": assembly_class_name}


def _write(
    proto: xr.DataArray,
    identifier: str,
    stimulus_set_identifier: str,
    class_name: str,
    extras: Mapping[str, xr.DataArray] | None,
    folder: Path,
) -> PackagedFile:
    """Check, then write the netCDF file with its extras."""
    assembly_class = named_class(class_name)
    problems = identifier_problems(identifier) + assembly_problems(proto, assembly_class)
    if not isinstance(stimulus_set_identifier, str) or not stimulus_set_identifier:
        problems.append("stimulus_set_identifier is missing; name the stimulus set that it was recorded with")
    groups = {name: value for name, value in proto.attrs.items() if isinstance(value, xr.DataArray)} | dict(
        extras or {}
    )
    problems += [f"the extra {name!r} may not be named so" for name in groups if not str(name).isidentifier()]
    refuse(f"the assembly {identifier!r}", problems)
    path = folder / file_name(TYPE_ASSEMBLY, identifier, "nc")
    attrs = {**proto.attrs, "identifier": identifier, "stimulus_set_identifier": stimulus_set_identifier}
    sha1 = write_netcdf(_without_joined_in(proto, assembly_class).assign_attrs(attrs), path)
    for name, extra in groups.items():
        sha1 = write_netcdf(extra, path, append=True, group=name)
    return PackagedFile(path, class_name, sha1)


def _without_joined_in(proto: xr.DataArray, assembly_class: type[DataAssembly]) -> xr.DataArray:
    """Leave out what loading takes from the stimulus set again, value for value."""
    flat = flatten_index(proto)
    stimulus_set = proto.attrs.get("stimulus_set")
    if not isinstance(stimulus_set, pd.DataFrame) or "stimulus_id" not in flat.coords:
        return flat
    if not issubclass(assembly_class.get_loader_class(), StimulusMergeAssemblyLoader):
        return flat
    shown = flat["stimulus_id"]
    rows = pd.Index(stimulus_set["stimulus_id"]).get_indexer(pd.Index(np.atleast_1d(shown.values)))
    joined_in = [
        name
        for name, coord in flat.coords.items()
        if name != "stimulus_id"
        and name in stimulus_set.columns
        and coord.dims == shown.dims
        and _equal(coord.values, stimulus_set[name].to_numpy()[rows])
    ]
    return flat.drop_vars(joined_in)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return pd.Series(first.ravel(), dtype=object).equals(pd.Series(second.ravel(), dtype=object))
