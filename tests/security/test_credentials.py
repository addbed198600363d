"""Credentials are sent only to the hosts that the user chose, and appear in no message."""

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from brainio.catalogs import add_catalog, resolve
from brainio.errors import BrainioError, CatalogError, CatalogWarning, TransferError
from brainio.fetch import fetch_entry
from brainio.stores import open_read, parse_location, stat
from tests.certificate_authority import CertificateAuthority, https_url
from tests.security.conftest import RemoteCatalog, at
from tests.servers import HOST, HttpFolder, S3Static, closed_port

pytestmark = pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
SECRET = "S3CR3T"


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the user for both host names of this machine."""
    path = tmp_path / "netrc"
    path.write_text("".join(f"machine {host} login me password {SECRET}\n" for host in (HOST, "localhost")))
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


@pytest.fixture
def https_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpFolder]:
    """A web server over TLS with a trusted certificate authority."""
    authority = CertificateAuthority(tmp_path / "authority")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    folder = tmp_path / "tls"
    folder.mkdir()
    server = HttpFolder(folder)
    authority.certify(server)
    with server:
        yield server


def with_user(name: str, url: str) -> str:
    """Return a URL with a user name, and perhaps a password."""
    return url.replace("//", f"//{name}@")


def credentials(server: HttpFolder) -> list[str]:
    """Return the credentials of every request to a server."""
    headers = [request.headers.get("Authorization", "") for request in server.requests]
    return [base64.b64decode(header.removeprefix("Basic ")).decode() for header in headers]


@pytest.mark.usefixtures("netrc")
def test_netrc_applies_to_locations_of_the_user(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.nc").write_bytes(b"CDF\x01abc")
    assert stat(parse_location(f"{http_folder.url}/a.nc")) == 7
    assert credentials(http_folder) == [f"me:{SECRET}"]


def test_a_name_and_password_in_a_url_override_netrc(http_folder: HttpFolder, netrc: None) -> None:
    (http_folder.folder / "a.nc").write_bytes(b"CDF\x01abc")
    stat(parse_location(f"{with_user('you:other', http_folder.url)}/a.nc"))
    assert credentials(http_folder) == ["you:other"]


@pytest.mark.parametrize("host", [HOST, "localhost"])  # another port; another host
@pytest.mark.parametrize("given", ["", f"you:{SECRET}"])
@pytest.mark.usefixtures("netrc")
def test_no_credentials_follow_a_redirect(
    http_folder: HttpFolder, other_server: HttpFolder, host: str, given: str
) -> None:
    http_folder.redirects["/moved"] = f"{at(other_server, host)}/secret.nc"
    url = with_user(given, http_folder.url) if given else http_folder.url
    assert stat(parse_location(f"{url}/moved")) == 10
    assert credentials(http_folder) == [f"{'you' if given else 'me'}:{SECRET}"]
    assert credentials(other_server) == [""]


@pytest.mark.usefixtures("netrc")
def test_credentials_follow_a_redirect_on_their_own_server(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.nc").write_bytes(b"CDF\x01abc")
    http_folder.redirects["/moved"] = "/a.nc"
    stat(parse_location(f"{http_folder.url}/moved"))
    assert credentials(http_folder) == [f"me:{SECRET}"] * 2


@pytest.mark.usefixtures("netrc")
def test_no_credentials_follow_a_redirect_from_https_to_http(
    https_folder: HttpFolder, other_server: HttpFolder
) -> None:
    https_folder.redirects["/moved"] = f"{other_server.url}/secret.nc"
    assert stat(parse_location(f"{https_url(https_folder)}/moved")) == 10
    assert credentials(https_folder) == [f"me:{SECRET}"]
    assert credentials(other_server) == [""]


@pytest.mark.usefixtures("netrc")
def test_locations_of_a_remote_catalog_send_credentials_only_to_its_server(
    remote: RemoteCatalog, other_server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")
    remote.put("lab/a.nc", b"CDF\x01abc")
    for place in ("a.nc", f"{other_server.url}/secret.nc", f"{at(other_server, 'localhost')}/secret.nc"):
        remote.name(place)
        fetch_entry(resolve("assembly", "x.Doe2026"))
    assert credentials(other_server) == ["", ""]
    assert set(credentials(remote.server)) == {f"me:{SECRET}"}


@pytest.mark.usefixtures("netrc")
def test_locations_of_an_https_catalog_send_no_credentials_over_http(other_server: HttpFolder) -> None:
    assert stat(parse_location(f"{other_server.url}/secret.nc")) == 10
    assert stat(parse_location(f"{other_server.url}/secret.nc", base=https_url(other_server))) == 10
    assert credentials(other_server) == [f"me:{SECRET}", ""]


def test_the_name_and_password_of_a_catalog_apply_to_files_below_it(remote: RemoteCatalog) -> None:
    remote.put("lab/a.nc", b"CDF\x01abc")
    remote.name("a.nc", base=with_user(f"me:{SECRET}", remote.server.url))
    fetch_entry(resolve("assembly", "x.Doe2026"))
    assert set(credentials(remote.server)) == {f"me:{SECRET}"}


@pytest.mark.usefixtures("aws_credentials")
def test_only_the_s3_endpoint_of_the_user_receives_signed_requests(
    s3_static: S3Static, other_server: HttpFolder, remote: RemoteCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")
    s3_static.objects["bucket", "secret.nc"] = b"CDF\x01SECRET"
    for place in ("s3://bucket/secret.nc", "https://bucket.s3.amazonaws.com/secret.nc"):
        remote.name(place)
        fetch_entry(resolve("assembly", "x.Doe2026"))
    (other_server.folder / "bucket").mkdir()
    (other_server.folder / "bucket" / "key.nc").write_bytes(b"CDF\x01abc")
    remote.name(f"{other_server.url}/bucket/key.nc")
    fetch_entry(resolve("assembly", "x.Doe2026"))
    assert [request.signed for request in s3_static.requests] == [True] * len(s3_static.requests)
    assert s3_static.requests
    assert other_server.requests
    assert not any("AKIA" in str(dict(request.headers)) for request in other_server.requests)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "s3.evil.com", "s3.amazonaws.com.evil.com", "bucket.s3.amazonaws.com.evil.com"),
        *("s3-amazonaws.com", "amazonaws.com", "s3.eu-west-1.evil.amazonaws.com", "bucket.s3.amazonaws.comevil.com"),
        *("s3.amazonaws.com@evil.com", "evil.com/a#s3.amazonaws.com", "evil.com?.s3.amazonaws.com"),
    ],
)
def test_requests_to_hosts_that_resemble_s3_are_never_signed(host: str) -> None:
    with pytest.raises(BrainioError):
        parse_location(f"https://{host}/bucket/key", "S3")
    assert parse_location(f"https://{host}/bucket/key", "https").location_type == "https"
    assert parse_location(f"https://{host}/bucket/key").location_type == "https"


def full_traceback(error: BaseException) -> str:
    """Return the traceback that Python would show for an error."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("status", [0, 403, 404, 500, 302, 310])
