"""The operations that read a whole recording block by block, on one netCDF file, in the process that calls them.

Cards, profiles and validation run in a worker process otherwise, whose memory nobody here could measure. Used for the
rows of peak memory, and by `tests.reliability.memory_peaks`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Modules whose memory belongs to the imports.
MODULES = ("brainio.cards.computation", "brainio.validation.netcdf", "brainio.packaging", "brainio.packaging.lab_files")


def compute_card(path: Path) -> None:
    """Compute the card."""
    from brainio.cards.computation import describe_assembly_file

    describe_assembly_file(str(path), "NeuroidAssembly", "", "", "")


def compute_profile(path: Path) -> None:
    """Compute the profile."""
    from brainio.cards.computation import describe_for_profile

    describe_for_profile(str(path))


def validate(path: Path) -> None:
    """Validate the file."""
    from brainio.validation.netcdf import find_problems

    find_problems(str(path), None, None, False)


def package(path: Path) -> None:
    """Package the recording from its file, without publishing it."""
    from brainio.packaging.lab_files import read_recording

    write_package(read_recording(path))


def write_package(assembly: Any) -> None:
    """Write the package of an assembly and remove it."""
    from brainio.packaging import package_data_assembly_locally

    with tempfile.TemporaryDirectory() as folder:
        package_data_assembly_locally(assembly, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", downloads_path=folder)


OPERATIONS: dict[str, Callable[[Path], None]] = {
    "card": compute_card,
    "profile": compute_profile,
    "validate": validate,
    "package": package,
}
