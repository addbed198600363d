"""Guarantees of views of stimulus sets: bounded HTML and contact sheets of local files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

import brainio
from brainio import views
from brainio.stimuli import StimulusPaths, StimulusSet
from brainio.text import printable
from brainio.views import previews
from brainio.views.rendering import format_value
from tests.tiers import scaled_examples
from tests.views.pages import SCRIPT, TEXTS, TIMES, image, parsed, pictures, runs_nothing, stimulus_set, texts


def html_of(data: Any) -> str:
    html = data._repr_html_()
    assert isinstance(html, str)
    return html


def test_the_first_stimuli_are_shown_with_their_ids_and_columns(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 20, object_name=["car", "dog"] * 10, size=np.linspace(0, 1, 20))
    page = parsed(html_of(stimuli))
    assert len(pictures(page)) == 12
    found = texts(page)
    assert {"lab.Doe2026", "s0", "s11", "object_name: car", "size: 0.0526316", "40 x 30", "and 8 more"} <= set(found)
    assert "s12" not in found


def test_the_demo_set_is_shown_from_the_cache() -> None:
    page = parsed(html_of(brainio.get_stimulus_set("modelfest.Carney1999")))
    assert len(pictures(page)) == 12
    assert "kind: GaborPatch" in texts(page)


@settings(max_examples=scaled_examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_any_text_in_any_field_is_shown_as_text(text: str, tmp_path: Path) -> None:
    stimuli = StimulusSet({"stimulus_id": [text, "b", "c"], f"c{text}": [text, text, "other"]})
    stimuli.identifier = text
    stimuli.stimulus_paths = {text: tmp_path / "gone.png"}
    html = html_of(stimuli)
    page = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert runs_nothing(page)
    found = texts(page)
    expected = printable(text)
    assert expected in found
    assert f"c{expected}" in found


def test_script_in_any_field_is_shown_as_text(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 3, **{SCRIPT: [SCRIPT, SCRIPT, "other"]})
    stimuli.identifier = SCRIPT
    stimuli["stimulus_id"] = [SCRIPT, "b", "c"]
    page = parsed(html_of(stimuli))
    assert runs_nothing(page)
    assert SCRIPT in texts(page)


def test_the_text_of_a_stimulus_is_shown_as_text(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 1)
    (tmp_path / "s0.txt").write_text(SCRIPT)
    stimuli.stimulus_paths = {"s0": tmp_path / "s0.txt"}
    page = parsed(html_of(stimuli))
    assert runs_nothing(page)
    assert SCRIPT in texts(page)


def test_pictures_are_bounded_in_bytes(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 30)
    stimuli.stimulus_paths = {f"s{i}": image(tmp_path / f"{i}.png", (400, 400), seed=i) for i in range(30)}
    html = html_of(stimuli)
    page = parsed(html)
    assert len(pictures(page)) == 12  # noise, which hardly compresses
    assert sum(map(len, pictures(page))) <= 150_000
    assert len(html.encode()) < 200_000


def test_a_view_of_many_wide_rows_stays_small(tmp_path: Path) -> None:
    wide = {f"column_{number}": ["x" * 500] * 400 for number in range(300)}
    stimuli = StimulusSet({"stimulus_id": [f"s{number}" for number in range(400)], **wide})
    stimuli.stimulus_paths = {}
    assert len(html_of(stimuli).encode()) < 100_000


def test_no_more_files_are_opened_than_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    original = previews.build_preview

    def counted(path: Path | None, *args: Any) -> Any:
        opened.append(path)
        return original(path, *args)

    monkeypatch.setattr("brainio.views.previews.build_preview", counted)
    html_of(stimulus_set(tmp_path, 50))
    assert len(opened) == 12


def test_remote_files_are_not_fetched() -> None:
    def fetch(name: str) -> Path:
        raise AssertionError(f"{name} was fetched")

    stimuli = StimulusSet({"stimulus_id": ["a", "b"]})
    stimuli.stimulus_paths = StimulusPaths({"a": "a.png", "b": "b.png"}, fetch)
    assert texts(parsed(html_of(stimuli))).count("file: not on this machine yet") > 0
    assert stimuli.contact_sheet().mode == "RGB"


@pytest.mark.filterwarnings("ignore::brainio.errors.StreamWarning")
def test_the_stimuli_of_a_streamed_assembly_are_shown_once_they_were_fetched(tmp_path: Path) -> None:
    assembly = brainio.get_assembly("modelfest.Carney1999", stream=True)
    stimuli = assembly.attrs["stimulus_set"]
    for data in (assembly, stimuli):
        assert pictures(html5lib.parse(html_of(data), treebuilder="etree", namespaceHTMLElements=False)) == []
    assert list((tmp_path / "home").rglob("*.zip")) == []
    stimuli.get_stimulus("GaborPatch1")
    assert len(pictures(parsed(html_of(stimuli)))) == 12


def test_a_view_does_not_unpack_lost_files_again() -> None:
    stimuli = brainio.get_stimulus_set("modelfest.Carney1999")
    path = Path(stimuli.get_stimulus("GaborPatch1"))
    backup = path.rename(path.with_suffix(".backup"))
    try:
        assert "file: the file is missing" in texts(parsed(html_of(stimuli)))
        assert not path.exists()
    finally:
        backup.rename(path)


@pytest.mark.parametrize("columns", [["stimulus_id", "stimulus_id"], ["object"]])
def test_a_table_without_unique_stimulus_ids_is_shown_by_pandas(columns: list[str]) -> None:
    table = StimulusSet([["a", "b"][: len(columns)]], columns=columns)
    assert html_of(table) == pd.DataFrame(table)._repr_html_()  # type: ignore[operator]  # not in the stubs


def test_a_set_without_paths_rows_or_numpy_columns_is_shown() -> None:
    empty = StimulusSet({"stimulus_id": []})
    assert "0 stimuli" in " ".join(texts(parsed(html_of(empty))))
    odd = StimulusSet({"stimulus_id": ["a", "b"], "lists": [[1], [2]], 7: pd.array([1, None], dtype="Int64")})
    odd["when"] = pd.Series(np.array(["2026-01-01", "NaT"], "datetime64[ns]"))
    odd["kind"] = pd.Categorical(["x", "y"])
    assert "2 stimuli" in " ".join(texts(parsed(html_of(odd))))


def test_columns_are_summarized(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 4, object_name=["car", "car", "car", "dog"], size=[1.0, 2.5, None, 2.5])
    rows = ["".join(row.itertext()) for row in parsed(html_of(stimuli)).iter("tr")]
    assert any("object_name" in row and "text" in row and f"car {TIMES}3, dog {TIMES}1" in row for row in rows)
    assert any("size" in row and "1 to 2.5" in row and "(1 missing)" in row for row in rows)


def test_numbers_and_texts_are_abbreviated() -> None:
    assert format_value(1 / 3) == "0.333333"
    assert format_value("x" * 100, 10) == "x" * 9 + "…"
    assert format_value(np.float32(0.1)) == "0.1"


def test_a_contact_sheet_has_the_stimuli_in_rows(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 5, object_name=["car"] * 5)
    stimuli.stimulus_paths = {f"s{i}": tmp_path / f"{i}.png" for i in range(5)}
    for number in range(5):
        Image.new("RGB", (64, 64), (40 * number, 0, 255)).save(tmp_path / f"{number}.png")
    sheet = stimuli.contact_sheet(4, columns=3, size=64, labels=["stimulus_id", "object_name"])
    assert sheet.width == 3 * (64 + 8) + 8
    step = (sheet.height - 8) // 2
    for number in range(4):
        corner = (8 + number % 3 * 72, 8 + number // 3 * step)
        assert sheet.getpixel((corner[0] + 32, corner[1] + 32)) == (40 * number, 0, 255)
    assert sheet.getpixel((8 + 72 + 32, 8 + step + 32)) == (255, 255, 255)  # no fifth


def test_a_contact_sheet_follows_the_rows_of_a_selection(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path, 3)
    part = stimuli[stimuli["stimulus_id"] == "s2"]
    assert part.contact_sheet(labels=[]).size == (144, 152)


def test_invalid_arguments_of_a_contact_sheet_are_explained(tmp_path: Path) -> None:
    stimuli = stimulus_set(tmp_path)
    with pytest.raises(KeyError, match=r"no column 'colour'.*stimulus_id"):
        stimuli.contact_sheet(labels="colour")
    with pytest.raises(ValueError, match="columns=0"):
        stimuli.contact_sheet(columns=0)
    with pytest.raises(ValueError, match="pixels is too large; show fewer"):
        stimuli.contact_sheet(size=100_000)
    with pytest.raises(ValueError, match="columns of the stimulus set have the same name"):
        pd.concat([stimuli, stimuli], axis=1).contact_sheet()


def test_thumbnails_keep_their_proportions(tmp_path: Path) -> None:
    (thumbnail,) = views.build_thumbnails([image(tmp_path / "a.png", (300, 100))], size=60)
    assert (thumbnail.width, thumbnail.height) == (60, 20)
    assert thumbnail.uri.startswith("data:image/webp;base64,")
