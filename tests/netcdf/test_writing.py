"""Chunk layout of written files: its rules, and the bytes that a remote reader fetches."""

import io
import math
from pathlib import Path

import h5netcdf  # type: ignore[import-untyped]
import h5py  # type: ignore[import-untyped]
import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.netcdf.writing import coordinate_chunk_sizes, data_chunk_sizes, slabs
from brainio.packaging import write_netcdf
from brainio.packaging.netcdf import write_groups

MOST = 1 << 20
LEAST = 32 << 10
REMOTE_BLOCK = 128 << 10
SIZES = {"presentation": 12000, "neuroid": 600, "time_bin": 1}
ORDERS = [("presentation", "neuroid", "time_bin"), ("neuroid", "time_bin", "presentation")]

itemsizes = st.sampled_from([1, 2, 4, 8])
sizes_of_dims = st.fixed_dictionaries(
    {"presentation": st.integers(1, 400_000), "neuroid": st.integers(1, 50_000)},
    optional={"time_bin": st.integers(1, 1000)},
).flatmap(lambda sizes: st.permutations(list(sizes.items())))
any_sizes = st.lists(
    st.tuples(st.sampled_from(["presentation", "neuroid", "time_bin", "event", "x", "y"]), st.integers(1, 10**7)),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: pair[0],
)
Sizes = list[tuple[str, int]]


def chunks_of(sizes: Sizes, itemsize: int) -> dict[str, int]:
    dims, shape = zip(*sizes, strict=True)
    return dict(zip(dims, data_chunk_sizes(dims, shape, itemsize), strict=True))


