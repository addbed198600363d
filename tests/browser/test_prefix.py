"""The service below a path of its host in a real browser, behind an nginx that removes the path or forwards it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect

from brainio.service.database import Database
from brainio.service.tokens import create_token
from tests.browser.lab_data import SCENES, SECRET
from tests.browser.visitor import ERRORS, EVERY, Visitor, start_chromium, window
from tests.service.nginx import NGINX_PROGRAM, Nginx, config_below_path, free_ports
from tests.service.service_process import ServiceProcess

pytestmark = pytest.mark.skipif(NGINX_PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx)")

# tests/service/test_prefix.py checks the addresses in pages with both configurations.
REMOVES = pytest.param("removes the path", marks=pytest.mark.slow(reason="every page behind a second nginx"))
ADDRESSES = """() => [...document.querySelectorAll("[href], [src], [action], [hx-get]")].flatMap((element) =>
  ["href", "src", "action", "hx-get"].map((name) => element.getAttribute(name)).filter((value) => value !== null)
).map((value) => new URL(value, location.href).href.split("#")[0])"""


@pytest.fixture(scope="module", params=["forwards the path", REMOVES])
def prefixed(
    request: pytest.FixtureRequest, lab_data: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """The public URL of a service, a token for its private catalog, and the hash of the public key of nginx."""
    folder = tmp_path_factory.mktemp("prefix")
    folder.chmod(0o755)  # workers of nginx have another user
    shutil.copytree(home, folder / "home")
    (port,) = free_ports(1)
    public_url, text = config_below_path(port, strips_path=request.param == "removes the path")
    database = f"sqlite:///{folder / 'service.sqlite'}"
    settings = {
        "BRAINIO_CATALOGS": ",".join(str(lab_data / "data" / f"{name}.csv") for name in ("lab", "secret")),
        "BRAINIO_SERVE_PRIVATE": "secret",
        "BRAINIO_SERVE_DATABASE": database,
        "BRAINIO_SERVE_PUBLIC_URL": public_url,
    }
    token = create_token(Database(database), ["secret:read"], "")[1]
    with ServiceProcess(folder / "home", **settings) as service, Nginx(folder, service, port, text) as nginx:
        yield public_url, token, nginx.key_hash


@pytest.fixture(scope="module")
def browser(playwright: Playwright, prefixed: tuple[str, str, str]) -> Iterator[Browser]:
    """Chromium that trusts the certificate.

    Otherwise it restarts a request on every new connection, and after some restarts the request fails with
    `net::ERR_TOO_MANY_RETRIES`.
    """
    browser = start_chromium(playwright, f"--ignore-certificate-errors-spki-list={prefixed[2]}")
    yield browser
    browser.close()


@pytest.fixture
def visitor(browser: Browser, prefixed: tuple[str, str, str]) -> Iterator[Visitor]:
    """A visitor with a wide window; errors in the window fail the test."""
    context = browser.new_context(**window(ignore_https_errors=True))
    context.set_default_timeout(20_000)
    visitor = Visitor(context, prefixed[0])
    yield visitor
    context.close()
    assert not visitor.errors, "\n".join(visitor.errors)


@pytest.mark.slow(reason="follows every link of every page in a browser")
def test_all_links_of_all_pages_work_and_stay_below_the_path(visitor: Visitor) -> None:
    urls: set[str] = set()
    for name in EVERY:
        visitor.open(name)
        urls |= {*visitor.page.evaluate(ADDRESSES)} - ({visitor.page.url} if name in ERRORS else set())
        assert all(request.url.startswith(f"{visitor.url}/") for request in visitor.requests)
    external = {url for url in urls if not url.startswith(f"{visitor.url}/")}
    assert all(url.startswith(("https://doi.org/", "https://lab.example/doe")) for url in external), external
    statuses = {url: visitor.page.request.head(url, max_redirects=0).status for url in sorted(urls - external)}
    assert len(statuses) > 200
    allowed = {f"{visitor.url}/signout": 405}
    broken = {
        url: status for url, status in statuses.items() if status not in (200, 302, 403)
    }.items() - allowed.items()
    assert not broken, broken


def test_searching_filtering_and_signing_in_stay_below_the_path(
    visitor: Visitor, prefixed: tuple[str, str, str]
) -> None:
    page, token = visitor.page, prefixed[1]
    visitor.goto("/")
    page.get_by_role("searchbox").fill("scenes")
    expect(page).to_have_url(f"{visitor.url}/?q=scenes")
    page.locator(".hits").get_by_role("link", name=SCENES).first.click()
    page.get_by_label("is", exact=True).fill("car")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".active-filters")).to_be_visible()
    assert page.url.startswith(f"{visitor.url}/stimulus_set/lab/{SCENES}?where=")
    private = f"/stimulus_set/secret/{SECRET}"
    assert visitor.goto_error(private).status == 404
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{visitor.url}{private}")
    (cookie,) = visitor.context.cookies()
    assert (cookie["path"], cookie["secure"], cookie["httpOnly"]) == ("/brainio/", True, True)
    page.get_by_role("link", name="Signed in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{visitor.url}{private}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    assert visitor.context.cookies() == []
