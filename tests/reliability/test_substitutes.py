"""Responses that servers send instead of a file: sign-in pages, pointers, error documents and empty bodies."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import brainio
from brainio.catalogs import append_rows, registry
from brainio.errors import AssemblyFormatError, BrainioError, FetchManyError, IntegrityError, UnexpectedContentError
from brainio.fetch import fetch_file, fetch_many
from brainio.fetch.cache_access import local_cache
from brainio.fetch.content_signatures import find_mismatch
from brainio.s3 import load_file
from tests.cli.command import brainio as command
from tests.lab import Lab, assembly_file, sha1, stimulus_files
from tests.reliability.faults import altered
from tests.servers import FaultyServer

pytestmark = pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")

PAGE = b"<!DOCTYPE html><title>Sign in</title>Password?"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
SUBSTITUTES = {
    "an HTML page": PAGE,
    "a Git LFS pointer": LFS,
    "a git-annex pointer": b"/annex/objects/SHA256E-s1048576--4d7a2146.nc\n",
    "an empty file": b"",
    "a JSON document": b'{"message": "Not found", "status": 404}',
    "an XML document": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
}
NC, CSV, ZIP = "assy_lab_Doe2026.nc", "stimulus_lab_Doe2026.csv", "stimulus_lab_Doe2026.zip"
ENDINGS = {NC: "a netCDF file", CSV: "a CSV table", ZIP: "a ZIP archive"}


class LabWithoutHashes(Lab):
    """A lab whose catalog has hashes only while `has_hashes` is set."""

    server: FaultyServer
    has_hashes = False

    def publish(self, name: str, body: bytes, cls: str = "", identifier: str = "lab.Doe2026", **columns: str) -> None:
        columns |= {} if self.has_hashes else {"sha1": ""}
        where = {"location_type": "http", "location": f"{self.server.url}/lab-bucket/{name}"}
        super().publish(name, body, cls, identifier, **where, **columns)


@pytest.fixture
def lab(tmp_path: Path, faulty: FaultyServer) -> LabWithoutHashes:
    lab = LabWithoutHashes(tmp_path, faulty)
    append_rows(lab.catalog, [])
    registry.add_catalog(lab.catalog)
    return lab


def publish_all(lab: LabWithoutHashes, folder: Path) -> None:
    lab.publish_stimuli()
    lab.publish(NC, assembly_file(folder), "NeuroidAssembly")


def load(name: str) -> object:
    return brainio.get_assembly("lab.Doe2026") if name == NC else brainio.get_stimulus_set("lab.Doe2026")


def cached_names(name: str) -> list[Path]:
    return list(local_cache().root.glob(f"content/*/*/{name}"))


@pytest.mark.parametrize("has_hash", [False, True], ids=["no hash", "hash"])
@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("kind", SUBSTITUTES)
def test_a_substitute_is_refused_with_its_media_type_and_size_and_never_cached(
    lab: LabWithoutHashes, tmp_path: Path, kind: str, name: str, has_hash: bool
) -> None:
    lab.has_hashes = has_hash
    publish_all(lab, tmp_path)
    body = SUBSTITUTES[kind]
    sign_in = altered(headers={"Content-Type": "text/html; charset=utf-8"}, body=lambda _: body)
    lab.server.faults[name] = iter([sign_in])
    with pytest.raises(UnexpectedContentError) as caught:
        load(name)
    message = str(caught.value)
    assert (
        f"/lab-bucket/{name} holds text/html, {len(body)} bytes, where {ENDINGS[name]} was expected: {kind}" in message
    )
    assert "Nothing was stored" in message
    assert "expected sha1" not in message
    assert cached_names(name) == []
    assert load(name) is not None


@pytest.mark.parametrize(
    ("kind", "step"), [("a Git LFS pointer", "git lfs pull"), ("a git-annex pointer", "git annex get")]
)
def test_a_pointer_in_a_local_folder_is_an_error_that_names_the_command_for_the_file(
    tmp_path: Path, kind: str, step: str
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / NC).write_bytes(SUBSTITUTES[kind])
    row = {
        "identifier": "lab.Doe2026",
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location": f"files/{NC}",
    }
    append_rows(tmp_path / "lab.csv", [row | {"sha1": sha1(b"something else")}])
    registry.add_catalog(tmp_path / "lab.csv")
    with pytest.raises(UnexpectedContentError, match=f"{kind}. .*`{step}`"):
        brainio.get_assembly("lab.Doe2026")


def test_a_broken_git_annex_link_is_an_error_that_names_the_command_for_the_file(tmp_path: Path) -> None:
    (tmp_path / NC).symlink_to(".git/annex/objects/ab/cd/SHA256E-s10--0.nc/SHA256E-s10--0.nc")
    with pytest.raises(BrainioError, match=r"git-annex.*`git annex get`"):
        fetch_file("file", str(tmp_path / NC))


def test_a_mirror_is_used_if_the_first_location_returns_a_sign_in_page(lab: LabWithoutHashes, tmp_path: Path) -> None:
    lab.publish_stimuli()
    lab.server.objects["lab-bucket", "copy"] = body = assembly_file(tmp_path)
    lab.server.objects["lab-bucket", NC] = PAGE
    lab.publish(NC, PAGE, "NeuroidAssembly", mirrors=f"{lab.server.url}/lab-bucket/copy", sha1=sha1(body))
    assert load(NC) is not None


def test_bytes_with_the_expected_hash_are_always_accepted(lab: LabWithoutHashes) -> None:
    lab.server.objects["lab-bucket", CSV] = PAGE
    location = f"{lab.server.url}/lab-bucket/{CSV}"
    assert Path(fetch_file("http", location, sha1(PAGE))).read_bytes() == PAGE


def test_files_of_unknown_kinds_are_never_refused(lab: LabWithoutHashes, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.server.objects["lab-bucket", "models/page.nc"] = PAGE
    assert load_file("lab-bucket", "page.nc").read_bytes() == PAGE


def test_a_file_of_an_unknown_kind_that_fails_its_hash_is_described(lab: LabWithoutHashes) -> None:
    lab.server.objects["lab-bucket", "models/weights.pt"] = LFS
    with pytest.raises(IntegrityError, match=rf"{len(LFS)} bytes: a Git LFS pointer"):
        load_file("lab-bucket", "weights.pt", sha1=sha1(b"weights"))


@pytest.mark.parametrize("name", ENDINGS)
def test_a_substitute_that_an_earlier_version_cached_is_removed_and_fetched_again(
    lab: LabWithoutHashes, tmp_path: Path, name: str
) -> None:
    publish_all(lab, tmp_path)
    cache = local_cache()
    path = cache.add([PAGE], name=name)
    cache.record_location(f"{lab.server.url}/lab-bucket/{name}", None, path.parent.name, name)
    assert load(name) is not None
    assert not path.exists()
    assert len(cached_names(name)) == 1


def test_a_substitute_in_a_shared_cache_is_ignored(
    lab: LabWithoutHashes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_all(lab, tmp_path)
    shared = tmp_path / "shared"
    monkeypatch.setenv("BRAINIO_HOME", str(shared))
    path = local_cache().add([PAGE], name=NC)
    local_cache().record_location(f"{lab.server.url}/lab-bucket/{NC}", None, path.parent.name, NC)
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    for _ in range(2):
        assert load(NC) is not None
    assert len([request for request in lab.server.requests if request.key == NC]) == 1
    assert path.exists()


def test_an_unreadable_file_without_a_hash_names_the_command_that_fetches_it_again(
    lab: LabWithoutHashes, tmp_path: Path
) -> None:
    publish_all(lab, tmp_path)
    whole = lab.server.objects["lab-bucket", NC]
    lab.server.objects["lab-bucket", NC] = whole[:2000]
    with pytest.raises(AssemblyFormatError, match=r"`brainio get --refresh lab\.Doe2026` fetches it again"):
        load(NC)
    lab.server.objects["lab-bucket", NC] = whole
    done = command("get", "--refresh", "lab.Doe2026", "--kind", "assembly", BRAINIO_CATALOGS=str(lab.catalog))
    assert done.returncode == 0, done.stderr
    assert "3 of the 3 files" in done.stderr
    assert load(NC) is not None


def test_files_that_cannot_be_fetched_again_stay_in_the_cache(lab: LabWithoutHashes, tmp_path: Path) -> None:
    publish_all(lab, tmp_path)
    assert load(NC) is not None
    lab.server.objects["lab-bucket", NC] = PAGE
    with pytest.raises(FetchManyError, match="an HTML page"):
        fetch_many(["lab.Doe2026"], kind="assembly", refresh=True)
    assert load(NC) is not None


def test_files_with_a_hash_are_not_fetched_again(lab: LabWithoutHashes, tmp_path: Path) -> None:
    lab.has_hashes = True
    publish_all(lab, tmp_path)
    fetch_many(["lab.Doe2026"])
    lab.server.requests.clear()
    fetch_many(["lab.Doe2026"], refresh=True)
    assert lab.server.requests == []


def test_a_stream_of_a_sign_in_page_is_refused(lab: LabWithoutHashes, tmp_path: Path) -> None:
    publish_all(lab, tmp_path)
    lab.server.objects["lab-bucket", NC] = PAGE
    with pytest.raises(UnexpectedContentError, match="46 bytes, where a netCDF file was expected: an HTML page"):
        brainio.get_assembly("lab.Doe2026", stream=True)


def _archive(prefix: bytes = b"", *names: str) -> bytes:
    file = io.BytesIO(prefix)
    with zipfile.ZipFile(file, "a") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


def _legitimate() -> Iterator[tuple[str, bytes]]:
    yield "nc", b"CDF\x01" + bytes(100)
    yield "nc", b"CDF\x05" + bytes(100)
    for block in (0, 512, 1024, 1 << 20):
        yield "nc", b"<html>".ljust(block, b" ")[:block] + b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield "zip", _archive()
    yield "zip", _archive(b"", "a.png")
    yield "zip", _archive(b"#!/bin/sh\n", "a.png")
    yield "csv", stimulus_files()[0]
    yield "csv", b"\xef\xbb\xbf" + stimulus_files()[0]
    yield "csv", b"{a},[b]\n1,2\n"
    yield "csv", b"<15 degrees,html\n1,2\n"
    yield "csv", b"stimulus_id\n"
    yield "csv", b"version,url\n1,https://git-lfs.github.com\n"
    yield "other", PAGE


@pytest.mark.parametrize(("part", "body"), [*_legitimate()])
def test_legitimate_files_are_never_refused(part: str, body: bytes) -> None:
    assert find_mismatch(io.BytesIO(body), part) is None


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ("nc", b"stimulus_id,filename\n"),
        ("nc", gzip.compress(b"CDF\x01", mtime=0)),
        ("nc", bytes(5000)),
        ("zip", b"stimulus_id,filename\n"),
        ("zip", b"\x89HDF\r\n\x1a\n"),
        ("csv", _archive(b"", "a.png")),
        ("csv", b"CDF\x01"),
        ("csv", json.dumps([{"a": 1}]).encode()),
        ("csv", b"\n <HTML lang=en>"),
        ("csv", b"<?xml version='1.0'?>\n<!-- proxy -->\n<html xmlns='x'>"),
        ("csv", b"../../.git/annex/objects/x"),
    ],
)
def test_files_of_another_kind_are_refused(part: str, body: bytes) -> None:
    assert find_mismatch(io.BytesIO(body), part) is not None
