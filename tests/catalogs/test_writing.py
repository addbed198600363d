"""Catalogs in local files and on S3: a change is atomic and leaves all other rows unchanged."""

import csv
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brainio
from brainio.catalogs import CatalogSource, amend_rows, append_rows, deprecate, history, resolve, writing
from brainio.catalogs.backends import csv_remote
from brainio.catalogs.backends.csv_base import CsvBackend
from brainio.catalogs.csv_format import EMPTY, read_rows, with_cells_set, with_rows_added
from brainio.catalogs.listing import read_listing
from brainio.errors import CatalogError, CatalogRowError, EntryLookupError, ReadOnlyCatalogError
from tests.catalogs.rows import activate_with_versions, row, text_of
from tests.servers import HttpFolder, MotoS3

ON_S3 = "s3://lab-bucket/catalogs/lab.csv"


@pytest.fixture(params=["folder", "S3"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path, moto_s3: MotoS3) -> CatalogSource:
    """A catalog that does not exist yet."""
    moto_s3.create_bucket("lab-bucket")
    return CatalogSource("lab", str(tmp_path / "catalogs" / "lab.csv") if request.param == "folder" else ON_S3)


@pytest.fixture
def active_catalog(catalog: CatalogSource) -> CatalogSource:
    """An active catalog with two versions of an entry."""
    return activate_with_versions(catalog)


def csv_backend(catalog: CatalogSource) -> CsvBackend:
    backend = catalog.backend
    assert isinstance(backend, CsvBackend)
    return backend


def rows_of(catalog: CatalogSource) -> list[dict[str, str]]:
    return list(csv.DictReader(text_of(catalog).splitlines()))


def test_a_missing_catalog_is_created_and_rows_are_appended(catalog: CatalogSource) -> None:
    assert catalog.backend.read_current() is None
    catalog.backend.check_writable()
    append_rows(catalog, [row("lab.A")])
    first = text_of(catalog)
    append_rows(catalog.location, [row("lab.B", license="CC0-1.0"), row("lab.A")])
    assert text_of(catalog).splitlines()[1] == first.splitlines()[1] + ","
    assert [listed["identifier"] for listed in rows_of(catalog)] == ["lab.A", "lab.B"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [(row("lab.A", sha1="b" * 40), CatalogError), (row("lab.C", lookup_type="movie"), CatalogRowError)],
)
def test_rows_that_cannot_be_added_change_nothing(
    active_catalog: CatalogSource, bad: dict[str, str], error: type[CatalogError]
) -> None:
    before = text_of(active_catalog)
    with pytest.raises(error):
        append_rows(active_catalog, [row("lab.New"), bad])
    assert text_of(active_catalog) == before


def test_an_invalid_catalog_is_unchanged(catalog: CatalogSource, moto_s3: MotoS3) -> None:
    catalog.backend.check_writable()
    for body, message in ((b"a,b\n1,2\n", "is not a catalog"), (b"\xff\xfe", "is not UTF-8")):
        if catalog.location == ON_S3:
            moto_s3.put("lab-bucket", "catalogs/lab.csv", body)
        else:
            Path(catalog.location).write_bytes(body)
        with pytest.raises(CatalogError, match=message):
            append_rows(catalog, [row("lab.A")])
        if catalog.location == ON_S3:
            now = moto_s3.client().get_object(Bucket="lab-bucket", Key="catalogs/lab.csv")["Body"].read()
            assert now == body
        else:
            assert Path(catalog.location).read_bytes() == body


def meddling(server: MotoS3, times: int) -> Callable[[str], str]:
    """Add a row while another writer adds rows before each of the first attempts to write."""
    calls = []

    def change(text: str) -> str:
        calls.append(text)
        if len(calls) <= times:
            other = with_rows_added(text, [row(f"lab.Other{len(calls)}")], "other")
            server.put("lab-bucket", "catalogs/lab.csv", other.encode())
        return with_rows_added(text, [row("lab.Mine")], "mine")

    return change


def test_concurrent_changes_of_a_catalog_on_s3_lose_no_rows(moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab-bucket")
    source = CatalogSource("lab", ON_S3)
    csv_backend(source).rewrite(meddling(moto_s3, 3))
    assert [listed["identifier"] for listed in rows_of(source)] == [
        "lab.Other1",
        "lab.Other2",
        "lab.Other3",
        "lab.Mine",
    ]


def test_a_constantly_changing_catalog_on_s3_is_an_error_with_the_next_step(
    moto_s3: MotoS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_remote, "_PATIENCE", 0)
    moto_s3.create_bucket("lab-bucket")
    with pytest.raises(CatalogError, match=r"changed by others at each attempt.*Repeat it"):
        csv_backend(CatalogSource("lab", ON_S3)).rewrite(meddling(moto_s3, 1000))
    assert "lab.Mine" not in text_of(CatalogSource("lab", ON_S3))


def test_an_entry_added_on_s3_is_found_by_the_same_process(active_catalog: CatalogSource) -> None:
    assert "lab.New" not in brainio.list_assemblies()
    append_rows(active_catalog, [row("lab.New")])
    assert "lab.New" in brainio.list_assemblies()


def test_a_catalog_behind_an_s3_url_is_the_same_as_by_bucket_and_key(moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab-bucket")
    append_rows("https://lab-bucket.s3.amazonaws.com/catalogs/lab.csv", [row("lab.A")])
    assert [listed["identifier"] for listed in rows_of(CatalogSource("lab", ON_S3))] == ["lab.A"]


def test_a_catalog_over_http_is_not_written(http_folder: HttpFolder) -> None:
    with pytest.raises(ReadOnlyCatalogError, match=r"is read-only.*brainio catalog copy FROM TO"):
        append_rows(f"{http_folder.url}/lab.csv", [row("lab.A")])
    assert http_folder.requests == []


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
NAMES = st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), unique=True, min_size=1, max_size=6)


@given(names=NAMES, note=CELL, value=CELL, newline=st.sampled_from(["\n", "\r\n"]), data=st.data())
def test_setting_cells_changes_these_and_no_other_row(
    names: list[str], note: str, value: str, newline: str, data: st.DataObject
) -> None:
    text = with_rows_added(EMPTY.replace("\n", newline), [row(name, note=note) for name in names], "lab")
    chosen = set(data.draw(st.lists(st.sampled_from(names))))
    column = data.draw(st.sampled_from(["note", "card", "license"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = {listed["identifier"]: listed for _, listed in read_rows(text, "lab")}
        after_text = with_cells_set(
            text, lambda listed: {column: value} if listed["identifier"] in chosen else {}, "lab"
        )
        after = {listed["identifier"]: listed for _, listed in read_rows(after_text, "lab")}
    assert list(after) == list(before)
    for name, cells in after.items():
        expected = before[name] | ({column: value} if name in chosen else {})
        assert {key: cell for key, cell in cells.items() if cell} == {
            key: cell for key, cell in expected.items() if cell
        }
    if not chosen:
        assert after_text == text


def test_rows_of_a_missing_catalog_are_not_amended(catalog: CatalogSource) -> None:
    with pytest.raises(CatalogError, match=r"the catalog .* does not exist"):
        amend_rows(catalog, lambda _: {"card": "c.json"})
    assert catalog.backend.read_current() is None


def test_malformed_rows_blank_lines_and_unknown_columns_survive_a_change_of_others() -> None:
    text = (
        EMPTY.strip()
        + ',curator\nlab.A,assembly,X,S3,s3://b/a,,,"Doe, J."\nlab.B,too,short\n\nlab.C,assembly,X,S3,s3://b/c,,,Q'
    )
    after = with_cells_set(text, lambda listed: {"card": "c.json"} if listed["identifier"] == "lab.C" else {}, "lab")
    assert after.splitlines() == [
        EMPTY.strip() + ",curator,card",
        'lab.A,assembly,X,S3,s3://b/a,,,"Doe, J.",',
        "lab.B,too,short",
        "",
        "lab.C,assembly,X,S3,s3://b/c,,,Q,c.json",
    ]


def test_a_new_version_supersedes_the_current_one_in_the_same_step_and_only_once(active_catalog: CatalogSource) -> None:
    statuses = [("lab.A", "", "superseded"), ("lab.A", "2", ""), ("lab.B", "", "")]
    assert [
        (listed["identifier"], listed["version"], listed["status"]) for listed in rows_of(active_catalog)
    ] == statuses
    writing.add_entry(active_catalog, [row("lab.A")])  # adding the same entry again supersedes nothing
    assert [
        (listed["identifier"], listed["version"], listed["status"]) for listed in rows_of(active_catalog)
    ] == statuses


def test_the_history_of_an_identifier_is_all_its_versions(active_catalog: CatalogSource) -> None:
    assert [(entry.version, entry.status) for entry in history("lab.A")] == [("", "superseded"), ("2", "current")]
    assert resolve("assembly", "lab.A", version="").file("nc").sha1 == "a" * 40  # type: ignore[union-attr]
    with pytest.raises(EntryLookupError, match=r"lab\.None"):
        history("lab.None")


def test_a_deprecated_entry_stays_with_a_reason_and_a_successor(active_catalog: CatalogSource) -> None:
    amended = deprecate("lab.A", "Two neuroids are swapped.", successor="lab.B")
    assert [(entry.version, entry.status, entry.successor) for entry in amended] == [("2", "deprecated", "lab.B")]
    entry = resolve("assembly", "lab.A")
    assert entry == amended[0]
    assert entry.card == "cards/assembly/lab.A@2.json"
    assert card_of(active_catalog, entry.card) == {
        "identifier": "lab.A",
        "lookup_type": "assembly",
        "version": "2",
        "status_reason": "Two neuroids are swapped.",
    }
    assert [listed["status"] for listed in rows_of(active_catalog)] == ["superseded", "deprecated", ""]


def card_of(catalog: CatalogSource, place: str) -> object:
    from brainio.stores import parse_location, read_whole

    return json.loads(read_whole(parse_location(f"{catalog.location.rpartition('/')[0]}/{place}"), 10_000))


def test_adding_a_reason_keeps_the_other_facts_of_a_card(active_catalog: CatalogSource) -> None:
    active_catalog.backend.sidecars.write_card("cards/mine.json", b'{"identifier": "lab.B", "shape": [3]}')
    amend_rows(active_catalog, lambda listed: {"card": "cards/mine.json"} if listed["identifier"] == "lab.B" else {})
    deprecate("lab.B", "Old.")
    assert card_of(active_catalog, "cards/mine.json") == {"identifier": "lab.B", "shape": [3], "status_reason": "Old."}


def test_a_card_that_cannot_be_read_is_not_overwritten(active_catalog: CatalogSource) -> None:
    active_catalog.backend.sidecars.write_card("cards/mine.json", b"[")
    amend_rows(active_catalog, lambda listed: {"card": "cards/mine.json"} if listed["identifier"] == "lab.B" else {})
    before = text_of(active_catalog)
    with pytest.raises(CatalogError, match=r"cards/mine\.json.*cannot be read"):
        deprecate("lab.B", "Old.")
    assert text_of(active_catalog) == before


def test_a_dry_run_of_deprecating_changes_nothing(active_catalog: CatalogSource) -> None:
    before = text_of(active_catalog)
    (entry,) = deprecate("lab.A", "Old.", version="", dry_run=True)
    assert (entry.version, entry.status) == ("", "deprecated")
    assert text_of(active_catalog) == before
    assert resolve("assembly", "lab.A", version="").status == "superseded"


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"reason": " "}, CatalogError),
        ({"reason": "Old.", "successor": "lab.None"}, EntryLookupError),
        ({"reason": "Old.", "successor": "lab.A"}, EntryLookupError),
        ({"reason": "Old.", "version": "3"}, EntryLookupError),
    ],
)
def test_a_failed_deprecation_changes_nothing(
    active_catalog: CatalogSource, keywords: dict[str, Any], error: type[Exception]
) -> None:
    before = text_of(active_catalog)
    with pytest.raises(error):
        deprecate("lab.A", **keywords)
    assert text_of(active_catalog) == before


def test_nothing_is_written_outside_the_folder_of_a_catalog(catalog: CatalogSource, tmp_path: Path) -> None:
    with pytest.raises(CatalogError):
        catalog.backend.sidecars.write_card("../card.json", b"{}")
    assert not (tmp_path / "card.json").exists()


def test_readers_of_a_catalog_on_s3_see_complete_rows_only(active_catalog: CatalogSource) -> None:
    for number in range(5):
        append_rows(active_catalog, [row(f"lab.N{number}", license="CC0-1.0")])
        read_listing("lab", text_of(active_catalog), active_catalog.location)
    assert len(rows_of(active_catalog)) == 8
