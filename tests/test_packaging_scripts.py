"""Packaging scripts reproduce the shipped catalogs, and package the data that they describe."""

import csv
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from types import ModuleType

import netCDF4
import nibabel
import numpy as np
import pytest
import xarray as xr
from filelock import FileLock
from PIL import Image
from scipy.io import wavfile  # type: ignore[import-untyped, unused-ignore]

import brainio
from brainio.assemblies import NeuroidAssembly, SpikeTimesAssembly, spikes_to_rates
from packaging_scripts import haxby2001, rokem2006
from tests.servers import MotoS3

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "catalogs" / "brainio_demo"

needs_stimupy = pytest.mark.skipif(
    find_spec("stimupy") is None, reason="stimupy is not installed (pip install '.[package-demo]')"
)


def rows(folder: Path, identifier: str = "modelfest.Carney1999") -> list[dict[str, str]]:
    with (folder / "brainio_demo.csv").open(encoding="utf-8", newline="") as text:
        return [row for row in csv.DictReader(text) if row["identifier"] == identifier]


def values(folder: Path) -> xr.DataArray:
    return xr.load_dataarray(folder / "files" / "assy_modelfest_Carney1999.nc")


def pixels(folder: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(folder / "files" / "stimulus_modelfest_Carney1999.zip") as archive:
        return {name: np.array(Image.open(io.BytesIO(archive.read(name)))) for name in archive.namelist()}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    script = ROOT / "packaging_scripts" / "carney1999.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.slow(reason="runs a whole packaging script")
@needs_stimupy
def test_the_script_finds_the_published_numbers(packaged: tuple[Path, str]) -> None:
    assert "43 stimuli, 2752 presentations, split-half correlation 0.995" in packaged[1]


@needs_stimupy
def test_the_script_reproduces_the_shipped_pixels_and_thresholds(packaged: tuple[Path, str]) -> None:
    new, shipped = pixels(packaged[0]), pixels(SHIPPED)
    assert list(new) == list(shipped)
    assert all(np.array_equal(new[name], shipped[name]) for name in new)
    assert values(packaged[0]).identical(values(SHIPPED))


@needs_stimupy
def test_the_script_reproduces_the_shipped_hashes_with_the_same_libraries(packaged: tuple[Path, str]) -> None:
    if (packaged[0] / "MADE_WITH.md").read_text() != (SHIPPED / "MADE_WITH.md").read_text():
        pytest.skip("other versions of the libraries than those in MADE_WITH.md")
    assert rows(packaged[0]) == rows(SHIPPED)


@pytest.mark.slow(reason="runs the whole script again")
@needs_stimupy
def test_the_script_can_run_twice_in_one_folder(packaged: tuple[Path, str]) -> None:
    before = (packaged[0] / "brainio_demo.csv").read_bytes()
    subprocess.run(
        [sys.executable, str(ROOT / "packaging_scripts" / "carney1999.py"), str(packaged[0])], check=True, cwd=ROOT
    )
    assert (packaged[0] / "brainio_demo.csv").read_bytes() == before


@pytest.mark.slow(reason="runs the whole script again")
@needs_stimupy
def test_two_runs_into_two_folders_give_equal_hashes(packaged: tuple[Path, str], tmp_path: Path) -> None:
    script = ROOT / "packaging_scripts" / "carney1999.py"
    subprocess.run([sys.executable, str(script), str(tmp_path / "again")], check=True, cwd=ROOT)
    assert rows(tmp_path / "again") == rows(packaged[0])


def test_the_shipped_demo_has_43_patterns_and_2752_thresholds_of_reliable_observers() -> None:
    images = pixels(SHIPPED)
    assert len(images) == 43
    assert {(image.shape, image.dtype.name) for image in images.values()} == {((256, 256), "uint8")}
    thresholds = values(SHIPPED)
    assert thresholds.shape == (2752,)
    by_observer = thresholds.values.reshape(16, 43, 4).mean(axis=2)
    assert np.corrcoef(by_observer[::2].mean(axis=0), by_observer[1::2].mean(axis=0))[0, 1] == pytest.approx(
        0.995, abs=1e-3
    )


def test_no_two_patterns_share_their_thresholds() -> None:
    table = values(SHIPPED).values.reshape(16, 43, 4)
    assert len({table[:, pattern].tobytes() for pattern in range(43)}) == 43


@pytest.mark.parametrize(
    ("identifier", "license_", "publication"),
    [("modelfest.Carney1999", "GPL-2.0-only", "carney1999"), ("herz.Rokem2006", "BSD-3-Clause", "rokem2006")],
)
def test_shipped_files_have_the_listed_size_and_a_licence_with_shipped_text(
    identifier: str, license_: str, publication: str
) -> None:
    listed = rows(SHIPPED, identifier)
    assert [row["lookup_type"] for row in listed] == ["stimulus_set", "stimulus_set", "assembly"]
    for row in listed:
        body = (SHIPPED / row["location"]).read_bytes()
        assert (len(body), hashlib.sha1(body).hexdigest()) == (int(row["size"]), row["sha1"])
        assert (row["license"], row["publication"]) == (license_, publication)
    texts = (SHIPPED / "LICENSE.md").read_text(encoding="utf-8")
    assert (
        f"({listed[0]['location'].split('/')[-1].replace('stimulus', '*').replace('.csv', '.*')}): {license_}" in texts
    )
    with (SHIPPED / "publications.csv").open(encoding="utf-8", newline="") as table:
        assert publication in {row["publication"] for row in csv.DictReader(table)}


def test_the_demo_catalog_ships_in_less_than_2_mb() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 2_000_000


def test_the_shipped_grasshopper_fired_1797_spikes_at_93_and_87_hz() -> None:
    spikes = brainio.get_assembly("herz.Rokem2006")
    assert type(spikes) is SpikeTimesAssembly
    assert spikes.shape == (1797,)
    rates = spikes_to_rates(spikes, spikes.attrs["stimulus_onsets"], [(0, 10_000)])
    assert rates["stimulus_id"].values.tolist() == ["gauss_st6_co200", "gauss_st6_co800"]
    assert rates.values.ravel() == pytest.approx([92.9, 86.8])
    sounds = spikes.attrs["stimulus_set"]
    for stimulus_id in sounds["stimulus_id"]:
        rate, samples = wavfile.read(sounds.get_stimulus(stimulus_id))
        assert (rate, samples.shape, samples.dtype.name) == (20_000, (200_000,), "float32")


# ------------------------------------------------------------------ from packages of the registry


def script(module: ModuleType, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(module.__file__), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | variables)


def fetch_package(module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch a package once per test run, for all test processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "downloads"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        try:
            module.fetch(folder)
        except SystemExit as error:
            if "pip cannot fetch" not in str(error):
                raise
            pytest.skip(f"the registry cannot be reached: {error}")
    return folder


@pytest.fixture(scope="session")
def nitime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_package(rokem2006, tmp_path_factory)


@pytest.fixture(scope="session")
def pymvpa2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_package(haxby2001, tmp_path_factory)


def load_columns(nitime: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(nitime / rokem2006.SOURCE) as package, package.open(f"nitime/data/{name}") as text:
        return np.loadtxt(text)


@pytest.mark.slow(reason="a script runs whole, with uploads to S3")
def test_spikes_and_envelopes_published_to_s3_load_as_in_nitime(nitime: Path, moto_s3: MotoS3, tmp_path: Path) -> None:
    moto_s3.create_bucket("lab")
    catalog = tmp_path / "lab.csv"
    done = script(rokem2006, catalog, "lab/spikes", "--downloads", nitime)
    assert done.returncode == 0, done.stderr
    assert "1797 spikes" in done.stdout
    stem = "herz_Rokem2006"
    assert moto_s3.keys("lab") == [
        f"spikes/{name}" for name in (f"assy_{stem}.nc", f"stimulus_{stem}.csv", f"stimulus_{stem}.zip")
    ]
    brainio.add_catalog(catalog)
    spikes = brainio.get_assembly("herz.Rokem2006", catalog="lab")
    assert type(spikes) is SpikeTimesAssembly
    assert (spikes.dims, spikes.shape, spikes.attrs["units"]) == (("event",), (1797,), "ms")
    sounds = spikes.attrs["stimulus_set"]
    assert sounds["cutoff_hz"].tolist() == [200, 800]
    assert sounds["intensity_db"].tolist() == [76.4286, 71.2]
    for number, stimulus_id in enumerate(sounds["stimulus_id"], start=1):
        times = load_columns(nitime, f"grasshopper_spike_times{number}.txt")
        own = spikes.sel(recording=number)
        np.testing.assert_array_equal(own.values, times / 1000)
        assert set(own["stimulus_id"].values) == {stimulus_id}
        rate, samples = wavfile.read(sounds.get_stimulus(stimulus_id))
        envelope = load_columns(nitime, f"grasshopper_stimulus{number}.txt")
        assert rate == 1e6 / (envelope[1, 0] - envelope[0, 0])
        assert [f"{sample:.6g}" for sample in samples] == [f"{value:.6g}" for value in envelope[:, 1]]
    seconds = [(start, start + 1000) for start in range(0, 10_000, 1000)]
    counts = spikes_to_rates(spikes, spikes.attrs["stimulus_onsets"], seconds, unit="count")
    expected = Counter(zip(spikes["recording"].values.tolist(), (spikes.values // 1000).tolist(), strict=True))
    assert counts.values[:, 0].tolist() == [[expected[number, second] for second in range(10)] for number in (1, 2)]


def test_the_script_reproduces_the_shipped_spikes_and_sounds(nitime: Path, tmp_path: Path) -> None:
    done = script(rokem2006, tmp_path / "brainio_demo.csv", tmp_path / "files", "--downloads", nitime)
    assert done.returncode == 0, done.stderr
    new, shipped = rows(tmp_path, "herz.Rokem2006"), rows(SHIPPED, "herz.Rokem2006")
    assert new[0] == shipped[0]
    archives = [zipfile.ZipFile(folder / new[1]["location"]) for folder in (tmp_path, SHIPPED)]
    members = [{name: archive.read(name) for name in archive.namelist()} for archive in archives]
    assert members[0] == members[1]
    files = [folder / new[2]["location"] for folder in (tmp_path, SHIPPED)]
    assert SpikeTimesAssembly.from_files(files[0]).identical(SpikeTimesAssembly.from_files(files[1]))
    with netCDF4.Dataset(files[0]) as new_file, netCDF4.Dataset(files[1]) as shipped_file:
        same_libraries = new_file._NCProperties == shipped_file._NCProperties
    assert new[2] == shipped[2] or not same_libraries


@pytest.mark.slow(reason="runs a whole packaging script twice")
def test_a_second_run_changes_nothing(nitime: Path, tmp_path: Path) -> None:
    def bytes_of_all() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    arguments = (tmp_path / "lab.csv", tmp_path / "files", "--downloads", nitime)
    assert script(rokem2006, *arguments).returncode == 0
    before = bytes_of_all()
    assert script(rokem2006, *arguments).returncode == 0
    assert bytes_of_all() == before


@pytest.mark.slow(reason="a script runs whole, with uploads to S3")
def test_blocks_published_to_a_catalog_on_s3_load_as_in_pymvpa2(pymvpa2: Path, moto_s3: MotoS3, tmp_path: Path) -> None:
    moto_s3.create_bucket("lab")
    done = script(haxby2001, "s3://lab/lab.csv", "lab/files", "--downloads", pymvpa2)
    assert done.returncode == 0, done.stderr
    assert "96 x 530 x 9 values, decoding of 8 categories, one run left out: 0.469" in done.stdout
    brainio.add_catalog("s3://lab/lab.csv")
    loaded = brainio.get_assembly("haxby.Haxby2001")
    assert type(loaded) is NeuroidAssembly
    assert loaded.dims == ("presentation", "neuroid", "time_bin")
    assert loaded["time_bin_start"].values.tolist() == [2500 * volume for volume in range(9)]
    assert haxby2001.decoding_accuracy(loaded) == 45 / 96
    bold, labels = unpacked(pymvpa2, tmp_path)
    where = tuple(loaded[f"voxel_{axis}"].values for axis in "ijk")
    blocks = [
        (label, [volume for volume, _ in volumes]) for label, volumes in groupby(enumerate(labels), lambda v: v[1])
    ]
    shown = [(label, volumes) for label, volumes in blocks if not label.startswith("rest")]
    assert len(shown) == 96
    for position, (label, volumes) in enumerate(shown):
        assert label == f"{loaded['category'].values[position]} {loaded['run'].values[position]}"
        np.testing.assert_array_equal(loaded.values[position], bold[where][:, volumes])


def unpacked(pymvpa2: Path, folder: Path) -> tuple[np.ndarray, list[str]]:
    """Return the volumes of the sources, and the label of each."""
    with tarfile.open(pymvpa2 / haxby2001.SOURCE) as archive:
        archive.extractall(folder, filter="data")
    data = folder / "pymvpa2-2.6.5" / "mvpa2" / "data"
    labels = (data / "attributes_literal.txt").read_text().splitlines()
    return np.asarray(nibabel.Nifti1Image.from_filename(data / "bold.nii.gz").dataobj), labels


@pytest.mark.parametrize("module", [rokem2006, haxby2001], ids=["rokem2006", "haxby2001"])
def test_a_script_refuses_other_source_bytes(module: ModuleType, tmp_path: Path) -> None:
    (tmp_path / module.SOURCE).write_bytes(b"another package")
    done = script(module, tmp_path / "lab.csv", tmp_path / "files", "--downloads", tmp_path)
    assert done.returncode == 1
    assert f"{module.SOURCE} does not have the SHA-256 {module.SOURCE_SHA256}; nothing was packaged." in done.stderr
    assert [path.name for path in tmp_path.glob("*.csv")] == []


@pytest.mark.parametrize("module", [rokem2006, haxby2001], ids=["rokem2006", "haxby2001"])
def test_a_failed_fetch_of_a_source_package_names_the_next_step(module: ModuleType, tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = script(module, tmp_path / "lab.csv", tmp_path / "files", "--downloads", tmp_path / "none", **nowhere)
    assert done.returncode == 1
    assert "pip cannot fetch" in done.stderr
    assert f"download {module.SOURCE} and pass its folder as --downloads" in done.stderr
