"""Copying a catalog into a database and back returns the same catalog, publications and cards."""

import csv
import io
import json
from itertools import count
from pathlib import Path

import pytest
from brainio_catalogs import brainscore
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from brainio.catalogs import add_publication, append_rows
from brainio.catalogs.csv_format import EMPTY, read_rows, with_rows_added
from brainio.catalogs.registry import source_from, source_of
from brainio.catalogs.writing import copy_catalog
from brainio.errors import CatalogError, CatalogWarning
from tests.cli.command import brainio
from tests.tiers import scaled_examples

NUMBERS = count()
SHARED = [HealthCheck.function_scoped_fixture]  # each example uses a separate catalog in one database
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
NAMES = st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), unique=True, max_size=4)


def row(identifier: str, **columns: str) -> dict[str, str]:
    plain = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "S3", "sha1": ""}
    own = {"identifier": identifier, "location": f"s3://lab/{identifier}.nc", "stimulus_set_identifier": ""}
    return plain | own | columns


@st.composite
def written_texts(draw: st.DrawFn) -> str:
    """Catalogs in the format that brainio writes, with any columns, cells and line endings."""
    text = EMPTY.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    for number in range(draw(st.integers(0, 4))):
        further = {name: draw(CELL) for name in draw(NAMES)}
        text = with_rows_added(text, [row(f"lab.{number}{draw(CELL)}", **further)], "lab.csv")
    return text


@given(text=written_texts())
@settings(suppress_health_check=SHARED, max_examples=scaled_examples(60), deadline=None)
def test_a_catalog_written_by_brainio_is_copied_back_with_the_same_bytes(
    database: str, tmp_path: Path, text: str
) -> None:
    number = next(NUMBERS)
    path, back = tmp_path / f"{number}.csv", tmp_path / f"{number}-back.csv"
    path.write_bytes(text.encode())
    copy_catalog(path, f"{database}#{number}")
    copy_catalog(f"{database}#{number}", back)
    assert back.read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")  # cells may be relative locations
