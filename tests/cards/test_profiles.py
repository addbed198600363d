"""Profiles of stimulus sets: they agree with the table and the card."""

import io
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainio import get_stimulus_set
from brainio.cards import StimulusProfile, build_card, build_profile, find_profile, profile_writer
from brainio.catalogs import resolve
from brainio.errors import SearchError
from brainio.service.pages.stimulus_sets import stimulus_tile
from tests.cards.profile_examples import DEMO, demo, picture, profile_of, published

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = [
    "') OR 1=1; DROP TABLE stimulus;--",
    "number",
    "thumbnail",
    "c0",
    "rowid",
    'a"b',
    "100%",
    ":name",
    "?",
    "été 🐒",
    "a.b",
]


@pytest.fixture
def profile() -> StimulusProfile:
    """The profile of the demo stimulus set."""
    return build(demo())


def build(entry: Any) -> StimulusProfile:
    build_profile(entry)
    found = find_profile(entry)
    assert isinstance(found, StimulusProfile)
    return found


def ids(profile: StimulusProfile, **filters: str) -> list[Any]:
    rows, total = profile.rows(filters, limit=10_000)
    assert len(rows) == total
    return [row.values["stimulus_id"] for row in rows]


# ------------------------------------------------------------------ rows


def test_rows_equal_those_of_the_table(profile: StimulusProfile) -> None:
    table = get_stimulus_set(DEMO)
    rows, total = profile.rows(limit=1000)
    assert total == profile.count == len(table)
    expected = table.astype(object).where(table.notna(), None).to_dict("records")
    assert [row.values for row in rows] == expected
    assert [row.number for row in rows] == list(range(len(table)))


def test_the_card_equals_a_newly_built_one(profile: StimulusProfile) -> None:
    assert profile.card == build_card(demo())
    assert profile.columns == profile.card["columns"]


def test_pages_together_contain_all_rows(profile: StimulusProfile) -> None:
    whole = profile.rows({"kind": "Gabor*"}, limit=1000)[0]
    pages = [profile.rows({"kind": "Gabor*"}, limit=3, offset=start) for start in range(0, len(whole), 3)]
    assert [row for page, _ in pages for row in page] == whole
    assert {total for _, total in pages} == {len(whole)}


def test_negative_limits_and_offsets_are_refused(profile: StimulusProfile) -> None:
    for limit, offset in ((-1, 0), (1, -1)):
        with pytest.raises(ValueError, match="expected numbers from 0"):
            profile.rows(limit=limit, offset=offset)


def test_a_stimulus_has_its_neighbours(profile: StimulusProfile) -> None:
    order = ids(profile)
    for number in (0, 20, 42):
        found = profile.row(order[number])
        assert found is not None
        assert found.row.values["stimulus_id"] == order[number]
        assert found.previous == (order[number - 1] if number else None)
        assert found.next == (order[number + 1] if number < 42 else None)
    assert profile.row("no such stimulus") is None
    assert profile.row("' OR 1=1 --\0\ud800") is None


# ------------------------------------------------------------------ filters

TEXTS = st.text(st.sampled_from("aA*?[]%_b 1é\0"), max_size=6)
NUMBERS = st.floats(allow_nan=False, width=32) | st.integers(-5, 5).map(float)
TABLES = st.lists(
    st.tuples(
        st.none() | TEXTS.filter(bool), st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1), st.none() | NUMBERS
    ),
    min_size=1,
    max_size=12,
)
BOUNDS = st.just("") | st.integers(-6, 6).map(str) | NUMBERS.map(repr)
RANGES = st.tuples(BOUNDS, BOUNDS).map("..".join)


def table_of(rows: list[tuple[Any, Any, Any]]) -> pd.DataFrame:
    text, whole, number = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "stimulus_id": [f"s{place}" for place in range(len(rows))],
            "text": np.array([np.nan if value is None else value for value in text], dtype=object),
            "whole": np.array(whole, dtype=np.int64),
            "number": np.array([np.nan if value is None else value for value in number]),
        }
    )


def text_fits(value: str | None, text: str) -> bool:
    if value is None or not text:
        return value is None and not text
    pattern = ".*".join(map(re.escape, text.replace("\0", "\ufffd").split("*")))
    return re.fullmatch(pattern, value.replace("\0", "\ufffd"), re.DOTALL) is not None


