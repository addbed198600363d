"""Damaged netCDF files: bytes that fail their hash are never opened; without a hash, damage is an error at worst.

Malicious bytes may crash or hang the HDF5 library, so separate processes read the files.
Sixteen fuzzed files, from a fixed seed; the slow tier has 60, or as many as the environment variable `FUZZED` states.
"""

import os
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import brainio
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import AssemblyFormatError, BrainioError, CatalogWarning, IntegrityError
from tests.lab import assembly_file
from tests.reliability.faulty_lab import NAME, FaultyLab
from tests.reliability.processes import exit_code, start

FUZZED = int(os.environ.get("FUZZED", "60"))
AT_ONCE = 4
PATIENCE = 20.0  # seconds for a file of 60 kB
LOADED, REFUSED = 0, 10  # exit codes; multiprocessing has 1 for any other exception
NC = "assy_lab_Doe2026.nc"


def load_unhashed(catalog: Path, identifier: str) -> None:
    """Load an assembly without a hash, and exit with a code for the outcome."""
    warnings.simplefilter("ignore")
    brainio.add_catalog(catalog)
    try:
        assert brainio.get_assembly(identifier).identifier == identifier
    except BrainioError:
        sys.exit(REFUSED)


def fuzzed(body: bytes, chance: random.Random) -> bytes:
    """Change some bytes or a range of them, remove a byte, or truncate the body."""
    damaged = bytearray(body)
    at = chance.randrange(len(body))
    length = chance.choice([1, 4, 8, 64, 512])
    kind = chance.choice(["bytes", "bytes", "bytes", "zeros", "ones", "out", "twice", "end"])
    if kind == "bytes":
        for _ in range(chance.choice([1, 3, 10, 100])):
            damaged[chance.randrange(len(body))] = chance.randrange(256)
    elif kind in {"zeros", "ones"}:
        damaged[at : at + length] = bytes([255 * (kind == "ones")]) * length
    elif kind == "out":
        del damaged[at : at + length]
    elif kind == "twice":
        damaged[at:at] = damaged[at : at + length]
    else:
        del damaged[at:]
    return bytes(damaged)


@pytest.fixture
def lab(s3_lab: FaultyLab) -> FaultyLab:
    s3_lab.catalog.unlink()
    return s3_lab


def publish(lab: FaultyLab, body: bytes, name: str = NC, identifier: str = NAME, **columns: str) -> None:
    lab.publish(name, body, "NeuroidAssembly", identifier, **({"stimulus_set_identifier": ""} | columns))


@pytest.mark.parametrize("count", [16, pytest.param(FUZZED, marks=pytest.mark.slow(reason=f"{FUZZED} processes"))])
def test_fuzzed_files_are_loaded_or_refused_without_a_crash_or_hang(
    tmp_path: Path, record_property: Callable[[str, object], None], count: int
) -> None:
    body, chance = assembly_file(tmp_path), random.Random(4)
    names = [f"lab.Fuzzed{number}" for number in range(count)]
    rows = []
    for number, name in enumerate(names):
        (tmp_path / f"{number}.nc").write_bytes(fuzzed(body, chance))
        rows.append(f"{name},assembly,NeuroidAssembly,,{number}.nc,,")
    catalog = tmp_path / "fuzzed.csv"
    catalog.write_text("\n".join([",".join(REQUIRED_COLUMNS), *rows]) + "\n")
    ends: dict[str, int | None] = {}
    for begin in range(0, count, AT_ONCE):
        started = {name: start(load_unhashed, catalog, name) for name in names[begin : begin + AT_ONCE]}
        ends |= {name: exit_code(process, PATIENCE) for name, process in started.items()}
    crashes = [name for name, code in ends.items() if code is not None and code < 0]
    hangs = [name for name, code in ends.items() if code is None]
    record_property("crashes and hangs of the HDF5 library", f"{len(crashes)} and {len(hangs)} of {count}")
    print(f"{len(crashes)} crashes and {len(hangs)} hangs of {count}: {crashes} {hangs}")
    others = {name: code for name, code in ends.items() if code not in {LOADED, REFUSED}}
    assert set(others) == {*crashes, *hangs}
    assert {LOADED, REFUSED} <= set(ends.values())
    assert len(crashes) + len(hangs) <= count / 10


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_an_error_that_names_it(lab: FaultyLab, tmp_path: Path, share: float) -> None:
    body = assembly_file(tmp_path)
    publish(lab, body[: int(len(body) * share)])
    with pytest.raises(AssemblyFormatError, match=rf"^assembly 'lab\.Doe2026' of catalog 'lab': .*{NC}"):
        brainio.get_assembly(NAME)


def test_wrong_bytes_are_never_opened_as_netcdf(
    lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = assembly_file(tmp_path)
    publish(lab, body)
    lab.server.objects["lab-bucket", NC] = body[:-1] + bytes([body[-1] ^ 1])
    opened: list[object] = []
    monkeypatch.setattr(netCDF4, "Dataset", lambda *arguments, **_: opened.append(arguments))
    with pytest.raises(IntegrityError, match=NC):
        brainio.get_assembly(NAME)
    assert opened == []


def _with_group(folder: Path, sizes: dict[str, int], variables: dict[str, tuple[str, ...]]) -> bytes:
    path = folder / "assembly.nc"
    assembly_file(folder)
    with netCDF4.Dataset(path, "a") as file:
        group = file.createGroup("extra")
        for name, size in sizes.items():
            group.createDimension(name, size)
        for name, dims in variables.items():
            group.createVariable(name, "f8", dims)[...] = np.zeros([sizes[dim] for dim in dims])
    return path.read_bytes()


BAD_GROUPS: dict[str, tuple[dict[str, int], dict[str, tuple[str, ...]]]] = {
    "two arrays of data": ({"unit": 3}, {"data": ("unit",), "more": ("unit",)}),
    "no array of data": ({"unit": 3}, {"unit": ("unit",)}),
    "two arrays of other dimensions": ({"unit": 3, "bin": 2}, {"data": ("unit",), "more": ("unit", "bin")}),
}


@pytest.mark.parametrize(("sizes", "variables"), BAD_GROUPS.values(), ids=BAD_GROUPS)
def test_a_group_of_the_wrong_shape_is_an_error_that_names_file_and_group(
    lab: FaultyLab, tmp_path: Path, sizes: dict[str, int], variables: dict[str, tuple[str, ...]]
) -> None:
    publish(lab, _with_group(tmp_path, sizes, variables))
    with pytest.raises(AssemblyFormatError, match=rf"^assembly 'lab\.Doe2026'.*'extra' of .*{NC} has"):
        brainio.get_assembly(NAME)


def test_a_valid_group_next_to_the_data_is_read(lab: FaultyLab, tmp_path: Path) -> None:
    publish(lab, _with_group(tmp_path, {"unit": 3}, {"extra": ("unit",)}))
    assert brainio.get_assembly(NAME).attrs["extra"].shape == (3,)


def test_a_file_without_a_hash_warns_that_it_is_unverified(lab: FaultyLab, tmp_path: Path) -> None:
    publish(lab, assembly_file(tmp_path), sha1="")
    with pytest.warns(CatalogWarning, match="gives no hash"):
        brainio.get_assembly(NAME)
