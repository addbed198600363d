"""The command `brainio package`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import brainio
from tests.cli.command import brainio as run

PUBLISH = ("--identifier", "lab.Doe2026", "--to", "files", "--catalog", "lab.csv")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a lab, with two images, and a recording of them with its tables."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "images" / f"im{number}.png")
    np.save(tmp_path / "rates.npy", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    (tmp_path / "trials.csv").write_text("stimulus_id,repetition\nim1,0\nim0,0\n")
    (tmp_path / "neurons.csv").write_text("neuroid_id,region\nn1,V4\nn2,V4\nn3,IT\n")
    return tmp_path


ASSEMBLY = (
    *("assembly", "rates.npy", "--dims", "presentation,neuroid", "--coords", "presentation=trials.csv"),
    *("--coords", "neuroid=neurons.csv", "--stimulus-set", "lab.Doe2026", *PUBLISH),
)


def test_a_folder_and_an_array_become_entries_that_load(lab: Path) -> None:
    stimuli = run("package", "stimulus-set", "images", *PUBLISH, "--fact", "license=CC0-1.0", "--json")
    assert json.loads(stimuli.stdout)["identifier"] == "lab.Doe2026"
    published = run("package", *ASSEMBLY)
    assert published.returncode == 0
    assert published.stderr.endswith("the assembly lab.Doe2026 is published in lab.csv\n")
    brainio.add_catalog(lab / "lab.csv")
    assembly = brainio.get_assembly("lab.Doe2026")
    assert assembly.sel(region="IT").values.tolist() == [[3.0], [6.0]]
    assert assembly["filename"].values.tolist() == ["im1.png", "im0.png"]
    assert brainio.catalogs.resolve("stimulus_set", "lab.Doe2026").license == "CC0-1.0"


def test_a_dry_run_shows_the_plan_and_writes_nothing(lab: Path) -> None:
    done = run("package", "stimulus-set", "images", *PUBLISH, "--dry-run")
    assert "files/stimulus_lab_Doe2026.zip" in done.stdout
    assert "lab.csv (a new catalog)" in done.stdout
    assert not (lab / "files").exists()
    assert not (lab / "lab.csv").exists()


def test_invalid_files_are_refused_with_all_problems(lab: Path) -> None:
    (lab / "stimuli.csv").write_text("stimulus_id,Hue\nim0,1\nim7,2\n")
    done = run("package", "stimulus-set", "stimuli.csv", "--files", "images", *PUBLISH)
    assert done.returncode == 1
    assert "Hue" in done.stderr
    assert "im7" in done.stderr
    assert not (lab / "lab.csv").exists()


def test_a_pair_without_its_sign_is_wrong_usage(lab: Path) -> None:
    done = run("package", "stimulus-set", str(lab / "images"), *PUBLISH, "--fact", "license")
    assert done.returncode == 2
    assert "'license' is not of the form NAME=VALUE" in done.stderr


def test_a_doi_is_refused_as_a_store(lab: Path) -> None:
    refused = run("package", "stimulus-set", "images", *PUBLISH[:2], "--to", "doi:10.5281/zenodo.1", *PUBLISH[4:])
    assert refused.returncode == 1
    assert "is a DOI, not a store to which files can be uploaded" in refused.stderr
    assert not list(lab.glob("doi*"))