def number_fits(value: float | None, text: str) -> bool:
    if value is None or not text:
        return value is None and not text
    if text == "*":
        return True
    low, dots, high = text.partition("..")
    bounds = [
        None if not bound else int(bound) if re.fullmatch("-?[0-9]+", bound) else float(bound) for bound in (low, high)
    ]
    if not dots:
        return value == bounds[0]
    return (bounds[0] is None or value >= bounds[0]) and (bounds[1] is None or value <= bounds[1])


@settings(deadline=None)
@given(TABLES, TEXTS, BOUNDS | RANGES | st.just("*"), BOUNDS | RANGES | st.just("*"), st.data())
def test_filters_find_the_same_rows_as_a_scan(
    rows: list[tuple[Any, Any, Any]], text: str, whole: str, number: str, data: Any
) -> None:
    texts = {"text": text, "whole": whole, "number": number}
    filters = {name: texts[name] for name in data.draw(st.sets(st.sampled_from(list(texts))))}
    fits: dict[str, Callable[[Any, str], bool]] = {"text": text_fits, "whole": number_fits, "number": number_fits}
    table = table_of(rows)
    records = [dict(zip(texts, row, strict=True)) for row in rows]
    if table["number"].isna().all():  # such a column has no kind, and profiles store it as text
        filters.pop("number", None)
    expected = [
        f"s{place}"
        for place, record in enumerate(records)
        if all(fits[name](record[name], filter_) for name, filter_ in filters.items())
    ]
    assert ids(profile_of(table), **filters) == expected


def test_numbers_are_compared_by_value_and_texts_exactly() -> None:
    profile = profile_of(table_of([("4", 4, 4.0), ("4.0", 40, 40.5), ("a", 2**62 + 1, None)]))
    assert ids(profile, number="4") == ids(profile, whole="4.0") == ids(profile, number="4e0") == ["s0"]
    assert (ids(profile, text="4"), ids(profile, text="4.0"), ids(profile, text="A")) == (["s0"], ["s1"], [])
    assert (ids(profile, whole=str(2**62 + 1)), ids(profile, whole=str(2**62))) == (["s2"], [])
    assert ids(profile, text="1..5") == []


def test_an_unknown_column_is_an_error_with_suggestions(profile: StimulusProfile) -> None:
    with pytest.raises(SearchError, match=r"no column 'knid' to filter by; similar columns: 'kind'"):
        profile.rows({"knid": "x"})
    with pytest.raises(SearchError, match="no column"):
        profile.rows({"c0": "x"})


@pytest.mark.parametrize("text", ["four", "4*", "1..2..3", "0x10", "nan", "1_000", "--1", "1..x", "1" * 2000, "\ud800"])
def test_a_malformed_number_is_an_error(profile: StimulusProfile, text: str) -> None:
    with pytest.raises(SearchError, match="column 'degrees' contains numbers"):
        profile.rows({"degrees": text})


def test_a_huge_number_finds_nothing(profile: StimulusProfile) -> None:
    assert ids(profile, degrees="1" * 1000) == ids(profile, degrees="1e999") == []


def test_a_long_filter_is_an_error(profile: StimulusProfile) -> None:
    with pytest.raises(SearchError, match="2,000 characters"):
        profile.rows({"kind": "*a" * 1000})


# ------------------------------------------------------------------ hostile tables


def test_names_of_columns_are_never_sql(tmp_path: Path) -> None:
    rows = [
        {"stimulus_id": id_, "filename": f"{id_}.txt", **{name: f"{name} {id_}" for name in HOSTILE}} for id_ in "abc"
    ]
    found = build(published(tmp_path, {f"{id_}.txt": b"x" for id_ in "abc"}, rows))
    assert found.column_names == ["stimulus_id", "filename", *HOSTILE]
    for name in HOSTILE:
        assert ids(found, **{name: f"{name} b"}) == ["b"]
    assert found.rows()[1] == 3


def test_the_id_and_at_most_a_thousand_other_columns_are_stored(tmp_path: Path) -> None:
    names = [*(f"column{number}" for number in range(2500)), "filename", "stimulus_id"]
    rows = [{**dict.fromkeys(names, "x"), "filename": "a.txt", "stimulus_id": "a"}]
    found = build(published(tmp_path, {"a.txt": b"x"}, rows))
    assert len(found.column_names) == 1001
    assert ids(found, column999="x") == ["a"]


