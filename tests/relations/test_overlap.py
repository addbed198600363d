"""Promises of `brainio.overlap`: what two sets share is found, whatever files are called and how they are stored."""

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
from brainio.relations import contents, pixels
from brainio.relations.shared import Overlap
from brainio.stimuli import StimulusSet
from tests.relations.made import Shelf, packed_set
from tests.tiers import scaled_examples

if TYPE_CHECKING:
    from brainio.relations.sets import Subject

SUFFIXES = {"PNG": ".png", "BMP": ".bmp", "TIFF": ".tif"}


def picture(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(file, kind)
    return file.getvalue()


def spread(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a table and its files beside it; the ids are the names without their extension."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "table.csv").write_text(
        "stimulus_id,filename\n" + "".join(f"{Path(name).stem},{name}\n" for name in files)
    )
    return folder


def kinds(found: Overlap) -> dict[tuple[str, str], str]:
    return {(match.a, match.b): match.kind for match in found.matches}


def shared(found: Overlap) -> tuple[int, int]:
    return found.a.same["content"], found.b.same["content"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    look = contents._look

    def noted(path: Path) -> tuple[contents.Content, int]:
        names.append(path.name)
        return look(path)

    monkeypatch.setattr(contents, "_look", noted)
    return names


def test_pictures_are_found_under_other_names_and_in_other_formats(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {"x.png": picture(1), "y.png": picture(2), "z.png": picture(3)})
    b = spread(tmp_path / "b", {"1.bmp": picture(1, "BMP"), "2.png": picture(2), "3.png": picture(4)})
    found = brainio.overlap(a, b)
    assert kinds(found) == {("x", "1"): "pixels", ("y", "2"): "bytes"}
    assert found.a.same == found.b.same == {"id": 0, "bytes": 1, "content": 2}
    assert found.a.share == found.b.share == 2 / 3


@given(
    shades=st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True),
    kind=st.sampled_from(["PNG", "BMP", "TIFF"]),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=scaled_examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_renaming_and_encoding_without_loss_change_nothing_of_what_is_shared(
    shades: list[int], kind: str, order: Random
) -> None:
    with tempfile.TemporaryDirectory() as name:
        other = spread(Path(name, "other"), {f"o{shade}.png": picture(shade) for shade in range(0, 20, 2)})
        first = spread(Path(name, "first"), {f"f{shade}.png": picture(shade) for shade in shades})
        renamed = [(f"r{place}{SUFFIXES[kind]}", shade) for place, shade in enumerate(shades)]
        order.shuffle(renamed)
        second = spread(Path(name, "second"), {called: picture(shade, kind) for called, shade in renamed})
        assert shared(brainio.overlap(first, other)) == shared(brainio.overlap(second, other))
        both = brainio.overlap(first, second)
        assert both.a.share == both.b.share == 1.0
        assert {(match.a, match.b) for match in both.matches} == {
            (f"f{shade}", Path(called).stem) for called, shade in renamed
        }


def test_the_same_id_for_another_picture_is_a_contradiction(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {"x.png": picture(1), "y.png": picture(2)})
    b = spread(tmp_path / "b", {"x.png": picture(3), "y.bmp": picture(2, "BMP")})
    found = brainio.overlap(a, b)
    assert found.contradictions == ["x"]
    assert kinds(found) == {("x", "x"): "id only", ("y", "y"): "pixels"}
    assert "1 ids stand for different content in both: 'x'" in str(found)


def test_repeats_inside_a_set_are_reported(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {"x.png": picture(1), "y.bmp": picture(1, "BMP"), "z.png": picture(2)})
    b = spread(tmp_path / "b", {"1.png": picture(1)})
    found = brainio.overlap(a, b)
    assert found.a.duplicates == [(("x", "y"), "pixels")]
    assert found.b.duplicates == []
    assert kinds(found) == {("x", "1"): "bytes", ("y", "1"): "pixels"}
    assert shared(found) == (2, 1)


def test_other_files_are_compared_by_bytes(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {"x.mp4": b"film", "y.txt": b"text"})
    b = spread(tmp_path / "b", {"1.mp4": b"film", "2.txt": b"text "})
    found = brainio.overlap(a, b)
    assert kinds(found) == {("x", "1"): "bytes"}
    assert found.a.unread == {}


def test_unreadable_pictures_are_reported_and_compared_by_bytes(tmp_path: Path) -> None:
    whole = picture(1)
    files = {"cut.png": whole[:45], "not.png": b"text", "whole.png": whole}
    a, b = spread(tmp_path / "a", files), spread(tmp_path / "b", files)
    found = brainio.overlap(a, b)
    assert set(kinds(found).values()) == {"bytes"}
    assert found.a.unread.keys() == found.b.unread.keys() == {"cut", "not"}
    assert "2 files of" in str(found)


def test_a_decompression_bomb_is_reported_and_compared_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = spread(tmp_path / "a", {"x.png": picture(1)})
    monkeypatch.setattr(pixels, "MOST_PIXELS", 5)
    found = brainio.overlap(a, a)
    assert "pixels" in found.a.unread["x"]
    assert kinds(found) == {("x", "x"): "bytes"}


def test_a_missing_file_is_reported_and_equal_to_nothing(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {"x.png": picture(1), "y.png": picture(1)})
    (a / "x.png").unlink()
    found = brainio.overlap(a, a)
    assert kinds(found) == {("x", "x"): "id, unread", ("y", "y"): "bytes"}
    assert found.unknown == 2
    assert "No such file" in found.a.unread["x"]


def test_sets_may_be_named_in_every_way(tmp_path: Path) -> None:
    files = {"x.png": picture(1), "y.png": picture(2)}
    folder = spread(tmp_path / "folder", files)
    table = packed_set(tmp_path / "packed", files)
    memory = StimulusSet.from_files(folder / "table.csv", folder)
    pairs = [(folder / "table.csv", folder), (table, table.with_suffix(".zip"))]
    ways: list[Subject] = [folder, str(folder / "table.csv"), table, *pairs, memory, memory[:2]]
    for way in ways:
        assert brainio.overlap(way, folder).b.share == 1.0
    assert shared(brainio.overlap(memory[:1], folder)) == (1, 1)


def test_published_sets_are_compared_by_identifier(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put_set("x.Train", ["a", "b", "c"])
    shelf.put_set("x.Test", ["c", "d"])
    found = brainio.overlap("x.Train", "lab:x.Test")
    assert kinds(found) == {("c", "c"): "bytes"}
    assert (found.a.name, found.a.share, found.b.share) == ("x.Train", 1 / 3, 0.5)


def test_what_is_no_set_is_an_error_that_says_so(tmp_path: Path) -> None:
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
    with pytest.raises(StimulusSetFormatError, match=r"DataAssembly is no stimulus set.*attrs\['stimulus_set'\]"):
        brainio.overlap(DataAssembly([1], dims=["presentation"]), tmp_path)
    with pytest.raises(StimulusSetFormatError, match="NoneType is no stimulus set"):
        brainio.overlap(None, tmp_path)  # type: ignore[arg-type]


def test_files_of_an_archive_are_read_once(tmp_path: Path, reads: list[str]) -> None:
    table = packed_set(tmp_path / "a", {f"{shade}.png": picture(shade) for shade in range(5)})
    first = brainio.overlap(table, table)
    assert len(reads) == 5
    again = brainio.overlap(table, table)
    assert len(reads) == 5
    assert again.matches == first.matches
    assert again.a.contents == first.a.contents


def test_findings_go_with_the_unpacked_archive(tmp_path: Path, reads: list[str]) -> None:
    home = tmp_path / "home"
    table = packed_set(tmp_path / "a", {"x.png": picture(1)})
    brainio.overlap(table, table)
    assert len(list(home.rglob("*.findings.json"))) == 1
    prune(home, max_size=0)
    assert [path for path in (home / "unpacked").rglob("*") if path.is_file()] == []
    assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["x.png", "x.png"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"form": 1}', "cut"])
def test_damaged_findings_cost_work_and_nothing_else(tmp_path: Path, reads: list[str], damage: str) -> None:
    table = packed_set(tmp_path / "a", {"x.png": picture(1), "y.png": picture(2)})
    brainio.overlap(table, table)
    (kept,) = (tmp_path / "home").rglob("*.findings.json")
    value = json.loads(kept.read_text())
    kept.write_text(json.dumps({**value, "sha1": value["sha1"][:1]}) if damage == "cut" else damage)
    assert shared(brainio.overlap(table, table)) == (2, 2)
    assert len(reads) == 4


def test_findings_of_another_decoder_are_not_used(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = packed_set(tmp_path / "a", {"x.png": picture(1)})
    brainio.overlap(table, table)
    monkeypatch.setattr(contents, "_FORM", "1, Pillow of next year")
    brainio.overlap(table, table)
    assert len(reads) == 2


def test_a_member_that_was_damaged_is_reported_and_nothing_is_kept_of_it(tmp_path: Path) -> None:
    table = packed_set(tmp_path / "a", {"x.png": picture(1), "y.png": picture(2)})
    stimuli = brainio.stimuli.StimulusSet.from_files(table, tmp_path / "nowhere")
    unpacked = Path(brainio.fetch.unzip(table.with_suffix(".zip")))
    stimuli.stimulus_paths = {one: unpacked / f"{one}.png" for one in "xy"}
    sound = (unpacked / "x.png").read_bytes()
    (unpacked / "x.png").write_bytes(sound[:-1] + b"!")
    assert "no longer those of its archive" in brainio.overlap(stimuli, stimuli).a.unread["x"]
    (kept,) = (tmp_path / "home").rglob("*.findings.json")
    assert json.loads(kept.read_text())["names"] == ["y.png"]


def test_an_interrupted_comparison_goes_on_where_it_ended(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = packed_set(tmp_path / "a", {f"{shade}.png": picture(shade) for shade in range(6)})
    counted = contents.counted

    def interrupted(items: Iterator[object], name: str, count: int) -> Iterator[object]:
        for place, one in enumerate(counted(items, name, count)):
            if place == 4:
                raise KeyboardInterrupt
            yield one

    monkeypatch.setattr(contents, "counted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        brainio.overlap(table, table)
    monkeypatch.setattr(contents, "counted", counted)
    reads.clear()
    assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["4.png", "5.png"]


def test_files_of_a_shared_cache_are_read_once_and_nothing_is_written_there(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = packed_set(tmp_path / "a", {"x.png": picture(1)})
    brainio.fetch.unzip(table.with_suffix(".zip"))
    shared = tmp_path / "shared"
    shutil.move(tmp_path / "home", shared)
    before = sorted(shared.rglob("*"))
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    for _ in range(2):
        assert brainio.overlap(table, table).a.share == 1.0
    assert reads == ["x.png"]
    assert sorted(shared.rglob("*")) == before


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = packed_set(tmp_path / "a", {"x.png": picture(1)})
    brainio.fetch.unzip(table.with_suffix(".zip"))
    shared = tmp_path / "shared"
    shutil.move(tmp_path / "home", shared)
    (tmp_path / "home").write_text("a file where the folder should be")
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    assert brainio.overlap(table, table).a.share == 1.0


def test_results_are_a_table_of_rows_and_of_text(tmp_path: Path) -> None:
    a = spread(tmp_path / "a", {f"{shade}.png": picture(shade) for shade in range(20)})
    found = brainio.overlap(a, a)
    table = found.to_dataframe()
    assert table.columns.tolist() == ["stimulus_a", "stimulus_b", "kind", "same_id"]
    assert (len(table), table["same_id"].all()) == (20, True)
    assert "... and 10 more" in str(found)
    assert json.loads(json.dumps(found.record()))["a"]["same_content"] == 20
    nothing = brainio.overlap(a, spread(tmp_path / "b", {"x.png": picture(99)}))
    assert nothing.is_disjoint
    assert "No stimulus is shared." in str(nothing)
    assert nothing.to_dataframe().columns.tolist() == table.columns.tolist()


def test_no_id_controls_the_terminal(tmp_path: Path) -> None:
    table = packed_set(tmp_path / "a", {"x.txt": b"."}, [{"stimulus_id": "a\x1b[31m\nb", "filename": "x.txt"}])
    assert r"a\x1b[31m b" in str(brainio.overlap(table, table))
