"""Downloads of files: ranges, ETags, redirects to other hosts, signed links, and locations with secrets."""

from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainio.catalogs import append_rows
from brainio.service.resources.downloads import parse_range
from tests.lab import sha1
from tests.servers import HttpFolder, MotoS3
from tests.service.service_process import CARNEY, TOP, ServiceProcess

FILE = f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}"
BODY = (TOP / "catalogs/brainio_demo/files/stimulus_modelfest_Carney1999.zip").read_bytes()


@given(first=st.integers(0, 400_000), count=st.integers(0, 300_000))
@settings(deadline=None, max_examples=30)
def test_a_range_request_returns_that_part_of_the_file(service: ServiceProcess, first: int, count: int) -> None:
    answer = service.get(FILE, Range=f"bytes={first}-{first + count}")
    if first >= len(BODY):
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(BODY)}"
        assert answer.json()["error"]["code"] == "range_not_satisfiable"
        return
    last = min(first + count, len(BODY) - 1)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"
    assert answer.content == BODY[first : last + 1]


@given(size=st.integers(0, 50), header=st.from_regex(r"bytes=([0-9]{0,3})-([0-9]{0,3})", fullmatch=True))
def test_a_range_header_selects_the_bytes_of_the_python_slice(size: int, header: str) -> None:
    first, _, last = header.removeprefix("bytes=").partition("-")
    data = bytes(range(size))
    span = parse_range(header, size)
    if (not first and not last) or (first and last and int(last) < int(first)):
        assert span is None
        return
    assert span is not None
    expected = data[int(first) : int(last) + 1 if last else None] if first else data[max(0, size - int(last)) :]
    assert data[span.start : span.stop] == expected


@pytest.mark.parametrize("header", ["bytes=0-1,4-5", "lines=1-2", "bytes=x-", "bytes=-", "bytes=5-2", ""])
def test_an_invalid_or_multiple_range_returns_the_whole_file(service: ServiceProcess, header: str) -> None:
    answer = service.get(FILE, Range=header)
    assert (answer.status_code, answer.content) == (200, BODY)


def test_a_suffix_range_returns_the_last_bytes(service: ServiceProcess) -> None:
    assert service.get(FILE, Range="bytes=-5").content == BODY[-5:]


def test_if_range_with_another_etag_returns_the_whole_file(service: ServiceProcess) -> None:
    etag = service.get(FILE).headers["etag"]
    assert service.get(FILE, Range="bytes=0-9", If_Range=etag).status_code == 206
    assert service.get(FILE, Range="bytes=0-9", If_Range='"another"').content == BODY
    assert service.get(FILE, Range="bytes=0-9", If_Range=f"W/{etag}").status_code == 200


def test_the_etag_of_a_file_is_its_hash(service: ServiceProcess) -> None:
    sha256 = service.get(f"/api/v1/entries/lab/stimulus_set/{CARNEY}").json()["files"][1]["sha256"]
    assert service.get(FILE).headers["etag"] == f'"{sha256}"'


def test_head_returns_the_size_without_the_file(service: ServiceProcess) -> None:
    answer = service.client.head(FILE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(BODY))


def row(identifier: str, location: str, body: bytes = b"", **columns: str) -> dict[str, str]:
    return {
        "identifier": identifier,
        "lookup_type": "assembly",
        "class": "NeuroidAssembly",
        "location_type": "",
        "location": location,
        "sha1": sha1(body) if body else "",
        "stimulus_set_identifier": "",
        **columns,
    }


def nc(identifier: str) -> str:
    return f"/api/v1/files/elsewhere/assembly/nc/{identifier}"


def test_requests_for_remote_public_files_are_redirected(tmp_path: Path, http_folder: HttpFolder) -> None:
    catalog = tmp_path / "elsewhere.csv"
    append_rows(catalog, [row("a", "s3://public-bucket/a.nc"), row("b", f"{http_folder.url}/b.nc")])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog)) as service:
        to_s3, to_http = service.get(nc("a")), service.get(nc("b"))
        assert (to_s3.status_code, to_http.status_code) == (302, 302)
        assert to_s3.headers["location"] == "https://public-bucket.s3.amazonaws.com/a.nc"
        assert to_http.headers["location"] == f"{http_folder.url}/b.nc"
    assert http_folder.requests == []


