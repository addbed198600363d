"""A global heap that HDF5 would read forever is found before netCDF4 opens the file."""

from pathlib import Path

import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.errors import UnsafeFileError
from tests.security.fuzz_netcdf import sound_file
from tests.security.test_hostile_hdf5 import NO_STIMULI, watchdog

__all__ = ["watchdog"]  # a fixture


def with_endless_heap(sound: Path) -> Path:
    """Set the first object of each global heap to a free one of no bytes."""
    body = bytearray(sound.read_bytes())
    place = body.find(b"GCOL")
    assert place > 0
    while place > 0:
        body[place + 16 : place + 32] = bytes(16)
        place = body.find(b"GCOL", place + 1)
    path = sound.with_name("endless.nc")
    path.write_bytes(body)
    return path


def test_a_heap_without_an_end_is_refused_by_path_and_by_stream(tmp_path: Path) -> None:
    path = with_endless_heap(sound_file(tmp_path))
    with pytest.raises(
        UnsafeFileError, match=r"endless\.nc .* global heap at byte [\d,]+ has a free object of 0 bytes"
    ):
        NeuroidAssembly.from_files(path, **NO_STIMULI)
    with path.open("rb") as file, pytest.raises(UnsafeFileError, match="free object of 0 bytes"):
        NeuroidAssembly.from_files(file, **NO_STIMULI)
