"""Lazy assemblies give the same results as in memory, use the chunks of the file, and are created only on request."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly, NeuroidAssembly
from brainio.errors import AssemblyFormatError
from brainio.packaging import write_netcdf
from brainio.stimuli import StimulusSet
from brainio.transform import subset
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

da = pytest.importorskip("dask.array")

METHODS = ["mean", "sum", "count", "std", "var", "min", "max", "first", "last", "median"]
BOTH = ["stimulus_id", "repetition"]


def assembly(values: np.ndarray, groups: np.ndarray) -> NeuroidAssembly:
    """Return presentations of the stimuli `s0`, `s1`, ...; group 5 has no id."""
    return NeuroidAssembly(
        values,
        dims=["presentation", "neuroid", "time_bin"][: values.ndim],
        coords={
            "stimulus_id": ("presentation", np.array([f"s{n}" if n != 5 else None for n in groups], dtype=object)),
            "repetition": ("presentation", np.arange(len(groups)) // 2),
            "neuroid_id": ("neuroid", np.arange(values.shape[1])),
        },
    )


def lazy(a: NeuroidAssembly, chunks: tuple[int, ...]) -> NeuroidAssembly:
    return a.chunk(dict(zip(a.dims, chunks, strict=False)))


def same_bytes(first: DataAssembly, second: DataAssembly) -> bool:
    return first.dtype == second.dtype and first.values.tobytes() == second.values.tobytes()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=scaled_examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_groups_of_a_lazy_assembly_reduce_to_the_same_bytes(method: str, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(30, 4), (13, 3, 2), (30, 1, 2), (7, 4), (1, 1)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from(["f4", "f8"]) | st.sampled_from(["i4", "u1", "i8", "bool"]))
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-8, 8, size=shape)
    if dtype in ("f4", "f8"):
        values[rng.random(values.shape) < data.draw(st.sampled_from([0, 0.3, 0.7]))] = np.nan
        values[rng.random(values.shape) < data.draw(st.sampled_from([0, 0.05]))] = np.inf
    else:
        values[:] = rng.integers(0, {"bool": 2, "u1": 256, "i8": 2**53}.get(dtype, 1000), size=shape)
    a = assembly(values.astype(dtype), rng.integers(0, data.draw(st.integers(1, 8)), size=shape[0]))
    a = a.transpose(*data.draw(st.permutations(a.dims)))
    chunked = lazy(a, data.draw(st.tuples(*[st.integers(1, 12)] * 3)))
    skipna = data.draw(st.sampled_from([None, False]) if method != "count" else st.none())
    levels = data.draw(st.sampled_from([["stimulus_id"], BOTH]))
    options: dict[str, Any] = {} if method == "count" else {"skipna": skipna}
    if method in ("std", "var"):
        options["ddof"] = data.draw(st.integers(0, 2))
    with np.errstate(all="ignore"):
        eager = getattr(a.multi_groupby(levels), method)(**options)
        result = getattr(chunked.multi_groupby(levels), method)(**options)
        assert result.chunks is not None
        computed = result.compute()
    np.testing.assert_array_equal(computed.values, eager.values)
    assert same_bytes(computed, eager)
    assert computed.identical(eager)


STEPS: dict[str, Callable[[NeuroidAssembly], NeuroidAssembly]] = {
    "select by a list": lambda a: a.sel(stimulus_id=a["stimulus_id"].values[:2]),
    "select by a mask": lambda a: a.sel(presentation=a["repetition"].values % 3 != 1),
    "select by a slice": lambda a: a.sel(repetition=slice(0, 5)),
    "reverse": lambda a: a.isel(presentation=slice(None, None, -1)),
    "sort": lambda a: a.sortby(BOTH),
    "transpose": lambda a: a.transpose(*a.dims[::-1]),
    "wrap": lambda a: NeuroidAssembly(a),
    "arithmetic": lambda a: 2 * a + a,
    "where": lambda a: a.where(a > -0.5),
    "fillna": lambda a: a.fillna(1),
    "astype": lambda a: a.astype("f4"),
    "concat": lambda a: xr.concat([a, a[..., :1] if a.dims[-1] == "presentation" else a[:1]], dim="presentation"),
    "subset": lambda a: subset(a, a.isel(presentation=slice(0, None, 2)), ["stimulus_id"], dims_must_match=False),
    "mean": lambda a: a.multi_groupby(BOTH).mean(dim="presentation"),
    "sum": lambda a: a.multi_groupby(BOTH[::-1]).sum(),
    "median": lambda a: a.multi_groupby(BOTH).median(),
    "map to a value": lambda a: a.multi_groupby(BOTH).map(lambda group: group.max("presentation")),
    "apply in place": lambda a: a.multi_groupby(BOTH).apply(lambda group: group - group.min("presentation")),
    "groupby in place": lambda a: a.groupby("stimulus_id") - a.groupby("stimulus_id").mean(),
}


@settings(max_examples=scaled_examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_operations_on_a_lazy_assembly_give_the_same_bytes(steps: list[str], chunk: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    eager = assembly(rng.normal(size=(9, 2)), rng.integers(0, 6, size=9))
    opened = lazy(eager, (chunk, 1))
    for step in steps:
        eager, opened = STEPS[step](eager), STEPS[step](opened)
        assert opened.chunks is not None, step
    assert same_bytes(opened.compute(), eager)
    assert opened.compute().identical(eager)


@pytest.mark.parametrize("method", METHODS)
def test_groupby_of_one_level_stays_lazy(method: str) -> None:
    a = assembly(np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3)
    result = getattr(lazy(a, (7, 2)).groupby("stimulus_id"), method)()
    assert result.chunks is not None
    assert same_bytes(result.compute(), getattr(a.groupby("stimulus_id"), method)())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.nc"
    a = assembly(np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 5)
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("presentation", 50)
        dataset.createDimension("neuroid", 4)
        for name in ("stimulus_id", "repetition", "neuroid_id"):
            values = a[name].values
            kind = str if values.dtype == object else values.dtype
            dataset.createVariable(name, kind, tuple(map(str, a[name].dims)))[:] = values
        data = dataset.createVariable("data", "f8", ("presentation", "neuroid"), chunksizes=(10, 2), zlib=True)
        data[:] = a.values
        data.coordinates = "stimulus_id repetition neuroid_id"
    return path


def test_a_lazy_assembly_is_the_same_as_an_eager_one(file: Path) -> None:
    eager = NeuroidAssembly.from_files(file)
    for chunks in ("auto", -1, {"presentation": 7}, {"presentation": 20, "neuroid": -1}, {}):
        opened = NeuroidAssembly.from_files(file, chunks=chunks)
        assert opened.chunks is not None
        assert opened.compute().identical(eager)
        assert opened.sel(stimulus_id="s3").chunks is not None
        assert same_bytes(opened.sel(stimulus_id="s3").compute(), eager.sel(stimulus_id="s3"))


def test_chunks_follow_the_argument_and_the_file(file: Path) -> None:
    def chunks(value: object) -> object:
        return NeuroidAssembly.from_files(file, chunks=value).chunks

    assert chunks(-1) == chunks("auto") == ((50,), (4,))  # far below 64 MB
    assert chunks({"presentation": 20, "neuroid": -1}) == ((20, 20, 10), (4,))
    assert chunks({"neuroid": 2}) == ((50,), (2, 2))


def test_automatic_chunks_are_multiples_of_file_chunks_of_at_most_64_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("neuroid", 1000)
        dataset.createDimension("presentation", 1_000_000)
        dataset.createVariable("data", "f4", ("neuroid", "presentation"), chunksizes=(32, 30000), zlib=True)
    rows, columns = NeuroidAssembly.from_files(path, chunks="auto").chunks or ((), ())
    assert rows[0] % 32 == columns[0] % 30000 == 0
    assert 32 << 20 < rows[0] * columns[0] * 4 <= 64 << 20


@pytest.mark.parametrize("chunks", ["many", 0, {"presentation": -2}, {"presentation": "x"}, 5])
def test_invalid_chunks_are_an_error(file: Path, chunks: object) -> None:
    with pytest.raises(AssemblyFormatError, match="expected 'auto', -1"):
        NeuroidAssembly.from_files(file, chunks=chunks)


def test_chunks_of_an_unknown_dimension_are_an_error_that_lists_the_dimensions(file: Path) -> None:
    with pytest.raises(AssemblyFormatError, match=r"'time'.*a\.nc.*presentation"):
        NeuroidAssembly.from_files(file, chunks={"time": 1})


def test_joining_stimuli_reads_no_values(file: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": [f"s{n}" for n in range(5)], "size": range(5)})
    opened = NeuroidAssembly.from_files(file, chunks="auto", stimulus_set=stimuli)
    file.unlink()
    assert opened.chunks is not None
    assert opened["size"].values.tolist() == [0, 1, 2, 3, 4] * 10


def test_a_pickled_lazy_assembly_can_be_computed_in_another_process(file: Path) -> None:
    opened = NeuroidAssembly.from_files(file, chunks={"presentation": 10})
    averaged = opened.multi_groupby(["stimulus_id"]).mean()
    script = "import pickle, sys; sys.stdout.buffer.write(pickle.load(sys.stdin.buffer).compute().values.tobytes())"
    answer = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(averaged), capture_output=True)
    assert answer.stdout == averaged.values.tobytes(), answer.stderr.decode()


_WITHOUT_DASK = """
import sys, importlib.util
found = importlib.util.find_spec
hidden = lambda name, *rest: None if name.partition(".")[0] in ("dask", "distributed") else found(name, *rest)
class Hide:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("dask", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
if sys.argv[2] == "hidden":
    importlib.util.find_spec = hidden
    sys.meta_path.insert(0, Hide())
import hashlib, pickle
from brainio.assemblies import NeuroidAssembly
from brainio.errors import MissingExtraError
a = NeuroidAssembly.from_files(sys.argv[1])
assert "dask" not in sys.modules
averaged = a.multi_groupby(["stimulus_id"]).mean()
print(type(a._variable._data).__name__, hashlib.sha1(a.values.tobytes()).hexdigest(), averaged.values.tolist())
if sys.argv[2] == "hidden":
    try:
        NeuroidAssembly.from_files(sys.argv[1], chunks="auto")
    except MissingExtraError as error:
        print(error, file=sys.stderr)
"""


def test_loading_gives_the_same_result_with_and_without_dask(file: Path) -> None:
    runs = [
        subprocess.run([sys.executable, "-c", _WITHOUT_DASK, file, how], capture_output=True, text=True, check=True)
        for how in ("installed", "hidden")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert "ndarray" in runs[0].stdout
    assert "[dask]" in runs[1].stderr


def test_a_lazy_assembly_can_be_written(file: Path, tmp_path: Path) -> None:
    eager, opened = NeuroidAssembly.from_files(file), NeuroidAssembly.from_files(file, chunks="auto")
    assert write_netcdf(opened, tmp_path / "lazy.nc") == write_netcdf(eager, tmp_path / "eager.nc")


def test_a_subset_of_a_lazy_assembly_is_lazy_and_the_same(file: Path) -> None:
    eager, opened = NeuroidAssembly.from_files(file), NeuroidAssembly.from_files(file, chunks={"presentation": 7})
    target = eager.sel(stimulus_id=["s1", "s4"])
    cut = subset(opened, target, subset_dims=["stimulus_id"])
    assert cut.chunks is not None
    assert cut.compute().identical(subset(eager, target, subset_dims=["stimulus_id"]))


def test_the_environment_variable_for_chunks_works_like_the_argument(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("auto", "-1", "{'presentation': 20, 'elsewhere': 3}"):
        monkeypatch.setenv("BRAINIO_CHUNKS", text)
        assert NeuroidAssembly.from_files(file).chunks is not None


@pytest.mark.parametrize("text", ["", " ", "None", "none", "NONE"])
def test_an_environment_variable_without_chunks_loads_the_values(
    file: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("BRAINIO_CHUNKS", text)
    assert NeuroidAssembly.from_files(file).chunks is None


@pytest.mark.parametrize("kind", ["chunks", "stream"])
def test_a_damaged_chunk_is_a_brainio_error_when_it_is_used(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.nc"
    write_netcdf(DataAssembly(np.random.default_rng(0).normal(size=50_000), dims=["x"]), path)
    body = bytearray(path.read_bytes())
    body[-100_000:-50_000] = bytes(50_000)
    path.write_bytes(body)
    loader = DataAssembly.get_loader_class()
    with path.open("rb") as stream:
        source: Any = stream if kind == "stream" else path
        lazy = loader(DataAssembly, source, chunks=None if kind == "stream" else {"x": 10_000}).load()
        with pytest.raises(AssemblyFormatError, match=r"'data' in .*a\.nc.* cannot be read"):
            _ = lazy.values
