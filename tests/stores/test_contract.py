"""The contract of a store: every store passes the same tests, over the real protocol."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec  # type: ignore[import-untyped]
import pytest

from brainio.errors import ChangedFileError, LocationError, MissingFileError, ShorterFileError, TransferError
from brainio.stores import (
    Location,
    Span,
    is_copy,
    open_file,
    open_read,
    parse_location,
    public_url,
    read_state,
    read_whole,
    replace_if,
    request_url,
    stat,
    upload,
)
from brainio.stores.store import store_of

if TYPE_CHECKING:
    from tests.servers import HttpFolder, MotoS3

BODY = os.urandom(300_001)


@dataclass
class Storage:
    """A storage under test: its files by name, and a way around the store to change them."""

    locate: Callable[[str], Location]
    put: Callable[[str, bytes], object]

    def __post_init__(self) -> None:
        self.store = store_of(self.locate("a.bin"))

    def holding(self, body: bytes) -> Location:
        self.put("a.bin", body)
        return self.locate("a.bin")


on_writable_stores = pytest.mark.parametrize("storage", ["s3", "file", "memory"], indirect=True)


@pytest.fixture(params=["s3", "http", "file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        server: MotoS3 = request.getfixturevalue("moto_s3")
        server.create_bucket("lab-bucket", versioning=True)
        return Storage(
            lambda name: parse_location(f"s3://lab-bucket/folder/{name}"),
            lambda name, body: server.put("lab-bucket", f"folder/{name}", body),
        )
    if request.param == "http":
        web: HttpFolder = request.getfixturevalue("http_folder")
        return Storage(
            lambda name: parse_location(f"{web.url}/{name}"), lambda name, body: (web.folder / name).write_bytes(body)
        )
    if request.param == "file":
        (tmp_path / "folder").mkdir()
        return Storage(
            lambda name: parse_location(str(tmp_path / "folder" / name)),
            lambda name, body: (tmp_path / "folder" / name).write_bytes(body),
        )
    memory = fsspec.filesystem("memory")
    return Storage(
        lambda name: parse_location(f"memory://{tmp_path.name}/{name}"),
        lambda name, body: memory.pipe_file(f"/{tmp_path.name}/{name}", body),
    )


def read(location: Location, start: int = 0, stop: int | None = None, validator: str | None = None) -> bytes:
    with open_read(location, span=Span(start, stop), validator=validator) as reading:
        assert reading.facts.start == start
        return b"".join(reading.chunks())


@pytest.mark.parametrize("body", [BODY, b""], ids=["bytes", "empty"])
def test_a_file_is_read_with_its_size(storage: Storage, body: bytes) -> None:
    location = storage.holding(body)
    with open_read(location) as reading:
        blocks = list(reading.chunks(100_000))
        assert (reading.facts.size, reading.facts.start, reading.facts.length) == (len(body), 0, len(body))
    assert (b"".join(blocks), all(len(block) <= 100_000 for block in blocks)) == (body, True)
    assert (stat(location), read_whole(location, len(body))) == (len(body), body)


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (5, 9), (299_990, None), (100, 300_001)])
def test_a_part_is_read_from_its_first_byte(storage: Storage, start: int, stop: int | None) -> None:
    assert read(storage.holding(BODY), start, stop) == BODY[start:stop]


def test_a_part_beyond_the_end_has_no_bytes(storage: Storage) -> None:
    location = storage.holding(b"abc")
    with suppress(ShorterFileError):
        assert read(location, 3, 10) == b""


def test_a_part_of_another_state_of_the_file_is_refused(storage: Storage) -> None:
    location = storage.holding(BODY)
    with open_read(location, span=Span(0, 10)) as reading:
        validator = reading.facts.validator
        list(reading.chunks())
    assert validator is not None
    assert read(location, 10, 20, validator) == BODY[10:20]
    storage.put("a.bin", BODY[::-1])
    with suppress(ChangedFileError), open_read(location, span=Span(10, 20), validator=validator) as reading:
        assert reading.facts.validator != validator


def test_a_file_is_read_at_random_positions(storage: Storage) -> None:
    with open_file(storage.holding(BODY)) as file:
        assert (file.seek(200_000), file.read(1000)) == (200_000, BODY[200_000:201_000])
        assert (file.seek(7), file.read(3), file.size) == (7, BODY[7:10], len(BODY))


def test_a_missing_file_raises_a_specific_error(storage: Storage) -> None:
    storage.put("b.bin", b"")
    location = storage.locate("a.bin")
    assert stat(location) is None
    with pytest.raises(MissingFileError, match=r"a\.bin.*there is no such (file|object)"):
        read(location)


def test_a_larger_file_than_allowed_is_refused(storage: Storage) -> None:
    with pytest.raises(TransferError, match="more than 100 bytes"):
        read_whole(storage.holding(BODY), most=100)


def test_a_copy_differs_from_other_bytes_and_from_no_file(storage: Storage, tmp_path: Path) -> None:
    local = tmp_path / "local.bin"
    local.write_bytes(b"abc")
    assert is_copy(storage.locate("a.bin"), local) is None
    assert [is_copy(storage.holding(body), local) for body in (b"abc", b"abd", b"abcd")] == [True, False, False]


@pytest.mark.parametrize("storage", ["http", "file", "memory"], indirect=True)
def test_a_store_without_versions_refuses_a_version_id(storage: Storage) -> None:
    location = storage.holding(b"abc")
    for request in (open_read, stat):
        with pytest.raises(LocationError, match="only S3 keeps versions"):
            request(location, "3sL4")


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
def test_a_store_with_versions_returns_the_requested_one(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "local.bin").write_bytes(b"first")
    location = storage.locate("a.bin")
    version_id = upload(tmp_path / "local.bin", location).version_id
    storage.put("a.bin", b"second one")
    assert (stat(location, version_id), stat(location)) == (5, 10)
    with open_read(location, version_id) as reading:
        assert b"".join(reading.chunks()) == b"first"


@on_writable_stores
def test_an_upload_is_read_back_and_reports_its_bytes(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "local.bin").write_bytes(BODY)
    location, counts = storage.locate("new/folder/a.bin"), list[int]()
    assert upload(tmp_path / "local.bin", location, counts.append).size == sum(counts) == len(BODY)
    assert read(location) == BODY


@on_writable_stores
def test_an_upload_replaces_a_file_only_if_allowed(storage: Storage, tmp_path: Path) -> None:
    location = storage.holding(b"old")
    (tmp_path / "local.bin").write_bytes(b"new")
    with pytest.raises(ChangedFileError):
        upload(tmp_path / "local.bin", location, replace=False)
    assert read(location) == b"old"
    upload(tmp_path / "local.bin", location)
    assert read(location) == b"new"
    upload(tmp_path / "local.bin", storage.locate("other.bin"), replace=False)
    assert read(storage.locate("other.bin")) == b"new"


@pytest.mark.parametrize("storage", ["http"], indirect=True)
def test_a_read_only_store_refuses_every_write(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "local.bin").write_bytes(b"new")
    location = storage.holding(b"old")
    for replace in (True, False):
        with pytest.raises(LocationError, match="cannot be written"):
            upload(tmp_path / "local.bin", location, replace=replace)
    assert read(location) == b"old"


@pytest.mark.parametrize("storage", ["http", "file", "memory"], indirect=True)
def test_a_store_without_compare_and_swap_refuses_conditional_writes(storage: Storage) -> None:
    location = storage.holding(b"old")
    with pytest.raises(LocationError, match="cannot be replaced on condition"):
        replace_if(location, b"new", None)
    assert read(location) == b"old"


def test_a_store_declares_its_abilities(storage: Storage) -> None:
    store, kind = storage.store, storage.locate("a.bin").location_type
    assert (store.is_read_only, store.has_versions) == (kind == "http", kind == "S3")
    assert store.has_compare_and_swap == (kind == "S3")


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
def test_a_conditional_write_replaces_only_the_expected_state(storage: Storage) -> None:
    location = storage.locate("a.bin")
    assert read_state(location, 100) is None
    replace_if(location, b"one", None)
    data, tag = read_state(location, 100) or (b"", "")
    replace_if(location, data + b"+two", tag)
    for expected in (tag, None):
        with pytest.raises(ChangedFileError):
            replace_if(location, b"three", expected)
    assert read(location) == b"one+two"


def test_offline_mode_permits_only_local_stores(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    location = storage.holding(b"abc")
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    if location.is_local:
        assert read(location) == b"abc"
    else:
        with pytest.raises(TransferError, match="BRAINIO_OFFLINE is set"):
            read(location)


def test_urls_for_other_programs_need_no_request(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    for url in (public_url(storage.locate("a.bin")), request_url(storage.locate("a.bin"))):
        assert url.endswith("a.bin")
