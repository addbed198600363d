"""Packaging: check stimulus sets and assemblies, write their files, and publish these in a store and a catalog.

`package_stimulus_set` and `package_data_assembly` check everything, write the files in a temporary folder, read them
back, upload and verify them, and only then add the entry to a catalog; an error at any step leaves the catalog
unchanged.

| module | contents |
|---|---|
| `stimulus_sets`, `assemblies` | the packaging functions: from the object to the published entry |
| `checks`, `readback` | checks before files are written, and of the written files |
| `typed_csv`, `archives`, `netcdf`, `output_files` | the files: CSV, ZIP, netCDF; atomic writes |
| `packages`, `uploads`, `publishing` | the transaction: facts, rows and their target; uploads; the plan |
| `lab_files` | reading the files of a lab, and previewing the types of their columns |
| `new_catalog` | the project of a new catalog |
| `older_calls` | older signatures |
"""

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.packaging.archives import create_stimulus_zip
from brainio.packaging.assemblies import package_data_assembly, package_data_assembly_locally
from brainio.packaging.checks import (
    check_experiment_stimulus_set,
    check_image_format,
    check_naming_convention,
    check_stimulus_naming_convention,
    check_stimulus_numbers,
)
from brainio.packaging.netcdf import write_netcdf
from brainio.packaging.stimulus_sets import package_stimulus_set, package_stimulus_set_locally
from brainio.packaging.typed_csv import create_stimulus_csv, extract_specific
from brainio.packaging.uploads import get_user_info, upload_to_s3

__all__ = [
    "TYPE_ASSEMBLY",
    "TYPE_STIMULUS_SET",
    "check_experiment_stimulus_set",
    "check_image_format",
    "check_naming_convention",
    "check_stimulus_naming_convention",
    "check_stimulus_numbers",
    "create_stimulus_csv",
    "create_stimulus_zip",
    "extract_specific",
    "get_user_info",
    "package_data_assembly",
    "package_data_assembly_locally",
    "package_stimulus_set",
    "package_stimulus_set_locally",
    "upload_to_s3",
    "write_netcdf",
]
