"""Remote catalogs may only name remote files, files below themselves, and known classes."""

import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brainio
from brainio.catalogs import registry, resolve
from brainio.catalogs.publications import publications_of
from brainio.errors import (
    BrainioError,
    CatalogError,
    CatalogWarning,
    EntryUnavailableError,
    LocationError,
    UnknownClassError,
)
from brainio.fetch import fetch_entry
from brainio.packaging import assemblies
from brainio.stores import parse_location
from tests.security.conftest import RemoteCatalog
from tests.servers import S3Static

LOCAL = [
    ("file:///etc/passwd", ""),
    ("file:///etc/passwd", "file"),
    ("FILE:///etc/passwd", ""),
    ("file:/etc/passwd", ""),
    ("file://localhost/etc/passwd", ""),
    ("local:///etc/passwd", "local"),
    ("/etc/passwd", ""),
    ("/etc/passwd", "file"),
    ("//etc/passwd", ""),
    ("~/.ssh/id_rsa", ""),
    ("~root/.ssh/id_rsa", ""),
    ("memory://x/secret", ""),
    ("data:text/plain,secret", ""),
    ("git:///repository:HEAD@file", ""),
    ("../../../etc/passwd", ""),
    ("../../../etc/passwd", "file"),
    ("a/../../../x", ""),
    ("..", ""),
]
ELSEWHERE = [
    ("ftp://lab.org/a.nc", ""),
    ("ftp://lab.org/a.nc", "ftp"),
    ("sftp://lab.org/a.nc", ""),
    ("smb://lab.org/share/a.nc", ""),
    ("github://org:repository@main/a.nc", ""),
    ("hdfs://lab.org/a.nc", ""),
    ("gs://bucket/a.nc", ""),
    ("jupyter://localhost:8888/a.nc", ""),
    ("reference://x", ""),
    ("zip://a.nc::https://lab.org/a.zip", ""),
    ("simplecache::file:///etc/passwd", ""),
    ("simplecache::https://lab.org/a.nc", ""),
    ("filecache://file:///etc/passwd", ""),
    ("gopher://lab.org/a.nc", ""),
    ("php://filter", ""),
    ("https://lab.org/a.nc", "ftp"),
]
BASES = ["https://lab.org/catalogs", "http://lab.org", "s3://bucket/catalogs", "ftp://lab.org/x", "memory://catalogs"]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("place", "location_type"), LOCAL + ELSEWHERE)
def test_a_remote_catalog_may_only_name_s3_http_and_files_below_it(place: str, location_type: str, base: str) -> None:
    with pytest.raises(LocationError):
        parse_location(place, location_type, base=base)


@given(st.text(max_size=40), st.sampled_from(["", "S3", "file", "https", "ftp", "local"]), st.sampled_from(BASES))
def test_no_text_of_a_remote_catalog_becomes_a_forbidden_location(place: str, location_type: str, base: str) -> None:
    try:
        location = parse_location(place, location_type, base=base)
    except LocationError:
        return
    assert location.origin == base
    below = location.url.startswith(f"{base}/") and "/../" not in location.url and "::" not in location.url
    assert below or location.location_type in {"S3", "http", "https"}


@pytest.mark.parametrize(
    ("place", "base", "url"),
    [
        ("files/a.nc", "https://lab.org/catalogs", "https://lab.org/catalogs/files/a.nc"),
        ("a..b/c.nc", "https://lab.org/catalogs", "https://lab.org/catalogs/a..b/c.nc"),
        ("%2e%2e/a.nc", "https://lab.org/catalogs", "https://lab.org/catalogs/%252e%252e/a.nc"),
        ("a.nc", "https://lab.org", "https://lab.org/a.nc"),
        ("a.nc", "s3://bucket/catalogs", "s3://bucket/catalogs/a.nc"),
        ("a.nc", "ftp://lab.org/x", "ftp://lab.org/x/a.nc"),
        ("https://other.org/a.nc", "https://lab.org/catalogs", "https://other.org/a.nc"),
        ("s3://other/a.nc", "https://lab.org/catalogs", "s3://other/a.nc"),
    ],
)
def test_a_location_of_a_remote_catalog_has_its_origin(place: str, base: str, url: str) -> None:
    location = parse_location(place, base=base)
    assert (location.url, location.origin) == (url, base)


@pytest.mark.parametrize("base", [None, "", "/data/lab", "file:///data/lab"])
def test_a_local_catalog_may_name_any_location(base: str | None) -> None:
    for place in ("file:///etc/hosts", "/etc/hosts", "memory://x/a", "ftp://lab.org/a.nc", "http://127.0.0.1/a"):
        assert parse_location(place, base=base).origin == ""


@pytest.mark.parametrize("place", ["simplecache::/etc/hosts", "memory://a/b::/etc/hosts", "ftp://h/a::file:///x"])
def test_no_catalog_may_chain_file_systems(place: str) -> None:
    with pytest.raises(LocationError, match="chains file systems"):
        parse_location(place if "//" in place else f"memory://x/{place}", base="/data/lab")


