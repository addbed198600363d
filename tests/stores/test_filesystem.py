"""`brainio.stores` for all locations except S3: local files, HTTP, and other protocols of fsspec."""

import os
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest

from brainio.errors import LocationError, TransferError
from brainio.stores import open_read, parse_location, stat, upload
from tests.servers import HOST, HttpFolder, closed_port

MIB = 1024 * 1024
BODY = os.urandom(3 * MIB + 17)


def read(location: str) -> tuple[int | None, bytes]:
    with open_read(parse_location(location)) as reading:
        return reading.facts.size, b"".join(reading.chunks())


def test_a_local_file_is_read_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a b%.bin").write_bytes(BODY)
    assert read(str(tmp_path / "a b%.bin")) == (len(BODY), BODY)


def test_a_file_over_http_is_streamed_by_one_request(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a b.bin").write_bytes(BODY)
    assert read(f"{http_folder.url}/a%20b.bin") == (len(BODY), BODY)
    assert [(r.method, r.path) for r in http_folder.requests] == [("GET", "/a b.bin")]
    assert "Range" not in http_folder.requests[0].headers


def test_http_requests_no_content_encoding(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(b"abc")
    read(f"{http_folder.url}/a.bin")
    assert http_folder.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_redirect_is_followed_over_http_and_never_to_a_local_file(http_folder: HttpFolder, tmp_path: Path) -> None:
    (http_folder.folder / "a.bin").write_bytes(b"abc")
    (tmp_path / "secret").write_bytes(b"secret")
    http_folder.redirects = {"/moved": f"{http_folder.url}/a.bin", "/evil": (tmp_path / "secret").as_uri()}
    assert read(f"{http_folder.url}/moved")[1] == b"abc"
    with pytest.raises(TransferError, match="/evil"):
        read(f"{http_folder.url}/evil")


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusal_over_http_is_a_transfer_error_with_location_and_reason(http_folder: HttpFolder, status: int) -> None:
    http_folder.status["/a.bin"] = status
    with pytest.raises(TransferError) as caught:
        read(f"{http_folder.url}/a.bin")
    assert f"{http_folder.url}/a.bin" in str(caught.value)
    assert ("no such file" if status == 404 else str(status)) in str(caught.value)


def test_a_body_shorter_than_announced_is_an_error(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(BODY)
    http_folder.cut_after = MIB
    with (
        open_read(parse_location(f"{http_folder.url}/a.bin")) as reading,
        pytest.raises(TransferError, match=r"a\.bin"),
    ):
        list(reading.chunks())


def test_a_refused_connection_is_a_transfer_error_that_names_the_location() -> None:
    url = f"http://{HOST}:{closed_port()}/a.bin"
    with pytest.raises(TransferError) as caught:
        read(url)
    assert url in str(caught.value)


def test_a_missing_local_file_is_a_transfer_error(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="no such file"):
        read(str(tmp_path / "a.bin"))


def test_an_error_of_the_reader_is_raised_unchanged(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")

    def fail_while_reading() -> None:
        with open_read(parse_location(str(tmp_path / "a.bin"))) as reading:
            for _ in reading.chunks():
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full") as caught:
        fail_while_reading()
    assert not isinstance(caught.value, TransferError)


def test_a_version_id_for_a_store_without_versions_is_refused(tmp_path: Path) -> None:
    location = parse_location(str(tmp_path / "a.bin"))
    with pytest.raises(LocationError, match="only S3 keeps versions"):
        open_read(location, "null")
    with pytest.raises(LocationError, match="only S3 keeps versions"):
        stat(location, "null")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_an_upload_creates_folders_and_can_be_read_back(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(BODY)
    target = f"memory://{tmp_path.name}/deep/a.bin" if kind == "memory" else str(tmp_path / "x" / "deep" / "a.bin")
    progress: list[int] = []
    uploaded = upload(source, parse_location(target), progress.append)
    assert (uploaded.version_id, uploaded.size, sum(progress)) == (None, len(BODY), len(BODY))
    assert read(target) == (len(BODY), BODY)
    assert stat(parse_location(target)) == len(BODY)


def test_a_failed_upload_to_a_folder_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out" / "a.bin"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(TransferError):
        upload(tmp_path / "missing.bin", parse_location(str(target)))
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]
    assert target.read_bytes() == b"old"


def test_uploading_over_http_is_refused_before_anything_is_sent(http_folder: HttpFolder, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(LocationError, match="cannot be written"):
        upload(tmp_path / "a.bin", parse_location(f"{http_folder.url}/a.bin"))
    assert http_folder.requests == []


def test_stat_over_http_returns_the_size_or_none(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.bin").write_bytes(b"abc")
    http_folder.status["/private.bin"] = 403
    assert stat(parse_location(f"{http_folder.url}/a.bin")) == 3
    assert stat(parse_location(f"{http_folder.url}/b.bin")) is None
    with pytest.raises(TransferError, match="403"):
        stat(parse_location(f"{http_folder.url}/private.bin"))


def test_stat_of_a_missing_file_returns_none(tmp_path: Path) -> None:
    assert stat(parse_location(str(tmp_path / "a.bin"))) is None
    assert stat(parse_location(f"memory://{tmp_path.name}/a.bin")) is None


def test_a_protocol_whose_package_is_missing_is_an_error_that_names_the_package() -> None:
    fsspec.register_implementation(
        "brainiotest", "no_such_package.FileSystem", errtxt="Install no-such-package to read it", clobber=True
    )
    with pytest.raises(LocationError, match="Install no-such-package"):
        read("brainiotest://host/a.bin")


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="directory"):
        read(str(tmp_path))