def bytes_read(sizes: Sizes, chunks: dict[str, int], itemsize: int, dim: str, numbers: int) -> int:
    """Return the bytes of a number of chunks along one dimension, and of all chunks along the others."""
    others = math.prod(-(-size // chunks[name]) * chunks[name] for name, size in sizes if name != dim)
    return numbers * chunks[dim] * others * itemsize


@given(sizes_of_dims, itemsizes, st.sampled_from([("neuroid", 16), ("presentation", 600)]))
def test_sixteen_neuroids_or_600_presentations_read_ten_times_their_values_or_one_remote_block(
    sizes: Sizes, itemsize: int, selection: tuple[str, int]
) -> None:
    chunks = chunks_of(sizes, itemsize)
    dim, count = selection[0], dict(sizes)[selection[0]]
    length = min(selection[1], count)
    # The worst start of a selection is the last value of a chunk, or the last possible start.
    start = min(chunks[dim] - 1, count - length)
    met = (start + length - 1) // chunks[dim] + 1
    values = math.prod(size for _, size in sizes) // count * length * itemsize
    assert bytes_read(sizes, chunks, itemsize, dim, met) <= max(10 * values, REMOTE_BLOCK)


@given(sizes_of_dims, itemsizes, st.data())
def test_sixteen_neuroids_wherever_they_are_read_ten_times_their_values_unless_presentations_are_few(
    sizes: Sizes, itemsize: int, data: st.DataObject
) -> None:
    chunks = chunks_of(sizes, itemsize)
    count = dict(sizes)["neuroid"]
    one_neuroid = math.prod(size for _, size in sizes) // count * itemsize
    scattered = data.draw(st.sets(st.integers(0, count - 1), min_size=min(16, count), max_size=16))
    read = bytes_read(sizes, chunks, itemsize, "neuroid", len({number // chunks["neuroid"] for number in scattered}))
    assert read <= 10 * len(scattered) * one_neuroid or 8 * one_neuroid < LEAST


@given(any_sizes, itemsizes)
def test_chunks_are_neither_large_nor_small_nor_larger_than_the_array(sizes: Sizes, itemsize: int) -> None:
    chunks = chunks_of(sizes, itemsize)
    whole = dict(sizes)
    assert all(1 <= chunks[dim] <= whole[dim] for dim in whole)
    size = math.prod(chunks.values()) * itemsize
    assert size <= MOST
    assert size >= LEAST / 8 or chunks == whole


@given(any_sizes, itemsizes)
def test_the_last_chunk_of_a_dimension_is_not_nearly_empty(sizes: Sizes, itemsize: int) -> None:
    chunks = chunks_of(sizes, itemsize)
    for dim, size in sizes:
        count = -(-size // chunks[dim])
        assert count * chunks[dim] - size < count


@given(sizes_of_dims, itemsizes)
def test_the_order_of_dimensions_does_not_matter(sizes: Sizes, itemsize: int) -> None:
    assert chunks_of(sizes, itemsize) == chunks_of(sorted(sizes), itemsize)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=3), itemsizes)
def test_rows_are_cut_into_chunks_of_at_most_a_megabyte(shape: list[int], itemsize: int) -> None:
    sizes = coordinate_chunk_sizes(shape, itemsize)
    assert all(1 <= size <= whole for size, whole in zip(sizes, shape, strict=True))
    assert MOST / 4 <= math.prod(sizes) * itemsize <= MOST or sizes == tuple(shape)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    st.permutations(["presentation", "x", "y"]),
)
def test_slabs_cover_each_value_once_in_whole_chunks(pairs: list[tuple[int, int]], names: list[str]) -> None:
    shape = [size for size, _ in pairs]
    chunks = [min(pair) for pair in pairs]
    times = np.zeros(shape, dtype=int)
    for part in slabs(names[: len(pairs)], shape, chunks):
        times[part] += 1
        assert all(not (bounds.start or 0) % chunk for bounds, chunk in zip(part, chunks, strict=True))
    assert (times == 1).all()


class CountingFile(io.FileIO):
    """A file that records its reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads: list[tuple[int, int]] = []

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        start = self.tell()
        length = super().readinto(buffer)
        assert length is not None
        self.reads.append((start, start + length))
        return length

    def block_bytes(self, block: int) -> int:
        """Give the bytes of all blocks that were read of."""
        return block * len({n for start, stop in self.reads for n in range(start // block, -(-stop // block))})


@pytest.fixture(scope="module", params=ORDERS, ids="-".join)
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dims = request.param
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, [SIZES[dim] for dim in dims])
    assembly = NeuroidAssembly(
        counts.astype(np.float32) / np.float32(0.07),
        coords={
            "stimulus_id": ("presentation", [rng.bytes(20).hex() for _ in range(12000)]),
            "repetition": ("presentation", np.arange(12000) // 400),
            "neuroid_id": ("neuroid", [f"neuroid{number}" for number in range(600)]),
            "region": ("neuroid", ["V4", "IT"] * 300),
        },
        dims=dims,
    )
    path = tmp_path_factory.mktemp("layout") / "recording.nc"
    write_netcdf(assembly, path)
    return path


def border(path: Path) -> int:
    """Return the first presentation of the fourth chunk."""
    with netCDF4.Dataset(path) as file:
        data = file["data"]
        sizes = data.chunking()
        assert isinstance(sizes, list)
        return 3 * sizes[data.dimensions.index("presentation")]


@pytest.mark.parametrize("block", [64 << 10, 128 << 10])
@pytest.mark.parametrize("selected", ["16 neuroids", "16 neuroids between chunks", "600 presentations between chunks"])
def test_a_selection_reads_ten_times_its_values_with_headers_and_index_in_blocks(
    recording: Path, selected: str, block: int
) -> None:
    starts = {
        "16 neuroids": ("neuroid", 160, 16),
        "16 neuroids between chunks": ("neuroid", 165, 16),
        "600 presentations between chunks": ("presentation", border(recording) - 300, 600),
    }
    dim, start, length = starts[selected]
    with CountingFile(recording) as counted, h5netcdf.File(counted, "r") as file:
        data = file["data"]
        values = data[tuple(slice(start, start + length) if name == dim else slice(None) for name in data.dimensions)]
        assert counted.block_bytes(block) <= 10 * values.nbytes


def test_the_chunk_index_is_contiguous(recording: Path) -> None:
    with CountingFile(recording) as counted, h5py.File(counted, "r") as file:
        chunks = file["data"].id
        counted.reads.clear()
        assert chunks.get_num_chunks() > 400
        first = min(start for start, _ in counted.reads)
        last = max(stop for _, stop in counted.reads)
    assert last - first < 0.03 * recording.stat().st_size


def test_chunks_of_the_same_presentations_are_adjacent(recording: Path) -> None:
    with h5py.File(recording) as file:
        data = file["data"]
        axis = data.ndim - 1 if data.shape[-1] == SIZES["presentation"] else 0
        infos = [data.id.get_chunk_info(number) for number in range(data.id.get_num_chunks())]
        row = [info for info in infos if info.chunk_offset[axis] == border(recording)]
    assert len(row) == SIZES["neuroid"] / 8
    stretch = max(info.byte_offset + info.size for info in row) - min(info.byte_offset for info in row)
    assert stretch == sum(info.size for info in row)


def test_opening_reads_only_the_beginning_of_the_file(recording: Path) -> None:
    with h5py.File(recording) as file:
        values_begin = min(start for start, *_ in stretches(file["data"]))
    with CountingFile(recording) as counted, h5netcdf.File(counted, "r") as file:
        for name in set(file.variables) - {"data"}:
            file[name][...]
        assert max(stop for _, stop in counted.reads) <= values_begin


def stretches(data: h5py.Dataset) -> list[tuple[int, int]]:
    infos = (data.id.get_chunk_info(number) for number in range(data.id.get_num_chunks()))
    return [(info.byte_offset, info.byte_offset + info.size) for info in infos]


def test_the_coordinates_of_all_groups_are_stored_before_the_values(tmp_path: Path) -> None:
    ids = [f"neuroid{number}" for number in range(2000)]
    array = DataAssembly(np.random.default_rng(0).random((1000, 2000)), {"id": ("neuroid", ids)}, ("x", "neuroid"))
    write_groups({"": array, "extra": array}, tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.nc") as file:
        coordinates = [*stretches(file["id"]), *stretches(file["extra/id"])]
        values = [*stretches(file["data"]), *stretches(file["extra/data"])]
    assert max(stop for _, stop in coordinates) <= min(start for start, _ in values)


def test_the_file_is_at_most_a_tenth_larger_than_with_the_chunks_of_the_library(
    recording: Path, tmp_path: Path
) -> None:
    with netCDF4.Dataset(recording) as file, netCDF4.Dataset(tmp_path / "default.nc", "w") as other:
        dims = file["data"].dimensions
        for dim in dims:
            other.createDimension(dim, SIZES[dim])
        other.createVariable("data", "f4", dims, compression="zlib")[...] = file["data"][...]
    assert recording.stat().st_size <= 1.1 * (tmp_path / "default.nc").stat().st_size


@pytest.mark.parametrize("compress", [True, False])
def test_values_of_many_chunks_are_loaded_unchanged_and_equal_values_give_equal_bytes(
    tmp_path: Path, compress: bool
) -> None:
    values = np.random.default_rng(0).normal(size=(101, 5001, 3))
    assembly = DataAssembly(values, dims=["neuroid", "presentation", "time_bin"])
    write_netcdf(assembly, tmp_path / "a.nc", compress=compress)
    write_netcdf(assembly.copy(), tmp_path / "b.nc", compress=compress)
    with netCDF4.Dataset(tmp_path / "a.nc") as file:
        assert file["data"].chunking() == [8, 1667, 3]
        np.testing.assert_array_equal(file["data"][...], values)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_text_values_are_loaded_unchanged(tmp_path: Path) -> None:
    texts = np.array([f"answer {number % 7}" for number in range(9000)], dtype=object)
    write_netcdf(DataAssembly(texts, dims=["presentation"]), tmp_path / "a.nc")
    assert DataAssembly.from_files(tmp_path / "a.nc").values.tolist() == texts.tolist()
