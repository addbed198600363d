"""The contract of `CatalogBackend`: every backend passes the same tests.

To test another backend, add a line to `LOCATIONS`.
"""

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import brainio
from brainio.catalogs import add_catalog, add_publication, append_rows, deprecate, resolve
from brainio.catalogs.backends import CatalogBackend, backend_of, sidecars_at
from brainio.catalogs.cards import card_bytes, read_card
from brainio.catalogs.csv_format import Row, read_rows
from brainio.catalogs.publications import publications_of
from brainio.catalogs.writing import copy_catalog, read_contents
from brainio.errors import BrainioError, CatalogError, CatalogRowError, ReadOnlyCatalogError
from tests.catalogs.backends import memory_backend
from tests.catalogs.rows import row
from tests.servers import HttpFolder, MotoS3

Fixtures = Callable[[str], object]


def s3_location(fixture: Fixtures) -> str:
    server = fixture("moto_s3")
    assert isinstance(server, MotoS3)
    server.create_bucket("lab-bucket")
    return "s3://lab-bucket/catalogs/lab.csv"


def server_location(fixture: Fixtures) -> str:
    return f"{fixture('postgres').create_database()}#lab"  # type: ignore[attr-defined]


# Each returns the location of a catalog that does not exist yet.
LOCATIONS: Mapping[str, Callable[[Fixtures], str]] = {
    "CSV file": lambda fixture: f"{fixture('tmp_path')}/lab.csv",
    "CSV on S3": s3_location,
    "SQLite": lambda fixture: f"sqlite:///{fixture('tmp_path')}/database/lab.db",
    "PostgreSQL": server_location,
    "memory": lambda _: f"{memory_backend.SCHEME}://{secrets.token_hex(8)}/lab",
}


@pytest.fixture(params=LOCATIONS)
def location(request: pytest.FixtureRequest) -> str:
    """The location of a catalog that does not exist yet."""
    return LOCATIONS[request.param](request.getfixturevalue)


@pytest.fixture
def backend(location: str) -> CatalogBackend:
    """The backend of a catalog that does not exist yet."""
    return backend_of(location)


@pytest.fixture
def filled(backend: CatalogBackend) -> CatalogBackend:
    """A catalog with the entries `lab.A` and `lab.B`."""
    backend.check_writable()
    backend.add_rows([row("lab.A"), row("lab.B")])
    return backend


def rows_of(backend: CatalogBackend) -> list[Row]:
    return [found for _, found in read_rows(backend.read_current() or "", str(backend))]


def identifiers(backend: CatalogBackend) -> list[str]:
    return [found["identifier"] for found in rows_of(backend)]


def set_license(license_name: str, listed: Row) -> dict[str, str]:
    return {"license": license_name} if listed["identifier"] == "lab.A" else {}


def test_a_location_has_one_backend_with_the_name_of_the_catalog(backend: CatalogBackend) -> None:
    assert backend_of(backend.location) is backend
    assert backend.identifier == "lab"
    assert not backend.is_read_only


def test_a_missing_catalog_cannot_be_read(backend: CatalogBackend) -> None:
    backend.check_writable()
    assert backend.read_current() is None
    with pytest.raises(CatalogError):
        backend.read()


def test_rows_are_read_as_they_were_written(filled: CatalogBackend) -> None:
    assert [found["identifier"] for _, found in read_rows(filled.read(), "lab")] == ["lab.A", "lab.B"]
    assert rows_of(filled) == [row("lab.A"), row("lab.B")]
    assert filled.read() == filled.read_current()


def test_unknown_columns_are_stored_and_later_columns_are_added(filled: CatalogBackend) -> None:
    filled.add_rows([row("lab.C", curator='Doe, "J."\nRoe')])
    filled.add_rows([row("lab.D", license="CC0-1.0")])
    assert rows_of(filled)[2:] == [
        row("lab.C", curator='Doe, "J."\nRoe', license=""),
        row("lab.D", curator="", license="CC0-1.0"),
    ]


def test_the_version_token_changes_exactly_on_writes(filled: CatalogBackend) -> None:
    token = filled.version_token()
    filled.read()
    filled.add_rows([row("lab.A")])  # listed already
    filled.set_cells(lambda _: {})
    assert filled.version_token() == token
    filled.add_rows([row("lab.C")])
    added = filled.version_token()
    filled.set_cells(partial(set_license, "CC0-1.0"))
    assert len({token, added, filled.version_token()}) == 3


