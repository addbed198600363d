"""Allowed host names, and requests from pages of other sites (DNS rebinding, CORS, forms)."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.errors import ServiceError
from brainio.service.cross_site import AllowedHosts, CrossSitePolicy
from brainio.service.settings import read_settings
from tests.service.service_process import CARNEY, ServiceProcess
from tests.service.test_invalid_requests import send_raw

ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
PATHS = (
    "/",
    "/signin",
    ENTRY,
    "/catalogs/lab",
    "/healthz",
    "/metrics",
    f"/api/v1/files/lab/assembly/nc/{CARNEY}",
    "/no",
)
EVIL = "https://evil.example"
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def public(lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a public URL."""
    settings = {"BRAINIO_CATALOGS": str(lab_catalog), "BRAINIO_SERVE_PUBLIC_URL": "https://data.lab.example"}
    with ServiceProcess(tmp_path_factory.mktemp("public"), **settings) as running:
        yield running


def test_an_unknown_host_name_gets_a_421_that_names_the_setting(service: ServiceProcess) -> None:
    for path in PATHS:
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            answer = service.client.request(method, path, headers={"Host": "evil.example:8000"})
            assert answer.status_code == 421, (method, path)
            assert answer.headers["cache-control"] == "no-store"
            if method != "HEAD":
                error = answer.json()["error"]
                assert (error["code"], "evil.example" in error["message"]) == ("unknown_host", True)
                assert "allowed_hosts (BRAINIO_SERVE_ALLOWED_HOSTS)" in error["hint"]


def test_names_and_addresses_of_this_machine_are_allowed_in_any_case_and_with_any_port(
    service: ServiceProcess,
) -> None:
    for host in ("localhost", "LOCALHOST:1", "localhost.", "lab.localhost:8000", "127.0.0.1", "[::1]:8000", "10.1.2.3"):
        assert service.get("/healthz", Host=host).status_code == 200, host


def test_names_similar_to_an_allowed_name_are_refused(public: ServiceProcess) -> None:
    assert public.get("/healthz", Host="Data.Lab.Example.:443").status_code == 200
    for host in (
        "data.lab.example.evil.example",
        "evildata.lab.example",
        "lab.example",
        "127.0.0.1.nip.io",
        "2130706433",
        "localhost.evil.example",
        "notlocalhost",
    ):
        assert public.get("/healthz", Host=host).status_code == 421, host


def test_forwarded_hosts_are_ignored_even_from_a_trusted_proxy(service: ServiceProcess) -> None:
    for name in ("X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded"):
        host = "host=evil.example" if name == "Forwarded" else "evil.example"
        headers = {name: host, "X-Forwarded-Prefix": "/evil"}
        assert "evil" not in service.client.get("/catalog/lab", headers=headers).text
        assert service.client.get("/", headers={name: "localhost", "Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "lines",
    [b"", b"Host:\r\n", b"Host: localhost\r\nHost: localhost\r\n", b"Host: a/b\r\n", b"Host: me@localhost\r\n"],
)
def test_a_malformed_host_header_gets_a_400(service: ServiceProcess, lines: bytes) -> None:
    head, _, body = send_raw(service, b"GET / HTTP/1.1\r\nConnection: close\r\n" + lines + b"\r\n").partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] in {"bad_host", "bad_request"}


