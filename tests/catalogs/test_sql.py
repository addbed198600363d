"""A catalog in a database is an active catalog like any other, also while its server does not respond."""

import multiprocessing
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import update

from brainio import get_assembly, get_catalog
from brainio.assemblies import NeuroidAssembly
from brainio.catalogs import add_catalog, append_rows, backends, registry, resolve
from brainio.catalogs.backends import backend_of, format_location
from brainio.catalogs.backends.fallback_copies import copy_path
from brainio.catalogs.backends.sql import connections
from brainio.catalogs.backends.sql.location import parse_database_location
from brainio.catalogs.backends.sql.schema import rows
from brainio.catalogs.cards import read_card
from brainio.catalogs.registry import named_sources, source_from
from brainio.errors import (
    CatalogError,
    CatalogWarning,
    LocationError,
    MissingDriverError,
    OfflineCatalogError,
)
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet
from brainio.stores import parse_location
from brainio.validation import check_catalog
from tests.catalogs.rows import row
from tests.cli.command import brainio
from tests.postgres import PASSWORD, Postgres
from tests.servers import MotoS3

SECRETS = (PASSWORD, "se%20cret", "cret%2F")


@pytest.fixture
def location(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A catalog `lab` with one entry, activated by the environment."""
    append_rows(f"{database}#lab", [row("lab.A")])
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{database}#lab")
    return f"{database}#lab"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget all catalogs, like a new process."""
    monkeypatch.setattr(registry, "_reads", {})
    monkeypatch.setattr(backends, "_backends", {})
    monkeypatch.setattr(backends, "_sidecars", {})
    monkeypatch.setattr(connections, "_away", {})


def test_a_catalog_in_a_database_is_active_and_has_the_same_table(location: str) -> None:
    assert resolve("assembly", "lab.A").catalog == "lab"
    assert list(get_catalog("lab")["identifier"]) == ["lab.A"]


def test_the_next_lookup_finds_an_entry_that_another_process_added(location: str) -> None:
    assert resolve("assembly", "lab.A")
    program = (
        "import sys; from brainio.catalogs import append_rows\n"
        "row = dict(identifier='lab.New', lookup_type='assembly', location_type='S3', location='s3://lab/n.nc')\n"
        "append_rows(sys.argv[1], [row | {'class': 'NeuroidAssembly', 'sha1': '', 'stimulus_set_identifier': ''}])"
    )
    subprocess.run([sys.executable, "-c", program, location], check=True)
    assert resolve("assembly", "lab.New").catalog == "lab"


def test_an_unchanged_catalog_is_not_read_again(location: str) -> None:
    assert registry.listing("lab") is registry.listing("lab")


def test_a_database_holds_several_catalogs(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        append_rows(f"{database}#{name}", [row(f"{name}.A")])
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{database}#one,{database}#two")
    assert [resolve("assembly", f"{name}.A").catalog for name in ("one", "two")] == ["one", "two"]
    with pytest.raises(CatalogError, match=r"no catalog of that name \(it has: #one, #two\)"):
        add_catalog(f"{database}#three")


def test_the_default_name_of_a_catalog_is_that_of_its_database() -> None:
    found = named_sources("sqlite:////data/lab.db,postgresql://me@db.lab.org/neuro?sslmode=require,sqlite:///a.db#b")
    assert [source.identifier for source in found] == ["lab", "neuro", "b"]
    assert source_from("sqlite:////data/lab.db", "mine").identifier == "mine"


def test_a_relative_path_is_resolved_against_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    append_rows("sqlite:///lab.db", [row("lab.A")])
    assert add_catalog("sqlite:///lab.db") == "lab"
    monkeypatch.chdir("/")
    assert resolve("assembly", "lab.A").catalog == "lab"
    assert (tmp_path / "lab.db").is_file()


@pytest.mark.parametrize(
    "location",
    [
        *("sqlite://", "sqlite:lab.db", "sqlite:///", "sqlite:////a.db#", "sqlite:////a.db#../b", "postgresql://host"),
        *("postgresql:///", "postgresql://me:secret@[/lab", "postgresql://me:secret@host/lab#a b"),
    ],
)
def test_a_url_without_a_catalog_in_a_database_is_refused(location: str) -> None:
    with pytest.raises(CatalogError) as caught:
        add_catalog(location)
    assert "secret" not in str(caught.value)


def test_a_missing_sqlite_file_is_an_error_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no database"):
        add_catalog(f"sqlite:///{tmp_path / 'gone.db'}")
    assert not (tmp_path / "gone.db").exists()


def test_a_file_that_is_not_a_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_text("identifier,lookup_type\n" * 100)
    with pytest.raises(CatalogError, match="file is not a database"):
        add_catalog(f"sqlite:///{tmp_path / 'lab.db'}")


def test_a_database_without_brainio_tables_is_an_error_for_readers(postgres: Postgres) -> None:
    with pytest.raises(CatalogError, match=r"has no catalog of that name \(it has: none\)"):
        add_catalog(f"{postgres.create_database()}#lab")


def test_a_replaced_database_file_is_read_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    append_rows(url, [row("lab.A")])
    backup = (tmp_path / "lab.db").read_bytes()
    append_rows(url, [row("lab.B")])
    add_catalog(url)
    assert resolve("assembly", "lab.B")
    (tmp_path / "restored.db").write_bytes(backup)
    (tmp_path / "restored.db").replace(tmp_path / "lab.db")
    with pytest.raises(KeyError, match=r"lab\.B"):
        resolve("assembly", "lab.B", catalog="lab")


def test_a_malformed_row_is_left_out_with_a_warning(location: str) -> None:
    append_rows(location, [row("lab.B")])
    with connections.changing(parse_database_location(location)) as connection:
        connection.execute(update(rows).where(rows.c.identifier == "lab.B").values(sha1="12"))
    with pytest.warns(CatalogWarning, match=r"#lab, line 3: sha1 is '12'"):
        assert add_catalog(location) == "lab"


def test_entries_stay_available_with_one_warning_while_the_server_is_down(
    own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{own_postgres.create_database()}#lab"
    append_rows(url, [row("lab.A")])
    add_catalog(url)
    own_postgres.stop()
    assert warnings_while_resolving("lab.A") == ["uses the rows of the last read"]
    monkeypatch.setattr(connections, "_away", {})
    own_postgres.start()
    append_rows(url, [row("lab.B")])
    assert resolve("assembly", "lab.B").catalog == "lab"
    forget(monkeypatch)
    own_postgres.close_connections()
    own_postgres.stop()
    assert warnings_while_resolving("lab.B") == ["uses the copy of 20"]
    with pytest.raises(CatalogError) as refused:
        append_rows(url, [row("lab.C")])
    assert not any(secret in str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE brainio_catalogs SET form = '[1]'",
        """UPDATE brainio_catalogs SET form = '{"columns": 5, "newline": "x"}'""",
        """UPDATE brainio_catalogs SET form = '{"columns": ["identifier"], "newline": "\\n"}'""",
        "DROP TABLE brainio_rows",
        "DELETE FROM brainio_version",
    ],
)
def test_damaged_tables_are_a_brainio_error(location: str, damage: str) -> None:
    with connections.changing(parse_database_location(location)) as connection:
        connection.exec_driver_sql(damage)
    with pytest.raises(CatalogError):
        add_catalog(location)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CatalogWarning)
        assert resolve("assembly", "dicarlo.MajajHong2015").catalog == "brainscore"


def test_damaged_json_in_a_database_is_a_brainio_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    append_rows(url, [row("lab.A", note="x")])
    with connections.changing(parse_database_location(url)) as connection:
        connection.exec_driver_sql("UPDATE brainio_rows SET further = '{'")
    with pytest.raises(CatalogError, match="could not be read"):
        add_catalog(url)


def warnings_while_resolving(identifier: str) -> list[str]:
    """Look an entry up three times and return the warnings, each reduced to its expected part."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            assert resolve("assembly", identifier).catalog == "lab"
    expected = ("uses the rows of the last read", "uses the copy of 20")
    return [
        next((known for known in expected if known in str(warning.message)), str(warning.message)) for warning in caught
    ]


def test_a_server_is_tried_again_after_a_minute(own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{own_postgres.create_database()}#lab"
    append_rows(url, [row("lab.A")])
    add_catalog(url)
    monkeypatch.setattr(connections, "_RETRY_SECONDS", -1.0)
    own_postgres.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CatalogWarning)
        assert resolve("assembly", "lab.A")
    own_postgres.start()
    append_rows(url, [row("lab.B")])
    assert resolve("assembly", "lab.B").catalog == "lab"


def test_the_copy_is_used_offline_without_a_request_to_the_server(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{postgres.create_database()}#lab"
    append_rows(url, [row("lab.A")])
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineCatalogError, match="There is no copy of it"):
        add_catalog(url)
    with pytest.raises(OfflineCatalogError, match="BRAINIO_OFFLINE is set"):
        append_rows(url, [row("lab.B")])
    monkeypatch.delenv("BRAINIO_OFFLINE")
    add_catalog(url)
    assert b"cret" not in copy_path(url).read_bytes()
    forget(monkeypatch)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="uses the copy of 20"):
        assert resolve("assembly", "lab.A").catalog == "lab"
    append_rows(f"sqlite:///{tmp_path / 'here.db'}", [row("here.A")])
    assert add_catalog(f"sqlite:///{tmp_path / 'here.db'}") == "here"


def test_no_password_is_shown(location: str) -> None:
    assert not any(secret in format_location(location) for secret in SECRETS)
    for arguments in (["list", "catalogs"], ["list", "--json"], ["info", "lab.A"], ["history", "lab.A"]):
        done = brainio(*arguments, BRAINIO_CATALOGS=location)
        assert done.returncode == 0, done.stderr
        assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_a_refused_password_is_not_in_the_error(postgres: Postgres) -> None:
    url = postgres.create_database().replace("cret", "cret-but-wrong")
    with pytest.raises(CatalogError, match="password authentication failed") as caught:
        add_catalog(f"{url}#lab")
    assert "wrong" not in str(caught.value)
    assert caught.value.__cause__ is None or "wrong" not in repr(caught.value.__cause__)


def test_a_missing_driver_is_an_error_that_names_the_extra(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDriverError, match=r"pip install .*\[sql\]"):
        add_catalog(f"{postgres.create_database()}#lab")


def test_creating_tables_without_alembic_is_an_error_that_names_the_extra(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(MissingDriverError, match=r"requires Alembic: pip install .*\[sql\]"):
        append_rows(f"{database}#lab", [row("lab.A")])


def test_a_remote_catalog_cannot_name_a_database() -> None:
    for named in ("sqlite:////data/lab.db", "postgresql://lab.org/lab#lab/cards/a.json"):
        for base in ("https://lab.org/catalogs", "s3://lab/catalogs", "postgresql://lab.org/lab#lab"):
            with pytest.raises(LocationError):
                parse_location(named, base=base)
        with pytest.raises(LocationError, match="unknown protocol"):
            parse_location(named)


def test_only_a_catalog_in_a_local_file_may_name_local_files(tmp_path: Path) -> None:
    server = backend_of("postgresql://me:secret@db.lab.org/lab").base
    for place in ("/etc/passwd", "file:///etc/passwd", "~/x.nc", "memory://x", "files/a.nc"):
        with pytest.raises(LocationError) as caught:
            parse_location(place, base=server)
        assert "secret" not in str(caught.value)
    assert parse_location("https://lab.org/a.nc", base=server).origin == server
    assert parse_location("a.nc", base=backend_of(f"sqlite:///{tmp_path}/lab.db").base).path == (tmp_path / "a.nc")


@pytest.mark.filterwarnings("ignore::brainio.errors.PackagingWarning")  # identifiers are short
def test_a_package_is_published_to_a_database_and_loads_from_it(
    database: str, tmp_path: Path, moto_s3: MotoS3, assembly: NeuroidAssembly
) -> None:
    url = f"{database}#lab"
    moto_s3.create_bucket("lab-bucket")
    bucket = "lab-bucket" if url.startswith("postgresql") else tmp_path / "files"
    package_stimulus_set(url, stimulus_set(tmp_path), "lab.Doe2026", bucket, card_facts={"species": ["Homo sapiens"]})
    package_data_assembly(url, assembly, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", bucket)
    state = source_from(url).backend.version_token()
    package_data_assembly(url, assembly, "lab.Doe2026", "lab.Doe2026", "NeuroidAssembly", bucket)
    assert source_from(url).backend.version_token() == state
    add_catalog(url)
    loaded = get_assembly("lab.Doe2026")
    assert loaded.stimulus_set.identifier == "lab.Doe2026"
    assert loaded.sel(region="IT").shape == (4, 2)
    assert read_card(resolve("stimulus_set", "lab.Doe2026"))["species"] == ["Homo sapiens"]
    assert read_card(resolve("assembly", "lab.Doe2026"))["shape"] == [4, 3]
    assert check_catalog("lab", files="all").ok


def stimulus_set(folder: Path) -> StimulusSet:
    paths = {name: folder / f"{name}.png" for name in "abc"}
    for number, path in enumerate(paths.values()):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
    made = StimulusSet([{"stimulus_id": name, "shade": number} for number, name in enumerate(paths)])
    made.stimulus_paths = paths
    made.identifier = "lab.Doe2026"
    return made


def test_the_check_finds_a_missing_card(location: str) -> None:
    append_rows(location, [row("lab.B", card="cards/assembly/lab.B.json")])
    assert "card-gone" not in [problem.code for problem in check_catalog("lab", files="none").problems]
    assert "card-gone" in [problem.code for problem in check_catalog("lab", files="sizes").problems]


def _look_up(location: str) -> None:
    add_catalog(location)
    assert resolve("assembly", "lab.A").catalog == "lab"


@pytest.mark.skipif(sys.platform == "darwin", reason="frameworks of macOS do not survive a fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_and_its_parent_can_both_use_the_database(location: str) -> None:
    _look_up(location)
    processes = [multiprocessing.get_context("fork").Process(target=_look_up, args=(location,)) for _ in range(3)]
    for process in processes:
        process.start()
    append_rows(location, [row("lab.B")])
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 3
    assert resolve("assembly", "lab.B").catalog == "lab"


def test_threads_look_up_while_others_write(location: str) -> None:
    def work(number: int) -> str:
        append_rows(location, [row(f"lab.T{number}")])
        return resolve("assembly", f"lab.T{number}").identifier

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [f"lab.T{number}" for number in range(24)]


def test_a_catalog_named_by_its_url_is_checked(location: str) -> None:
    done = brainio("catalog", "check", location, "--files", "none")
    assert "the catalog 'lab' (1 entry)" in done.stdout + done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_the_table_of_a_catalog_shows_no_password(location: str) -> None:
    table = get_catalog("lab")
    assert not any(secret in f"{table.attrs}{table._repr_html_()}" for secret in SECRETS)
