"""The service below a path of its host, behind a real nginx that takes the path away or passes it on."""

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
from tests.service.test_pages import parsed

pytestmark = pytest.mark.skipif(NGINX_PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx)")

HTML = "text/html"
PREFIX = "/brainio"
ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
SET, ASSEMBLY = f"/stimulus_set/lab/{CARNEY}", f"/assembly/lab/{ROKEM}"
STIMULUS = f"/stimulus/lab/{CARNEY}?id=GaborPatch1"
PAGES = ("/", "/?q=auditory", "/catalog/lab", SET, ASSEMBLY, STIMULUS, "/signin", "/nothing")


class Below(NamedTuple):
    """A service below a path, and the nginx before it."""

    nginx: Nginx
    public_url: str


@pytest.fixture(scope="module", params=["passes it on", "takes it away"])
def below(
    request: pytest.FixtureRequest, demo_profiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Below]:
    """A service with profiles below a path that a proxy passes on, or takes away."""
    folder = tmp_path_factory.mktemp("prefix")
    folder.chmod(0o755)  # workers of nginx have another user
    catalog, (port,) = make_lab(folder / "lab"), free_ports(1)
    public_url, text = config_below_path(port, strips_path=request.param == "takes it away")
    (folder / "home").mkdir()
    (folder / "home" / "profiles").symlink_to(demo_profiles)
    settings = {"BRAINIO_CATALOGS": str(catalog), "BRAINIO_SERVE_PUBLIC_URL": public_url}
    with (
        ServiceProcess(folder / "home", **settings) as service,
        Nginx(folder, service, port, text) as nginx,
    ):
        yield Below(nginx, public_url)


def addresses_in(page: str, url: str) -> set[str]:
    """Return all addresses that a page names, as a browser resolves them."""
    found = set()
    for element in parsed(page).iter():
        for name in ("href", "src", "action", "hx-get", "{http://www.w3.org/1999/xlink}href"):
            if value := element.get(name):
                found.add(urljoin(url, value).partition("#")[0])
    return found


def test_every_address_of_every_page_is_below_the_path_and_leads_somewhere(below: Below) -> None:
    client = below.nginx.client
    asked: dict[str, int] = {}
    for path in PAGES:
        url = f"{below.public_url}{path}"
        answer = client.get(url, headers={"Accept": HTML})
        assert answer.status_code == (404 if path == "/nothing" else 200)
        for address in addresses_in(answer.text, url):
            if urlsplit(address).netloc != urlsplit(url).netloc:
                assert address.startswith("https://doi.org/"), address
                continue
            assert address.startswith(f"{below.public_url}/"), address
            if address not in {*asked, url}:
                asked[address] = client.get(address).status_code
    assert len(asked) > 60
    assert {one: status for one, status in asked.items() if status not in (200, 302, 405)} == {}
    assert {one for one, status in asked.items() if status == 405} <= {f"{below.public_url}/signout"}


def test_no_byte_of_a_page_names_an_address_without_the_path(below: Below) -> None:
    for path in PAGES:
        text = below.nginx.client.get(f"{below.public_url}{path}", headers={"Accept": HTML}).text
        own = r"(?:api/v1|assets|assembly|stimulus_set|stimulus|catalogs?|thumbnail|signin|signout)\b"
        assert re.findall(rf"(?<![\w.-])(?<!{PREFIX})/{own}[/\"?][^\s\"]*", text) == [], path


def test_addresses_in_json_begin_with_the_path_and_lead_on(below: Below) -> None:
    client = below.nginx.client
    start = client.get(f"{PREFIX}/api/v1").json()
    assert all(client.get(start[name]).status_code == 200 for name in ("catalogs", "entries", "search", "openapi"))
    record = client.get(f"{PREFIX}{ENTRY}").json()
    named = [record["url"], record["history"], record["card"], record["stimulus_set"]["url"], record["files"][0]["url"]]
    catalog = client.get(f"{PREFIX}/api/v1/catalogs/lab").json()
    named += [catalog[name] for name in ("csv", "entries", "changes", "url")]
    page = client.get(f"{PREFIX}/api/v1/entries?limit=1").json()
    hits = client.get(f"{PREFIX}/api/v1/search?limit=1").json()
    stimuli = client.get(f"{PREFIX}/api/v1/stimuli/lab/{CARNEY}?limit=1").json()
    named += [page["next"], page["entries"][0]["url"], hits["next"], hits["hits"][0]["url"], stimuli["next"]]
    for address in named:
        assert address.startswith(f"{PREFIX}/")
        assert client.get(address).status_code == 200, address
    assert client.get(start["openapi"]).json()["servers"] == [{"url": PREFIX}]
    error = client.get(f"{PREFIX}/api/v1/nothing").json()["error"]
    assert f"{PREFIX}/api/v1/openapi.json" in error["hint"]
    assert f"{PREFIX}/api/v1/catalogs" in client.get(f"{PREFIX}/catalog/no").json()["error"]["hint"]


