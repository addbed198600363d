"""Operations that read a whole recording in blocks, for measurements of their peak memory.

They run in the calling process, since brainio runs cards, profiles and validation in a worker process, whose memory
could not be measured. The cases of peak memory and `tests.reliability.memory_peaks` use them.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# To import before a measurement, so that their memory is not counted.
MODULES = (
    "brainio.cards.computation",
    "brainio.validation.subjects",
    "brainio.packaging",
    "brainio.packaging.lab_files",
)


def compute_card(path: Path) -> None:
    """Compute the card of a recording."""
    from brainio.cards.computation import describe_assembly_file

    describe_assembly_file(str(path), "NeuroidAssembly", "", "", "")


def compute_profile(path: Path) -> None:
    """Compute the profile of a recording."""
    from brainio.cards.computation import describe_for_profile

    describe_for_profile(str(path))


def validate(path: Path) -> None:
    """Validate the file of a recording."""
    from brainio.validation.subjects import find_problems

    find_problems(str(path), None, None, False)


def package(path: Path) -> None:
    """Package a recording from its file, without publishing it."""
    from brainio.packaging.lab_files import read_recording

    write_package(read_recording(path))


def write_package(assembly: Any) -> None:
    """Write the package of an assembly to a temporary folder."""
    from brainio.packaging import package_data_assembly_locally

    with tempfile.TemporaryDirectory() as folder:
        package_data_assembly_locally(assembly, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", downloads_path=folder)


OPERATIONS: dict[str, Callable[[Path], None]] = {
    "card": compute_card,
    "profile": compute_profile,
    "validate": validate,
    "package": package,
}
