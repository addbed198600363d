"""While a remote catalog cannot be read, its fallback copy is used."""

import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from brainio.catalogs import add_catalog, append_rows, list_assemblies, registry, resolve
from brainio.catalogs.backends.fallback_copies import copy_path
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import (
    AssemblyLookupError,
    CatalogError,
    CatalogWarning,
    OfflineCatalogError,
    OfflineError,
    OfflineLookupError,
)
from brainio.lookup import get_catalog
from tests.cli.command import brainio
from tests.servers import HOST, HttpFolder, MotoS3

HEADER = ",".join(REQUIRED_COLUMNS)


def line(identifier: str) -> str:
    return f"{identifier},assembly,DataAssembly,S3,s3://bkt/{identifier}.nc,{'a' * 40},"


@pytest.fixture
def url(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> str:
    """An active catalog on a web server that no process has read."""
    url = f"{http_folder.url}/lab.csv"
    write(http_folder, "x.Doe2026")
    monkeypatch.setenv("BRAINIO_CATALOGS", url)
    monkeypatch.setattr(registry, "_reads", {})
    return url


@pytest.fixture
def read(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An active catalog on a web server that an earlier process has read."""
    assert resolve("assembly", "x.Doe2026").catalog == "lab"
    forget(monkeypatch)
    return url


def write(server: HttpFolder, *identifiers: str) -> None:
    (server.folder / "lab.csv").write_text("\n".join([HEADER, *map(line, identifiers)]) + "\n")


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the catalogs that this process has read, like a new process."""
    monkeypatch.setattr(registry, "_reads", {})


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that never accepts connections and whose queue is full."""
    with ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind((HOST, 0))
        server.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_the_copy_is_used_offline_with_a_warning_and_no_request(
    read: str, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(http_folder.requests)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match=r"cannot be read: .*BRAINIO_OFFLINE.*; brainio uses the copy of 20"):
        entry = resolve("assembly", "x.Doe2026")
    assert (entry.catalog, entry.base) == ("lab", http_folder.url)
    assert len(http_folder.requests) == count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve("assembly", "x.Doe2026") == entry


FAULTS = {"404": 404, "403": 403, "no catalog": 200}


@pytest.mark.parametrize("fault", [*FAULTS, "closed"])
def test_the_copy_of_an_unreachable_refused_or_broken_catalog_is_used(
    read: str, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "closed":
        with socket.socket() as unused:
            unused.bind((HOST, 0))
            port = unused.getsockname()[1]
        elsewhere = f"http://{HOST}:{port}/lab.csv"
        copy_path(read).rename(copy_path(elsewhere))
        monkeypatch.setenv("BRAINIO_CATALOGS", elsewhere)
    elif fault == "no catalog":
        (http_folder.folder / "lab.csv").write_text("<html>please log in</html>\n")
    else:
        http_folder.status["/lab.csv"] = FAULTS[fault]
    with pytest.warns(CatalogWarning, match="uses the copy of 20"):
        assert resolve("assembly", "x.Doe2026").catalog == "lab"
    assert resolve("assembly", "dicarlo.MajajHong2015").catalog == "brainscore"


def test_a_silent_host_times_out_soon_if_there_is_a_copy(
    read: str, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"http://{HOST}:{silent}/lab.csv"
    copy_path(read).rename(copy_path(elsewhere))
    monkeypatch.setattr("brainio.catalogs.backends.fallback_copies._PATIENCE", 0.2)
    monkeypatch.setenv("BRAINIO_CATALOGS", elsewhere)
    with pytest.warns(CatalogWarning, match=r"did not respond within 0\.2 s; brainio uses the copy of"):
        assert resolve("assembly", "x.Doe2026").catalog == "lab"
    assert "x.Doe2026" in list_assemblies()  # no second timeout


def test_a_command_does_not_wait_for_the_connection_to_a_silent_host(read: str, silent: int) -> None:
    elsewhere = f"http://{HOST}:{silent}/lab.csv"
    copy_path(read).rename(copy_path(elsewhere))
    done = brainio("info", "x.Doe2026", BRAINIO_CATALOGS=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "did not respond within 5 s; brainio uses the copy of" in done.stderr


def test_a_late_response_is_stored_for_the_next_process(
    read: str, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(http_folder, "x.New2026")
    monkeypatch.setattr("brainio.catalogs.backends.fallback_copies._PATIENCE", 0)
    with pytest.warns(CatalogWarning, match="did not respond within 0 s"):
        assert resolve("assembly", "x.Doe2026").catalog == "lab"
    until = time.monotonic() + 30
    while "x.New2026" not in copy_path(read).read_text() and time.monotonic() < until:
        time.sleep(0.01)
    assert "x.New2026" in copy_path(read).read_text()


def test_a_copy_is_replaced_when_the_catalog_has_changed(
    read: str, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(http_folder, "x.New2026")
    assert resolve("assembly", "x.New2026")
    forget(monkeypatch)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="the copy of"):
        assert resolve("assembly", "x.New2026")


def test_the_date_of_a_copy_is_that_of_the_last_read(read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(copy_path(read), (0, 0))
    assert resolve("assembly", "x.Doe2026")
    forget(monkeypatch)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="the copy of 20"):
        assert resolve("assembly", "x.Doe2026")


def test_an_invalid_catalog_is_never_stored_as_a_copy(url: str, http_folder: HttpFolder) -> None:
    (http_folder.folder / "lab.csv").write_text("<html>please log in</html>\n")
    with pytest.raises(CatalogError, match="is not a catalog"):
        add_catalog(url)
    assert not copy_path(url).exists()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"identifier,loo"])
def test_a_damaged_copy_is_not_used(read: str, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    copy_path(read).write_bytes(damage)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineCatalogError, match="There is no copy"):
        add_catalog(read)


def test_a_copy_is_written_atomically_and_its_name_shows_no_password(http_folder: HttpFolder) -> None:
    write(http_folder, "x.Doe2026")
    url = f"{http_folder.url.replace('//', '//somebody:secret@')}/lab.csv"
    add_catalog(url)
    (kept,) = copy_path(url).parent.iterdir()
    assert kept == copy_path(url)
    assert "secret" not in str(kept)
    assert b"secret" not in kept.read_bytes()


def test_a_catalog_is_read_even_if_no_copy_can_be_stored(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "file" / "home"))
    assert resolve("assembly", "x.Doe2026").catalog == "lab"


def test_the_table_of_a_catalog_is_read_from_the_copy_too(read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="the copy of"):
        assert list(get_catalog("lab")["identifier"]) == ["x.Doe2026"]


def test_a_previously_added_catalog_can_be_added_offline(read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAINIO_CATALOGS")
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="the copy of"):
        assert add_catalog(read) == "lab"
    assert resolve("assembly", "x.Doe2026").catalog == "lab"


def test_entries_that_this_process_wrote_to_a_slow_remote_catalog_are_found(
    moto_s3: MotoS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto_s3.create_bucket("lab")
    add_catalog_at = "s3://lab/lab.csv"
    row = dict(zip(REQUIRED_COLUMNS, line("x.Doe2026").split(","), strict=True))
    append_rows(add_catalog_at, [row])
    add_catalog(add_catalog_at)
    monkeypatch.setattr("brainio.catalogs.backends.fallback_copies._PATIENCE", 0)
    append_rows(add_catalog_at, [row | {"identifier": "x.New2026"}])
    assert resolve("assembly", "x.New2026").catalog == "lab"


def test_a_missing_copy_offline_is_a_specific_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="left out"), pytest.raises(OfflineLookupError) as caught:
        resolve("assembly", "x.Doe2026")
    assert isinstance(caught.value, AssemblyLookupError)
    assert isinstance(caught.value, OfflineError)
    for word in ("x.Doe2026", "BRAINIO_OFFLINE", "no copy is kept of lab", "brainio list --catalog lab"):
        assert word in str(caught.value)
    with pytest.warns(CatalogWarning), pytest.raises(OfflineLookupError, match="did you mean 'dicarlo"):
        resolve("assembly", "dicarlo.MajajHnog2015")
    with pytest.raises(OfflineCatalogError, match="There is no copy of it below BRAINIO_HOME"):
        resolve("assembly", "x.Doe2026", catalog="lab")


@pytest.mark.parametrize("which", [[], ["--catalog", "lab"]])
def test_offline_without_a_copy_the_exit_code_is_8(url: str, which: list[str]) -> None:
    done = brainio("get", "x.Doe2026", *which, BRAINIO_OFFLINE="1")
    assert (done.returncode, "BRAINIO_OFFLINE" in done.stderr) == (8, True)
    assert brainio("info", "hvm", BRAINIO_OFFLINE="1").returncode == 0
    assert brainio("get", "x.Nobody2026", BRAINIO_OFFLINE="1", BRAINIO_CATALOGS="").returncode == 3
