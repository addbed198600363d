"""SQL catalogs: concurrent writers, and the same results as in a CSV file."""

import multiprocessing
import os
import sqlite3
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brainio
from brainio import locks
from brainio.catalogs import (
    CatalogSource,
    add_publication,
    amend_rows,
    append_rows,
    deprecate,
    history,
    resolve,
    writing,
)
from brainio.catalogs.backends.sql import connections
from brainio.catalogs.backends.sql.location import parse_database_location
from brainio.catalogs.backends.sql.tables import lock_catalog
from brainio.catalogs.cards import read_card
from brainio.catalogs.publications import publications_of
from brainio.catalogs.registry import source_from
from brainio.errors import CatalogError, CatalogRowError
from tests.catalogs.rows import activate_with_versions, row, text_of
from tests.reliability.processes import join, start
from tests.tiers import scaled_examples

spawning = multiprocessing.get_context("spawn")
NUMBERS = count()
SHARED = [HealthCheck.function_scoped_fixture]  # each example uses a separate catalog in one database


@pytest.fixture
def catalog(database: str) -> CatalogSource:
    """A catalog `lab` that does not exist yet."""
    return source_from(f"{database}#lab")


@pytest.fixture
def active_catalog(catalog: CatalogSource) -> CatalogSource:
    """An active catalog with two versions of an entry."""
    return activate_with_versions(catalog)


def test_a_missing_catalog_is_created_and_rows_are_appended(catalog: CatalogSource) -> None:
    assert catalog.backend.read_current() is None
    append_rows(catalog, [row("lab.A")])
    first = text_of(catalog)
    append_rows(catalog.location, [row("lab.B", license="CC0-1.0", lab_note="x"), row("lab.A")])
    assert text_of(catalog).splitlines()[0] == first.splitlines()[0] + ",license,lab_note"
    assert [line.partition(",")[0] for line in text_of(catalog).splitlines()[1:]] == ["lab.A", "lab.B"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (row("lab.A", sha1="b" * 40), CatalogError),
        (row("lab.C", lookup_type="movie"), CatalogRowError),
        (row("lab.C", note="a\0b"), CatalogRowError),
        (row("lab.C", note="\ud800"), CatalogRowError),
    ],
    ids=["other bytes", "malformed", "NUL", "half a character"],
)
def test_rows_that_cannot_be_added_change_nothing(
    active_catalog: CatalogSource, bad: dict[str, str], error: type[CatalogError]
) -> None:
    before, state = text_of(active_catalog), active_catalog.backend.version_token()
    with pytest.raises(error):
        append_rows(active_catalog, [row("lab.New"), bad])
    assert (text_of(active_catalog), active_catalog.backend.version_token()) == (before, state)


def test_a_new_version_supersedes_the_current_one(active_catalog: CatalogSource) -> None:
    assert [(entry.version, entry.status) for entry in history("lab.A")] == [("", "superseded"), ("2", "current")]
    assert resolve("assembly", "lab.A").version == "2"


def test_an_added_entry_is_found_and_not_added_again(active_catalog: CatalogSource) -> None:
    assert "lab.New" not in brainio.list_assemblies()
    append_rows(active_catalog, [row("lab.New")])
    before = active_catalog.backend.version_token()
    append_rows(active_catalog, [row("lab.New")])
    assert "lab.New" in brainio.list_assemblies()
    assert active_catalog.backend.version_token() == before


def test_the_card_of_a_deprecated_entry_states_the_reason(active_catalog: CatalogSource) -> None:
    deprecate("lab.A", "Neuroids were mixed up.", successor="lab.B")
    (entry,) = [version for version in history("lab.A") if version.version == "2"]
    assert (entry.status, entry.successor) == ("deprecated", "lab.B")
    assert read_card(entry)["status_reason"] == "Neuroids were mixed up."
    deprecate("lab.A", "All were.", version="2")
    assert read_card(resolve("assembly", "lab.A", version="2"))["status_reason"] == "All were."


def test_publications_of_an_entry_are_in_the_database(active_catalog: CatalogSource) -> None:
    append_rows(active_catalog, [row("lab.P", publication="doe2026")])
    paper = {"publication": "doe2026", "title": "Squares, and circles", "year": "2026", "note": "own column"}
    for _ in range(2):
        add_publication(active_catalog, paper)
    (found,) = publications_of(resolve("assembly", "lab.P"))
    assert (found["title"], found["year"]) == ("Squares, and circles", "2026")


