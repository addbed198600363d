"""Writing to S3: on condition, and in parts that an ended upload left."""

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
WHERE = parse_location("s3://lab-bucket/folder/a.bin")


@pytest.fixture
def bucket(moto_s3: MotoS3, monkeypatch: pytest.MonkeyPatch) -> MotoS3:
    """A bucket, to which files of more than 5 MiB, the least that S3 takes, go in parts of 5 MiB."""
    monkeypatch.setattr(s3_store, "PART", PART)
    moto_s3.create_bucket("lab-bucket")
    return moto_s3


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(3 * PART + 7))
    return path


def begun(server: MotoS3, parts: Mapping[int, bytes]) -> str:
    """Begin an upload as one that was killed then."""
    client, place = server.client(), {"Bucket": WHERE.bucket, "Key": WHERE.key}
    upload_id = client.create_multipart_upload(**place)["UploadId"]  # type: ignore[arg-type]
    for number, body in parts.items():
        client.upload_part(**place, UploadId=upload_id, PartNumber=number, Body=body)  # type: ignore[arg-type]
    return upload_id


def parts_sent(server: MotoS3) -> list[str]:
    return sorted(one.path.split("partNumber=")[1][0] for one in server.requests if "partNumber=" in one.path)


def body_at(server: MotoS3, location: Location = WHERE) -> bytes:
    return server.client().get_object(Bucket=location.bucket, Key=location.key)["Body"].read()


def test_an_upload_goes_on_with_the_parts_that_lie_there(bucket: MotoS3, large: Path) -> None:
    body, told = large.read_bytes(), list[int]()
    begun(bucket, {1: body[:PART], 3: body[2 * PART : 3 * PART]})
    bucket.requests.clear()
    upload(large, WHERE, told.append)
    assert parts_sent(bucket) == ["2", "4"]
    assert sum(told) == len(body)
    assert body_at(bucket) == body
    assert bucket.open_uploads("lab-bucket") == []


@pytest.mark.parametrize(
    "parts",
    [{1: bytes(PART)}, {1: b"short"}, {5: b"beyond the end"}, {}],
    ids=["other bytes", "other size", "too many", "none"],
)
def test_parts_that_are_not_of_the_file_are_sent_anew_and_what_was_begun_is_ended(
    bucket: MotoS3, large: Path, parts: Mapping[int, bytes]
) -> None:
    begun(bucket, parts)
    bucket.requests.clear()
    upload(large, WHERE)
    assert parts_sent(bucket) == ["1", "2", "3", "4"]
    assert body_at(bucket) == large.read_bytes()
    assert bucket.open_uploads("lab-bucket") == []


def test_uploads_that_were_begun_for_a_file_that_lies_there_can_be_ended(bucket: MotoS3, large: Path) -> None:
    upload(large, WHERE)
    begun(bucket, {1: bytes(PART)})
    abort_uploads(large, WHERE)
    assert bucket.open_uploads("lab-bucket") == []
    assert body_at(bucket) == large.read_bytes()


def test_an_upload_whose_parts_others_ended_meanwhile_is_told_apart_from_a_failure(bucket: MotoS3, large: Path) -> None:
    begun(bucket, {1: large.read_bytes()[:PART]})

    def end(_count: int) -> None:
        for one in bucket.client().list_multipart_uploads(Bucket="lab-bucket").get("Uploads", []):
            bucket.client().abort_multipart_upload(Bucket="lab-bucket", Key=WHERE.key, UploadId=one["UploadId"])

    with pytest.raises(ChangedFileError):
        upload(large, WHERE, end)


def test_an_upload_of_another_key_that_begins_alike_is_left_alone(bucket: MotoS3, large: Path) -> None:
    bucket.client().create_multipart_upload(Bucket="lab-bucket", Key=f"{WHERE.key}.more")
    upload(large, WHERE)
    assert bucket.open_uploads("lab-bucket") == [f"{WHERE.key}.more"]


