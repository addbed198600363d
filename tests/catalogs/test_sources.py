"""Promises of `brainio.catalogs.sources`: distributions offer catalogs in either of two ways."""

import subprocess
import sys
from pathlib import Path

import pytest

CATALOG = (
    "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
    f"x.Doe2026,assembly,NeuroidAssembly,S3,s3://b/x.nc,{'a' * 40},\n"
)
MODULES = {
    "source": "from brainio.catalogs import CatalogSource\nlab = CatalogSource('lab', {path!r})\n",
    "function": "from brainio.catalogs import Catalog\ndef lab(): return Catalog.from_files('lab', {path!r})\n",
    "frame": (
        "import pandas as pd\nfrom brainio.catalogs import Catalog\n"
        "def lab(): return Catalog(pd.read_csv({path!r}, dtype=object))\n"
    ),
    "broken": "def lab(): raise RuntimeError('the lab moved')\n",
}
LOOK = "import brainio.catalogs as c; print(c.resolve('assembly', 'x.Doe2026').catalog)"


def install(folder: Path, way: str) -> Path:
    """Put a distribution that offers the catalog `lab` into a folder, as pip would."""
    (folder / "lab.csv").write_text(CATALOG)
    (folder / "lab_catalog.py").write_text(MODULES[way].format(path=str(folder / "lab.csv")))
    info = folder / "lab_catalog-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-catalog\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[brainio_lookups]\nlab = lab_catalog:lab\n")
    return folder


def run(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", ["source", "function", "frame"])
def test_an_installed_distribution_offers_its_catalog(tmp_path: Path, way: str) -> None:
    done = run(install(tmp_path, way), LOOK)
    assert done.stdout == "lab\n", done.stderr


def test_a_catalog_source_is_read_without_pandas(tmp_path: Path) -> None:
    done = run(install(tmp_path, "source"), f"{LOOK}\nprint('pandas' in sys.modules)")
    assert done.stdout == "lab\nFalse\n", done.stderr


def test_a_broken_distribution_is_left_out_with_a_warning(tmp_path: Path) -> None:
    done = run(install(tmp_path, "broken"), "import brainio; print(brainio.list_catalogs())")
    assert done.stdout == "['brainio_demo', 'brainscore']\n"
    assert "catalog 'lab' (lab_catalog:lab) is left out: RuntimeError: the lab moved" in done.stderr
