"""What a catalog that came over the network may name."""

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
def test_only_s3_and_http_and_what_lies_below_it_may_be_named(place: str, location_type: str, base: str) -> None:
    with pytest.raises(LocationError):
        parse_location(place, location_type, base=base)


@given(st.text(max_size=40), st.sampled_from(["", "S3", "file", "https", "ftp", "local"]), st.sampled_from(BASES))
def test_no_text_becomes_a_location_that_may_not_be_named(place: str, location_type: str, base: str) -> None:
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
def test_what_may_be_named_knows_which_catalog_named_it(place: str, base: str, url: str) -> None:
    location = parse_location(place, base=base)
    assert (location.url, location.origin) == (url, base)


@pytest.mark.parametrize("base", [None, "", "/data/lab", "file:///data/lab"])
def test_a_catalog_on_this_machine_may_name_all_that_its_user_may(base: str | None) -> None:
    for place in ("file:///etc/hosts", "/etc/hosts", "memory://x/a", "ftp://lab.org/a.nc", "http://127.0.0.1/a"):
        assert parse_location(place, base=base).origin == ""


@pytest.mark.parametrize("place", ["simplecache::/etc/hosts", "memory://a/b::/etc/hosts", "ftp://h/a::file:///x"])
def test_no_catalog_may_chain_file_systems(place: str) -> None:
    with pytest.raises(LocationError, match="chains file systems"):
        parse_location(place if "//" in place else f"memory://x/{place}", base="/data/lab")


@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
def test_a_refusal_names_entry_and_catalog_and_what_to_do(remote: RemoteCatalog) -> None:
    name = remote.name("/etc/passwd")
    with pytest.raises(LocationError) as caught:
        brainio.get_assembly("x.Doe2026")
    for said in ("'x.Doe2026'", repr(name), remote.server.url, "/etc/passwd", "Copy the catalog if you trust it"):
        assert said in str(caught.value)


def test_mirrors_obey_the_same_rule(remote: RemoteCatalog, s3_static: S3Static, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"SECRET")
    remote.name("s3://bucket/a.nc", "S3", mirrors=f"file://{tmp_path}/secret ftp://lab.org/a.nc")
    with pytest.warns(CatalogWarning, match="mirror of assembly 'x.Doe2026'") as caught, pytest.raises(BrainioError):
        fetch_entry(resolve("assembly", "x.Doe2026"))
    assert sum("mirror" in str(one.message) for one in caught) >= 2
    assert [key for _, key, _ in s3_static.downloads()] == ["a.nc"]


@pytest.mark.parametrize("card", ["file://{0}/secret.json", "{0}/secret.json", "../../secret.json", "memory://s.json"])
def test_cards_obey_the_same_rule(remote: RemoteCatalog, tmp_path: Path, card: str) -> None:
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
def test_a_card_that_is_none_is_no_reason_to_fail(remote: RemoteCatalog, body: bytes) -> None:
    remote.put("lab/card.json", body)
    remote.name("s3://bucket/a.nc", status="unavailable", card="card.json")
    with pytest.raises(EntryUnavailableError, match="gives no reason"):
        brainio.get_assembly("x.Doe2026")


def test_checks_before_packaging_obey_the_same_rule(remote: RemoteCatalog, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("stimulus_id,filename\nSECRET,a.png\n")
    remote.name(f"file://{tmp_path}/secret.csv", lookup_type="stimulus_set", **{"class": "StimulusSet"})
    assert assemblies._load_listed_table(resolve("stimulus_set", "x.Doe2026")) is None


def test_publications_are_those_beside_the_catalog(remote: RemoteCatalog) -> None:
    entry = resolve("assembly", "x.Doe2026", catalog=remote.name("s3://bucket/a.nc"))
    assert publications_of(entry) == []


@pytest.mark.parametrize("name", ["os.system", "StimulusSet", "subprocess.Popen", "__class__", "Catalog", "object", ""])
def test_no_class_but_an_assembly_class_may_be_named(remote: RemoteCatalog, s3_static: S3Static, name: str) -> None:
    remote.name("s3://bucket/a.nc", **{"class": name})
    with pytest.raises(UnknownClassError, match="unknown assembly class"):
        brainio.get_assembly("x.Doe2026")
    assert s3_static.requests == []


def test_a_catalog_that_never_ends_is_given_up(remote: RemoteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["brainio.catalogs.backends.csv_remote"], "LARGEST", 1000)
    name = remote.name("s3://bucket/a.nc", sha1="a" * 2000)
    with pytest.raises(CatalogError, match="has more than 1,000 bytes"):
        resolve("assembly", "x.Doe2026", catalog=name)


def test_the_table_of_a_remote_catalog_keeps_the_rules_as_well(
    remote: RemoteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = remote.name("s3://bucket/a.nc")
    assert list(brainio.get_catalog(name)["location"]) == ["s3://bucket/a.nc"]
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "without a copy"))
    with pytest.raises(CatalogError, match="BRAINIO_OFFLINE"), warnings.catch_warnings():
        brainio.get_catalog(name)


def test_a_copy_of_a_remote_catalog_may_name_no_more_than_the_catalog(
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
