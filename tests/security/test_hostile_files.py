"""Malicious or damaged files are read, or refused with a `BrainioError`, without side effects.

The fuzzers in this folder check the same guarantees with more inputs.
"""

import importlib.util
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import netCDF4
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brainio
from brainio.catalogs import resolve
from brainio.catalogs.listing import read_listing
from brainio.errors import IntegrityError
from brainio.fetch import fetch_entry
from tests.lab import Lab, assembly_file, sha1
from tests.security import fuzz_csv, fuzz_netcdf, fuzz_stimuli, fuzz_zip
from tests.tiers import scaled_examples

CELLS = st.text("ab\",\n\r\0='/.:0; é\ufeff", max_size=12)
LIMITED = settings(max_examples=scaled_examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Return one of some seeds with a few replaced bytes."""
    body = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body)))
        body[place : place + draw(st.integers(0, 9))] = draw(st.binary(max_size=9) | CELLS.map(str.encode))
    return bytes(body)


@pytest.mark.parametrize("fuzzer", [fuzz_csv, fuzz_stimuli, fuzz_zip], ids=lambda module: module.__name__[-11:])
def test_changed_bytes_are_read_or_refused(fuzzer: Any) -> None:
    seeds, check = fuzzer.load()

    @LIMITED
    @given(changed(tuple(seeds)))
    def check_changed(data: bytes) -> None:
        check(data)

    for seed in seeds:
        check(seed)
    check_changed()


@LIMITED
@given(st.lists(st.lists(CELLS, max_size=9), max_size=9))
def test_any_cells_give_a_catalog_or_a_catalog_error(rows: list[list[str]]) -> None:
    _, check = fuzz_csv.load()
    check("\n".join([fuzz_csv.HEADER, *(",".join(row) for row in rows)]).encode())


@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
@pytest.mark.parametrize("line", ['a","', '"', 'a,"', '"""', 'a,assembly,X,S3,s3://b/k,,,"'])
def test_a_catalog_of_unclosed_quotes_is_read_in_linear_time(line: str) -> None:
    began = time.process_time()
    read_listing("quotes", f"{fuzz_csv.HEADER}\n" + f"{line}\n" * 40_000)
    assert time.process_time() - began < 30  # seconds; quadratic time would be half an hour


def test_many_versions_of_one_entry_are_read_in_linear_time() -> None:
    rows = "".join(f"a,assembly,X,S3,s3://b/k,,,{number}\n" for number in range(60_000))
    began = time.process_time()
    assert len(read_listing("versions", f"{fuzz_csv.HEADER},version\n{rows}").versions["assembly", "a"]) == 60_000
    assert time.process_time() - began < 30


@pytest.mark.parametrize("size", ["9" * 5000, "²", "-1", "1e3", "٣"])
def test_a_row_with_an_invalid_size_is_left_out(size: str) -> None:
    row = f"a,assembly,X,S3,s3://b/k,,,{size}\n"
    with pytest.warns(Warning, match="expected a number of bytes"):
        assert read_listing("sizes", f"{fuzz_csv.HEADER},size\n{row}").entries == {}


class RecordingDataset(netCDF4.Dataset):
    """Records the names of opened files.

    Defined at module level because Python crashes if the class is collected together with its objects.
    """

    opened: ClassVar[list[str]] = []

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.opened.append(name)
        super().__init__(name, *args, **kwargs)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the netCDF files that were opened."""
    RecordingDataset.opened.clear()
    monkeypatch.setattr(netCDF4, "Dataset", RecordingDataset)
    return RecordingDataset.opened


@pytest.mark.parametrize("number", range(4))
def test_netcdf_bytes_that_fail_their_hash_are_never_opened(
    lab: Lab, tmp_path: Path, opened: list[str], number: int
) -> None:
    lab.publish_stimuli()
    sound = assembly_file(tmp_path)
    lab.publish("assy_lab_Doe2026.nc", sound, "NeuroidAssembly")
    opened.clear()
    lab.server.objects["lab-bucket", "assy_lab_Doe2026.nc"] = fuzz_netcdf.damaged(sound, number)
    with pytest.raises(IntegrityError):
        brainio.get_assembly("lab.Doe2026")
    assert opened == []
    lab.server.objects["lab-bucket", "assy_lab_Doe2026.nc"] = sound
    assert brainio.get_assembly("lab.Doe2026").shape == (4, 2)
    assert len(opened) > 0


def test_netcdf_files_damaged_in_the_cache_are_never_opened(lab: Lab, tmp_path: Path, opened: list[str]) -> None:
    lab.publish_stimuli()
    sound = assembly_file(tmp_path)
    lab.publish("assy_lab_Doe2026.nc", sound, "NeuroidAssembly")
    path = fetch_entry(resolve("assembly", "lab.Doe2026"))["nc"]
    path.chmod(0o644)
    path.write_bytes(fuzz_netcdf.damaged(sound, 5))
    del lab.server.objects["lab-bucket", "assy_lab_Doe2026.nc"]
    opened.clear()
    with pytest.raises(OSError, match=r"lab\.Doe2026"):
        brainio.get_assembly("lab.Doe2026")
    assert opened == []
    assert not path.exists() or sha1(path.read_bytes()) == sha1(sound)


@pytest.mark.parametrize("count", [25, pytest.param(120, marks=pytest.mark.slow(reason="120 files"))])
@pytest.mark.parametrize("reader", fuzz_netcdf.READERS)
def test_damaged_netcdf_files_are_read_or_refused(tmp_path: Path, reader: str, count: int) -> None:
    if reader == "stream":
        pytest.importorskip("h5netcdf")
    results = fuzz_netcdf.fuzz_in_workers(fuzz_netcdf.sound_file(tmp_path), reader, 0, count)
    assert len(results) == count
    assert set(results.values()) == {"read", "refused"}, Counter(results.values())


def test_crashing_and_hanging_readers_are_counted_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "sitecustomize.py"
    helper.write_text(
        "import os, sys, time\n"
        "if '--worker' in sys.orig_argv:\n"
        "    first = int(sys.orig_argv[-2])\n"
        "    if first == 0: os.abort()\n"
        "    if first == 1: time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(fuzz_netcdf, "LONGEST_INPUT", 0.5)
    monkeypatch.setattr(fuzz_netcdf, "START", 5.0)
    results = fuzz_netcdf.fuzz_in_workers(fuzz_netcdf.sound_file(tmp_path), "path", 0, 2)
    assert results == {0: "crash -6", 1: "hung"}


@pytest.mark.parametrize("module", ["fuzz_csv", "fuzz_stimuli", "fuzz_zip"])
def test_a_fuzzer_runs_or_reports_that_atheris_is_missing(module: str) -> None:
    command = [sys.executable, "-m", f"tests.security.{module}", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if importlib.util.find_spec("atheris") is None:
        assert "atheris is not installed" in done.stdout
    else:
        assert done.returncode == 0, done.stderr[-2000:]