def test_values_of_any_kind_are_stored_as_text_or_numbers() -> None:
    table = pd.DataFrame(
        {
            "stimulus_id": ["a", "b"],
            "truth": [True, False],
            "mixed": np.array(["1", 2], dtype=object),
            "huge": np.array([2**64 - 1, 1], dtype=np.uint64),
            "long": ["x" * 10_000, "y"],
            "missing": [None, None],
        }
    )
    (first, second), _ = profile_of(table).rows()
    assert (first.values["truth"], first.values["mixed"], second.values["mixed"]) == ("True", "1", "2")
    assert (first.values["huge"], first.values["missing"]) == (str(2**64 - 1), None)
    assert first.values["long"] == "x" * 3999 + "…"


# ------------------------------------------------------------------ thumbnails


def sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes((np.sin(np.arange(8000)) * 9000).astype("<i2").tobytes())
    return file.getvalue()


def test_thumbnails_show_images_and_sounds_and_quote_texts(tmp_path: Path) -> None:
    files = {"a.png": picture(1), "b.wav": sound(), "c.txt": b"The horse raced\0 past", "d.png": b"\x89PNG damaged"}
    found = build(published(tmp_path, files))
    thumbnails = [found.thumbnail(number) for number in range(4)]
    image, audio, text, damaged = [thumbnail for thumbnail in thumbnails if thumbnail is not None]
    assert (image.kind, image.width, image.height, image.note) == ("image", 200, 100, "200 x 100")
    assert Image.open(io.BytesIO(image.data)).size == (200, 100)
    assert (audio.kind, audio.media_type, audio.note) == ("sound", "image/webp", "1 s, 8 kHz")
    assert (text.kind, text.data, text.note) == ("text", b"", "The horse raced\ufffd past")
    assert (damaged.data, damaged.note) == (b"", "not an image of a known format")
    assert found.thumbnail(4) is None


def test_thumbnails_are_small_and_stimuli_with_one_file_share_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    rows = [{"stimulus_id": id_, "filename": "noise.png"} for id_ in "abc"]
    found = build(published(tmp_path, {"noise.png": file.getvalue()}, rows))
    first, third = found.thumbnail(0), found.thumbnail(2)
    assert first is not None
    assert first == third
    assert 0 < len(first.data) <= 16_500
    with found._file._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM thumbnail").scalar_one() == 1


def test_only_the_first_stimuli_have_thumbnails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_writer, "_MAX_THUMBNAILS", 2)
    found = build(published(tmp_path, {f"{number}.png": picture(number) for number in range(3)}))
    assert (found.count, found.thumbnail_count) == (3, 2)
    assert found.thumbnail(1) is not None
    assert found.thumbnail(2) is None
    (row,), _ = found.rows({"stimulus_id": "2"})
    assert stimulus_tile(found.entry, found, row).note == "only the first 2 stimuli have thumbnails"


def test_ten_thousand_stimuli_are_found_by_any_of_their_columns(tmp_path: Path) -> None:
    count = 10_001
    rows = [{"stimulus_id": f"s{number}", "filename": "a.txt", "size": number / 4} for number in range(count)]
    found = build(published(tmp_path, {"a.txt": b"x"}, rows))
    assert (found.count, found.thumbnail_count) == (count, 10_000)
    assert ids(found, size="2500") == ["s10000"]
    assert ids(found, size="..0.5", stimulus_id="s*") == ["s0", "s1", "s2"]


# ------------------------------------------------------------------ cost


def test_querying_a_profile_imports_no_large_library(profile: StimulusProfile) -> None:
    build_profile(demo("assembly"))
    program = f"""
import sys
from brainio.catalogs import resolve
from brainio.fetch.entry_files import has_local_files
from brainio.cards import find_profile, profile_folder_version
stimuli, assembly = (resolve(kind, {DEMO!r}) for kind in ("stimulus_set", "assembly"))
assert has_local_files(stimuli) and profile_folder_version()
found = find_profile(stimuli)
found.rows({{"kind": "Gabor*"}}), found.thumbnail(0), found.card, found.columns
found = find_profile(assembly)
found.response("GaborPatch1"), found.card
print([name for name in ("numpy", "pandas", "xarray", "PIL", "netCDF4", "boto3") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_older_set_is_queried_by_its_image_ids(tmp_path: Path) -> None:
    rows = [{"image_id": id_, "filename": "a.txt"} for id_ in ("7", "007")]
    found = build(published(tmp_path, {"a.txt": b"x"}, rows))
    assert ids(found) == ["7", "007"]
    assert resolve("stimulus_set", found.entry.identifier, catalog="lab") == found.entry
