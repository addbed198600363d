"""Guarantees of `check_catalog`."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import UnknownCatalogError
from brainio.validation import check_catalog
from brainio.validation.catalogs import Files
from tests.lab import Lab, assembly_file


@pytest.fixture
def sound(lab: Lab, tmp_path: Path) -> Lab:
    """A lab whose catalog lists an existing stimulus set and assembly."""
    lab.publish_stimuli()
    lab.publish("assy.nc", assembly_file(tmp_path), "NeuroidAssembly")
    return lab


def codes(lab: Lab, files: Files = "all") -> list[str]:
    return [item.code for item in check_catalog(lab.catalog, files=files).problems]


@pytest.mark.parametrize("files", ["none", "sizes", "sample", "all"])
def test_a_sound_catalog_has_no_problems(sound: Lab, files: Files) -> None:
    assert codes(sound, files) == []


def test_a_changed_file_is_found_when_files_are_read(sound: Lab) -> None:
    key = next(key for key in sound.server.objects if key[1].endswith(".nc"))
    content = sound.server.objects[key]
    sound.server.objects[key] = content[:-1] + bytes([content[-1] ^ 1])
    assert codes(sound, "sizes") == []
    assert codes(sound) == ["file-changed"]
    assert codes(sound, "sample") == ["file-changed"]


def test_an_html_page_instead_of_a_file_is_reported_with_and_without_a_hash(sound: Lab) -> None:
    page = b"<!DOCTYPE html><title>Sign in</title>"
    sound.publish("assy_2.nc", page, "NeuroidAssembly", "lab.Open", sha1="")
    sound.server.objects["lab-bucket", "stimulus_lab_Doe2026.zip"] = page
    problems = [item for item in check_catalog(sound.catalog, files="all").problems if item.code == "file-changed"]
    assert {item.expected for item in problems} == {"a netCDF file", "a ZIP archive"}
    assert all(f"an HTML page of {len(page)} bytes" in item.found for item in problems)


def test_a_missing_file_is_found_without_reading(sound: Lab) -> None:
    del sound.server.objects[next(key for key in sound.server.objects if key[1].endswith(".nc"))]
    assert codes(sound, "sizes") == ["file-gone"]


def test_mirrors_are_checked_like_the_location_of_a_file(lab: Lab, tmp_path: Path) -> None:
    lab.publish_stimuli()
    body = assembly_file(tmp_path)
    key = next(key for key in lab.server.objects if key[1].endswith(".zip"))
    lab.server.objects["lab-bucket", "other.nc"] = body[:-1] + bytes([body[-1] ^ 1])
    lab.server.objects["lab-bucket", "same.nc"] = body
    mirrors = [f"s3://lab-bucket/{name}" for name in ("same.nc", "gone.nc", "other.nc", key[1])]
    lab.publish("assy.nc", body, "NeuroidAssembly", mirrors=" ".join([*mirrors, "doi:10.5281/z"]))
    problems = {item.found: item.code for item in check_catalog(lab.catalog, files="all").problems}
    for name, code in {
        "gone.nc": "file-gone",
        "other.nc": "file-changed",
        "stimulus_lab_Doe2026.zip": "file-changed",
        "doi:10.5281/z": "file-unreachable",
    }.items():
        assert [problems.pop(found) for found in list(problems) if name in found] == [code]
    assert not problems


def test_all_invalid_rows_are_reported_at_once(sound: Lab) -> None:
    with sound.catalog.open("a") as file:
        file.write("lab.A,movie,,S3,s3://lab/a,,\n")
        file.write("lab.B,assembly,NeuroidAssembly,S3,s3://lab/b.nc,,lab.Nowhere\n")
        file.write("lab.C,stimulus_set,StimulusSet,S3,s3://lab/c.csv,,\n")
        file.write("too,short\n")
    report = check_catalog(sound.catalog, files="none")
    found = {(item.code, item.place) for item in report.problems}
    assert found == {
        ("catalog-row", "catalog"),
        ("set-unlisted", "assembly lab.B"),
        ("file-without-hash", "assembly lab.B"),
        ("entry-incomplete", "stimulus set lab.C"),
        ("file-without-hash", "stimulus set lab.C"),
    }
    assert sum(item.code == "catalog-row" for item in report.problems) == 2


def test_an_inactive_catalog_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownCatalogError, match="no_lab"):
        check_catalog("no_lab")


def test_an_unlisted_successor_is_an_error(sound: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    sound.publish("b.nc", body, "NeuroidAssembly", "lab.B2026", status="superseded", successor="lab.Doe2026")
    sound.publish("c.nc", body, "NeuroidAssembly", "lab.C2026", status="superseded", successor="lab.Nowhere")
    report = check_catalog(sound.catalog, files="none")
    assert [(item.code, item.place) for item in report.problems] == [("successor-unlisted", "assembly lab.C2026")]


def test_cards_are_checked_at_their_location_unless_files_are_skipped(sound: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    sound.publish("b.nc", body, "NeuroidAssembly", "lab.B2026", card="cards/b.json")
    sound.publish("c.nc", body, "NeuroidAssembly", "lab.C2026", card="cards/c.json")
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "b.json").write_text("{}")
    report = check_catalog(sound.catalog, files="sizes")
    assert [(item.code, item.place) for item in report.problems] == [("card-gone", "assembly lab.C2026, card")]
    assert check_catalog(sound.catalog, files="none").problems == ()


def test_a_card_at_a_remote_location_is_checked(sound: Lab, tmp_path: Path) -> None:
    sound.publish("b.nc", assembly_file(tmp_path), "NeuroidAssembly", "lab.B2026", card="s3://lab-bucket/b.json")
    assert codes(sound, "sizes") == ["card-gone"]
    sound.server.objects["lab-bucket", "b.json"] = b"{}"
    assert codes(sound, "sizes") == []


def test_an_assembly_without_a_stimulus_set_is_a_warning(sound: Lab, tmp_path: Path) -> None:
    sound.publish("b.nc", assembly_file(tmp_path), "NeuroidAssembly", "lab.B2026", stimulus_set_identifier="")
    report = check_catalog(sound.catalog, files="none")
    assert [item.code for item in report.warnings] == ["set-unstated"]
    assert report.ok


def test_a_circular_successor_is_an_error(sound: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    for name, successor in (("A", "lab.B2026"), ("B", "lab.A2026"), ("C", "lab.C2026"), ("D", "lab.A2026")):
        identifier = f"lab.{name}2026"
        sound.publish(f"{name}.nc", body, "NeuroidAssembly", identifier, status="superseded", successor=successor)
    report = check_catalog(sound.catalog, files="none")
    assert {(item.code, item.place, item.found) for item in report.errors} == {
        ("successor-circular", "assembly lab.A2026", "lab.A2026 -> lab.B2026 -> lab.A2026"),
        ("successor-circular", "assembly lab.B2026", "lab.B2026 -> lab.A2026 -> lab.B2026"),
        ("successor-circular", "assembly lab.C2026", "lab.C2026 -> lab.C2026"),
        ("successor-circular", "assembly lab.D2026", "lab.D2026 -> lab.A2026 -> lab.B2026 -> lab.A2026"),
    }


def test_a_publication_key_without_a_row_is_an_error(sound: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    sound.publish("b.nc", body, "NeuroidAssembly", "lab.B2026", publication="nowhere")
    assert codes(sound, "none") == ["publication-unlisted"]
    (tmp_path / "publications.csv").write_text("publication,title\nnowhere,On cells\n")
    assert codes(sound, "none") == []


def test_every_row_of_the_publications_table_is_checked(sound: Lab, tmp_path: Path) -> None:
    rows = ["a,On cells,2026,10.1234/5", "a,On Cells.,2026,", "a,Nets,2026,https://doi.org/10.1234/5", "b,,,unknown"]
    table = tmp_path / "publications.csv"
    table.write_text("\n".join(["publication,title,year,doi", *rows, "c,On cells,2026,10.1234/5"]))
    report = check_catalog(sound.catalog, files="none")
    assert [(item.code, item.place, item.found) for item in report.problems] == [
        ("publication-doi", f"{table}, line 5, publication 'b'", "the DOI 'unknown'"),
        ("publication-duplicate", f"{table}, line 3, publication 'a'", "one publication in lines 2 and 3"),
        ("publication-duplicate", f"{table}, line 4, publication 'a'", "one publication in lines 2 and 4"),
    ]
    table.write_bytes(b"\xff")
    assert codes(sound, "none") == ["publications-unreadable"]


def test_a_published_licence_that_spdx_does_not_list_loads_and_is_reported(sound: Lab, tmp_path: Path) -> None:
    body = assembly_file(tmp_path)
    sound.publish("b.nc", body, "NeuroidAssembly", "lab.B2026", license="CC BY 4.0")
    sound.publish("c.nc", body, "NeuroidAssembly", "lab.C2026", license="cc-by-4.0")
    sound.publish("d.nc", body, "NeuroidAssembly", "lab.D2026", license="LicenseRef-lab")
    report = check_catalog(sound.catalog, files="none")
    assert [(item.code, item.place, item.found) for item in report.warnings] == [
        ("license-unknown", "assembly lab.B2026", "the licence 'CC BY 4.0'"),
        ("license-unknown", "assembly lab.C2026", "the licence 'cc-by-4.0'"),
    ]
    assert "write CC-BY-4.0" in report.warnings[0].fix
    assert brainio.get_assembly("lab.B2026").shape == (4, 2)
