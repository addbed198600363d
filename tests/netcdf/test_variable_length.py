"""Texts of variable length cannot expand beyond the size of their file."""

import re
import struct
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.errors import UnsafeFileError
from brainio.netcdf.inspection import inspect
from brainio.netcdf.variable_length import TextLengths

_LAYOUTS: list[dict[str, Any]] = [
    {},
    {"chunks": (7,)},
    {"chunks": (7,), "compression": "gzip"},
    {"chunks": (7,), "compression": "gzip", "shuffle": True},
    {"chunks": (64,), "maxshape": (None,), "shuffle": True},
]


def _total(path: Path) -> int:
    with h5py.File(path) as file:
        lengths = TextLengths(path, path.stat().st_size, file.id.get_create_plist().get_sizes()[0], lambda _: True)
        dataset = file["text"].id
        assert not lengths.add_dataset(dataset, dataset.get_create_plist())
    return lengths.total


@pytest.mark.parametrize("layout", _LAYOUTS, ids=str)
@pytest.mark.parametrize("file", [{}, {"libver": "latest"}, {"userblock_size": 512}], ids=str)
@settings(max_examples=4)
@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=8, max_size=30))
def test_the_total_length_is_exact_in_every_storage_layout(
    tmp_path_factory: pytest.TempPathFactory, layout: dict[str, Any], file: dict[str, Any], texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.nc"
    with h5py.File(path, "w", **file) as opened:
        dataset = opened.create_dataset("text", (len(texts),), dtype=h5py.string_dtype(), **layout)
        dataset[...] = np.array(texts, dtype=object)
    assert _total(path) == sum(len(text.encode()) for text in texts)
    inspect(path)


def test_files_of_netcdf4_are_accepted_also_with_scalar_texts_and_lists_in_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("x", None)
        dataset.createVariable("text", str, ("x",))[:] = np.array(["ab", "", "äö"] * 100, dtype=object)
        dataset.createVariable("scalar", str, ())[...] = "alone"
        dataset.setncattr_string("note", "ü")
        dataset.setncattr("names", ["a", "b"] * 50)
    assert _total(path) == 100 * (2 + 4)
    inspect(path)


def _with_descriptors(path: Path, count: int, text: str, **layout: Any) -> tuple[int, bytes]:
    """Write a text variable with one text; return the offset and the bytes of its descriptor."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("text", (count,), dtype=h5py.string_dtype(), **layout)
        dataset[0] = text
        offset = dataset.id.get_offset()
    return offset, path.read_bytes()[offset : offset + 16]


def test_many_references_to_one_long_text_are_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    offset, descriptor = _with_descriptors(path, 1000, "x" * 100_000)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(descriptor * 1000)
    with pytest.raises(UnsafeFileError, match=r"/text refers to texts of 100,000,000 bytes"):
        inspect(path)


def test_a_stated_length_of_gigabytes_is_refused_before_memory_is_allocated(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    offset, _ = _with_descriptors(path, 3, "short")
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<I", 3 << 30))
    with pytest.raises(UnsafeFileError, match=r"/text refers to texts of 3,221,225,472 bytes"):
        inspect(path)


def test_many_attributes_that_refer_to_one_long_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    long, short = "x" * 3_000_000, "y" * 7
    with h5py.File(path, "w") as file:
        for number in range(31):
            text = np.array(short if number else long, dtype=object)
            file.attrs.create(f"a{number}", text, dtype=h5py.string_dtype())
    content = path.read_bytes()
    of_long, of_short = (_descriptor(content, len(text)) for text in (long, short))
    collection = of_short[:12]  # length and address; only the number of the text in its heap differs
    changed = re.sub(re.escape(collection) + b"....", lambda _: of_long, content, flags=re.DOTALL)
    path.write_bytes(changed)
    with pytest.raises(UnsafeFileError, match=r"attribute 'a\d+' of / refers to texts of [\d,]+ bytes"):
        inspect(path)


def _descriptor(content: bytes, length: int) -> bytes:
    start = content.index(struct.pack("<I", length))
    return content[start : start + 16]
