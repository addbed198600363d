"""Tests of `brainio.overlap`: shared stimuli are found regardless of file names and lossless formats."""

import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import brainio
from brainio.assemblies import DataAssembly
from brainio.cache.pruning import prune
from brainio.errors import LocationError, StimulusSetFormatError, StimulusSetLookupError
from brainio.relations import file_contents, media_digests
from brainio.relations.overlaps import Overlap
from brainio.stimuli import StimulusSet
from tests.relations.local_catalog import LocalCatalog, write_stimulus_set
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from brainio.relations.overlaps import Subject

SUFFIXES = {"PNG": ".png", "BMP": ".bmp", "TIFF": ".tif"}


def image(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(file, kind)
    return file.getvalue()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write stimulus files and a table into a folder; the ids are the file names without extensions."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "table.csv").write_text(
        "stimulus_id,filename\n" + "".join(f"{Path(name).stem},{name}\n" for name in files)
    )
    return folder


def kinds(result: Overlap) -> dict[tuple[str, str], str]:
    return {(match.a, match.b): match.kind for match in result.matches}


def shared_contents(result: Overlap) -> tuple[int, int]:
    return result.a.shared_counts["content"], result.b.shared_counts["content"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that `overlap` reads."""
    names: list[str] = []
    read_content = file_contents._read_content

    def read_and_record(path: Path) -> tuple[file_contents.Content, int]:
        names.append(path.name)
        return read_content(path)

    monkeypatch.setattr(file_contents, "_read_content", read_and_record)
    return names


def test_shared_images_are_found_under_other_names_and_in_other_formats(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x.png": image(1), "y.png": image(2), "z.png": image(3)})
    b = write_folder(tmp_path / "b", {"1.bmp": image(1, "BMP"), "2.png": image(2), "3.png": image(4)})
    result = brainio.overlap(a, b)
    assert kinds(result) == {("x", "1"): "pixels", ("y", "2"): "bytes"}
    assert result.a.shared_counts == result.b.shared_counts == {"id": 0, "bytes": 1, "content": 2}
    assert result.a.share == result.b.share == 2 / 3


@given(
    shades=st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True),
    kind=st.sampled_from(["PNG", "BMP", "TIFF"]),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=scaled_examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_renaming_and_lossless_encoding_do_not_change_the_overlap(shades: list[int], kind: str, order: Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        other = write_folder(Path(folder, "other"), {f"o{shade}.png": image(shade) for shade in range(0, 20, 2)})
        first = write_folder(Path(folder, "first"), {f"f{shade}.png": image(shade) for shade in shades})
        renamed = [(f"r{number}{SUFFIXES[kind]}", shade) for number, shade in enumerate(shades)]
        order.shuffle(renamed)
        second = write_folder(Path(folder, "second"), {name: image(shade, kind) for name, shade in renamed})
        assert shared_contents(brainio.overlap(first, other)) == shared_contents(brainio.overlap(second, other))
        both = brainio.overlap(first, second)
        assert both.a.share == both.b.share == 1.0
        assert {(match.a, match.b) for match in both.matches} == {
            (f"f{shade}", Path(name).stem) for name, shade in renamed
        }


def test_the_same_id_for_different_images_is_a_contradiction(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x.png": image(1), "y.png": image(2)})
    b = write_folder(tmp_path / "b", {"x.png": image(3), "y.bmp": image(2, "BMP")})
    result = brainio.overlap(a, b)
    assert result.contradictions == ["x"]
    assert kinds(result) == {("x", "x"): "id only", ("y", "y"): "pixels"}
    assert "1 ids stand for different content in both: 'x'" in str(result)


def test_duplicates_within_a_set_are_reported(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x.png": image(1), "y.bmp": image(1, "BMP"), "z.png": image(2)})
    b = write_folder(tmp_path / "b", {"1.png": image(1)})
    result = brainio.overlap(a, b)
    assert result.a.duplicates == [(("x", "y"), "pixels")]
    assert result.b.duplicates == []
    assert kinds(result) == {("x", "1"): "bytes", ("y", "1"): "pixels"}
    assert shared_contents(result) == (2, 1)


def test_other_files_are_compared_by_bytes(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x.mp4": b"film", "y.txt": b"text"})
    b = write_folder(tmp_path / "b", {"1.mp4": b"film", "2.txt": b"text "})
    result = brainio.overlap(a, b)
    assert kinds(result) == {("x", "1"): "bytes"}
    assert result.a.unread == {}


def test_unreadable_images_are_reported_and_compared_by_bytes(tmp_path: Path) -> None:
    whole = image(1)
    files = {"cut.png": whole[:45], "not.png": b"text", "whole.png": whole}
    a, b = write_folder(tmp_path / "a", files), write_folder(tmp_path / "b", files)
    result = brainio.overlap(a, b)
    assert set(kinds(result).values()) == {"bytes"}
    assert result.a.unread.keys() == result.b.unread.keys() == {"cut", "not"}
    assert "2 files of" in str(result)


def test_a_decompression_bomb_is_reported_and_compared_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = write_folder(tmp_path / "a", {"x.png": image(1)})
    monkeypatch.setattr(media_digests, "MOST_PIXELS", 5)
    result = brainio.overlap(a, a)
    assert "pixels" in result.a.unread["x"]
    assert kinds(result) == {("x", "x"): "bytes"}


def test_a_missing_file_is_reported_and_matches_nothing(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x.png": image(1), "y.png": image(1)})
    (a / "x.png").unlink()
    result = brainio.overlap(a, a)
    assert kinds(result) == {("x", "x"): "id, unread", ("y", "y"): "bytes"}
    assert result.unreadable_count == 2
    assert "No such file" in result.a.unread["x"]


def test_sets_may_be_folders_tables_archives_or_objects(tmp_path: Path) -> None:
    files = {"x.png": image(1), "y.png": image(2)}
    folder = write_folder(tmp_path / "folder", files)
    table = write_stimulus_set(tmp_path / "packed", files)
    memory = StimulusSet.from_files(folder / "table.csv", folder)
    pairs = [(folder / "table.csv", folder), (table, table.with_suffix(".zip"))]
    subjects: list[Subject] = [folder, str(folder / "table.csv"), table, *pairs, memory, memory[:2]]
    for subject in subjects:
        assert brainio.overlap(subject, folder).b.share == 1.0
    assert shared_contents(brainio.overlap(memory[:1], folder)) == (1, 1)


def test_published_sets_are_compared_by_identifier(tmp_path: Path) -> None:
    catalog = LocalCatalog(tmp_path)
    catalog.add_stimulus_set("x.Train", ["a", "b", "c"])
    catalog.add_stimulus_set("x.Test", ["c", "d"])
    result = brainio.overlap("x.Train", "lab:x.Test")
    assert kinds(result) == {("c", "c"): "bytes"}
    assert (result.a.name, result.a.share, result.b.share) == ("x.Train", 1 / 3, 0.5)


def test_an_argument_that_is_not_a_stimulus_set_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(StimulusSetLookupError):
        brainio.overlap("x.Nothing", "x.Nothing")
    with pytest.raises(LocationError, match=r"nowhere\.csv"):
        brainio.overlap(tmp_path / "nowhere.csv", "x.Nothing")
    with pytest.raises(LocationError, match="CSV"):
        brainio.overlap(tmp_path, tmp_path)
    with pytest.raises(StimulusSetFormatError, match="stimulus_paths"):
        brainio.overlap(StimulusSet({"stimulus_id": ["a"]}), tmp_path)
    with pytest.raises(StimulusSetFormatError, match="stimulus_id"):
        brainio.overlap(StimulusSet({"id": ["a"]}), tmp_path)
    with pytest.raises(StimulusSetFormatError, match=r"DataAssembly is not a stimulus set.*attrs\['stimulus_set'\]"):
        brainio.overlap(DataAssembly([1], dims=["presentation"]), tmp_path)
    with pytest.raises(StimulusSetFormatError, match="NoneType is not a stimulus set"):
        brainio.overlap(None, tmp_path)  # type: ignore[arg-type]


def test_each_file_of_an_archive_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    table = write_stimulus_set(tmp_path / "a", {f"{shade}.png": image(shade) for shade in range(5)})
    first = brainio.overlap(table, table)
    assert len(reads) == 5
    again = brainio.overlap(table, table)
    assert len(reads) == 5
    assert again.matches == first.matches
    assert again.a.contents == first.a.contents


def test_stored_digests_are_removed_with_the_unpacked_archive(tmp_path: Path, reads: list[str]) -> None:
    home = tmp_path / "home"
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1)})
    brainio.overlap(table, table)
    assert len(list(home.rglob("*.findings.json"))) == 1
    prune(home, max_size=0)
    assert [path for path in (home / "unpacked").rglob("*") if path.is_file()] == []
    assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["x.png", "x.png"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"form": 1}', "cut"])
def test_damaged_digests_are_computed_again(tmp_path: Path, reads: list[str], damage: str) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1), "y.png": image(2)})
    brainio.overlap(table, table)
    (stored,) = (tmp_path / "home").rglob("*.findings.json")
    value = json.loads(stored.read_text())
    stored.write_text(json.dumps({**value, "sha1": value["sha1"][:1]}) if damage == "cut" else damage)
    assert shared_contents(brainio.overlap(table, table)) == (2, 2)
    assert len(reads) == 4


def test_digests_of_another_decoder_version_are_not_used(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1)})
    brainio.overlap(table, table)
    monkeypatch.setattr(file_contents, "_DECODER_VERSIONS", "1, Pillow of next year")
    brainio.overlap(table, table)
    assert len(reads) == 2


def test_a_damaged_member_is_reported_and_its_digest_is_not_stored(tmp_path: Path) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1), "y.png": image(2)})
    stimuli = brainio.stimuli.StimulusSet.from_files(table, tmp_path / "nowhere")
    unpacked = Path(brainio.fetch.unzip(table.with_suffix(".zip")))
    stimuli.stimulus_paths = {id_: unpacked / f"{id_}.png" for id_ in "xy"}
    sound = (unpacked / "x.png").read_bytes()
    (unpacked / "x.png").write_bytes(sound[:-1] + b"!")
    assert "differ from those in the archive" in brainio.overlap(stimuli, stimuli).a.unread["x"]
    (stored,) = (tmp_path / "home").rglob("*.findings.json")
    assert json.loads(stored.read_text())["names"] == ["y.png"]


def test_an_interrupted_comparison_resumes(tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_stimulus_set(tmp_path / "a", {f"{shade}.png": image(shade) for shade in range(6)})
    show_progress = file_contents.show_progress

    def interrupted(items: Iterator[object], name: str, count: int) -> Iterator[object]:
        for number, item in enumerate(show_progress(items, name, count)):
            if number == 4:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(file_contents, "show_progress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        brainio.overlap(table, table)
    monkeypatch.setattr(file_contents, "show_progress", show_progress)
    reads.clear()
    assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["4.png", "5.png"]


def test_files_of_a_shared_cache_are_read_once_without_writing_to_it(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1)})
    brainio.fetch.unzip(table.with_suffix(".zip"))
    shared = tmp_path / "shared"
    shutil.move(tmp_path / "home", shared)
    before = sorted(shared.rglob("*"))
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    for _ in range(2):
        assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["x.png"]
    assert sorted(shared.rglob("*")) == before


def test_an_unwritable_home_does_not_prevent_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.png": image(1)})
    brainio.fetch.unzip(table.with_suffix(".zip"))
    shared = tmp_path / "shared"
    shutil.move(tmp_path / "home", shared)
    (tmp_path / "home").write_text("a file where the folder should be")
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    assert brainio.overlap(table, table).a.share == 1.0


def test_results_convert_to_a_data_frame_a_record_and_text(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {f"{shade}.png": image(shade) for shade in range(20)})
    result = brainio.overlap(a, a)
    table = result.to_dataframe()
    assert table.columns.tolist() == ["stimulus_a", "stimulus_b", "kind", "same_id"]
    assert (len(table), table["same_id"].all()) == (20, True)
    assert "... and 10 more" in str(result)
    assert json.loads(json.dumps(result.record()))["a"]["same_content"] == 20
    nothing = brainio.overlap(a, write_folder(tmp_path / "b", {"x.png": image(99)}))
    assert nothing.is_disjoint
    assert "No stimulus is shared." in str(nothing)
    assert nothing.to_dataframe().columns.tolist() == table.columns.tolist()


def test_control_characters_in_ids_are_escaped(tmp_path: Path) -> None:
    table = write_stimulus_set(tmp_path / "a", {"x.txt": b"."}, [{"stimulus_id": "a\x1b[31m\nb", "filename": "x.txt"}])
    assert r"a\x1b[31m b" in str(brainio.overlap(table, table))
