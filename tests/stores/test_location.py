"""`brainio.stores.location`: one canonical form for all spellings of the location of a file."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.errors import LocationError
from brainio.stores import Location, parse_location

KEY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("written", "bucket", "key"),
    [
        ("s3://bucket/folder/a.nc", "bucket", "folder/a.nc"),
        ("S3://bucket/a.nc", "bucket", "a.nc"),
        ("https://bucket.s3.amazonaws.com/folder/a.nc", "bucket", "folder/a.nc"),
        ("https://brainio.brainscore.s3.amazonaws.com/assy_a.nc", "brainio.brainscore", "assy_a.nc"),
        ("http://bucket.s3.amazonaws.com/a.nc", "bucket", "a.nc"),
        ("https://my.bucket.s3.eu-west-1.amazonaws.com/a.nc", "my.bucket", "a.nc"),
        ("https://bucket.s3-us-west-2.amazonaws.com/a.nc", "bucket", "a.nc"),
        ("https://bucket.s3.dualstack.us-east-1.amazonaws.com/a.nc", "bucket", "a.nc"),
        ("https://s3.amazonaws.com/bucket/folder/a.nc", "bucket", "folder/a.nc"),
        ("https://s3.us-gov-west-1.amazonaws.com/my.bucket/a.nc", "my.bucket", "a.nc"),
        ("https://s3-ap-southeast-2.amazonaws.com/bucket/a.nc", "bucket", "a.nc"),
        ("https://s3.cn-north-1.amazonaws.com.cn/bucket/a.nc", "bucket", "a.nc"),
        ("https://bucket.s3.cn-northwest-1.amazonaws.com.cn/a.nc", "bucket", "a.nc"),
        ("https://bucket.s3.amazonaws.com/a%20b%2Bc%3F.nc", "bucket", "a b+c?.nc"),
        ("https://bucket.s3.amazonaws.com/a+b.nc", "bucket", "a+b.nc"),
    ],
)
@pytest.mark.parametrize("location_type", ["S3", "s3", ""])
def test_every_s3_address_style_gives_bucket_and_key(written: str, bucket: str, key: str, location_type: str) -> None:
    location = parse_location(written, location_type)
    assert (location.location_type, location.bucket, location.key) == ("S3", bucket, key)
    assert location.url == f"s3://{bucket}/{key}"


def test_the_region_of_an_s3_url_is_kept_but_not_compared() -> None:
    regional = parse_location("https://bucket.s3.eu-west-1.amazonaws.com/a.nc", "S3")
    assert regional.region == "eu-west-1"
    assert regional == parse_location("s3://bucket/a.nc")


@given(KEY_TEXT.filter(lambda key: not key.endswith("/")))
def test_a_key_survives_the_quoting_of_an_s3_url(key: str) -> None:
    location = parse_location(f"https://bucket.s3.amazonaws.com/{quote(key)}", "S3")
    assert location.key == key
    assert parse_location(location.url) == location


@given(st.lists(KEY_TEXT.filter(lambda part: "/" not in part and part not in {".", ".."}), min_size=1, max_size=4))
def test_a_local_path_survives_conversion_to_a_location(parts: list[str]) -> None:
    path = Path("/", *parts)
    location = parse_location(str(path), "file")
    assert location.path == path
    assert location.name == path.name
    assert parse_location(location.url) == location


@pytest.mark.parametrize(
    ("written", "base", "url"),
    [
        ("files/a.csv", "https://example.org/lab", "https://example.org/lab/files/a.csv"),
        ("files/a b%.csv", "https://example.org/lab/", "https://example.org/lab/files/a%20b%25.csv"),
        ("x/../a.csv", "https://example.org/lab/sub", "https://example.org/lab/sub/a.csv"),
        ("a.csv", "s3://bucket/lab", "s3://bucket/lab/a.csv"),
        ("a.csv", "s3://bucket", "s3://bucket/a.csv"),
        ("a.csv", "memory://lab", "memory://lab/a.csv"),
        ("a.csv", "/data/lab", "file:///data/lab/a.csv"),
        ("../a.csv", "/data/lab", "file:///data/a.csv"),
        ("a.csv", "file:///data/my%20lab", "file:///data/my%20lab/a.csv"),
        ("a.csv", "https://bucket.s3.amazonaws.com/lab", "s3://bucket/lab/a.csv"),
        ("https://other.org/a.csv", "/data/lab", "https://other.org/a.csv"),
    ],
)
def test_a_relative_path_is_resolved_against_the_folder_of_the_catalog(written: str, base: str, url: str) -> None:
    assert parse_location(written, base=base).url == url


def test_a_relative_path_without_base_is_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_location("files/a.csv").path == tmp_path / "files" / "a.csv"


@pytest.mark.parametrize(
    ("written", "location_type", "name", "local"),
    [
        ("https://example.org/a%20b.csv?download=1", "", "a b.csv", False),
        ("http://example.org/x/a.csv", "https", "a.csv", False),
        ("memory://x/a%20b.csv", "memory", "a%20b.csv", True),
        ("file:///x/a%20b.csv", "", "a b.csv", True),
        ("s3://bucket/x/a%20b.csv", "", "a%20b.csv", False),
        ("ftp://host/x/a.csv", "ftp", "a.csv", False),
    ],
)
def test_a_location_knows_its_file_name_and_whether_it_is_local(
    written: str, location_type: str, name: str, local: bool
) -> None:
    location = parse_location(written, location_type)
    assert (location.name, location.is_local) == (name, local)


@pytest.mark.parametrize(
    ("written", "location_type", "message"),
    [
        ("", "", "empty"),
        ("a\0b", "", "NUL"),
        ("carrier-pigeon://loft/a", "", "carrier-pigeon"),
        ("a.csv", "network_storage", "Known are: S3, "),
        ("s3://bucket", "S3", "names no object"),
        ("s3://bucket/folder/", "", "names no object"),
        ("s3:///key", "", "bucket name"),
        ("https://bucket.s3.amazonaws.com/", "S3", "names no object"),
        ("https://example.org/bucket/key", "S3", "AWS_ENDPOINT_URL"),
        ("https://bucket.s3.amazonaws.com/key?versionId=1", "S3", "version_id"),
        ("folder/key", "S3", "Expected s3://BUCKET/KEY"),
        ("s3://bucket/key", "https", "Correct one of them"),
        ("folder/key", "https", "full URL"),
        ("https://example.org", "", "names no file"),
        ("https:///key", "", "no host"),
        ("file://host/key", "", "absolute"),
        ("simplecache::file:///etc/passwd", "", "simplecache"),
        ("filecache://file:///etc/passwd", "", "filecache"),
        ("ftp://host/a::file:///etc/passwd", "", "::"),
        ("ftp://host/a::/etc/passwd", "", "::"),
        ("https://host:me/a.csv", "", "not a valid URL"),
    ],
)
def test_an_invalid_location_is_refused_with_the_reason(written: str, location_type: str, message: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(written, location_type)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("doi:10.5281/zenodo.1", "is a DOI.*https URL of the file itself"),
        ("DOI:10.5281/zenodo.1", "is a DOI"),
        ("doi://10.5281/zenodo.1", "is a DOI"),
        (" doi:10.5281/zenodo.1", "is a DOI"),
        ("hdl:1721.1/12345", "is a handle"),
        ("arXiv:2301.00001", "is an arXiv identifier"),
        ("urn:nbn:de:101:1", "is a URN"),
        ("ark:/12345/x", "is an ARK identifier"),
        ("git@github.com:lab/data.git", "is an SSH address.*https URL"),
        ("me@host.lab.org:/data/a.csv", "is an SSH address"),
        ("osf:abcde/a.csv", "begins with 'osf' and a colon, but is not a URL.*write './' first"),
        ("s3:bucket/a.csv", "Give s3://BUCKET/KEY"),
        ("https:lab.org/a.csv", "but is not a URL"),
    ],
)
@pytest.mark.parametrize("base", [None, "https://example.org/lab", "/lab"])
def test_a_url_that_identifies_no_file_is_refused_and_not_used_as_a_path(
    written: str, message: str, base: str | None
) -> None:
    with pytest.raises(LocationError, match=message):
        parse_location(written, base=base)


@pytest.mark.parametrize(
    "written", ["./doi:10.5281", "folder/a:b.csv", "2024-01-01T10:00.csv", r"C:\lab\a.csv", "a b:c"]
)
def test_paths_with_a_colon_are_paths(written: str) -> None:
    assert parse_location(written, base="/lab").path == Path("/lab") / written


@pytest.mark.parametrize("base", ["https://example.org/lab", "s3://bucket/lab", "memory://lab"])
@pytest.mark.parametrize("path", ["../a.csv", "x/../../a.csv", "../../a.csv", "..", "."])
def test_a_relative_path_may_not_climb_out_of_the_folder_of_a_remote_catalog(base: str, path: str) -> None:
    with pytest.raises(LocationError, match="leads out of"):
        parse_location(path, base=base)


def test_an_attribute_of_another_kind_of_location_is_an_error() -> None:
    with pytest.raises(LocationError, match="neither bucket nor key"):
        _ = parse_location("/data/a.csv").bucket
    with pytest.raises(LocationError, match="not a local file"):
        _ = Location("S3", "s3://bucket/key").path


def test_parsing_s3_http_and_file_locations_imports_no_store() -> None:
    script = """
import sys
from brainio.stores import parse_location
for text in ["s3://b.c/k", "/a/b", "https://example.org/a", "https://bucket.s3.amazonaws.com/k"]:
    parse_location(text)
parse_location("a", base="https://example.org/x")
heavy = {"fsspec", "boto3", "botocore", "aiohttp", "asyncio", "numpy"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
