"""Every reader refuses files that would read other files, loop, crash or exhaust memory."""

import ast
import faulthandler
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

import brainio as package
from brainio.assemblies import DataAssembly
from brainio.cards import build_card
from brainio.catalogs import add_catalog, resolve
from brainio.errors import AssemblyFormatError, BrainioError, InsufficientMemoryError, UnsafeFileError
from brainio.netcdf.inspection import inspect
from brainio.packaging import write_netcdf
from brainio.packaging.lab_files import read_recording
from brainio.relations.file_checks import CoordinatesLoader
from tests.security import hostile_hdf5
from tests.security.hostile_hdf5 import FILES, FOUND, SECRET

LONGEST = 60  # seconds; a refusal takes milliseconds
NO_STIMULI: dict[str, Any] = {"stimulus_set_identifier": None, "stimulus_set": None}
OUTSIDE = [name for name in FILES if name.startswith(("external", "virtual", "soft-link-through", "soft-link-to-an"))]


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """Print all stacks and end the process if a reader hangs inside HDF5."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all hostile files and the files that they try to read."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile_hdf5.write_secrets(folder)
    for name, write in FILES.items():
        write(folder / f"{name}.nc")
    return folder


def load(path: Path, **options: Any) -> bytes:
    return DataAssembly.from_files(path, **NO_STIMULI, **options).values.tobytes()


def stream(path: Path) -> bytes:
    with path.open("rb") as file:
        return DataAssembly.from_files(file, **NO_STIMULI).values.tobytes()


def stream_from_memory(path: Path) -> bytes:
    return DataAssembly.from_files(io.BytesIO(path.read_bytes()), **NO_STIMULI).values.tobytes()


def validate(path: Path) -> bytes:
    report = package.validate(path)
    assert report.errors != []
    raise AssemblyFormatError(f"{path}: {[problem.found for problem in report.errors]}")


READERS: dict[str, Callable[[Path], bytes]] = {
    "eager": load,
    "chunks": lambda path: load(path, chunks="auto"),
    "stream": stream,
    "stream-from-memory": stream_from_memory,
    "validate": validate,
    "package": lambda path: read_recording(path).values.tobytes(),
    "overlap": lambda path: CoordinatesLoader(path).load().values.tobytes(),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", FILES)
def test_no_reader_opens_a_hostile_file(folder: Path, name: str, reader: str) -> None:
    with pytest.raises(AssemblyFormatError) as refused:
        READERS[reader](folder / f"{name}.nc")
    message = str(refused.value)
    assert FOUND[name] in message
    assert SECRET[:12].decode() not in message
    if reader != "stream-from-memory":
        assert f"{name}.nc" in message


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
def test_no_card_contains_bytes_of_other_files(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.nc").write_bytes((folder / f"{name}.nc").read_bytes())
    catalog = tmp_path / "lab.csv"
    columns = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    catalog.write_text(f"{columns}\nlab.Doe2026,assembly,NeuroidAssembly,,x.nc,,\n")
    add_catalog(catalog)
    with pytest.raises(UnsafeFileError, match=FOUND[name]):
        build_card(resolve("assembly", "lab.Doe2026"))


def expanding(path: Path, shape: tuple[int, ...], chunk: tuple[int, ...], kind: Any = h5t.IEEE_F64LE) -> Path:
    """Write a recording of a few kB whose values are zeros or mostly unwritten."""
    with h5py.File(path, "w") as file:
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk(chunk)
        plan.set_deflate(9)
        values = h5d.create(file.id, b"data", kind, h5s.create_simple(shape), plan)
        del values
        file["data"][tuple(slice(size) for size in chunk)] = np.zeros(chunk)
        for number, size in enumerate(shape):
            file.create_dataset(f"d{number}", (size,), "i1", chunks=(min(size, 2**20),))
            file[f"d{number}"].make_scale("This is a netCDF dimension but not a netCDF variable.         1")
            file["data"].dims[number].attach_scale(file[f"d{number}"])
    return path


def test_values_of_160_gb_in_a_small_file_are_refused_and_read_by_chunks(tmp_path: Path) -> None:
    path = expanding(tmp_path / "a.nc", (200_000, 100_000), (1000, 1000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InsufficientMemoryError, match=r"160\.0 GB for the values of /data.* free\..*chunks='auto'"):
        load(path)
    lazy = DataAssembly.from_files(path, chunks="auto", **NO_STIMULI)
    assert float(lazy[:2, :2].values.sum()) == 0


def test_every_reader_refuses_a_chunk_that_does_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = expanding(tmp_path / "a.nc", (2_000, 20_000), (2000, 20_000))
    monkeypatch.setattr("brainio.netcdf.inspection.free_memory", lambda: 200_000_000)
    for read in (load, READERS["chunks"], stream):
        with pytest.raises(InsufficientMemoryError, match=r"320\.0 MB for the largest chunk; 200\.0 MB are free"):
            read(path)


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_every_reader_refuses_coordinates_that_do_not_fit_into_memory(tmp_path: Path, kind: str) -> None:
    path = expanding(tmp_path / "a.nc", (10**11,), (1 << 20,), h5t.IEEE_F32LE)
    with h5py.File(path, "a") as file:
        dtype = h5py.string_dtype() if kind == "text" else "i8"
        file.create_dataset("session", (10**11,), dtype, chunks=(1 << 20,)).dims[0].attach_scale(file["d0"])
        file["data"].attrs["coordinates"] = "session"
    for read in (load, READERS["chunks"], stream, READERS["overlap"]):
        with pytest.raises(InsufficientMemoryError, match=r"TB for coordinates.*smaller chunks"):
            read(path)


@pytest.mark.parametrize("reader", [name for name in READERS if not name.startswith("stream")])
def test_a_chunk_larger_in_the_file_than_in_memory_is_refused(tmp_path: Path, reader: str) -> None:
    hostile_hdf5.chunk_that_expands_a_thousand_times(tmp_path / "a.nc")
    with pytest.raises(AssemblyFormatError, match=r"/data has a chunk of 9,\d+ bytes in the file, 96 bytes in memory"):
        READERS[reader](tmp_path / "a.nc")


def test_nothing_is_appended_to_a_hostile_file(folder: Path) -> None:
    path = folder / "hard-link-to-the-root.nc"
    before = path.read_bytes()
    with pytest.raises(UnsafeFileError, match="/root is a second link to a group"):
        write_netcdf(DataAssembly([1.0], dims=["x"]), path, append=True, group="extra")
    assert path.read_bytes() == before


def test_a_refusal_closes_the_file(folder: Path) -> None:
    path = folder / "soft-link-to-itself.nc"
    with ExitStack() as errors:
        errors.enter_context(pytest.raises(UnsafeFileError))
        inspect(path)
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert path not in [link.readlink() for link in links]


def test_no_other_module_opens_netcdf_files() -> None:
    root = Path(package.__file__).parent
    modules = ("reading", "hdf5_structure", "variable_length", "filters", "writing")
    opening = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Attribute) and node.attr.startswith(("open_data", "load_data", "open_mf")):
                names = ["h5py"] if isinstance(node.value, ast.Name) and node.value.id in ("xr", "xarray") else []
            else:
                continue
            if any(name.split(".")[0] in {"netCDF4", "h5py", "h5netcdf"} for name in names):
                opening.add(path.relative_to(root).as_posix())
    assert opening == {f"netcdf/{module}.py" for module in modules}


def test_a_file_replaced_after_its_inspection_is_not_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, hostile = tmp_path / "a.nc", folder / "external-storage-of-values.nc"
    with h5py.File(path, "w") as file:
        hostile_hdf5.recording(file)

    def swapped(self: Any, *, eager: bool) -> Any:
        structure = inspect(path)
        path.write_bytes(hostile.read_bytes())
        return structure

    monkeypatch.setattr(DataAssembly.get_loader_class(), "_inspect", swapped)
    with pytest.raises(BrainioError, match=r"a\.nc changed after it was inspected"):
        load(path)
