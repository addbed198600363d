"""The service below a path of its host, behind a real nginx that removes the path or forwards it."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest

import brainio
from brainio.errors import ServiceError
from brainio.service.settings import RESERVED, read_settings
from tests.service.nginx import NGINX_PROGRAM, Nginx, config_below_path, free_ports
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab
from tests.service.test_pages import parse_html

pytestmark = pytest.mark.skipif(NGINX_PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx)")

HTML = "text/html"
PREFIX = "/brainio"
ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
SET, ASSEMBLY = f"/stimulus_set/lab/{CARNEY}", f"/assembly/lab/{ROKEM}"
STIMULUS = f"/stimulus/lab/{CARNEY}?id=GaborPatch1"
PAGES = ("/", "/?q=auditory", "/catalog/lab", SET, ASSEMBLY, STIMULUS, "/signin", "/nothing")


class PrefixedService(NamedTuple):
    """A service below a path, and its nginx proxy."""

    nginx: Nginx
    public_url: str


slow = pytest.mark.slow(reason="starts a second service and nginx")


@pytest.fixture(scope="module", params=["forwards the path", pytest.param("removes the path", marks=slow)])
def prefixed(
    request: pytest.FixtureRequest, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefixedService]:
    """A service with profiles, below a path that the proxy forwards or removes."""
    folder = tmp_path_factory.mktemp("prefix")
    folder.chmod(0o755)  # workers of nginx have another user
    catalog, (port,) = make_lab(folder / "lab"), free_ports(1)
    public_url, text = config_below_path(port, strips_path=request.param == "removes the path")
    (folder / "home").mkdir()
    (folder / "home" / "profiles").symlink_to(demo_profiles)
    settings = {"BRAINIO_CATALOGS": str(catalog), "BRAINIO_SERVE_PUBLIC_URL": public_url}
    with (
        ServiceProcess(folder / "home", **settings) as service,
        Nginx(folder, service, port, text) as nginx,
    ):
        yield PrefixedService(nginx, public_url)


def addresses_in(page: str, url: str) -> set[str]:
    """Return all addresses in a page, as a browser resolves them."""
    addresses = set()
    for element in parse_html(page).iter():
        for name in ("href", "src", "action", "hx-get", "{http://www.w3.org/1999/xlink}href"):
            if value := element.get(name):
                addresses.add(urljoin(url, value).partition("#")[0])
    return addresses


def test_every_address_in_pages_is_below_the_path_and_works(prefixed: PrefixedService) -> None:
    client = prefixed.nginx.client
    statuses: dict[str, int] = {}
    for path in PAGES:
        url = f"{prefixed.public_url}{path}"
        answer = client.get(url, headers={"Accept": HTML})
        assert answer.status_code == (404 if path == "/nothing" else 200)
        for address in addresses_in(answer.text, url):
            if urlsplit(address).netloc != urlsplit(url).netloc:
                assert address.startswith("https://doi.org/"), address
                continue
            assert address.startswith(f"{prefixed.public_url}/"), address
            if address not in {*statuses, url}:
                statuses[address] = client.get(address).status_code
    assert len(statuses) > 60
    assert {address: status for address, status in statuses.items() if status not in (200, 302, 405)} == {}
    assert {address for address, status in statuses.items() if status == 405} <= {f"{prefixed.public_url}/signout"}


def test_no_page_contains_an_address_without_the_path(prefixed: PrefixedService) -> None:
    for path in PAGES:
        text = prefixed.nginx.client.get(f"{prefixed.public_url}{path}", headers={"Accept": HTML}).text
        own = r"(?:api/v1|assets|assembly|stimulus_set|stimulus|catalogs?|thumbnail|signin|signout)\b"
        assert re.findall(rf"(?<![\w.-])(?<!{PREFIX})/{own}[/\"?][^\s\"]*", text) == [], path


def test_addresses_in_json_start_with_the_path_and_work(prefixed: PrefixedService) -> None:
    client = prefixed.nginx.client
    start = client.get(f"{PREFIX}/api/v1").json()
    assert all(client.get(start[name]).status_code == 200 for name in ("catalogs", "entries", "search", "openapi"))
    record = client.get(f"{PREFIX}{ENTRY}").json()
    addresses = [
        record["url"],
        record["history"],
        record["card"],
        record["stimulus_set"]["url"],
        record["files"][0]["url"],
    ]
    catalog = client.get(f"{PREFIX}/api/v1/catalogs/lab").json()
    addresses += [catalog[name] for name in ("csv", "entries", "changes", "url")]
    page = client.get(f"{PREFIX}/api/v1/entries?limit=1").json()
    hits = client.get(f"{PREFIX}/api/v1/search?limit=1").json()
    stimuli = client.get(f"{PREFIX}/api/v1/stimuli/lab/{CARNEY}?limit=1").json()
    addresses += [page["next"], page["entries"][0]["url"], hits["next"], hits["hits"][0]["url"], stimuli["next"]]
    for address in addresses:
        assert address.startswith(f"{PREFIX}/")
        assert client.get(address).status_code == 200, address
    assert client.get(start["openapi"]).json()["servers"] == [{"url": PREFIX}]
    error = client.get(f"{PREFIX}/api/v1/nothing").json()["error"]
    assert f"{PREFIX}/api/v1/openapi.json" in error["hint"]
    assert f"{PREFIX}/api/v1/catalogs" in client.get(f"{PREFIX}/catalog/no").json()["error"]["hint"]


def test_croissant_and_code_contain_the_public_url(prefixed: PrefixedService) -> None:
    client = prefixed.nginx.client
    files = client.get(f"{PREFIX}/api/v1/croissant/lab/assembly/{CARNEY}").json()["distribution"]
    urls = [file["contentUrl"] for file in files]
    assert all(client.get(url).status_code in (200, 302) for url in urls)
    own = [url for url in urls if "127.0.0.1" in url]
    assert own
    assert all(url.startswith(f"{prefixed.public_url}/api/v1/files/") for url in own)
    page = client.get(f"{PREFIX}/assembly/lab/{CARNEY}").text
    assert f"{prefixed.public_url}/catalogs/lab" in page
    assert json.dumps(own[0]) in page


def test_redirects_stay_below_the_path(prefixed: PrefixedService) -> None:
    client = prefixed.nginx.client
    for path in (PREFIX, f"{PREFIX}?q=x"):
        assert urljoin(prefixed.nginx.url, client.get(path).headers["location"]).startswith(f"{prefixed.public_url}/")
    for path in (
        "/index.json?q=x",
        f"/assembly/lab/{CARNEY}.json",
        f"/stimulus_set/lab/{CARNEY}?column=kind&value=x",
        "/catalog/lab.json",
        f"/stimulus_set/lab/{CARNEY}?page=1000",
    ):
        answer = client.get(f"{PREFIX}{path}")
        assert answer.headers["location"].startswith(f"{PREFIX}/"), path
        assert client.get(answer.headers["location"]).status_code == 200, path


def test_the_code_on_the_page_of_an_assembly_loads_it(
    prefixed: PrefixedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(prefixed.nginx.folder / "certificate.pem"))
    page = parse_html(prefixed.nginx.client.get(f"{PREFIX}/assembly/lab/{CARNEY}").text)
    code = page.find(".//code[@data-language='shell']").text
    monkeypatch.setenv("BRAINIO_CATALOGS", code.partition("BRAINIO_CATALOGS=")[2].split()[0])
    assembly = brainio.get_assembly(CARNEY)
    assert assembly.attrs["stimulus_set"].identifier == CARNEY
    rows = csv.DictReader(io.StringIO(prefixed.nginx.client.get(f"{PREFIX}/catalogs/lab").text))
    assert all(prefixed.nginx.client.get(f"{PREFIX}/catalogs/lab/{row['location']}").status_code == 200 for row in rows)


def test_the_service_itself_answers_with_and_without_the_path(prefixed: PrefixedService) -> None:
    service = prefixed.nginx.service
    for path in ("/healthz", "/healthz/ready", "/metrics", ENTRY):
        assert service.get(path).status_code == service.get(f"{PREFIX}{path}").status_code == 200
    assert service.get(ENTRY).content == service.get(f"{PREFIX}{ENTRY}").content
    assert service.get(f"{PREFIX}x{ENTRY}").status_code == 404
    assert prefixed.nginx.client.get(f"{PREFIX}/metrics").status_code == 404


def test_signing_out_deletes_the_cookies_of_the_path_and_of_the_root(prefixed: PrefixedService) -> None:
    client = prefixed.nginx.client
    answer = client.post(f"{PREFIX}/signout", headers={"Origin": prefixed.nginx.url})
    deleted = answer.headers.get_list("set-cookie")
    assert answer.headers["location"].startswith(f"{PREFIX}/")
    assert [re.findall("Path=([^;]+)", cookie) for cookie in deleted] == [["/"], [f"{PREFIX}/"]]
    stale = client.get(f"{PREFIX}/", headers={"Cookie": "brainio_token=brainio_00"})
    assert stale.status_code == 401
    assert stale.headers.get_list("set-cookie") == deleted


@pytest.mark.parametrize(
    "path",
    [*(f"/{name}" for name in sorted(RESERVED)), "/api/v1/x", "/a//b", "/a/../b", "/a%2Fb", "/ü", "/a;b"],
)
def test_an_ambiguous_path_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(ServiceError, match="public_url: its path"):
        read_settings(None, public_url=f"https://lab.example{path}")


def test_slashes_at_the_end_of_the_public_url_are_ignored() -> None:
    for url in ("https://lab.example/a/b", "https://lab.example/a/b/"):
        assert read_settings(None, public_url=url).prefix == "/a/b"
    assert read_settings(None, public_url="https://lab.example/").prefix == ""


def test_all_top_level_paths_of_the_service_are_reserved(
    service: ServiceProcess,
) -> None:
    paths = service.get("/api/v1/openapi.json").json()["paths"]
    assert {path.split("/")[1] for path in paths} <= RESERVED
