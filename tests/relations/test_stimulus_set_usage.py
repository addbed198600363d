"""Tests of `assemblies_of` and `stimulus_set_of`: they follow references in the catalogs and fetch nothing."""

from pathlib import Path

import pytest

import brainio
from brainio.catalogs import listing
from brainio.errors import AmbiguousEntryError, AssemblyLookupError, StimulusSetLookupError
from tests.relations.local_catalog import add_rows, assembly_row, stimulus_set_rows


def assemblies(identifier: str, **options: str) -> list[str]:
    return [entry.identifier for entry in brainio.assemblies_of(identifier, **options)]


def stimulus_set(identifier: str, **options: str) -> str:
    entry = brainio.stimulus_set_of(identifier, **options)
    assert entry is not None
    return f"{entry.catalog}:{entry.identifier}"


def test_a_stimulus_set_and_its_assemblies_refer_to_each_other(tmp_path: Path) -> None:
    rows = [
        *stimulus_set_rows("x.Set"),
        *stimulus_set_rows("x.Other", "c"),
        assembly_row("x.B", "x.Set"),
        assembly_row("x.A", "x.Set", "d"),
    ]
    add_rows(tmp_path / "one.csv", *rows)
    assert assemblies("x.Set") == ["x.A", "x.B"]
    assert assemblies("x.Other") == []
    assert {stimulus_set(name) for name in assemblies("x.Set")} == {"one:x.Set"}


def test_nothing_is_fetched(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", *stimulus_set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    assert assemblies("x.Set") == ["x.A"]
    assert not (tmp_path / "home").exists()


def test_sets_and_assemblies_may_be_named_by_aliases(tmp_path: Path) -> None:
    rows = [
        *stimulus_set_rows("x.Set", aliases="set"),
        assembly_row("x.A", "set", aliases="a"),
        assembly_row("x.B", "x.Set", "d"),
    ]
    add_rows(tmp_path / "one.csv", *rows)
    assert assemblies("set") == assemblies("x.Set") == assemblies("one:set") == ["x.A", "x.B"]
    assert stimulus_set("a") == "one:x.Set"


def test_assemblies_of_other_catalogs_are_found(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", *stimulus_set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    add_rows(tmp_path / "two.csv", assembly_row("y.B", "x.Set", "d"))
    assert assemblies("x.Set") == ["x.A", "y.B"]
    assert stimulus_set("y.B") == "one:x.Set"


def test_an_assembly_that_two_catalogs_list_identically_appears_once(tmp_path: Path) -> None:
    rows = [*stimulus_set_rows("x.Set"), assembly_row("x.A", "x.Set")]
    add_rows(tmp_path / "one.csv", *rows)
    add_rows(tmp_path / "two.csv", *rows)
    assert assemblies("x.Set") == ["x.A"]


def test_stimulus_sets_with_the_same_name_but_other_bytes_have_separate_assemblies(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", *stimulus_set_rows("x.Set"), assembly_row("x.A", "x.Set"))
    add_rows(tmp_path / "two.csv", *stimulus_set_rows("x.Set", "c"), assembly_row("y.B", "x.Set", "d"))
    assert assemblies("x.Set", catalog="one") == assemblies("one:x.Set") == ["x.A"]
    assert assemblies("x.Set", catalog="two") == ["y.B"]
    with pytest.raises(AmbiguousEntryError):
        assemblies("x.Set")


def test_all_versions_of_assemblies_and_sets_are_included(tmp_path: Path) -> None:
    rows = [
        *stimulus_set_rows("x.Set", version="1", status="superseded"),
        *stimulus_set_rows("x.Set", "c", version="2"),
        *stimulus_set_rows("x.Other", "e"),
        assembly_row("x.A", "x.Set", version="1", status="superseded"),
        assembly_row("x.A", "x.Other", "d", version="2"),
    ]
    add_rows(tmp_path / "one.csv", *rows)
    entries = brainio.assemblies_of("x.Set")
    assert [(entry.identifier, entry.version, entry.status) for entry in entries] == [("x.A", "1", "superseded")]
    assert brainio.assemblies_of("x.Set", version="2") == entries  # the assembly loads with the current version
    assert brainio.assemblies_of("x.Set", version="1") == []
    assert (stimulus_set("x.A"), stimulus_set("x.A", version="1")) == ("one:x.Other", "one:x.Set")


def test_a_changed_catalog_is_read_again(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", *stimulus_set_rows("x.Set"))
    assert assemblies("x.Set") == []
    add_rows(tmp_path / "one.csv", assembly_row("x.A", "x.Set"))
    assert assemblies("x.Set") == ["x.A"]


def test_an_assembly_without_a_stimulus_set_returns_none(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", assembly_row("x.A", ""))
    assert brainio.stimulus_set_of("x.A") is None


def test_unknown_names_raise_the_lookup_error_of_their_kind(tmp_path: Path) -> None:
    add_rows(tmp_path / "one.csv", assembly_row("x.A", "x.Gone"))
    with pytest.raises(StimulusSetLookupError, match=r"x\.Gone"):
        assemblies("x.Gone")
    with pytest.raises(StimulusSetLookupError, match=r"x\.Gone"):
        brainio.stimulus_set_of("x.A")
    with pytest.raises(AssemblyLookupError, match=r"x\.B"):
        brainio.stimulus_set_of("x.B")


def test_repeated_lookups_scan_a_catalog_once(tmp_path: Path) -> None:
    sets = [row for number in range(300) for row in stimulus_set_rows(f"x.Set{number}", f"{number % 10}")]
    rows = [*sets, *(assembly_row(f"x.A{number}", f"x.Set{number % 300}", "d") for number in range(3000))]
    add_rows(tmp_path / "one.csv", *rows)
    index = listing("one").users
    assert all(len(assemblies(f"x.Set{number}")) == 10 for number in range(300))
    assert listing("one").users is index
