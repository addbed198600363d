"""A visitor with a browser window that records requests and errors, and the addresses of all kinds of pages."""

import re
import shutil
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Playwright, Request, Response

from tests.browser.lab_data import EMBARGOED, SCENES, WORDS

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 360  # pixels
SET = f"/stimulus_set/lab/{SCENES}"
ASSEMBLY = f"/assembly/lab/{SCENES}"
STIMULUS = f"/stimulus/lab/{SCENES}?id=scene003"
PAGES = {
    "front": "/",
    "found": "/?q=scenes&kind=assembly&region=V4",
    "nothing found": "/?q=zzzzqqqq",
    "catalog": "/catalog/lab",
    "catalog that ships": "/catalog/brainio_demo",
    "stimulus set": SET,
    "filtered stimulus set": f"{SET}?where=object_name:car&where=contrast:0.2..0.7",
    "no stimulus left": f"{SET}?where=object_name:nothing",
    "older version": f"/stimulus_set/lab/{WORDS}?version=1",
    "assembly": ASSEMBLY,
    "spike times": "/assembly/brainio_demo/herz.Rokem2006",
    "behavior": "/assembly/brainio_demo/modelfest.Carney1999",
    "assembly under embargo": f"/assembly/lab/{EMBARGOED}",
    "assembly that is not here": "/assembly/brainscore/dicarlo.MajajHong2015",
    "stimuli that are not here": "/stimulus_set/brainscore/dicarlo.hvm",
    "stimulus": STIMULUS,
    "sound": f"/stimulus/lab/{SCENES}?id=tone",
    "sign in": "/signin",
    "shared link": "/?q=scenes&fbclid=x&utm_source=mail",
}
ERRORS = {
    "no such page": "/nothing/at/all",
    "no such entry": "/assembly/lab/lab.Nothing2026",
    "no such stimulus": f"/stimulus/lab/{SCENES}?id=nothing",
    "no such column": f"{SET}?where=objct_name:car",
    "no number": f"{SET}?where=contrast:much",
}
EVERY = {**PAGES, **ERRORS}


def find_chromium() -> str | None:
    """Return the path of Chromium; the headless shell, which needs a third of the CPU time, is preferred."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def start_chromium(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium with further flags; skip the test if it is not installed."""
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    return playwright.chromium.launch(executable_path=program, args=[*_FLAGS, *flags])


@dataclass
class Visitor:
    """A browser window that records requests and errors.

    Attributes
    ----------
    page
        The window.
    errors
        Errors and warnings in the console, errors of scripts, dialogs, and failed requests.
    expects_errors
        Whether the test expects answers of 400 and above, which browsers report in the console.
    requests
        Every request so far.
    """

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    errors: list[str] = field(default_factory=list)
    expects_errors: bool = False
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("requestfailed", self._on_failed_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        is_expected = self.expects_errors and re.search("Failed to load resource|Response Status Error", message.text)
        if message.type in ("error", "warning") and not is_expected:
            self.errors.append(f"console: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_failed_request(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the browser cancelled it for a newer request
            self.errors.append(f"failed: {request.url} {request.failure}")

    def goto(self, path: str) -> Response:
        """Open a path of the service, and wait until the page has loaded."""
        answer = self.page.goto(f"{self.url}{path}", wait_until="load")
        assert answer is not None
        return answer

    def open(self, name: str) -> Response:
        """Open a page of `EVERY` by its name."""
        return (self.goto_error if name in ERRORS else self.goto)(EVERY[name])

    def goto_error(self, path: str) -> Response:
        """Open a path that gets an error."""
        self.expects_errors = True
        answer = self.goto(path)
        assert answer.status >= 400
        return answer

    @property
    def hosts(self) -> set[str]:
        """Hosts that received requests."""
        return {urlsplit(request.url).netloc for request in self.requests if not request.url.startswith("data:")}

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        pixels: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return pixels


def window(width: int = WIDE, **options: Any) -> dict[str, Any]:
    """Return options for a window of Playwright."""
    return {"viewport": {"width": width, "height": 900}, **options}


def check_no_script_injection(visitor: Visitor) -> None:
    """Check that the open page has no foreign scripts and links, and hover over everything that might react."""
    page = visitor.page
    assert visitor.overflow() == 0
    for href in page.eval_on_selector_all("a, area", "links => links.map(link => link.href.baseVal ?? link.href)"):
        assert urlsplit(href).scheme in ("", "http", "https"), href
    scripts = page.eval_on_selector_all(
        "script", "all => all.map(script => [script.src, script.type, script.textContent])"
    )
    for source, kind, text in scripts:
        assert (source.startswith(visitor.url) and not text) or (kind == "application/ld+json" and "<" not in text)
    assert page.locator("[style], [onerror], [onload], [onfocus], [onmouseover]").count() == 0
    for tile in page.locator(".tile a, .drawing, .columns article").all()[:6]:
        tile.hover()
