"""Stated lengths of GB, which HDF5 would allocate at once, are refused in constant memory."""

import struct
from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped, unused-ignore]
import netCDF4
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from brainio.assemblies import DataAssembly
from brainio.errors import UnsafeFileError
from brainio.netcdf.inspection import inspect
from tests.security import hostile_hdf5
from tests.security.test_hostile_hdf5 import NO_STIMULI, watchdog

__all__ = ["watchdog"]  # a fixture
TEXT = "a text of 29 characters, once"
GIGABYTES = 2**32 - 1


def lengthen(path: Path, length: int) -> None:
    """Replace a length in all descriptors."""
    body = path.read_bytes()
    start = body.find(b"\x89HDF")  # after the user block
    heaps = [place - start for place in range(0, len(body), 8) if body[place : place + 4] == b"GCOL"]
    descriptors = [struct.pack("<IQ", length, heap) for heap in heaps]
    assert any(map(body.count, descriptors))
    for descriptor in descriptors:
        body = body.replace(descriptor, struct.pack("<I", GIGABYTES) + descriptor[4:])
    path.write_bytes(body)


def attribute(path: Path) -> None:
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file)
        file["data"].attrs["note"] = TEXT


def attribute_behind_a_user_block(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=1024) as file:
        hostile_hdf5.recording(file)
        file["data"].attrs["note"] = TEXT


def list_of_texts(path: Path) -> None:
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file)
        file["data"].attrs.create("note", ["short", TEXT, "short"], dtype=h5py.string_dtype())


def fill_value(path: Path) -> None:
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file)
        file.create_dataset("note", (4,), h5py.string_dtype(), fillvalue=TEXT)


FILES: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        attribute,
        attribute_behind_a_user_block,
        list_of_texts,
        fill_value,
    )
}


@pytest.mark.parametrize("name", FILES)
def test_a_text_that_states_four_gigabytes_is_refused_before_memory_is_allocated(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.nc"
    FILES[name](path)
    assert "data" in [variable.name for variable in inspect(path).variables]
    lengthen(path, len(TEXT))
    found = r"note.* states a text or list of 4,294,967,295 bytes; allowed: at most the [\d,]+ bytes of the file"
    with pytest.raises(UnsafeFileError, match=found):
        DataAssembly.from_files(path, **NO_STIMULI)
    with path.open("rb") as file, pytest.raises(UnsafeFileError, match=found):
        DataAssembly.from_files(file, **NO_STIMULI)


def test_a_list_of_references_that_states_34_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["presentation"] = np.arange(4)
        file["presentation"].make_scale("presentation")
        file["data"] = np.ones(4)
        file["data"].dims[0].attach_scale(file["presentation"])
    assert inspect(path).variables
    lengthen(path, 1)
    with pytest.raises(UnsafeFileError, match="'DIMENSION_LIST' of /data states a text or list of 34,359,738,360"):
        inspect(path)


def test_texts_in_compact_storage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    kind = h5t.py_create(h5py.string_dtype(), logical=True)
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file)
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_layout(h5d.COMPACT)
        h5d.create(file.id, b"note", kind, h5s.create_simple((1,)), plan)
    with pytest.raises(UnsafeFileError, match="/note has texts of variable length in compact storage"):
        inspect(path)


def test_stated_lengths_are_found_in_every_file_of_netcdf4_and_h5py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check unchanged files, since headers of version 2 and attribute blocks have checksums."""
    lengths: dict[str, int | None] = {}
    monkeypatch.setattr(
        "brainio.netcdf.hdf5_structure._StructureReader._check_length",
        lambda _, length, itemsize, path: lengths.update({path: length and length * itemsize}),
    )
    path = tmp_path / "a.nc"
    for number in (0, 1, 9, 90):
        texts = [f"{each} " * (each % 40 + 1) for each in range(number)]
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("presentation", 4)
            for place in (file, file.createVariable("data", str, ("presentation",)), file.createGroup("extra")):
                for each, text in enumerate(texts):
                    place.setncattr_string(f"text{each}", text)
        compare(path, lengths, texts, "/", "/data", "/extra")
        for version in ("earliest", "v108", "latest"):
            with h5py.File(path, "w", libver=version, track_order=bool(number % 2)) as file:
                hostile_hdf5.recording(file)
                for each, text in enumerate(texts):
                    file.attrs[f"text{each}"] = text
                    file["data"].attrs[f"text{each}"] = ["é", text, ""]
                file["again"] = file["data"]
            compare(path, lengths, texts, "/", "/again")
            assert lengths["attribute 'DIMENSION_LIST' of /again"] == 8


def compare(path: Path, lengths: dict[str, int | None], texts: list[str], *objects: str) -> None:
    lengths.clear()
    inspect(path)
    for each in objects:
        assert [lengths[f"attribute 'text{number}' of {each}"] for number in range(len(texts))] == [
            max(2, len(text)) if each == "/again" else len(text) for text in texts
        ]