def test_a_card_path_outside_the_catalog_is_refused(active_catalog: CatalogSource) -> None:
    for place in ("../card.json", "/etc/card.json", "s3://lab/card.json", ""):
        with pytest.raises(CatalogError, match="is not a path below the catalog"):
            active_catalog.backend.sidecars.write_card(place, b"{}")


def test_amending_a_missing_catalog_creates_none(catalog: CatalogSource) -> None:
    with pytest.raises(CatalogError, match=r"does not exist|there is no database"):
        amend_rows(catalog, lambda row: {"license": "CC0-1.0"})
    assert catalog.backend.read_current() is None


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
COLUMNS = ("license", "version", "status", "note", "lab_note")
STATUS = st.sampled_from(["", "current", "deprecated"])
ROWS = st.builds(
    lambda name, version, columns, status: row(name, **columns, **version, **status),
    st.sampled_from(["lab.A", "lab.B"]),
    st.one_of(st.just({}), st.fixed_dictionaries({"version": st.sampled_from(["", "1", "2"])})),
    st.dictionaries(st.sampled_from(["license", "note", "lab_note"]), CELL, max_size=2),
    st.one_of(st.just({}), st.fixed_dictionaries({"status": STATUS})),
)
CHANGES = st.lists(st.tuples(st.sampled_from(["append", "entry", "amend"]), ROWS), max_size=6)


def cells_of(new: dict[str, str], row: dict[str, str]) -> dict[str, str]:
    return new if row["identifier"] == new["identifier"] else {}


def changed(catalog: CatalogSource, changes: list[tuple[str, dict[str, str]]]) -> str:
    append_rows(catalog, [])
    for action, new in changes:
        if action == "append":
            append_rows(catalog, [new])
        elif action == "entry":
            writing.add_entry(catalog, [new])
        else:
            amend_rows(catalog, partial(cells_of, new))
    return text_of(catalog)


@given(changes=CHANGES)
@settings(suppress_health_check=SHARED, max_examples=scaled_examples(25), deadline=None)
def test_changes_give_the_same_catalog_in_a_database_as_in_a_csv_file(
    database: str, tmp_path: Path, changes: list[tuple[str, dict[str, str]]]
) -> None:
    number = next(NUMBERS)
    as_csv = changed(CatalogSource("lab", str(tmp_path / f"{number}.csv")), changes)
    assert changed(source_from(f"{database}#{number}"), changes) == as_csv


def _publish(location: str, number: int) -> None:
    for entry in range(10):
        writing.add_entry(source_from(location), [row(f"lab.P{number}N{entry}"), row("lab.Same")])


@pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.slow(reason="16 processes"))])
def test_concurrent_processes_lose_and_duplicate_no_row(database: str, count: int) -> None:
    """The processes also create the database, its tables and the catalog at the same time."""
    location = f"{database}#lab"
    assert join([start(_publish, location, number) for number in range(count)]) == [0] * count
    listed = [line.partition(",")[0] for line in text_of(source_from(location)).splitlines()[1:]]
    assert len(listed) == 10 * count + 1
    assert set(listed) == {f"lab.P{number}N{entry}" for number in range(count) for entry in range(10)} | {"lab.Same"}


def test_the_wait_for_an_endless_change_times_out(catalog: CatalogSource, monkeypatch: pytest.MonkeyPatch) -> None:
    append_rows(catalog, [row("lab.A")])
    monkeypatch.setattr(locks, "STALLED", 1)
    with lock_catalog(parse_database_location(catalog.location)) as other:
        with pytest.raises(CatalogError, match=r"was not written.*no progress"):
            append_rows(catalog, [row("lab.B")])
        other.record_change()
    assert not connections.why_away(parse_database_location(catalog.location))
    append_rows(catalog, [row("lab.B")])


def test_a_process_killed_while_writing_leaves_the_catalog_unchanged(tmp_path: Path) -> None:
    catalog = source_from(f"sqlite:///{tmp_path / 'lab.db'}")
    append_rows(catalog, [row("lab.A")])
    before = text_of(catalog)
    process = spawning.Process(target=_die_in_the_middle, args=(str(tmp_path / "lab.db"),))
    process.start()
    process.join(60)
    assert process.exitcode == 7
    assert text_of(catalog) == before
    append_rows(catalog, [row("lab.B")])
    assert len(text_of(catalog).splitlines()) == 3


def _die_in_the_middle(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")  # writes half of the change to the file
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM brainio_rows")
    for number in range(20_000):
        connection.execute("INSERT INTO brainio_cards VALUES (1, ?, ?)", (str(number), "x" * 100))
    os._exit(7)
