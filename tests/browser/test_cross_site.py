"""Pages of other sites in a real browser cannot read a service on the visitor's machine."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.lab_data import SCENES
from tests.browser.visitor import STIMULUS, start_chromium
from tests.service.service_process import ServiceProcess

THUMBNAIL = f"/thumbnail/lab/{SCENES}?number=0"
ATTACK = """
async ([service, thumbnail]) => {
  const attempt = (action) => action.then(() => "read", () => "refused");
  const load = (kind, url) => new Promise((resolve, reject) => {
    document.body.append(Object.assign(document.createElement(kind), {onload: resolve, onerror: reject, src: url}));
  });
  const catalogs = service + "/api/v1/catalogs";
  return {
    script: await attempt(fetch(catalogs).then((answer) => answer.text())),
    opaque: await attempt(fetch(catalogs, {mode: "no-cors"})),
    header: await attempt(fetch(catalogs, {headers: {Authorization: "Bearer x"}})),
    picture: await attempt(load("img", service + thumbnail)),
    code: await attempt(load("script", catalogs)),
  };
}
"""
EMPTY = "<!doctype html><title>elsewhere</title><body><p>a page of another site</p></body>"


class _Site(ThreadingHTTPServer):
    """A web server with one empty page that forwards all other requests to a service, like a rebound host name."""

    service: str


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        status, kind, body = 200, "text/html", EMPTY.encode()
        if self.path != "/":
            connection = http.client.HTTPConnection(self.server.service)
            connection.request("GET", self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
            connection.close()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def another_site(service: ServiceProcess) -> Iterator[int]:
    """Run a web server of another site, and yield its port."""
    with _Site(("127.0.0.1", 0), _Handler) as server:
        server.service = urlsplit(service.url).netloc
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that resolves the names of another site to this machine."""
    browser = start_chromium(playwright, "--host-resolver-rules=MAP *.evil.example 127.0.0.1")
    yield browser
    browser.close()


@pytest.mark.parametrize("host", ["www.evil.example", "localhost"])
def test_a_page_of_another_site_cannot_read_a_service_on_this_machine(
    browser: Browser, service: ServiceProcess, host: str
) -> None:
    with another_site(service) as port, browser.new_page() as page:
        page.goto(f"http://{host}:{port}/")
        results = page.evaluate(ATTACK, [service.url, THUMBNAIL])
        assert results == dict.fromkeys(("script", "opaque", "header", "picture", "code"), "refused")
        page.evaluate(f"location.assign('{service.url}{STIMULUS}')")
        page.wait_for_url(f"**{STIMULUS}")
        assert page.locator("h1").inner_text() == "scene003"


def test_a_rebound_host_name_cannot_read_the_service(browser: Browser, service: ServiceProcess) -> None:
    with another_site(service) as port, browser.new_page() as page:
        page.goto(f"http://www.evil.example:{port}/")
        result = page.evaluate("fetch('/api/v1/catalogs').then((answer) => answer.json())")
        assert result["error"]["code"] == "unknown_host"
        answer = page.goto(f"http://www.evil.example:{urlsplit(service.url).port}/")
        assert answer is not None
        assert (answer.status, answer.json()["error"]["code"]) == (421, "unknown_host")
