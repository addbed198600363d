"""Endless and overlapping global heaps are found before netCDF4 opens the file."""

import struct
import time
from pathlib import Path

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest

from brainio.assemblies import NeuroidAssembly
from brainio.errors import UnsafeFileError
from brainio.netcdf.file_objects import HeapCheckedFile
from brainio.netcdf.inspection import inspect
from tests.security import hostile_hdf5
from tests.security.fuzz_netcdf import sound_file
from tests.security.test_hostile_hdf5 import NO_STIMULI, watchdog

__all__ = ["watchdog"]  # a fixture


def with_endless_heap(sound: Path) -> Path:
    """Replace the first object of each global heap with a free object of 0 bytes."""
    body = bytearray(sound.read_bytes())
    place = body.find(b"GCOL")
    assert place > 0
    while place > 0:
        body[place + 16 : place + 32] = bytes(16)
        place = body.find(b"GCOL", place + 1)
    path = sound.with_name("endless.nc")
    path.write_bytes(body)
    return path


def with_texts(path: Path, texts: list[str], *, chunked: bool = False, user_block: int = 0) -> Path:
    """Write a recording whose text coordinate has separate heaps."""
    with h5py.File(path, "w", userblock_size=user_block) as file:
        hostile_hdf5.recording(file)
        options = {"chunks": (len(texts),), "compression": "gzip", "shuffle": True} if chunked else {}
        file.create_dataset("session", data=texts, dtype=h5py.string_dtype(), **options)
        for name in ("presentation", "neuroid", "data"):
            for attribute in [*file[name].attrs]:
                if attribute == "DIMENSION_LIST":
                    del file[name].attrs[attribute]
    return path


def test_an_endless_heap_is_refused_by_path_and_by_stream(tmp_path: Path) -> None:
    path = with_endless_heap(sound_file(tmp_path))
    with pytest.raises(
        UnsafeFileError, match=r"endless\.nc .* global heap at byte [\d,]+ has a free object of 0 bytes"
    ):
        NeuroidAssembly.from_files(path, **NO_STIMULI)
    with path.open("rb") as file, pytest.raises(UnsafeFileError, match="free object of 0 bytes"):
        NeuroidAssembly.from_files(file, **NO_STIMULI)


@pytest.mark.parametrize("user_block", [0, 512])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_endless_heap_that_only_a_text_variable_uses_is_refused(
    tmp_path: Path, chunked: bool, user_block: int
) -> None:
    sound = with_texts(tmp_path / "a.nc", ["a", "bb", "ccc", "d" * 5000], chunked=chunked, user_block=user_block)
    assert [variable.name for variable in inspect(sound).variables] == ["data", "neuroid", "presentation", "session"]
    path = with_endless_heap(sound)
    with pytest.raises(UnsafeFileError, match=r"global heap at byte [\d,]+ has a free object of 0 bytes"):
        inspect(path)
    with path.open("rb") as file, pytest.raises(UnsafeFileError, match="free object of 0 bytes"):
        inspect(file)


def test_a_free_object_of_odd_size_does_not_hide_an_endless_one(tmp_path: Path) -> None:
    path = with_texts(tmp_path / "a.nc", ["x" * 100])
    body = bytearray(path.read_bytes())
    heap = body.find(b"GCOL")
    assert body.count(b"GCOL") == 1
    endless = b"\0\0" + b"\xff" * 6 + bytes(8)
    body[heap + 16 : heap + 52] = struct.pack("<QQI", 0, 20, 0) + endless  # the free object ends within a word
    path.write_bytes(body)
    with pytest.raises(UnsafeFileError, match="free object of 0 bytes"):
        inspect(path)


def test_overlapping_heaps_are_refused_in_linear_time(tmp_path: Path) -> None:
    path, count = tmp_path / "heaps", 50_000
    path.write_bytes(struct.pack("<4sIQ", b"GCOL", 1, 1_000_000) * (count + 70_000))
    began = time.perf_counter()
    with path.open("rb") as file:
        guarded = HeapCheckedFile(file, path.stat().st_size)
        assert not all(guarded.check_heap(16 * number) for number in range(count))
    assert "its global heaps overlap" in guarded.fault
    assert time.perf_counter() - began < 5


def test_texts_of_any_length_are_read(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for length in (1, 8, 15, 16, 17, 40, 200, 5000):
        texts = ["é" * int(count) for count in random.integers(1, length + 1, 300)]
        assert inspect(with_texts(tmp_path / "a.nc", texts)).variables
