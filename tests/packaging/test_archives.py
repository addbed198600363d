"""The CSV and ZIP files of a stimulus set."""

import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from brainio.cache import hash_file
from brainio.errors import PackagingError
from brainio.packaging import (
    create_stimulus_csv,
    create_stimulus_zip,
    extract_specific,
    package_stimulus_set_locally,
)
from brainio.stimuli import StimulusSet

NO_UNICODE = pd.Series("\ud800", index=range(100), dtype=object)  # longer than any table; row n uses element n


def test_the_same_set_gives_the_same_bytes_with_any_file_dates(stimuli: StimulusSet, tmp_path: Path) -> None:
    first = create_stimulus_zip(stimuli, tmp_path / "first.zip")
    for path in stimuli.stimulus_paths.values():
        os.utime(path, (0, 0))
        Path(path).chmod(0o600)
    assert create_stimulus_zip(stimuli, tmp_path / "second.zip") == first
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_members_are_named_by_stimulus_id_and_the_extension_of_the_file(stimuli: StimulusSet, tmp_path: Path) -> None:
    _, names = create_stimulus_zip(stimuli, str(tmp_path / "a.zip"))
    assert names == ["s0.png", "s1.png", "s2.png"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == names
        assert archive.read("s1.png") == Path(stimuli.stimulus_paths["s1"]).read_bytes()
        member = archive.getinfo("s1.png")
    assert (member.date_time, member.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0o100644)


def test_a_column_filename_names_the_members(stimuli: StimulusSet, tmp_path: Path) -> None:
    stimuli["filename"] = ["cars/one.png", "cars/two.png", "dogs/one.png"]
    _, names = create_stimulus_zip(stimuli, tmp_path / "a.zip")
    assert names == ["cars/one.png", "cars/two.png", "dogs/one.png"]


def test_compressed_files_are_stored_and_others_deflated(stimuli: StimulusSet, tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text("word " * 1000)
    stimuli.stimulus_paths = {**stimuli.stimulus_paths, "s2": text}
    create_stimulus_zip(stimuli, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("s1.png").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("s2.txt").compress_size < 100


@pytest.mark.parametrize(("enough", "most"), [(1 << 20, 1 << 26), (1, 1 << 26), (1 << 20, 100), (1, 100)])
def test_the_archive_equals_that_of_zipfile_and_has_the_correct_hash(
    stimuli: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: int, most: int
) -> None:
    monkeypatch.setattr("brainio.packaging.archives._MIN_WRITE", enough)
    monkeypatch.setattr("brainio.packaging.archives._MAX_PENDING", most)
    sources = {"s0": tmp_path / "words.txt", "s1": tmp_path / "empty.wav", "s2": tmp_path / "noise.png"}
    sources["s0"].write_text("word " * 1000)
    sources["s1"].touch()
    sources["s2"].write_bytes(os.urandom(3000))
    stimuli.stimulus_paths = sources
    sha1, names = create_stimulus_zip(stimuli, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, zipfile.ZipFile(tmp_path / "plain.zip", "w") as plain:
        assert archive.testzip() is None
        for name, source in zip(names, sources.values(), strict=True):
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            member.compress_type = archive.getinfo(name).compress_type
            plain.writestr(member, source.read_bytes())
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "plain.zip").read_bytes()
    assert sha1 == hash_file(tmp_path / "a.zip")


def test_the_csv_has_the_columns_of_the_table_in_order_and_lf_line_endings(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    stimuli["note"] = ['a "quoted", one', "naïve", None]
    stimuli["stimulus_path_within_store"] = "x"
    create_stimulus_csv(stimuli, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes().decode() == (
        'stimulus_id,"object_name","size_px","note"\n'
        '"s0","object0",4,"a ""quoted"", one"\n"s1","object1",5,"naïve"\n"s2","object2",6,\n'
    )
    assert extract_specific(stimuli) == ["stimulus_id", "object_name", "size_px", "note"]


def test_a_missing_source_is_an_error_that_names_the_stimulus_and_leaves_the_old_archive(
    stimuli: StimulusSet, tmp_path: Path
) -> None:
    create_stimulus_zip(stimuli, tmp_path / "a.zip")
    before = (tmp_path / "a.zip").read_bytes()
    Path(stimuli.stimulus_paths["s1"]).unlink()
    for name in ("a.zip", "new.zip"):
        with pytest.raises(PackagingError, match="'s1'"):
            create_stimulus_zip(stimuli, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if ".zip" in path.name] == ["a.zip"]


def test_a_stimulus_without_a_path_is_an_error_that_names_its_id(stimuli: StimulusSet, tmp_path: Path) -> None:
    stimuli.stimulus_paths = {key: path for key, path in stimuli.stimulus_paths.items() if key != "s2"}
    with pytest.raises(PackagingError, match="'s2'"):
        create_stimulus_zip(stimuli, tmp_path / "a.zip")


def test_text_with_lone_surrogates_leaves_the_old_table(stimuli: StimulusSet, tmp_path: Path) -> None:
    create_stimulus_csv(stimuli, tmp_path / "a.csv")
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(PackagingError, match=r"column 'note': found the lone surrogate U\+D800"):
        create_stimulus_csv(stimuli.assign(note=NO_UNICODE), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == before


def test_a_failed_write_leaves_no_file_of_the_set(stimuli: StimulusSet, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="the lone surrogate"):
        package_stimulus_set_locally(stimuli.assign(note=NO_UNICODE), "lab.Doe2026", tmp_path / "made")
    assert list(tmp_path.glob("made/*")) == []
