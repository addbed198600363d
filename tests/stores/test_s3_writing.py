"""Writing to S3: conditional writes, and multipart uploads that continue interrupted ones."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from brainio.errors import AccessRefusedError, ChangedFileError, LocationError, TransferError
from brainio.stores import (
    Location,
    abort_uploads,
    is_copy,
    parse_location,
    read_state,
    replace_if,
    s3_store,
    stat,
    upload,
)
from tests.servers import MotoS3

MIB = 1 << 20
PART = 5 * MIB
LOCATION = parse_location("s3://lab-bucket/folder/a.bin")


@pytest.fixture
def bucket(moto_s3: MotoS3, monkeypatch: pytest.MonkeyPatch) -> MotoS3:
    """A bucket that receives files in parts of 5 MiB, the smallest part size of S3."""
    monkeypatch.setattr(s3_store, "PART", PART)
    moto_s3.create_bucket("lab-bucket")
    return moto_s3


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(3 * PART + 7))
    return path


def begin_upload(server: MotoS3, parts: Mapping[int, bytes]) -> str:
    """Begin an upload and leave it unfinished, like a killed process."""
    client, place = server.client(), {"Bucket": LOCATION.bucket, "Key": LOCATION.key}
    upload_id = client.create_multipart_upload(**place)["UploadId"]  # type: ignore[arg-type]
    for number, body in parts.items():
        client.upload_part(**place, UploadId=upload_id, PartNumber=number, Body=body)  # type: ignore[arg-type]
    return upload_id


def parts_sent(server: MotoS3) -> list[str]:
    paths = [request.path for request in server.requests]
    return sorted(path.split("partNumber=")[1][0] for path in paths if "partNumber=" in path)


def body_at(server: MotoS3, location: Location = LOCATION) -> bytes:
    return server.client().get_object(Bucket=location.bucket, Key=location.key)["Body"].read()


def test_an_upload_continues_with_the_stored_parts(bucket: MotoS3, large: Path) -> None:
    body, progress = large.read_bytes(), list[int]()
    begin_upload(bucket, {1: body[:PART], 3: body[2 * PART : 3 * PART]})
    bucket.requests.clear()
    upload(large, LOCATION, progress.append)
    assert parts_sent(bucket) == ["2", "4"]
    assert sum(progress) == len(body)
    assert body_at(bucket) == body
    assert bucket.open_uploads("lab-bucket") == []


@pytest.mark.parametrize(
    "parts",
    [{1: bytes(PART)}, {1: b"short"}, {5: b"beyond the end"}, {}],
    ids=["other bytes", "other size", "too many", "none"],
)
def test_parts_of_another_file_are_discarded_and_sent_again(
    bucket: MotoS3, large: Path, parts: Mapping[int, bytes]
) -> None:
    begin_upload(bucket, parts)
    bucket.requests.clear()
    upload(large, LOCATION)
    assert parts_sent(bucket) == ["1", "2", "3", "4"]
    assert body_at(bucket) == large.read_bytes()
    assert bucket.open_uploads("lab-bucket") == []


def test_unfinished_uploads_of_a_stored_file_can_be_aborted(bucket: MotoS3, large: Path) -> None:
    upload(large, LOCATION)
    begin_upload(bucket, {1: bytes(PART)})
    abort_uploads(large, LOCATION)
    assert bucket.open_uploads("lab-bucket") == []
    assert body_at(bucket) == large.read_bytes()


def test_an_upload_aborted_by_others_raises_a_specific_error(bucket: MotoS3, large: Path) -> None:
    begin_upload(bucket, {1: large.read_bytes()[:PART]})

    def end(_count: int) -> None:
        for found in bucket.client().list_multipart_uploads(Bucket="lab-bucket").get("Uploads", []):
            bucket.client().abort_multipart_upload(Bucket="lab-bucket", Key=LOCATION.key, UploadId=found["UploadId"])

    with pytest.raises(ChangedFileError):
        upload(large, LOCATION, end)


def test_an_upload_leaves_no_parts_if_another_process_stored_the_object_meanwhile(bucket: MotoS3, large: Path) -> None:
    body = large.read_bytes()

    def store(_count: int) -> None:
        bucket.put("lab-bucket", LOCATION.key, body)

    with pytest.raises(ChangedFileError):
        upload(large, LOCATION, store, replace=False)
    assert bucket.open_uploads("lab-bucket") == []
    assert body_at(bucket) == body


def test_an_upload_of_another_key_with_the_same_prefix_is_unchanged(bucket: MotoS3, large: Path) -> None:
    bucket.client().create_multipart_upload(Bucket="lab-bucket", Key=f"{LOCATION.key}.more")
    upload(large, LOCATION)
    assert bucket.open_uploads("lab-bucket") == [f"{LOCATION.key}.more"]


def test_an_upload_that_fails_in_the_middle_leaves_its_parts_for_the_next_call(bucket: MotoS3, large: Path) -> None:
    bucket.refuse(
        lambda method, path, query: ("403 Forbidden", "AccessDenied", {}) if "partNumber=3" in query else None
    )
    with pytest.raises(AccessRefusedError, match=r"a\.bin was not sent.*403 AccessDenied.*s3:PutObject"):
        upload(large, LOCATION)
    bucket.refuse(None)
    sent = set(parts_sent(bucket)) - {"3"}
    assert sent
    bucket.requests.clear()
    upload(large, LOCATION)
    assert "3" in parts_sent(bucket)
    assert len(parts_sent(bucket)) < 4
    assert body_at(bucket) == large.read_bytes()


def test_a_publisher_without_permission_to_list_uploads_starts_a_new_one(bucket: MotoS3, large: Path) -> None:
    begin_upload(bucket, {1: large.read_bytes()[:PART]})
    bucket.refuse(_refusing("GET", "uploads"))
    upload(large, LOCATION)
    assert body_at(bucket) == large.read_bytes()


def _refusing(refused: str, needed: str = "") -> Callable[[str, str, str], tuple[str, str, Mapping[str, str]] | None]:
    def refusal(method: str, _path: str, query: str) -> tuple[str, str, Mapping[str, str]] | None:
        return ("403 Forbidden", "AccessDenied", {}) if method == refused and needed in query else None

    return refusal


@pytest.mark.parametrize("size", [3, 2 * PART], ids=["whole", "in parts"])
def test_an_object_on_s3_is_not_replaced_if_requested(bucket: MotoS3, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.bin").write_bytes(os.urandom(size))
    bucket.put("lab-bucket", LOCATION.key, b"other")
    with pytest.raises(ChangedFileError, match=str(LOCATION)):
        upload(tmp_path / "a.bin", LOCATION, replace=False)
    assert body_at(bucket) == b"other"
    upload(tmp_path / "a.bin", LOCATION)
    assert body_at(bucket) == (tmp_path / "a.bin").read_bytes()


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_local_file_is_not_replaced_if_requested(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.bin").write_bytes(b"new")
    folder = str(tmp_path / "store") if kind == "file" else f"memory://{tmp_path.name}-store"
    where = parse_location(f"{folder}/b.bin")
    upload(tmp_path / "a.bin", where, replace=False)
    (tmp_path / "a.bin").write_bytes(b"newer")
    with pytest.raises(ChangedFileError, match=r"b\.bin: a file exists there"):
        upload(tmp_path / "a.bin", where, replace=False)
    assert stat(where) == 3
    if kind == "file":
        assert [path.name for path in (tmp_path / "store").iterdir()] == ["b.bin"]


def test_a_file_is_not_replaced_on_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "a.bin").write_bytes(b"new")
    where = parse_location(str(tmp_path / "store" / "b.bin"))
    upload(tmp_path / "a.bin", where, replace=False)
    with pytest.raises(ChangedFileError):
        upload(tmp_path / "a.bin", where, replace=False)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["b.bin"]


def test_an_object_is_replaced_only_if_it_is_unchanged_since_it_was_read(bucket: MotoS3) -> None:
    assert read_state(LOCATION, 100) is None
    replace_if(LOCATION, b"one", None)
    with pytest.raises(ChangedFileError):
        replace_if(LOCATION, b"two", None)
    state = read_state(LOCATION, 100)
    assert state is not None
    body, tag = state
    replace_if(LOCATION, body + b"+two", tag)
    with pytest.raises(ChangedFileError):
        replace_if(LOCATION, body + b"+three", tag)
    assert body_at(bucket) == b"one+two"


def test_an_object_above_the_size_limit_is_not_read(bucket: MotoS3) -> None:
    bucket.put("lab-bucket", LOCATION.key, bytes(200))
    with pytest.raises(TransferError, match="more than 100 bytes"):
        read_state(LOCATION, 100)


@pytest.mark.parametrize("size", [0, 100, PART + 1], ids=["empty", "whole", "in parts"])
def test_an_uploaded_file_is_verified_by_its_etag_without_reading_it(bucket: MotoS3, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.bin").write_bytes(os.urandom(size))
    upload(tmp_path / "a.bin", LOCATION)
    assert is_copy(LOCATION, tmp_path / "a.bin") is True
    tag = bucket.client().head_object(Bucket="lab-bucket", Key=LOCATION.key)["ETag"]
    assert s3_store._etag_of(tmp_path / "a.bin") == tag.strip('"')


def test_a_file_with_an_opaque_etag_is_read_and_compared(bucket: MotoS3, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(PART))
    begin_upload(bucket, {1: path.read_bytes()})  # one part: its ETag is not the MD5 of the file
    upload_id = bucket.client().list_multipart_uploads(Bucket="lab-bucket")["Uploads"][0]["UploadId"]
    etag = bucket.client().list_parts(Bucket="lab-bucket", Key=LOCATION.key, UploadId=upload_id)["Parts"][0]["ETag"]
    bucket.client().complete_multipart_upload(
        Bucket="lab-bucket",
        Key=LOCATION.key,
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]},
    )
    assert is_copy(LOCATION, path) is True
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert is_copy(LOCATION, path) is False


def test_other_bytes_other_sizes_and_missing_files_are_distinguished(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    for body, expected in ((b"abc", True), (b"abd", False), (b"abcd", False), (None, None)):
        where = parse_location(str(tmp_path / f"{body!r}"))
        if body is not None:
            where.path.write_bytes(body)
        assert is_copy(where, tmp_path / "a.bin") is expected


def test_nothing_is_written_over_http(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(LocationError, match="cannot be written over https"):
        upload(tmp_path / "a.bin", parse_location("https://lab.org/a.bin"), replace=False)