def test_a_key_with_another_hash_is_refused_and_nothing_changes(filled: CatalogBackend) -> None:
    before, token = filled.read_current(), filled.version_token()
    with pytest.raises(CatalogError, match=r"'lab\.A' already, with other bytes"):
        filled.add_rows([row("lab.New"), row("lab.A", sha1="b" * 40)])
    with pytest.raises(CatalogRowError, match="lookup_type is 'movie'"):
        filled.add_rows([row("lab.New"), row("lab.C", lookup_type="movie")])
    assert (filled.read_current(), filled.version_token()) == (before, token)


def test_an_error_while_cells_are_computed_changes_nothing(filled: CatalogBackend) -> None:
    before, token = filled.read_current(), filled.version_token()

    def fail(listed: Row) -> Mapping[str, str]:
        if listed["identifier"] == "lab.B":
            raise CatalogError("the second row is wrong")
        return {"license": "CC0-1.0"}

    with pytest.raises(CatalogError, match="second row is wrong"):
        filled.set_cells(fail)
    with pytest.raises(CatalogError, match="second row is wrong"):
        filled.add_rows([row("lab.B", version="2")], fail)
    assert (filled.read_current(), filled.version_token()) == (before, token)


def test_cells_of_a_missing_catalog_are_not_set(backend: CatalogBackend) -> None:
    backend.check_writable()
    with pytest.raises(CatalogError, match=r"the catalog .* does not exist|there is no database"):
        backend.set_cells(lambda _: {"license": "CC0-1.0"})
    assert backend.read_current() is None


def test_cells_are_set_in_the_step_that_adds_rows(filled: CatalogBackend) -> None:
    def supersede(listed: Row) -> Mapping[str, str]:
        return {"status": "superseded"} if not listed.get("version") else {}

    filled.add_rows([row("lab.A", version="2")], supersede)
    assert [(found["version"], found["status"]) for found in rows_of(filled) if found["identifier"] == "lab.A"] == [
        ("", "superseded"),
        ("2", ""),
    ]


