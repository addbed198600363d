"""A visitor with Debian's Chromium, of whom every request and every word of the console is remembered."""

import re
import shutil
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Playwright, Request, Response

from tests.browser.lab_data import HELD, SCENES, WORDS

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
    "assembly under embargo": f"/assembly/lab/{HELD}",
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


def start_chromium(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium with further flags; skip the test if it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    return playwright.chromium.launch(executable_path=program, args=[*_FLAGS, *flags])


@dataclass
class Visitor:
    """Someone with a browser window.

    Attributes
    ----------
    page
        The window.
    complaints
        Errors and warnings of the console, errors of scripts, dialogs, and requests that failed.
    expects_errors
        Whether answers of 400 and above, of which browsers speak on the console, are what is looked for.
    asked
        Every request so far.
    """

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)
    expects_errors: bool = False
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("dialog", self._interrupted)
        self.page.on("request", lambda request: self.asked.append(request))
        self.page.on("requestfailed", self._failed)

    def _heard(self, message: ConsoleMessage) -> None:
        is_expected = self.expects_errors and re.search("Failed to load resource|Response Status Error", message.text)
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(f"console: {message.text}")

    def _interrupted(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the browser itself gave it up, for a newer one
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def goto(self, path: str) -> Response:
        """Open an address of the service, and wait until all that it needs is loaded."""
        answer = self.page.goto(f"{self.url}{path}", wait_until="load")
        assert answer is not None
        return answer

    def open(self, name: str) -> Response:
        """Open one of all pages by its name."""
        return (self.goto_error if name in ERRORS else self.goto)(EVERY[name])

    def goto_error(self, path: str) -> Response:
        """Open an address that is answered by an error."""
        self.expects_errors = True
        answer = self.goto(path)
        assert answer.status >= 400
        return answer

    @property
    def hosts(self) -> set[str]:
        """Whom the browser asked."""
        return {urlsplit(request.url).netloc for request in self.asked if not request.url.startswith("data:")}

    def overflow(self) -> int:
        """Return how many pixels the page is wider than the window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found


def window(width: int = WIDE, **options: Any) -> dict[str, Any]:
    """Return the options of a window as Playwright has them."""
    return {"viewport": {"width": width, "height": 900}, **options}


def touch(visitor: Visitor) -> None:
    """Hold a page that was opened to what it promises, and touch everything that might react."""
    page = visitor.page
    assert visitor.overflow() == 0
    for href in page.eval_on_selector_all("a, area", "found => found.map(one => one.href.baseVal ?? one.href)"):
        assert urlsplit(href).scheme in ("", "http", "https"), href
    scripts = page.eval_on_selector_all("script", "found => found.map(one => [one.src, one.type, one.textContent])")
    for source, kind, text in scripts:
        assert (source.startswith(visitor.url) and not text) or (kind == "application/ld+json" and "<" not in text)
    assert (
        page.eval_on_selector_all("[style], [onerror], [onload], [onfocus], [onmouseover]", "found => found.length")
        == 0
    )
    for tile in page.locator(".tile a, .drawing, .columns article").all()[:6]:
        tile.hover()
