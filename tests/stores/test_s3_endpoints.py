"""S3 variants of some labs: requester-pays buckets, and endpoints without the checksums of newer clients."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from brainio.errors import AccessRefusedError, TransferError
from brainio.stores import open_file, parse_location, public_url, read_whole, s3_store, stat, upload
from brainio.stores.s3_requests import access_to
from tests.servers import MotoS3

WHERE = parse_location("s3://lab-bucket/folder/a.bin")
Refused = tuple[str, str, Mapping[str, str]] | None


@pytest.fixture
def bucket(moto_s3: MotoS3) -> MotoS3:
    moto_s3.create_bucket("lab-bucket")
    moto_s3.put("lab-bucket", "folder/a.bin", b"abc")
    moto_s3.requests.clear()
    return moto_s3


def bills_requesters(headers: Mapping[str, str]) -> Refused:
    is_paid = headers.get("x-amz-request-payer") == "requester" and "authorization" in headers
    return None if is_paid else ("403 Forbidden", "AccessDenied", {})


@pytest.fixture
def requester_pays(bucket: MotoS3) -> MotoS3:
    """A bucket that answers only requests with a requester-pays header."""
    bucket.refuse_headers(bills_requesters)
    return bucket


def test_requests_are_paid_for_if_the_environment_says_so(
    requester_pays: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    assert read_whole(WHERE, 10) == b"abc"
    assert stat(WHERE) == 3
    with open_file(WHERE) as file:
        assert file.read() == b"abc"
    (tmp_path / "b.bin").write_bytes(b"new")
    upload(tmp_path / "b.bin", parse_location("s3://lab-bucket/b.bin"))
    assert requester_pays.requests
    assert {request.headers.get("x-amz-request-payer") for request in requester_pays.requests} == {"requester"}


def test_multipart_uploads_to_a_requester_pays_bucket_work(
    requester_pays: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    monkeypatch.setattr(s3_store, "PART", 5 << 20)
    (tmp_path / "large.bin").write_bytes(os.urandom((5 << 20) + 1))
    upload(tmp_path / "large.bin", parse_location("s3://lab-bucket/large.bin"))
    assert stat(parse_location("s3://lab-bucket/large.bin")) == (5 << 20) + 1


def test_a_refused_request_names_the_variable_for_requester_pays(requester_pays: MotoS3) -> None:
    with pytest.raises(AccessRefusedError, match=r"\(requester pays\), set AWS_REQUEST_PAYER=requester"):
        read_whole(WHERE, 10)


def test_signed_links_include_requester_pays(bucket: MotoS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    client = access_to(WHERE).signed
    assert client is not None
    url = client.generate_presigned_url("get_object", Params={"Bucket": WHERE.bucket, "Key": WHERE.key})
    assert "x-amz-request-payer=requester" in url


def test_another_payer_is_an_error_that_names_the_value(bucket: MotoS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "true")
    with pytest.raises(TransferError, match="AWS_REQUEST_PAYER is 'true'; S3 knows only 'requester'"):
        stat(WHERE)


def knows_no_checksums(headers: Mapping[str, str]) -> Refused:
    refused = any("checksum" in name or name == "x-amz-trailer" for name in headers)
    return ("501 Not Implemented", "NotImplemented", {}) if refused else None


@pytest.fixture
def older_endpoint(bucket: MotoS3) -> MotoS3:
    """An S3 that refuses the checksums of newer clients."""
    bucket.refuse_headers(knows_no_checksums)
    return bucket


def test_requests_are_repeated_without_checksums_if_the_endpoint_refuses_them(
    older_endpoint: MotoS3, tmp_path: Path
) -> None:
    (tmp_path / "b.bin").write_bytes(b"new")
    upload(tmp_path / "b.bin", parse_location("s3://lab-bucket/b.bin"))
    assert read_whole(parse_location("s3://lab-bucket/b.bin"), 10) == b"new"
    with open_file(WHERE) as file:
        assert file.read() == b"abc"
    refused = [request for request in older_endpoint.requests if knows_no_checksums(request.headers)]
    assert len({request.path for request in refused}) == 1  # later requests leave them out at once


def test_multipart_uploads_to_an_endpoint_that_refuses_checksums_work(
    older_endpoint: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "PART", 5 << 20)
    (tmp_path / "large.bin").write_bytes(os.urandom((5 << 20) + 1))
    upload(tmp_path / "large.bin", parse_location("s3://lab-bucket/large.bin"))
    assert stat(parse_location("s3://lab-bucket/large.bin")) == (5 << 20) + 1
    assert older_endpoint.open_uploads("lab-bucket") == []


def test_a_refusal_of_required_checksums_names_the_variables(
    older_endpoint: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    (tmp_path / "b.bin").write_bytes(b"new")
    with pytest.raises(TransferError) as caught:
        upload(tmp_path / "b.bin", parse_location("s3://lab-bucket/b.bin"))
    assert "AWS_REQUEST_CHECKSUM_CALCULATION=when_required" in str(caught.value)
    assert "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required" in str(caught.value)
    assert "Try again later" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "version", "url"),
    [
        ("https://minio.lab.org", "", "https://minio.lab.org/lab-bucket/folder/a.bin"),
        ("https://minio.lab.org:9000", "v/1", "https://minio.lab.org:9000/lab-bucket/folder/a.bin?versionId=v%2F1"),
        ("https://me:secret@minio.lab.org", "null", "https://minio.lab.org/lab-bucket/folder/a.bin"),
        ("https://s3.eu-west-1.amazonaws.com", "", "https://lab-bucket.s3.amazonaws.com/folder/a.bin"),
        ("", "v/1", "https://lab-bucket.s3.amazonaws.com/folder/a.bin?versionId=v%2F1"),
    ],
)
def test_the_url_of_an_object_names_the_endpoint_of_the_environment(
    endpoint: str, version: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert public_url(WHERE, version) == url