@given(cells=st.lists(st.lists(CELL, min_size=9, max_size=9), max_size=5), data=st.data())
@settings(suppress_health_check=SHARED, max_examples=scaled_examples(40), deadline=None)
def test_the_rows_of_any_csv_file_survive_copying(
    database: str, tmp_path: Path, cells: list[list[str]], data: st.DataObject
) -> None:
    out = io.StringIO(newline="")
    dialect = data.draw(st.sampled_from(["excel", "unix"]))  # the second quotes all cells
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    assume(dialect == "unix" or newline == "\r\n" or not any("\r" in cell for of_row in cells for cell in of_row))
    writer = csv.writer(out, dialect, lineterminator=newline)
    writer.writerow([*EMPTY.strip().split(","), "Foreign column", "Größe"])
    writer.writerows(cells)
    number = next(NUMBERS)
    path, back = tmp_path / f"{number}.csv", tmp_path / f"{number}-back.csv"
    path.write_bytes(b"\xef\xbb\xbf" * data.draw(st.booleans()) + out.getvalue().encode())
    copy_catalog(path, f"{database}#{number}")
    copy_catalog(f"{database}#{number}", back)
    rows = [[found for _, found in read_rows(file.read_bytes().decode(), "x")] for file in (path, back)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == len(cells)


def test_the_shipped_catalog_survives_copying(database: str, tmp_path: Path) -> None:
    copy_catalog(brainscore, f"{database}#brainscore")
    copied = copy_catalog(f"{database}#brainscore", tmp_path / "brainscore.csv")
    folder = Path(brainscore.location).parent
    assert len(copied.cards) > 1
    for place in ("brainscore.csv", "publications.csv", *copied.cards):
        assert (tmp_path / place).read_bytes() == (folder / place).read_bytes()


def test_a_catalog_is_copied_from_one_database_to_another(database: str, tmp_path: Path) -> None:
    copy_catalog(brainscore, f"{database}#one")
    copied = copy_catalog(f"{database}#one", f"sqlite:///{tmp_path / 'other.db'}")
    again = copy_catalog(f"sqlite:///{tmp_path / 'other.db'}", f"{database}#two")
    assert again == copied
    assert again.text == Path(brainscore.location).read_bytes().decode()


def test_an_interrupted_copy_is_completed_and_a_complete_one_is_unchanged(database: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    append_rows(path, [row("lab.A")])
    target = f"{database}#lab"
    copy_catalog(path, target)
    add_publication(path, {"publication": "doe2026"})
    copy_catalog(path, target)
    assert copy_catalog(target, tmp_path / "back.csv").publications == (tmp_path / "publications.csv").read_text()
    copy_catalog(target, tmp_path / "back.csv")


def test_a_target_with_other_entries_is_unchanged(database: str, tmp_path: Path) -> None:
    path, target = tmp_path / "lab.csv", source_from(f"{database}#lab")
    append_rows(path, [row("lab.A")])
    append_rows(target, [row("lab.B")])
    add_publication(target, {"publication": "roe2025"})
    for start, end in ((path, target), (target, path)):
        before = source_of(end).backend.read_current()
        with pytest.raises(CatalogError, match="lists 1 files already"):
            copy_catalog(start, end)
        assert source_of(end).backend.read_current() == before
    assert not (tmp_path / "publications.csv").exists()


def test_publications_are_added_to_the_existing_table_of_the_folder(database: str, tmp_path: Path) -> None:
    append_rows(f"{database}#lab", [row("lab.A")])
    for key in ("doe2026", "roe2025"):
        add_publication(f"{database}#lab", {"publication": key, "note": key})
    add_publication(tmp_path / "other.csv", {"publication": "roe2025", "note": "roe2025"})
    add_publication(tmp_path / "other.csv", {"publication": "moe2024"})
    copy_catalog(f"{database}#lab", tmp_path / "lab.csv")
    with (tmp_path / "publications.csv").open(newline="") as file:
        assert [paper["publication"] for paper in csv.DictReader(file)] == ["roe2025", "moe2024", "doe2026"]


def test_a_row_that_cannot_be_copied_is_an_error(database: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.csv"
    path.write_text(with_rows_added(EMPTY, [row("lab.A")], "lab.csv") + "too,few\n")
    with pytest.raises(CatalogError, match=r"lab.csv, line 3: 2 fields.*would be lost \(1 such lines\)"):
        copy_catalog(path, f"{database}#lab")
    path.write_text(with_rows_added(EMPTY, [row("lab.A")], "lab.csv"))
    (tmp_path / "publications.csv").write_text("publication,title\ndoe2026\n")
    with pytest.raises(CatalogError, match="record 2 of the table of publications has 1 fields; the header has 2"):
        copy_catalog(path, f"{database}#lab")


def test_a_missing_card_is_reported_and_the_rest_is_copied(database: str, tmp_path: Path) -> None:
    append_rows(tmp_path / "lab.csv", [row("lab.A", card="cards/gone.json")])
    with pytest.warns(CatalogWarning, match=r"the card cards/gone\.json is not copied"):
        copied = copy_catalog(tmp_path / "lab.csv", f"{database}#lab")
    assert (len(copied.rows), copied.cards) == (1, {})


def test_rows_with_relative_locations_are_reported(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    append_rows(folder / "lab.csv", [row("lab.A", location_type="file", location="files/a.nc")])
    with pytest.warns(CatalogWarning, match=r"1 rows name files by paths.*such as files/a\.nc"):
        copy_catalog(folder / "lab.csv", f"{database}#lab")


def test_the_command_copies_both_ways_and_shows_no_password(database: str, tmp_path: Path) -> None:
    append_rows(tmp_path / "lab.csv", [row("lab.A")])
    there = brainio("catalog", "copy", str(tmp_path / "lab.csv"), f"{database}#lab", "--json")
    assert there.returncode == 0, there.stderr
    (copied,) = json.loads(there.stdout)
    assert (copied["files"], copied["publications"]) == (1, False)
    assert copied["catalog"].endswith("#lab")
    back = brainio("catalog", "copy", f"{database}#lab", str(tmp_path / "back" / "lab.csv"))
    assert (tmp_path / "back" / "lab.csv").read_bytes() == (tmp_path / "lab.csv").read_bytes()
    again = brainio("catalog", "copy", "brainscore", f"{database}#lab")
    assert (again.returncode, "lists 1 files already" in again.stderr) == (7, True)
    for done in (there, back, again):
        assert "cret" not in done.stdout + done.stderr


def test_a_missing_catalog_is_an_error_that_names_it() -> None:
    done = brainio("catalog", "copy", "no_such", "x.csv")
    assert (done.returncode, "no catalog 'no_such' is active" in done.stderr) == (7, True)