def test_a_health_check_of_a_load_balancer_needs_no_host_header(service: ServiceProcess) -> None:
    assert send_raw(service, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_setting_allows_further_names_and_domains() -> None:
    hosts = AllowedHosts(read_settings(None, allowed_hosts=["Brainio.Intern", "*.svc.cluster.local", "bücher.example"]))
    assert all(hosts.allows(host) for host in ("brainio.intern:8000", "a.b.svc.cluster.local", "xn--bcher-kva.example"))
    assert not any(hosts.allows(host) for host in ("svc.cluster.local", "a.brainio.intern", "evil.example"))
    assert AllowedHosts(read_settings(None, allowed_hosts=["*"])).allows("evil.example")
    machine = socket.gethostname()
    assert AllowedHosts(read_settings(None, host="0.0.0.0")).allows(f"{machine}:8000")
    assert not AllowedHosts(read_settings(None, host="127.0.0.1", allowed_hosts=[])).allows("another-machine")


@given(st.text(max_size=80))
def test_only_addresses_and_local_names_are_allowed_by_default(host: str) -> None:
    if AllowedHosts(read_settings()).allows(host):
        name = host.lower().rpartition(":")[0] or host.lower()
        assert set(name) <= set("0123456789abcdef.:[]") or "localhost" in host.lower()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("allowed_hosts", "https://data.lab.example"),
        ("allowed_hosts", "data.lab.example:443"),
        ("allowed_hosts", "data.*.example"),
        ("origins", "https://hub.example/"),
        ("origins", "hub.example"),
        ("origins", "null"),
        ("public_url", "https://me:secret@lab.example"),
    ],
)
def test_a_malformed_host_or_origin_in_the_settings_is_refused(setting: str, value: str) -> None:
    with pytest.raises(ServiceError, match=setting) as caught:
        read_settings(None, **{setting: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_other_sites_cannot_read_a_service_without_a_public_url(service: ServiceProcess, path: str) -> None:
    for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Origin": "http://localhost:3000"}, CROSS):
        answer = service.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_page"), headers
        assert "BRAINIO_SERVE_ORIGINS" in answer.json()["error"]["hint"]
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_requests_from_other_ports_and_frames_are_refused(service: ServiceProcess) -> None:
    for headers in (CROSS | {"Sec-Fetch-Site": "same-site"}, LINK | {"Sec-Fetch-Dest": "iframe"}):
        assert service.client.get(ENTRY, headers=headers).status_code == 403, headers


def test_programs_own_pages_and_links_from_other_sites_are_allowed(service: ServiceProcess) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    typed = LINK | {"Sec-Fetch-Site": "none"}
    for headers in ({}, own, typed, LINK, {"Origin": service.url}):
        assert service.client.get("/", headers=headers).status_code == 200, headers


def test_a_preflight_of_another_site_is_refused(service: ServiceProcess) -> None:
    headers = {"Origin": EVIL, "Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}
    answer = service.client.options(ENTRY, headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


def test_a_configured_origin_may_read_a_service_in_a_private_network(lab_catalog: Path, tmp_path: Path) -> None:
    hub = "https://hub.lab.example"
    with ServiceProcess(tmp_path, BRAINIO_CATALOGS=str(lab_catalog), BRAINIO_SERVE_ORIGINS=hub) as service:
        assert service.get(ENTRY, Origin=hub).headers["access-control-allow-origin"] == hub
        headers = {
            "Origin": hub,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Private-Network": "true",
        }
        answer = service.client.options(ENTRY, headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-private-network"]) == (200, "true")
        assert service.get(ENTRY, Origin=f"{hub}.evil.example").status_code == 403


def test_every_site_may_read_a_service_with_a_public_url(public: ServiceProcess) -> None:
    answer = public.get(ENTRY, Origin=EVIL)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert public.client.get(ENTRY, headers=CROSS).headers["cross-origin-resource-policy"] == "cross-origin"
    preflight = {"Origin": EVIL, "Access-Control-Request-Method": "GET"}
    assert public.client.options(ENTRY, headers=preflight).status_code == 200
    assert public.client.options(ENTRY, headers=preflight | {"Access-Control-Request-Method": "PUT"}).status_code == 400
    private_network = preflight | {"Access-Control-Request-Private-Network": "true"}
    assert "access-control-allow-private-network" not in public.client.options(ENTRY, headers=private_network).headers


@pytest.mark.parametrize(
    ("public_url", "is_open"),
    [
        ("", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.1.5", False),
        ("http://labserver:8000", False),
        ("http://labserver.local", False),
        ("https://data.lab.example", True),
        ("https://lab.example/brainio", True),
        ("http://8.8.8.8", True),
    ],
)
def test_only_a_public_url_opens_a_service_to_other_sites_by_default(public_url: str, is_open: bool) -> None:
    assert CrossSitePolicy(read_settings(None, public_url=public_url)).is_open == is_open
    assert not CrossSitePolicy(read_settings(None, public_url=public_url, origins=[])).is_open
    assert CrossSitePolicy(read_settings(None, public_url=public_url, origins=["*"])).is_open


@pytest.mark.parametrize("path", ["/signin", "/signout"])
def test_a_form_of_another_site_is_refused(public: ServiceProcess, path: str) -> None:
    for headers in ({"Origin": EVIL}, {"Origin": "null"}, LINK, LINK | {"Sec-Fetch-Site": "same-site"}):
        answer = public.client.post(path, content="token=x", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_form"), headers
