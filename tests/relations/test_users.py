"""Promises of `brainio.relations.users`: from a stimulus set to its assemblies and back, by catalogs alone."""

from pathlib import Path

import pytest

import brainio
from brainio.catalogs import listing
from brainio.errors import AmbiguousEntryError, AssemblyLookupError, StimulusSetLookupError
from tests.relations.made import assembly_row, listed, set_rows


def users(identifier: str, **which: str) -> list[str]:
    return [entry.identifier for entry in brainio.assemblies_of(identifier, **which)]


def set_of(identifier: str, **which: str) -> str:
    found = brainio.stimulus_set_of(identifier, **which)
    assert found is not None
    return f"{found.catalog}:{found.identifier}"


def test_a_set_leads_to_its_assemblies_and_each_of_them_back(tmp_path: Path) -> None:
    rows = [
        *set_rows("x.Set"),
        *set_rows("x.Other", "c"),
        assembly_row("x.B", "x.Set"),
        assembly_row("x.A", "x.Set", "d"),
    ]
    listed(tmp_path / "one.csv", *rows)
    assert users("x.Set") == ["x.A", "x.B"]
    assert users("x.Other") == []
    assert {set_of(one) for one in users("x.Set")} == {"one:x.Set"}


def test_nothing_is_fetched(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", *set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    assert users("x.Set") == ["x.A"]
    assert not (tmp_path / "home").exists()


def test_names_may_be_aliases_on_both_sides(tmp_path: Path) -> None:
    rows = [
        *set_rows("x.Set", aliases="set"),
        assembly_row("x.A", "set", aliases="a"),
        assembly_row("x.B", "x.Set", "d"),
    ]
    listed(tmp_path / "one.csv", *rows)
    assert users("set") == users("x.Set") == users("one:set") == ["x.A", "x.B"]
    assert set_of("a") == "one:x.Set"


def test_assemblies_of_other_catalogs_are_found(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", *set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    listed(tmp_path / "two.csv", assembly_row("y.B", "x.Set", "d"))
    assert users("x.Set") == ["x.A", "y.B"]
    assert set_of("y.B") == "one:x.Set"


def test_what_two_catalogs_list_alike_is_there_once(tmp_path: Path) -> None:
    rows = [*set_rows("x.Set"), assembly_row("x.A", "x.Set")]
    listed(tmp_path / "one.csv", *rows)
    listed(tmp_path / "two.csv", *rows)
    assert users("x.Set") == ["x.A"]


def test_a_set_of_the_same_name_and_other_bytes_has_assemblies_of_its_own(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", *set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    listed(tmp_path / "two.csv", *set_rows("x.Set", "c"), assembly_row("y.B", "x.Set", "d"))
    assert users("x.Set", catalog="one") == users("one:x.Set") == ["x.A"]
    assert users("x.Set", catalog="two") == ["y.B"]
    with pytest.raises(AmbiguousEntryError):
        users("x.Set")


def test_all_versions_of_an_assembly_and_of_a_set_count(tmp_path: Path) -> None:
    rows = [
        *set_rows("x.Set", version="1", status="superseded"),
        *set_rows("x.Set", "c", version="2"),
        *set_rows("x.Other", "e"),
        assembly_row("x.A", "x.Set", version="1", status="superseded"),
        assembly_row("x.A", "x.Other", "d", version="2"),
    ]
    listed(tmp_path / "one.csv", *rows)
    found = brainio.assemblies_of("x.Set")
    assert [(entry.identifier, entry.version, entry.status) for entry in found] == [("x.A", "1", "superseded")]
    assert brainio.assemblies_of("x.Set", version="2") == found  # it names no version: the current one
    assert brainio.assemblies_of("x.Set", version="1") == []
    assert (set_of("x.A"), set_of("x.A", version="1")) == ("one:x.Other", "one:x.Set")


def test_a_catalog_that_changes_is_read_again(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", *set_rows("x.Set"))
    assert users("x.Set") == []
    listed(tmp_path / "one.csv", assembly_row("x.A", "x.Set"))
    assert users("x.Set") == ["x.A"]


def test_an_assembly_without_a_set_leads_to_none(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", assembly_row("x.A", ""))
    assert brainio.stimulus_set_of("x.A") is None


def test_names_that_lead_nowhere_are_errors_of_their_kind(tmp_path: Path) -> None:
    listed(tmp_path / "one.csv", assembly_row("x.A", "x.Gone"))
    with pytest.raises(StimulusSetLookupError, match=r"x\.Gone"):
        users("x.Gone")
    with pytest.raises(StimulusSetLookupError, match=r"x\.Gone"):
        brainio.stimulus_set_of("x.A")
    with pytest.raises(AssemblyLookupError, match=r"x\.B"):
        brainio.stimulus_set_of("x.B")


def test_a_catalog_is_scanned_once_however_often_it_is_asked(tmp_path: Path) -> None:
    sets = [row for number in range(300) for row in set_rows(f"x.Set{number}", f"{number % 10}")]
    rows = [*sets, *(assembly_row(f"x.A{number}", f"x.Set{number % 300}", "d") for number in range(3000))]
    listed(tmp_path / "one.csv", *rows)
    index = listing("one").users
    assert all(len(users(f"x.Set{number}")) == 10 for number in range(300))
    assert listing("one").users is index