def test_croissant_and_code_name_the_public_address(below: Below) -> None:
    client = below.nginx.client
    described = client.get(f"{PREFIX}/api/v1/croissant/lab/assembly/{CARNEY}").json()
    for one in described["distribution"]:
        assert client.get(one["contentUrl"]).status_code in (200, 302)
    own = [one["contentUrl"] for one in described["distribution"] if "127.0.0.1" in one["contentUrl"]]
    assert own
    assert all(one.startswith(f"{below.public_url}/api/v1/files/") for one in own)
    page = client.get(f"{PREFIX}/assembly/lab/{CARNEY}").text
    assert f"{below.public_url}/catalogs/lab" in page
    assert json.dumps(own[0]) in page


def test_redirects_stay_below_the_path(below: Below) -> None:
    client = below.nginx.client
    for path in (PREFIX, f"{PREFIX}?q=x"):
        assert urljoin(below.nginx.url, client.get(path).headers["location"]).startswith(f"{below.public_url}/")
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


def test_an_assembly_is_loaded_through_it_with_the_code_of_its_page(
    below: Below, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(below.nginx.folder / "own.pem"))
    page = parsed(below.nginx.client.get(f"{PREFIX}/assembly/lab/{CARNEY}").text)
    code = page.find(".//code[@data-language='shell']").text
    monkeypatch.setenv("BRAINIO_CATALOGS", code.partition("BRAINIO_CATALOGS=")[2].split()[0])
    assembly = brainio.get_assembly(CARNEY)
    assert assembly.attrs["stimulus_set"].identifier == CARNEY
    rows = csv.DictReader(io.StringIO(below.nginx.client.get(f"{PREFIX}/catalogs/lab").text))
    assert all(below.nginx.client.get(f"{PREFIX}/catalogs/lab/{row['location']}").status_code == 200 for row in rows)


def test_the_machine_itself_may_ask_with_and_without_the_path(below: Below) -> None:
    service = below.nginx.service
    for path in ("/healthz", "/healthz/ready", "/metrics", ENTRY):
        assert service.get(path).status_code == service.get(f"{PREFIX}{path}").status_code == 200
    assert service.get(ENTRY).content == service.get(f"{PREFIX}{ENTRY}").content
    assert service.get(f"{PREFIX}x{ENTRY}").status_code == 404
    assert below.nginx.client.get(f"{PREFIX}/metrics").status_code == 404


def test_the_cookie_is_for_the_path_alone_and_both_are_forgotten(below: Below) -> None:
    client, own = below.nginx.client, {"Origin": below.nginx.url}
    answer = client.post(f"{PREFIX}/signout", headers=own)
    forgotten = answer.headers.get_list("set-cookie")
    assert answer.headers["location"].startswith(f"{PREFIX}/")
    assert [re.search("Path=([^;]+)", one)[1] for one in forgotten] == ["/", f"{PREFIX}/"]  # type: ignore[index]
    stale = client.get(f"{PREFIX}/", headers={"Cookie": "brainio_token=brainio_00"})
    assert stale.status_code == 401
    assert stale.headers.get_list("set-cookie") == forgotten


@pytest.mark.parametrize(
    "path",
    [*(f"/{name}" for name in sorted(RESERVED)), "/api/v1/x", "/a//b", "/a/../b", "/a%2Fb", "/ü", "/a;b"],
)
def test_a_path_with_two_meanings_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(ServiceError, match="public_url: its path"):
        read_settings(None, public_url=f"https://lab.example{path}")


def test_slashes_at_the_end_of_the_public_url_change_nothing() -> None:
    for url in ("https://lab.example/a/b", "https://lab.example/a/b/"):
        assert read_settings(None, public_url=url).prefix == "/a/b"
    assert read_settings(None, public_url="https://lab.example/").prefix == ""


def test_no_address_of_the_service_is_missing_among_those_that_a_path_may_not_begin_with(
    service: ServiceProcess,
) -> None:
    paths = service.get("/api/v1/openapi.json").json()["paths"]
    assert {path.split("/")[1] for path in paths} <= RESERVED
