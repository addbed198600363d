"""`brainio.stores` for S3: requests, their credentials, and errors that explain refusals."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainio.errors import InterruptedTransferError, TransferError
from brainio.stores import open_read, parse_location, read_whole, stat, upload
from brainio.stores.s3_store import PART
from tests.servers import CREDENTIALS, HOST, MotoS3, S3Static, closed_port

BODY = os.urandom(2 * 1024 * 1024 + 5)
LOCATION = parse_location("https://brainio.brainscore.s3.amazonaws.com/folder/assy%20a.nc", "S3")
OBJECT = ("brainio.brainscore", "folder/assy a.nc")


def read(version_id: str | None = None) -> tuple[int | None, bytes]:
    with open_read(LOCATION, version_id) as reading:
        return reading.facts.size, b"".join(reading.chunks())


@pytest.fixture
def server(s3_static: S3Static) -> S3Static:
    s3_static.objects[OBJECT] = BODY
    return s3_static


def test_a_bucket_with_dots_is_requested_in_path_style(server: S3Static) -> None:
    assert read() == (len(BODY), BODY)
    assert server.downloads() == [(*OBJECT, None)]


@pytest.mark.parametrize(
    ("given", "sent"), [(None, None), ("", None), ("null", "null"), ("3sL4kqtJlcpXroDTD", "3sL4kqtJlcpXroDTD")]
)
def test_the_stated_version_is_requested_even_if_it_is_null(
    server: S3Static, given: str | None, sent: str | None
) -> None:
    read(given)
    stat(LOCATION, given)
    assert [(r.method, r.version_id) for r in server.requests] == [("GET", sent), ("HEAD", sent)]


def test_without_credentials_the_first_request_is_unsigned(server: S3Static) -> None:
    read()
    assert [r.signed for r in server.requests] == [False]


@pytest.mark.usefixtures("aws_credentials")
def test_with_credentials_the_request_is_signed(server: S3Static) -> None:
    read()
    assert [r.signed for r in server.requests] == [True]


@pytest.mark.usefixtures("aws_credentials")
@pytest.mark.parametrize("refusal", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_public_data_is_read_without_refused_credentials(server: S3Static, refusal: str) -> None:
    server.refuse_signed = refusal
    assert read()[1] == BODY
    assert [r.signed for r in server.requests] == [True, False]


@pytest.mark.usefixtures("aws_credentials")
def test_refused_signed_and_unsigned_requests_are_an_error_with_both_reasons(server: S3Static) -> None:
    server.refuse_signed, server.refuse_unsigned = "SignatureDoesNotMatch", "AccessDenied"
    with pytest.raises(TransferError) as caught:
        read()
    message = str(caught.value)
    assert [r.signed for r in server.requests] == [True, False]
    assert all(part in message for part in ("s3://brainio.brainscore/folder/assy a.nc", "SignatureDoesNotMatch"))
    assert "without credentials, S3 returned 403 AccessDenied" in message
    assert "AWS_PROFILE" in message


@pytest.mark.usefixtures("aws_credentials")
def test_a_missing_object_is_requested_once(server: S3Static) -> None:
    server.objects[OBJECT[0], "other"] = b""
    del server.objects[OBJECT]
    with pytest.raises(TransferError, match="no such object"):
        read()
    assert [r.signed for r in server.requests] == [True]


def test_a_private_object_without_credentials_is_an_error_that_reports_missing_credentials(server: S3Static) -> None:
    server.refuse_unsigned = "AccessDenied"
    with pytest.raises(TransferError, match=r"no credentials were found.*AccessDenied"):
        read()


@pytest.mark.parametrize(
    "broken",
    [
        {"AWS_PROFILE": "nobody"},
        {"AWS_ACCESS_KEY_ID": "AKIATESTING"},
        {"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "AKIATESTING"},
    ],
    ids=["profile not found", "half a key pair", "both"],
)
def test_public_data_is_read_despite_unusable_credentials(
    server: S3Static, monkeypatch: pytest.MonkeyPatch, broken: dict[str, str]
) -> None:
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    assert read()[1] == BODY
    assert [r.signed for r in server.requests] == [False]


def test_unusable_credentials_are_named_when_the_object_is_private(
    server: S3Static, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    server.refuse_unsigned = "AccessDenied"
    with pytest.raises(TransferError, match=r"nobody.*AccessDenied"):
        read()


def test_public_data_is_read_despite_a_broken_configuration_file(
    server: S3Static, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("not a configuration\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert read()[1] == BODY


def test_profile_and_endpoint_of_the_configuration_files_are_used(
    server: S3Static, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, secrets = tmp_path / "config", tmp_path / "credentials"
    config.write_text(f"[profile lab]\nregion = eu-west-1\nendpoint_url = {server.url}\n")
    secrets.write_text("[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = secret\n")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(secrets))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert read()[1] == BODY
    assert "Credential=AKIALAB/" in server.requests[0].headers["Authorization"]
    assert "/eu-west-1/s3/" in server.requests[0].headers["Authorization"]


def test_the_endpoint_for_s3_overrides_the_general_one(server: S3Static, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{closed_port()}")
    assert read()[1] == BODY


def test_the_next_request_uses_a_changed_environment(server: S3Static, monkeypatch: pytest.MonkeyPatch) -> None:
    read()
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    read()
    assert [r.signed for r in server.requests] == [False, True]


def test_many_threads_read_at_once(server: S3Static) -> None:
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: read()[1], range(16)))
    assert bodies == [BODY] * 16


@pytest.mark.parametrize(
    ("bucket", "key", "version_id", "message"),
    [
        ("nowhere", "a.nc", None, "the bucket does not exist"),
        ("here", "missing.nc", None, "no such object"),
        ("here", "a.nc", "missing", "no such object in version 'missing'"),
    ],
)
def test_an_error_names_the_missing_bucket_key_or_version(
    s3_static: S3Static, bucket: str, key: str, version_id: str | None, message: str
) -> None:
    s3_static.objects["here", "a.nc"] = b"abc"
    s3_static.strict_versions = True
    location = parse_location(f"s3://{bucket}/{key}")
    with pytest.raises(TransferError) as caught, open_read(location, version_id):
        pass
    assert location.url in str(caught.value)
    assert message in str(caught.value)
    assert stat(location, version_id) is None


def test_a_body_shorter_than_announced_is_an_error(server: S3Static) -> None:
    server.cut_after = 1024 * 1024 + 1
    with open_read(LOCATION) as reading, pytest.raises(TransferError, match=r"assy a\.nc"):
        list(reading.chunks())


def test_a_refused_connection_is_an_error_that_names_location_and_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"http://{HOST}:{closed_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TransferError) as caught:
        read()
    assert all(part in str(caught.value) for part in (LOCATION.url, endpoint, "AWS_ENDPOINT_URL"))


@pytest.mark.parametrize("size", [0, 1000, 2 * PART + 1], ids=["empty", "small", "in parts"])
def test_an_upload_returns_the_version_id_of_the_new_object(moto_s3: MotoS3, tmp_path: Path, size: int) -> None:
    moto_s3.create_bucket("bucket.with.dots", versioning=True)
    location = parse_location("s3://bucket.with.dots/folder/a.bin")
    source, progress = tmp_path / "a.bin", list[int]()
    source.write_bytes(os.urandom(size))
    first = upload(source, location, progress.append)
    moto_s3.put("bucket.with.dots", "folder/a.bin", b"a later version")
    assert (first.size, sum(progress)) == (size, size)
    assert first.version_id not in {None, "", "null"}
    assert stat(location, first.version_id) == size
    with open_read(location, first.version_id) as reading:
        assert b"".join(reading.chunks()) == source.read_bytes()


def test_an_upload_to_a_bucket_without_versions_returns_no_version_id(moto_s3: MotoS3, tmp_path: Path) -> None:
    moto_s3.create_bucket("plain")
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert upload(tmp_path / "a.bin", parse_location("s3://plain/a.bin")).version_id is None
    assert moto_s3.keys("plain") == ["a.bin"]


def test_a_failed_upload_names_file_location_and_reason(moto_s3: MotoS3, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(TransferError) as caught:
        upload(tmp_path / "a.bin", parse_location("s3://nowhere/a.bin"))
    assert all(part in str(caught.value) for part in ("a.bin", "s3://nowhere/a.bin", "the bucket does not exist"))


def test_an_upload_without_credentials_is_refused_before_anything_is_sent(server: S3Static, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(TransferError, match="no credentials were found"):
        upload(tmp_path / "a.bin", LOCATION)
    assert server.requests == []


def test_importing_the_stores_imports_neither_boto3_nor_fsspec() -> None:
    script = "import sys, brainio.stores; sys.exit(len({'boto3', 'botocore', 'fsspec', 'aiohttp'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_broken_read_of_a_small_file_is_retried_a_few_times(s3_static: S3Static) -> None:
    place = parse_location("s3://lab/lab.csv")
    s3_static.objects["lab", "lab.csv"] = b"identifier,lookup_type"
    s3_static.cut_after, s3_static.cuts = 5, 2
    assert read_whole(place, most=1000) == b"identifier,lookup_type"
    s3_static.cuts = -1
    with pytest.raises(InterruptedTransferError, match=r"lab\.csv"):
        read_whole(place, most=1000)