def test_a_file_at_a_location_with_a_secret_is_served_without_the_secret(
    tmp_path: Path, http_folder: HttpFolder
) -> None:
    (http_folder.folder / "c.nc").write_bytes(b"recorded")
    secret = f"{http_folder.url.replace('http://', 'http://me:hunter2@')}/c.nc?token=hunter2"
    catalog = tmp_path / "elsewhere.csv"
    append_rows(catalog, [row("c", secret, b"recorded", mirrors=secret)])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog)) as service:
        assert service.get(nc("c")).content == b"recorded"
        paths = (nc("c"), "/api/v1/entries/elsewhere/assembly/c", "/catalogs/elsewhere", "/api/v1/search?q=c")
        answers = [service.get(path) for path in (*paths, "/metrics")]
        assert all("hunter2" not in answer.text + str(answer.headers) for answer in answers)
        http_folder.status["/c.nc"] = 500
        away = service.get(nc("c"))
    assert (away.status_code, away.json()["error"]["code"]) == (503, "catalog_away")
    assert int(away.headers["retry-after"]) > 0
    assert not any("hunter2" in line for line in service.lines)


def secret_url(server: HttpFolder, name: str) -> str:
    """Return a URL with a secret; the service does not redirect to it but sends the bytes itself."""
    return f"{server.url.replace('http://', 'http://me:hunter2@')}/{name}"


def test_ranges_of_files_on_a_server_without_ranges_are_correct(tmp_path: Path, http_folder: HttpFolder) -> None:
    (http_folder.folder / "c.nc").write_bytes(b"recorded")
    http_folder.ranges = False
    catalog = tmp_path / "elsewhere.csv"
    append_rows(catalog, [row("c", secret_url(http_folder, "c.nc"), b"recorded")])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog)) as service:
        part = service.get(nc("c"), Range="bytes=2-4")
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"cor", "bytes 2-4/8")


def test_a_file_without_hash_and_strong_etag_is_served_only_as_a_whole(tmp_path: Path, http_folder: HttpFolder) -> None:
    (http_folder.folder / "c.nc").write_bytes(b"recorded")
    catalog = tmp_path / "elsewhere.csv"
    append_rows(catalog, [row("c", secret_url(http_folder, "c.nc"))])
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog)) as service:
        pinned = service.get(nc("c"), Range="bytes=2-4")
        assert (pinned.status_code, pinned.content) == (206, b"cor")
        http_folder.headers = {"ETag": 'W/"1"'}
        unpinned = service.get(nc("c"), Range="bytes=2-4")
        assert (unpinned.status_code, unpinned.content) == (200, b"recorded")
        assert "etag" not in unpinned.headers


def test_only_links_to_the_configured_private_buckets_are_signed(tmp_path: Path, moto_s3: MotoS3) -> None:
    for bucket in ("lab-private", "lab-other"):
        moto_s3.create_bucket(bucket)
        moto_s3.put(bucket, "d.nc", b"private bytes")
    catalog = tmp_path / "elsewhere.csv"
    append_rows(catalog, [row("d", "s3://lab-private/d.nc", b"private bytes"), row("e", "s3://lab-other/d.nc")])
    environment = moto_s3.environment | {"BRAINIO_SERVE_SIGNED_BUCKETS": "lab-private"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog), **environment) as service:
        signed, unsigned = service.get(nc("d")), service.get(nc("e"))
        head = service.client.head(nc("d"))
        csv = service.get("/catalogs/elsewhere").text
    assert "Signature" in signed.headers["location"]
    assert signed.headers["cache-control"] == "no-store"
    assert httpx.get(signed.headers["location"], trust_env=False).content == b"private bytes"
    assert httpx.head(head.headers["location"], trust_env=False).status_code == 200
    assert "Signature" not in unsigned.headers["location"]
    assert "s3://lab-other/d.nc" in csv
    assert "lab-private" not in csv


def test_a_missing_or_changed_file_gets_a_404_unless_a_mirror_has_it(tmp_path: Path) -> None:
    (tmp_path / "there.nc").write_bytes(b"four")
    catalog = tmp_path / "elsewhere.csv"
    rows = [
        row("gone", "gone.nc"),
        row("other", "there.nc", size="5"),
        row("mirrored", "gone.nc", b"four", mirrors="there.nc"),
        row("unhashed", "there.nc"),
    ]
    append_rows(catalog, rows)
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog)) as service:
        assert [service.get(nc(name)).status_code for name in ("gone", "other")] == [404, 404]
        assert service.get(nc("gone")).json()["error"]["code"] == "no_bytes"
        assert service.get(nc("mirrored")).content == b"four"
        first = service.get(nc("unhashed"))
        (tmp_path / "there.nc").write_bytes(b"five!")
        assert service.get(nc("unhashed"), If_None_Match=first.headers["etag"]).content == b"five!"
