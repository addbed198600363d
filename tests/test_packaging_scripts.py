"""The demo catalog is what its script makes."""

import csv
import io
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "catalogs" / "brainio_demo"

needs_stimupy = pytest.mark.skipif(
    find_spec("stimupy") is None, reason="stimupy is not installed (pip install 'brainio[package-demo]')"
)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "brainio_demo.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def values(folder: Path) -> xr.DataArray:
    return xr.load_dataarray(folder / "files" / "assy_modelfest_Carney1999.nc")


def pixels(folder: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(folder / "files" / "stimulus_modelfest_Carney1999.zip") as archive:
        return {name: np.array(Image.open(io.BytesIO(archive.read(name)))) for name in archive.namelist()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    script = ROOT / "packaging_scripts" / "carney1999.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@needs_stimupy
def test_the_script_finds_the_published_numbers(made: tuple[Path, str]) -> None:
    assert "43 stimuli, 2752 presentations, split-half correlation 0.995" in made[1]


@needs_stimupy
def test_the_script_makes_the_shipped_pixels_and_thresholds(made: tuple[Path, str]) -> None:
    new, shipped = pixels(made[0]), pixels(SHIPPED)
    assert list(new) == list(shipped)
    assert all(np.array_equal(new[name], shipped[name]) for name in new)
    assert values(made[0]).identical(values(SHIPPED))


@needs_stimupy
def test_with_the_same_libraries_the_script_makes_the_shipped_hashes(made: tuple[Path, str]) -> None:
    if (made[0] / "MADE_WITH.md").read_text() != (SHIPPED / "MADE_WITH.md").read_text():
        pytest.skip("other versions of the libraries than those in MADE_WITH.md")
    assert rows(made[0]) == rows(SHIPPED)


@needs_stimupy
def test_the_script_may_run_twice_into_one_folder(made: tuple[Path, str]) -> None:
    before = (made[0] / "brainio_demo.csv").read_bytes()
    subprocess.run(
        [sys.executable, str(ROOT / "packaging_scripts" / "carney1999.py"), str(made[0])], check=True, cwd=ROOT
    )
    assert (made[0] / "brainio_demo.csv").read_bytes() == before


@needs_stimupy
def test_two_runs_into_two_folders_give_equal_hashes(made: tuple[Path, str], tmp_path: Path) -> None:
    script = ROOT / "packaging_scripts" / "carney1999.py"
    subprocess.run([sys.executable, str(script), str(tmp_path / "again")], check=True, cwd=ROOT)
    assert rows(tmp_path / "again") == rows(made[0])


def test_the_shipped_demo_holds_43_patterns_and_2752_thresholds_of_reliable_observers() -> None:
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


def test_shipped_files_have_the_size_that_the_catalog_promises_and_stay_under_1_mb() -> None:
    for row in rows(SHIPPED):
        assert (SHIPPED / row["location"]).stat().st_size == int(row["size"])
        assert row["license"] == "GPL-2.0-only"
        assert row["publication"] == "carney1999"
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 1_000_000
