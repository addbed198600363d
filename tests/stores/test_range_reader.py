"""`brainio.stores.open_file`: random access to a remote file, with all bytes from one state."""

import io
import os
import pickle
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.errors import ChangedFileError, LocationError, TransferError
from brainio.stores import open_file, parse_location
from brainio.stores.range_reader import BLOCK
from tests.servers import HttpFolder, MotoS3, OpenEndedRanges, S3Static

BODY = os.urandom(5 * BLOCK + 17)
PLACES = ("file", "http", "s3", "memory")


@pytest.fixture(params=PLACES)
def location(request: pytest.FixtureRequest, tmp_path: Path, http_folder: HttpFolder, s3_static: S3Static) -> str:
    """The location of a file with the content BODY."""
    (tmp_path / "a.nc").write_bytes(BODY)
    (http_folder.folder / "a.nc").write_bytes(BODY)
    s3_static.objects["lab", "a.nc"] = BODY
    fsspec.filesystem("memory").pipe_file("/ranges/a.nc", BODY)
    return {
        "file": str(tmp_path / "a.nc"),
        "http": f"{http_folder.url}/a.nc",
        "s3": "s3://lab/a.nc",
        "memory": "memory://ranges/a.nc",
    }[request.param]


def test_a_file_in_any_store_reads_like_a_local_one(location: str) -> None:
    with open_file(parse_location(location)) as file:
        assert file.size == len(BODY)
        for start, count in ((0, 10), (BLOCK - 3, 6), (len(BODY) - 5, 100), (3, 4 * BLOCK), (7, 0)):
            file.seek(start)
            assert file.read(count) == BODY[start : start + count]
            assert file.tell() == min(len(BODY), start + count)
        file.seek(-9, io.SEEK_END)
        assert file.read() == BODY[-9:]
        assert file.pin is not None


@given(st.lists(st.tuples(st.integers(0, len(BODY) + 10), st.integers(-1, 3 * BLOCK)), max_size=20))
def test_any_sequence_of_reads_equals_that_of_a_buffer(reads: list[tuple[int, int]]) -> None:
    fsspec.filesystem("memory").pipe_file("/ranges/law.nc", BODY)
    buffer = io.BytesIO(BODY)
    with open_file(parse_location("memory://ranges/law.nc")) as file:
        for start, count in reads:
            buffer.seek(start)
            file.seek(start)
            assert file.read(count) == buffer.read(count)


def test_only_blocks_that_are_read_are_requested_once(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.nc"] = BODY
    with open_file(parse_location("s3://lab/a.nc")) as file:
        for _ in range(3):
            file.seek(3 * BLOCK + 5)
            file.read(10)
            file.seek(0)
            file.read(10)
    ranges = [request.headers["Range"] for request in s3_static.requests]
    assert ranges == [f"bytes=0-{BLOCK - 1}", f"bytes={3 * BLOCK}-{4 * BLOCK - 1}"]


def test_a_long_read_is_one_request(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.nc"] = BODY
    with open_file(parse_location("s3://lab/a.nc")) as file:
        s3_static.requests.clear()
        file.seek(1)
        assert file.read(4 * BLOCK) == BODY[1 : 1 + 4 * BLOCK]
    assert len(s3_static.requests) == 1


def test_a_broken_read_is_requested_again(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.nc").write_bytes(BODY)
    with open_file(parse_location(f"{http_folder.url}/a.nc")) as file:
        http_folder.cut_after, http_folder.cuts = 100, 2
        file.seek(2 * BLOCK)
        assert file.read(1000) == BODY[2 * BLOCK : 2 * BLOCK + 1000]
    assert http_folder.cuts == 0


@pytest.mark.parametrize("tag", ["ETag", "Last-Modified"])
def test_a_file_that_changes_while_it_is_read_is_an_error(http_folder: HttpFolder, tag: str) -> None:
    (http_folder.folder / "a.nc").write_bytes(BODY)
    if tag == "Last-Modified":
        http_folder.headers = {"ETag": "", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    with open_file(parse_location(f"{http_folder.url}/a.nc")) as file:
        assert file.pin.startswith(tag)
        (http_folder.folder / "a.nc").write_bytes(BODY[::-1])
        if tag == "Last-Modified":
            http_folder.headers["Last-Modified"] = "Tue, 02 Jan 2024 00:00:00 GMT"
        file.seek(2 * BLOCK)
        with pytest.raises(ChangedFileError, match=rf"a\.nc has changed since it was opened: expected {tag}"):
            file.read(10)


def test_a_local_file_that_is_replaced_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(BODY)
    with open_file(parse_location(str(tmp_path / "a.nc"))) as file:
        (tmp_path / "b.nc").write_bytes(BODY)
        (tmp_path / "b.nc").replace(tmp_path / "a.nc")
        file.seek(2 * BLOCK)
        with pytest.raises(ChangedFileError):
            file.read(10)


def test_a_file_opened_in_a_versioned_bucket_stays_at_its_version(moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab", versioning=True)
    version = moto_s3.put("lab", "a.nc", BODY)
    with open_file(parse_location("s3://lab/a.nc")) as file:
        assert file.pin == f"version id {version!r}"
        moto_s3.put("lab", "a.nc", BODY[::-1])
        file.seek(2 * BLOCK)
        assert file.read(10) == BODY[2 * BLOCK : 2 * BLOCK + 10]


def test_a_pickled_file_opens_the_same_state_or_fails(s3_static: S3Static) -> None:
    s3_static.objects["lab", "a.nc"] = BODY
    with open_file(parse_location("s3://lab/a.nc")) as file:
        pickled = pickle.dumps(file)
    again = pickle.loads(pickled)
    again.seek(2 * BLOCK)
    assert again.read(3) == BODY[2 * BLOCK : 2 * BLOCK + 3]
    s3_static.objects["lab", "a.nc"] = BODY[::-1]
    with pytest.raises(ChangedFileError):
        pickle.loads(pickled)


def test_a_server_without_ranges_is_an_error_before_the_whole_file_is_read(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.nc").write_bytes(BODY)
    http_folder.ranges = False
    with pytest.raises(TransferError, match=r"cannot be read in parts.*whole files only"):
        open_file(parse_location(f"{http_folder.url}/a.nc"))


def test_a_missing_file_and_an_unsupported_version_are_refused_at_once(http_folder: HttpFolder) -> None:
    with pytest.raises(TransferError, match="no such file"):
        open_file(parse_location(f"{http_folder.url}/none.nc"))
    with pytest.raises(LocationError, match="only S3 keeps versions"):
        open_file(parse_location(f"{http_folder.url}/none.nc"), "abc")


def test_a_server_that_ignores_the_end_of_a_range_gives_the_correct_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    body = BODY[: 3 * BLOCK]
    with OpenEndedRanges({("lab", "a.nc"): body}) as server, monkeypatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(TransferError, match="cannot be read in parts"):
            open_file(parse_location("s3://lab/a.nc"))
        server.ignores_end_from = BLOCK
        with open_file(parse_location("s3://lab/a.nc")) as file:
            assert file.read(10) == body[:10]
            file.seek(BLOCK)
            assert file.read(BLOCK) == body[BLOCK : 2 * BLOCK]
            file.seek(0)
            assert file.read() == body
