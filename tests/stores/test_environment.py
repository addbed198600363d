"""Every network access uses the certificates and proxies of the environment."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brainio.catalogs.registry import source_from
from brainio.errors import BrainioError, LocationError, TransferError
from brainio.stores import open_file, parse_location, read_whole, stat
from tests.certificate_authority import CertificateAuthority, https_url
from tests.servers import HttpFolder, S3Static

BODY = b"stimulus_id\n1\n"
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "SSL_CERT_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture
def tls_folder(tmp_path: Path, authority: CertificateAuthority) -> Iterator[HttpFolder]:
    """A web server over TLS with one file."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "a.csv").write_bytes(BODY)
    server = HttpFolder(tmp_path / "tls")
    authority.certify(server)
    with server:
        yield server


@pytest.fixture
def tls_s3(authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Static]:
    """An S3 over TLS with one object."""
    server = S3Static({("lab", "a.csv"): BODY})
    authority.certify(server)
    with server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", https_url(server))
        yield server


@pytest.fixture(params=["http", "S3"])
def location(request: pytest.FixtureRequest) -> str:
    """The location of a file on a TLS server whose certificate authority is not trusted."""
    if request.param == "S3":
        request.getfixturevalue("tls_s3")
        return "s3://lab/a.csv"
    return f"{https_url(request.getfixturevalue('tls_folder'))}/a.csv"


def read(location: str) -> bytes:
    return read_whole(parse_location(location), 1000)


def test_a_server_of_an_unknown_authority_is_refused(location: str) -> None:
    with pytest.raises(TransferError, match=r"(?i)certificate"):
        stat(parse_location(location))


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_authorities_of_the_environment_are_trusted(
    location: str, authority: CertificateAuthority, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.bundle))
    assert read(location) == BODY
    assert stat(parse_location(location)) == len(BODY)
    with open_file(parse_location(location)) as file:
        assert file.read() == BODY


def test_a_folder_of_authorities_is_trusted(
    location: str, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not authority.folder.exists():
        authority.fill_folder()
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder))
    assert read(location) == BODY


def test_s3_trusts_the_authority_of_the_aws_tools(
    tls_s3: S3Static, authority: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    assert read("s3://lab/a.csv") == BODY


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_missing_certificate_bundle_is_an_error_that_names_it(
    location: str, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "absent.pem"))
    with pytest.raises(TransferError, match=r"absent\.pem|(?i:certificate|no such file)"):
        stat(parse_location(location))


def test_catalogs_are_read_from_a_server_of_a_trusted_authority(
    tls_folder: HttpFolder, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tls_folder.folder / "lab.csv").write_text(
        "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    assert source_from(f"{https_url(tls_folder)}/lab.csv").backend.read().startswith("identifier,")


class Proxy:
    """A proxy in a separate process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.proxy"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def end(self) -> list[str]:
        """End the process, and return the requests that it received."""
        return self._process.communicate()[0].splitlines()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    if proxy._process.returncode is None:
        proxy.end()


def test_requests_go_through_the_proxy_of_the_environment(
    location: str, authority: CertificateAuthority, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert read(location) == BODY
    assert [line.split()[0] for line in proxy.end()] == ["CONNECT"]


def test_no_proxy_is_honored(
    location: str, authority: CertificateAuthority, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert read(location) == BODY
    assert proxy.end() == []


def test_a_remote_catalog_reaches_no_private_address_over_tls(
    tls_folder: HttpFolder, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with pytest.raises(LocationError, match="of a private network"):
        stat(parse_location(f"{https_url(tls_folder)}/a.csv", base="https://lab.org/catalogs"))


def test_a_malformed_certificate_file_is_a_brainio_error(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "broken.pem"))
    with pytest.raises(BrainioError):
        stat(parse_location(location))