@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
def test_a_refused_location_error_names_entry_catalog_and_next_step(remote: RemoteCatalog) -> None:
    name = remote.name("/etc/passwd")
    with pytest.raises(LocationError) as caught:
        brainio.get_assembly("x.Doe2026")
    for expected in ("'x.Doe2026'", repr(name), remote.server.url, "/etc/passwd", "Copy the catalog if you trust it"):
        assert expected in str(caught.value)


@pytest.mark.filterwarnings("ignore:.* gives no hash:brainio.errors.CatalogWarning")
def test_forbidden_mirrors_are_skipped_with_a_warning(
    remote: RemoteCatalog, s3_static: S3Static, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"SECRET")
    remote.name("s3://bucket/a.nc", "S3", mirrors=f"file://{tmp_path}/secret ftp://lab.org/a.nc")
    with pytest.warns(CatalogWarning, match="mirror of assembly 'x.Doe2026'") as caught, pytest.raises(BrainioError):
        fetch_entry(resolve("assembly", "x.Doe2026"))
    assert sum("mirror" in str(warning.message) for warning in caught) >= 2
    assert [key for _, key, _ in s3_static.downloads()] == ["a.nc"]


@pytest.mark.parametrize("card", ["file://{0}/secret.json", "{0}/secret.json", "../../secret.json", "memory://s.json"])
@pytest.mark.filterwarnings("ignore:.*the card of assembly:brainio.errors.CatalogWarning")
def test_forbidden_cards_are_not_read(remote: RemoteCatalog, tmp_path: Path, card: str) -> None:
    (tmp_path / "secret.json").write_text('{"status_reason": "SECRET"}')
    (remote.server.folder / "secret.json").write_text('{"status_reason": "SECRET"}')
    remote.name("s3://bucket/a.nc", status="unavailable", card=card.format(tmp_path))
    with pytest.raises(EntryUnavailableError) as caught:
        brainio.get_assembly("x.Doe2026")
    assert "SECRET" not in str(caught.value)


def test_a_card_below_the_catalog_is_read(remote: RemoteCatalog) -> None:
    remote.put("lab/cards/x.json", b'{"status_reason": "lost in a fire"}')
    remote.name("s3://bucket/a.nc", status="unavailable", card="cards/x.json")
    with pytest.raises(EntryUnavailableError, match="lost in a fire"):
        brainio.get_assembly("x.Doe2026")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"status_reason": "' + b"x" * 2**21 + b'"}', b"\xff", b"[1]"])
@pytest.mark.filterwarnings("ignore:.*the card of assembly:brainio.errors.CatalogWarning")
def test_an_invalid_card_does_not_stop_loading(remote: RemoteCatalog, body: bytes) -> None:
    remote.put("lab/card.json", body)
    remote.name("s3://bucket/a.nc", status="unavailable", card="card.json")
    with pytest.raises(EntryUnavailableError, match="gives no reason"):
        brainio.get_assembly("x.Doe2026")


def test_checks_before_packaging_read_no_forbidden_location(remote: RemoteCatalog, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("stimulus_id,filename\nSECRET,a.png\n")
    remote.name(f"file://{tmp_path}/secret.csv", lookup_type="stimulus_set", **{"class": "StimulusSet"})
    assert assemblies._load_listed_table(resolve("stimulus_set", "x.Doe2026")) is None


def test_publications_are_read_next_to_the_catalog(remote: RemoteCatalog) -> None:
    entry = resolve("assembly", "x.Doe2026", catalog=remote.name("s3://bucket/a.nc"))
    assert publications_of(entry) == []


@pytest.mark.parametrize("name", ["os.system", "StimulusSet", "subprocess.Popen", "__class__", "Catalog", "object", ""])
def test_a_remote_catalog_may_only_name_assembly_classes(remote: RemoteCatalog, s3_static: S3Static, name: str) -> None:
    remote.name("s3://bucket/a.nc", **{"class": name})
    with pytest.raises(UnknownClassError, match="unknown assembly class"):
        brainio.get_assembly("x.Doe2026")
    assert s3_static.requests == []


def test_an_endless_catalog_is_an_error(remote: RemoteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["brainio.catalogs.backends.csv_remote"], "LARGEST", 1000)
    name = remote.name("s3://bucket/a.nc", sha1="a" * 2000)
    with pytest.raises(CatalogError, match="has more than 1,000 bytes"):
        resolve("assembly", "x.Doe2026", catalog=name)


def test_the_table_of_a_remote_catalog_has_no_forbidden_location(
    remote: RemoteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = remote.name("s3://bucket/a.nc")
    assert list(brainio.get_catalog(name)["location"]) == ["s3://bucket/a.nc"]
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "without a copy"))
    with pytest.raises(CatalogError, match="BRAINIO_OFFLINE"), warnings.catch_warnings():
        brainio.get_catalog(name)


def test_a_copy_of_a_remote_catalog_has_the_same_restrictions(
    remote: RemoteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.nc").write_bytes(b"secret")
    name = remote.name((tmp_path / "secret.nc").as_uri())
    resolve("assembly", "x.Doe2026", catalog=name)
    monkeypatch.setattr(registry, "_reads", {})
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.warns(CatalogWarning, match="the copy of"):
        entry = resolve("assembly", "x.Doe2026", catalog=name)
    with pytest.raises(LocationError, match="may not name a file on this machine"):
        fetch_entry(entry)