def test_concurrent_writers_lose_no_change(filled: CatalogBackend) -> None:
    def write(number: int) -> None:
        for part in range(3):
            filled.add_rows([row(f"lab.W{number}N{part}"), row("lab.Shared")])
        filled.set_cells(partial(set_license, f"license {number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    expected = {f"lab.W{number}N{part}" for number in range(4) for part in range(3)}
    assert sorted(identifiers(filled)) == sorted({"lab.A", "lab.B", "lab.Shared"} | expected)
    assert rows_of(filled)[0]["license"].startswith("license ")


def test_cards_are_read_as_they_were_written(filled: CatalogBackend) -> None:
    place, sidecars = "cards/assembly/lab.A.json", sidecars_at(filled.base)
    assert not sidecars.has_card(place)
    with pytest.raises(BrainioError):
        sidecars.read_card(place)
    for card in (b'{"shape": [1]}', b'{"shape": [2]}'):
        sidecars.write_card(place, card)
        assert (sidecars.has_card(place), sidecars.read_card(place)) == (True, card)
    with pytest.raises(CatalogError):
        sidecars.write_card("../card.json", b"{}")


def test_publications_are_rewritten_in_one_step(filled: CatalogBackend) -> None:
    sidecars = sidecars_at(filled.base)
    assert sidecars.read_publications() is None
    sidecars.rewrite_publications(lambda text: text + "doe2026,Squares\n", "publication,title\n")
    with pytest.raises(CatalogError, match="no change"):
        sidecars.rewrite_publications(fail_to_change, "")
    assert sidecars.read_publications() == "publication,title\ndoe2026,Squares\n"


def fail_to_change(text: str) -> str:
    raise CatalogError(f"no change of {text!r}")


def test_a_card_is_written_before_the_rows_name_it(filled: CatalogBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """If changing the rows fails, the catalog names no missing card."""
    add_catalog(filled.location)
    written = []

    def refuse(_: object) -> None:
        written.append(filled.sidecars.has_card("cards/assembly/lab.A.json"))
        raise CatalogError("the rows cannot be changed")

    monkeypatch.setattr(filled, "set_cells", refuse)
    with pytest.raises(CatalogError, match="rows cannot be changed"):
        deprecate("lab.A", "Neuroids were exchanged.")
    assert written == [True]
    assert rows_of(filled) == [row("lab.A"), row("lab.B")]


def test_the_entries_of_a_catalog_are_found_with_their_cards_and_publications(filled: CatalogBackend) -> None:
    add_catalog(filled.location)
    assert "lab.B" in brainio.list_assemblies()
    filled.sidecars.write_card("cards/a.json", card_bytes({"identifier": "lab.C", "shape": [3]}))
    append_rows(filled.location, [row("lab.C", card="cards/a.json", publication="doe2026")])
    add_publication(filled.location, {"publication": "doe2026", "title": "Squares"})
    entry = resolve("assembly", "lab.C")
    assert read_card(entry)["shape"] == [3]
    assert [paper["title"] for paper in publications_of(entry)] == ["Squares"]
    assert list(brainio.get_catalog("lab")["identifier"]) == ["lab.A", "lab.B", "lab.C"]


def test_a_copy_has_the_same_contents(filled: CatalogBackend, tmp_path_factory: pytest.TempPathFactory) -> None:
    filled.sidecars.write_card("cards/a.json", b'{"shape": [3]}')
    filled.add_rows([row("lab.C", card="cards/a.json", lab_note="x")])
    add_publication(filled.location, {"publication": "doe2026", "title": "Squares"})
    contents = read_contents(filled)
    assert contents.cards == {"cards/a.json": b'{"shape": [3]}'}
    path = tmp_path_factory.mktemp("copy") / "lab.csv"
    copy_catalog(filled.location, path)
    assert read_contents(backend_of(str(path))) == contents


def test_a_copy_into_a_catalog_replaces_no_other_rows(
    filled: CatalogBackend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("copy") / "lab.csv"
    append_rows(path, [row("lab.C")])
    before = filled.read_current()
    with pytest.raises(CatalogError, match="lists 2 files already"):
        copy_catalog(path, filled.location)
    assert filled.read_current() == before


def test_an_upgrade_changes_no_row_and_is_refused_without_a_schema(filled: CatalogBackend) -> None:
    before = filled.read_current()
    if filled.has_shared_token:
        assert filled.upgrade()[0] == filled.upgrade()[1]
    else:
        with pytest.raises(CatalogError, match="has no schema to upgrade"):
            filled.upgrade()
    assert filled.read_current() == before


def test_messages_show_no_secret(backend: CatalogBackend) -> None:
    assert "se%20cret" not in str(backend)
    assert "se%20cret" not in str(backend.sidecars)


@pytest.fixture
def read_only(http_folder: HttpFolder) -> CatalogBackend:
    """A catalog that is served over HTTP."""
    append_rows(http_folder.folder / "lab.csv", [row("lab.A")])
    return backend_of(f"{http_folder.url}/lab.csv")


def test_a_read_only_backend_is_read_like_any_other(read_only: CatalogBackend, http_folder: HttpFolder) -> None:
    assert read_only.is_read_only
    assert rows_of(read_only) == [row("lab.A")]
    assert read_only.read() == (http_folder.folder / "lab.csv").read_text()
    assert backend_of(f"{http_folder.url}/none.csv").read_current() is None


def test_the_version_token_of_a_remote_catalog_changes_when_it_is_refreshed(read_only: CatalogBackend) -> None:
    token = read_only.version_token()
    read_only.read()
    assert read_only.version_token() == token
    read_only.refresh()
    assert read_only.version_token() != token


@pytest.mark.parametrize(
    "write",
    [
        lambda backend: backend.check_writable(),
        lambda backend: backend.add_rows([row("lab.B")]),
        lambda backend: backend.set_cells(lambda _: {}),
        lambda backend: backend.write_contents(read_contents(backend)),
        lambda backend: backend.sidecars.write_card("cards/a.json", b"{}"),
        lambda backend: backend.sidecars.rewrite_publications(lambda text: text, ""),
    ],
    ids=["check", "rows", "cells", "contents", "card", "publications"],
)
def test_a_read_only_backend_refuses_every_write_and_names_the_next_step(
    read_only: CatalogBackend, http_folder: HttpFolder, write: Callable[[CatalogBackend], None]
) -> None:
    with pytest.raises(ReadOnlyCatalogError, match=r"\.csv is read-only.*brainio catalog copy FROM TO"):
        write(read_only)
    assert {request.method for request in http_folder.requests} <= {"GET", "HEAD"}
