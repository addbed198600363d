"""Checks of stimulus sets in memory, in folders and in packages."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from brainio.packaging import create_stimulus_csv, create_stimulus_zip
from brainio.stimuli import StimulusSet
from brainio.validation import Report, validate


def found(report: Report) -> list[tuple[str, str]]:
    return [(item.code, item.place) for item in report.problems]


def write(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text)
    return folder


def test_a_valid_folder_has_no_problems_given_as_path_text_or_table(folder: Path) -> None:
    for subject in (folder, str(folder), folder / "table.csv"):
        assert found(validate(subject)) == []


def test_a_package_has_no_problems_given_as_csv_or_zip_file(stimuli: StimulusSet, tmp_path: Path) -> None:
    create_stimulus_csv(stimuli, tmp_path / "stimulus_lab.csv")
    create_stimulus_zip(stimuli, tmp_path / "stimulus_lab.zip")
    for name in ("stimulus_lab.csv", "stimulus_lab.zip"):
        assert found(validate(tmp_path / name)) == []


def test_stimuli_may_be_in_another_folder_than_their_table(folder: Path, tmp_path: Path) -> None:
    table = (folder / "table.csv").rename(tmp_path / "elsewhere.csv")
    assert {item.code for item in validate(table).errors} == {"file-missing"}
    assert found(validate(table, folder)) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("s12,im1.png,object", ("row-ragged", "file table.csv, line 14")),
        ("s1,im1.png,object,4", ("id-doubled", "line 14")),
        (",im1.png,object,4", ("id-missing", "line 14")),
        (" s12,im1.png,object,4", ("id-padded", "line 14")),
        ("S1,im1.png,object,4", ("id-case", "line 14")),
        ("s12,,object,4", ("filename-missing", "line 14")),
        ("s12,../table.csv,object,4", ("member-unsafe", "line 14")),
        ("s12,C:im1.png,object,4", ("member-unsafe", "line 14")),
        ("s12,IM1.png,object,4", ("member-clash", "line 14")),
        ("s12,im12.png,object,4", ("file-missing", "line 14, file im12.png")),
    ],
)
def test_a_row_of_a_file_is_reported_by_its_line(folder: Path, line: str, problem: tuple[str, str]) -> None:
    table = folder / "table.csv"
    assert problem in found(validate(write(folder, f"{table.read_text()}{line}\n")))


def test_lines_are_counted_past_texts_that_hold_line_breaks(folder: Path) -> None:
    write(folder, 'stimulus_id,filename,note\ns0,im0.png,"one\ntwo"\n\ns0,im1.png,three\n')
    assert ("id-doubled", "line 5") in found(validate(folder))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("key,filename", "id-column-missing"),
        ("stimulus_id,name", "file-missing"),
        ("stimulus_id,filename,Hue", "column-name"),
        ("stimulus_id,filename,hue,hue", "column-doubled"),
        ("image_id,filename", "id-column-older"),
    ],
)
def test_columns_are_checked(folder: Path, header: str, code: str) -> None:
    fields = ["s0", "im0.png", "1", "2"][: header.count(",") + 1]
    assert code in [item.code for item in validate(write(folder, f"{header}\n{','.join(fields)}\n")).problems]


@pytest.mark.parametrize("content", [b"", b"stimulus_id\n\xff\xfe\n", b'stimulus_id\n"\0' + b"a" * 200_000])
def test_a_table_that_cannot_be_read_is_one_problem(folder: Path, content: bytes) -> None:
    (folder / "table.csv").write_bytes(content)
    assert found(validate(folder)) == [("table-unreadable", "file table.csv")]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ('s1,im1.png,"cat', "a quotation mark without its other half"),
        ('s1,im1.png,"cat"s', "text after a closing quotation mark"),
    ],
)
def test_an_unclosed_quotation_mark_never_swallows_rows(folder: Path, row: str, fault: str) -> None:
    write(folder, f"stimulus_id,filename,note\ns0,im0.png,dog\n{row}\ns2,im2.png,owl\n")
    (unreadable,) = validate(folder).errors
    assert (unreadable.code, unreadable.place) == ("table-unreadable", "file table.csv")
    assert unreadable.found == f"the row that begins in line 3 has {fault}"


def test_a_folder_must_have_one_table(folder: Path) -> None:
    (folder / "other.csv").write_text("stimulus_id\n")
    assert found(validate(folder)) == [("table-missing", "folder stimuli")]


def test_files_that_no_row_names_are_a_note(folder: Path) -> None:
    (folder / "extra.png").write_bytes(b"picture")
    (folder / ".DS_Store").write_bytes(b"")
    (note,) = validate(folder).problems
    assert (note.severity, note.code) == ("note", "file-unlisted")
    assert "'extra.png'" in note.found


@pytest.mark.parametrize("data", [b"no archive", b"PK\x05\x06" + b"\0" * 10])
def test_an_invalid_archive_is_one_problem(folder: Path, data: bytes) -> None:
    (folder / "table.zip").write_bytes(data)
    assert found(validate(folder / "table.csv")) == [("archive-unreadable", "file table.zip")]


def test_a_damaged_member_is_named(stimuli: StimulusSet, tmp_path: Path) -> None:
    table, archive = tmp_path / "set.csv", tmp_path / "set.zip"
    create_stimulus_csv(stimuli, table)
    create_stimulus_zip(stimuli, archive)
    with zipfile.ZipFile(archive) as opened:
        start = opened.getinfo("im3.png").header_offset
    data = bytearray(archive.read_bytes())
    data[start + 30 + len("im3.png") + 40] ^= 0xFF
    archive.write_bytes(data)
    assert ("file-unreadable", "line 5, file im3.png") in found(validate(table))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def save_as_jpeg(path: Path) -> None:
    Image.new("RGB", (4, 4)).save(path, format="JPEG")


def save_half_a_jpeg(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize(
    ("fault", "code"),
    [(cut, "file-unreadable"), (save_half_a_jpeg, "file-unreadable"), (save_as_jpeg, "file-misnamed")],
)
def test_an_image_is_read_as_far_as_needed(folder: Path, fault: Callable[[Path], None], code: str) -> None:
    fault(folder / "im2.png")
    assert (code, "line 4, file im2.png") in found(validate(folder))


def test_bytes_after_the_end_of_an_image_are_accepted(folder: Path) -> None:
    with (folder / "im2.png").open("ab") as file:
        file.write(b"\0" * 1000)
    assert found(validate(folder)) == []


def test_chunks_of_an_image_do_not_confuse_the_check_of_its_end(folder: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "IEND" * 100)
    Image.new("RGB", (4, 4)).save(folder / "im2.png", pnginfo=info)
    assert found(validate(folder)) == []


def test_files_other_than_images_are_accepted_unchanged(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The horse raced past the barn fell.")
    (tmp_path / "stimuli.csv").write_text("stimulus_id,filename\na,a.txt\n")
    assert found(validate(tmp_path)) == []


def test_numbers_as_ids_are_a_note_and_mixed_with_text_an_error(folder: Path) -> None:
    paths = {0: folder / "im0.png", 1: folder / "im1.png"}
    numbers = StimulusSet({"stimulus_id": [0, 1]})
    numbers.stimulus_paths = paths
    assert found(validate(numbers)) == [("id-numeric", "column 'stimulus_id'")]
    mixed = StimulusSet({"stimulus_id": pd.Series(["0", 1], dtype=object)})
    mixed.stimulus_paths = {"0": folder / "im0.png"}
    assert found(validate(mixed)) == [("id-not-text", "row 1")]


def test_missing_and_invalid_paths_are_reported(folder: Path) -> None:
    without = StimulusSet({"stimulus_id": ["a"]})
    assert found(validate(without)) == [("paths-missing", "stimulus_paths")]
    without.stimulus_paths = {"a": None}  # type: ignore[dict-item]
    assert found(validate(without)) == [("path-missing", "row 0")]


def test_a_name_that_is_a_file_and_a_folder_is_found(folder: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": ["a", "b"], "filename": ["x", "x/y.png"]})
    stimuli.stimulus_paths = {"a": folder / "im0.png", "b": folder / "im1.png"}
    assert ("member-clash", "row 0") in found(validate(stimuli))