def test_an_upload_that_fails_in_the_middle_leaves_its_parts_for_the_next_call(bucket: MotoS3, large: Path) -> None:
    bucket.refuse(
        lambda method, path, query: ("403 Forbidden", "AccessDenied", {}) if "partNumber=3" in query else None
    )
    with pytest.raises(AccessRefusedError, match=r"a\.bin was not sent.*403 AccessDenied.*s3:PutObject"):
        upload(large, WHERE)
    bucket.refuse(None)
    sent = set(parts_sent(bucket)) - {"3"}
    assert sent
    bucket.requests.clear()
    upload(large, WHERE)
    assert "3" in parts_sent(bucket)
    assert len(parts_sent(bucket)) < 4
    assert body_at(bucket) == large.read_bytes()


def test_a_publisher_who_may_not_list_uploads_begins_anew(bucket: MotoS3, large: Path) -> None:
    begun(bucket, {1: large.read_bytes()[:PART]})
    bucket.refuse(_refusing("GET", "uploads"))
    upload(large, WHERE)
    assert body_at(bucket) == large.read_bytes()


def _refusing(refused: str, needed: str = "") -> Callable[[str, str, str], tuple[str, str, Mapping[str, str]] | None]:
    def refusal(method: str, _path: str, query: str) -> tuple[str, str, Mapping[str, str]] | None:
        return ("403 Forbidden", "AccessDenied", {}) if method == refused and needed in query else None

    return refusal


@pytest.mark.parametrize("size", [3, 2 * PART], ids=["whole", "in parts"])
def test_what_lies_on_s3_is_not_replaced_where_that_was_asked(bucket: MotoS3, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.bin").write_bytes(os.urandom(size))
    bucket.put("lab-bucket", WHERE.key, b"other")
    with pytest.raises(ChangedFileError, match=str(WHERE)):
        upload(tmp_path / "a.bin", WHERE, replace=False)
    assert body_at(bucket) == b"other"
    upload(tmp_path / "a.bin", WHERE)
    assert body_at(bucket) == (tmp_path / "a.bin").read_bytes()


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_lies_in_a_folder_is_not_replaced_where_that_was_asked(tmp_path: Path, kind: str) -> None:
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


def test_an_object_is_replaced_only_in_the_state_that_was_read(bucket: MotoS3) -> None:
    assert read_state(WHERE, 100) is None
    replace_if(WHERE, b"one", None)
    with pytest.raises(ChangedFileError):
        replace_if(WHERE, b"two", None)
    state = read_state(WHERE, 100)
    assert state is not None
    body, tag = state
    replace_if(WHERE, body + b"+two", tag)
    with pytest.raises(ChangedFileError):
        replace_if(WHERE, body + b"+three", tag)
    assert body_at(bucket) == b"one+two"


def test_an_object_with_more_bytes_than_may_be_is_not_read(bucket: MotoS3) -> None:
    bucket.put("lab-bucket", WHERE.key, bytes(200))
    with pytest.raises(TransferError, match="more than 100 bytes"):
        read_state(WHERE, 100)


@pytest.mark.parametrize("size", [0, 100, PART + 1], ids=["empty", "whole", "in parts"])
def test_the_etag_proves_what_was_uploaded_without_reading_it(bucket: MotoS3, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.bin").write_bytes(os.urandom(size))
    upload(tmp_path / "a.bin", WHERE)
    assert is_copy(WHERE, tmp_path / "a.bin") is True
    tag = bucket.client().head_object(Bucket="lab-bucket", Key=WHERE.key)["ETag"]
    assert s3_store._etag_of(tmp_path / "a.bin") == tag.strip('"')


def test_bytes_whose_etag_says_nothing_are_read_and_compared(bucket: MotoS3, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(PART))
    begun(bucket, {1: path.read_bytes()})  # one part: its ETag is not the MD5 of the file
    upload_id = bucket.client().list_multipart_uploads(Bucket="lab-bucket")["Uploads"][0]["UploadId"]
    etag = bucket.client().list_parts(Bucket="lab-bucket", Key=WHERE.key, UploadId=upload_id)["Parts"][0]["ETag"]
    bucket.client().complete_multipart_upload(
        Bucket="lab-bucket",
        Key=WHERE.key,
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]},
    )
    assert is_copy(WHERE, path) is True
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert is_copy(WHERE, path) is False


def test_other_bytes_other_sizes_and_nothing_are_told_apart(tmp_path: Path) -> None:
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
