"""A remote catalog may only name locations on public addresses and on its own host."""

import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import brainio
from brainio.catalogs import add_catalog, resolve
from brainio.errors import BrainioError, EntryUnavailableError, LocationError, TransferError
from brainio.fetch import fetch_entry
from brainio.stores import open_file, open_read, parse_location, stat
from tests.security.conftest import RemoteCatalog, at
from tests.servers import HttpFolder

pytestmark = pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")


def fetch() -> bytes:
    return fetch_entry(resolve("assembly", "x.Doe2026"))["nc"].read_bytes()


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1"),
        *("127.0.0.2", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", socket.gethostname()),
    ],
)
def test_a_loopback_address_is_refused_in_every_form(
    remote: RemoteCatalog, other_server: HttpFolder, host: str
) -> None:
    remote.name(f"{at(other_server, host)}/secret.nc")
    with pytest.raises(BrainioError):
        fetch()
    assert other_server.requests == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[fd00::1]"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_and_link_local_addresses_are_refused_before_any_request(
    remote: RemoteCatalog, host: str, scheme: str
) -> None:
    remote.name(f"{scheme}://{host}/latest/meta-data")
    with pytest.raises(LocationError) as caught:
        fetch()
    for expected in (f"{scheme}://{host}/latest/meta-data", host.strip("[]"), "BRAINIO_ALLOW_PRIVATE=1"):
        assert expected in str(caught.value)


@pytest.mark.parametrize("read", [stat, open_file, lambda place: open_read(place).__enter__()])
def test_every_read_function_refuses_private_addresses(other_server: HttpFolder, read: Callable[..., object]) -> None:
    location = parse_location(f"{other_server.url}/secret.nc", base="https://lab.org/catalogs")
    for same in (location, pickle.loads(pickle.dumps(location))):
        with pytest.raises(LocationError, match="of a private network"):
            read(same)
    assert other_server.requests == []


def test_mirrors_on_private_addresses_are_refused(remote: RemoteCatalog, other_server: HttpFolder) -> None:
    remote.name("gone.nc", mirrors=f"{at(other_server, 'localhost')}/secret.nc")
    with pytest.raises(TransferError, match="of a private network"):
        fetch()
    assert other_server.requests == []


def test_cards_on_private_addresses_are_refused(remote: RemoteCatalog, other_server: HttpFolder) -> None:
    remote.name("s3://bucket/a.nc", status="unavailable", card=f"{at(other_server, 'localhost')}/secret.json")
    with pytest.raises(EntryUnavailableError) as caught:
        brainio.get_assembly("x.Doe2026")
    assert "SECRET" not in str(caught.value)
    assert other_server.requests == []


def test_redirects_to_private_addresses_are_refused(remote: RemoteCatalog, other_server: HttpFolder) -> None:
    remote.name("moved.nc")
    remote.server.redirects["/lab/moved.nc"] = f"{at(other_server, 'localhost')}/secret.nc"
    with pytest.raises(LocationError, match="localhost has the address"):
        fetch()
    assert other_server.requests == []


def test_dns_rebinding_between_check_and_connection_is_refused(
    other_server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["8.8.8.8", "127.0.0.1"])
    resolve_name = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        return resolve_name(next(answers) if host == "rebinding.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    location = parse_location(f"{at(other_server, 'rebinding.example')}/secret.nc", base="https://lab.org")
    with pytest.raises(LocationError, match=r"rebinding.example has the address 127\.0\.0\.1"):
        stat(location)
    assert list(answers) == []
    assert other_server.requests == []


def test_a_private_catalog_may_name_files_on_its_own_host(remote: RemoteCatalog, other_server: HttpFolder) -> None:
    remote.put("lab/a.nc", b"CDF\x01beside")
    remote.name("a.nc")
    assert fetch() == b"CDF\x01beside"
    remote.name(f"{other_server.url}/secret.nc")  # the same host, another port
    assert fetch() == b"CDF\x01SECRET"


def test_a_public_catalog_host_that_resolves_to_a_private_address_is_refused(
    other_server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_name = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **kwargs: resolve_name("127.0.0.1" if host == "lab.example" else host, *args, **kwargs),
    )
    url = at(other_server, "lab.example")
    with pytest.raises(LocationError, match=r"lab\.example has the address 127\.0\.0\.1"):
        stat(parse_location("secret.nc", base=url))
    assert stat(parse_location(f"{url}/secret.nc")) == 10  # the user's own choice
    assert stat(parse_location("secret.nc", base=url)) == 10


def test_private_addresses_are_used_if_allowed(
    remote: RemoteCatalog, other_server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.name(f"{at(other_server, 'localhost')}/secret.nc")
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")
    assert fetch() == b"CDF\x01SECRET"


def test_a_connection_of_one_catalog_is_not_reused_for_another(remote: RemoteCatalog, other_server: HttpFolder) -> None:
    place = f"{other_server.url}/secret.nc"
    assert stat(parse_location(place)) == 10
    assert stat(parse_location(place, base=remote.server.url)) == 10
    with pytest.raises(LocationError, match="of a private network"):
        stat(parse_location(place, base="https://lab.org/catalogs"))


def test_a_local_catalog_may_name_any_address(other_server: HttpFolder, tmp_path: Path) -> None:
    row = f"x.Doe2026,assembly,NeuroidAssembly,,{at(other_server, 'localhost')}/secret.nc,,"
    header = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
    (tmp_path / "own.csv").write_text(f"{header}\n{row}\n")
    name = add_catalog(tmp_path / "own.csv")
    assert fetch_entry(resolve("assembly", "x.Doe2026", catalog=name))["nc"].read_bytes() == b"CDF\x01SECRET"


def test_a_proxy_on_a_private_address_is_used(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (http_folder.folder / "a.nc").write_bytes(b"by proxy")
    monkeypatch.setenv("http_proxy", http_folder.url)
    with open_read(parse_location("a.nc", base="http://lab.example")) as reading:
        assert b"".join(reading.chunks()) == b"by proxy"
    assert http_folder.requests[0].headers["Host"] == "lab.example"
