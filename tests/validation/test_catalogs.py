"""Promises of checking a whole catalog."""

from pathlib import Path

import pytest

from brainio.errors import UnknownCatalogError
from brainio.validation import check_catalog
from brainio.validation.catalogs import Files
from tests.lab import Lab, assembly_file


@pytest.fixture
def sound(lab: Lab, tmp_path: Path) -> Lab:
    """A lab whose catalog lists a stimulus set and an assembly that are there."""
    lab.publish_stimuli()
    lab.publish("assy.nc", assembly_file(tmp_path), "NeuroidAssembly")
    return lab


def codes(lab: Lab, files: Files = "all") -> list[str]:
    return [one.code for one in check_catalog(lab.catalog, files=files).problems]


@pytest.mark.parametrize("files", ["none", "sizes", "sample", "all"])
def test_a_sound_catalog_has_no_problems(sound: Lab, files: Files) -> None:
    assert codes(sound, files) == []


def test_a_changed_file_is_found_where_bytes_are_read(sound: Lab) -> None:
    key = next(key for key in sound.server.objects if key[1].endswith(".nc"))
    content = sound.server.objects[key]
    sound.server.objects[key] = content[:-1] + bytes([content[-1] ^ 1])
    assert codes(sound, "sizes") == []
    assert codes(sound) == ["file-changed"]
    assert codes(sound, "sample") == ["file-changed"]


def test_a_file_that_is_gone_is_found_without_reading(sound: Lab) -> None:
    del sound.server.objects[next(key for key in sound.server.objects if key[1].endswith(".nc"))]
    assert codes(sound, "sizes") == ["file-gone"]


def test_every_unsound_row_is_named_at_once(sound: Lab) -> None:
    with sound.catalog.open("a") as file:
        file.write("lab.A,movie,,S3,s3://lab/a,,\n")
        file.write("lab.B,assembly,NeuroidAssembly,S3,s3://lab/b.nc,,lab.Nowhere\n")
        file.write("lab.C,stimulus_set,StimulusSet,S3,s3://lab/c.csv,,\n")
        file.write("too,short\n")
    report = check_catalog(sound.catalog, files="none")
    found = {(one.code, one.place) for one in report.problems}
    assert found == {
        ("catalog-row", "catalog"),
        ("set-unlisted", "assembly lab.B"),
        ("file-without-hash", "assembly lab.B"),
        ("entry-incomplete", "stimulus set lab.C"),
        ("file-without-hash", "stimulus set lab.C"),
    }
    assert sum(one.code == "catalog-row" for one in report.problems) == 2


def test_a_catalog_that_is_not_in_force_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownCatalogError, match="no_lab"):
        check_catalog("no_lab")
