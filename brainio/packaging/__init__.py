"""The way in: object -> checked package -> store -> entry.

`package_stimulus_set` and `package_data_assembly` check everything, write the files in a temporary folder, upload and
verify them, and only then add the entry to a catalog; a failure on the way changes no catalog. Never fetches.

| module | knows |
|---|---|
| `stimulus_sets`, `data_assemblies` | the flow, top to bottom |
| `checks` | what must hold before something is published |
| `archives`, `netcdf` | how files are written |
| `publish` | the transaction: files, then the entry |
| `targets`, `storing`, `plan` | where a package goes, how its files get there, what would happen in words |
| `renamed` | how the functions were called earlier |
"""

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.packaging.archives import create_stimulus_csv, create_stimulus_zip, extract_specific
from brainio.packaging.checks import (
    check_experiment_stimulus_set,
    check_image_format,
    check_naming_convention,
    check_stimulus_naming_convention,
    check_stimulus_numbers,
)
from brainio.packaging.data_assemblies import package_data_assembly, package_data_assembly_locally
from brainio.packaging.netcdf import write_netcdf
from brainio.packaging.publish import get_user_info, upload_to_s3
from brainio.packaging.stimulus_sets import package_stimulus_set, package_stimulus_set_locally

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