def test_no_secret_of_a_location_is_in_an_error_or_a_log(
    http_folder: HttpFolder, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = http_folder.url if status else f"http://{HOST}:{closed_port()}"
    path = f"a.nc?X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}&token={SECRET}"
    http_folder.status["/a.nc"] = status
    if status == 302:
        http_folder.redirects["/a.nc"] = f"ftp://you:{SECRET}@lab.org/{path}"
    if status == 310:
        http_folder.redirects["/a.nc"] = f"http://you:{SECRET}@{HOST}:{closed_port()}/{path}"
    location = parse_location(f"{with_user(f'me:{SECRET}', server)}/{path}")
    with pytest.raises(TransferError) as caught, open_read(location):
        pass
    assert "/a.nc?X-Amz-Credential=...&" in str(caught.value)
    assert SECRET not in full_traceback(caught.value) + caplog.text


def test_no_secret_is_in_the_error_of_a_broken_transfer(http_folder: HttpFolder) -> None:
    (http_folder.folder / "a.nc").write_bytes(b"abc" * 1000)
    http_folder.cut_after = 10
    location = parse_location(f"{with_user(f'me:{SECRET}', http_folder.url)}/a.nc?sig={SECRET}")
    with pytest.raises(TransferError) as caught, open_read(location) as reading:
        list(reading.chunks())
    assert SECRET not in full_traceback(caught.value)


@pytest.mark.parametrize(
    "place",
    [
        f"https://me:{SECRET}@/a.nc",
        f"https://me:{SECRET}@lab.org",
        f"https://me:{SECRET}@lab.org:port/a.nc",
        f"https://me:pass/{SECRET}@lab.org/a.nc",
        f"https://me:{SECRET}@bucket.s3.amazonaws.com/key?X-Amz-Signature={SECRET}",
        f"nonsense://me:{SECRET}@lab.org/a.nc?token={SECRET}",
        f"ftp://me:{SECRET}@",
    ],
)
def test_no_secret_is_in_the_error_of_a_malformed_location(place: str) -> None:
    for location_type in ("", "S3", "ftp"):
        shown = ""
        try:
            shown = repr(parse_location(place, location_type, base="https://lab.org"))
        except BrainioError as error:
            shown = full_traceback(error).split("brainio.errors.", 1)[1]  # without the lines of this file
        assert SECRET not in shown


def test_no_secret_of_the_url_of_a_catalog_is_shown(
    http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    header = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    (http_folder.folder / "broken.csv").write_text(f"{header}\nx,assembly,,,/etc/passwd,,\ny,film,,,a.nc,,\nz\n")
    (http_folder.folder / "none.csv").write_bytes(b"\xff")
    url = f"{with_user(f'me:{SECRET}', http_folder.url)}/{{}}.csv?token={SECRET}"
    with pytest.warns(CatalogWarning) as caught:
        add_catalog(url.format("broken"))
    assert "broken.csv?token=..., line 3" in str(caught[0].message)
    shown = [str(warning.message) for warning in caught]
    for name in ("none", "gone"):
        with pytest.raises(CatalogError) as error:
            add_catalog(url.format(name))
        shown.append(full_traceback(error.value))
    with pytest.raises(CatalogError) as error:
        add_catalog(url.format("other"), "broken")
    with pytest.raises(BrainioError) as refusal:
        fetch_entry(resolve("assembly", "x", catalog="broken"))
    assert SECRET not in "".join([*shown, full_traceback(error.value), full_traceback(refusal.value), caplog.text])


def test_a_long_body_of_a_redirect_is_not_read(http_folder: HttpFolder, other_server: HttpFolder) -> None:
    class Endless(HttpFolder):
        sent = 0

        def answer(self, handler: object) -> None:
            handler.send_response(302)  # type: ignore[attr-defined]
            handler.send_header("Location", f"{other_server.url}/secret.nc")  # type: ignore[attr-defined]
            handler.send_header("Content-Length", str(2**40))  # type: ignore[attr-defined]
            handler.end_headers()  # type: ignore[attr-defined]
            while True:
                self.sent += handler.wfile.write(bytes(2**20))  # type: ignore[attr-defined]

    with Endless(http_folder.folder) as server, open_read(parse_location(f"{server.url}/a")) as reading:
        assert b"".join(reading.chunks()) == b"CDF\x01SECRET"
    assert server.sent < 2**26
