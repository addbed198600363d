"""Take the pictures of a running service for docs/service.md: `python -m docs.service_pictures [folder]`.

Serves the catalogs that ship with brainio and a recording of random numbers, from a temporary `BRAINIO_HOME`. Needs the
extra `test` and Chromium. Run it in the top folder of the project.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab_data import SCENES
from tests.browser.visitor import NARROW, WIDE, find_chromium, start_chromium
from tests.service.service_process import TOP, ServiceProcess

LARGEST = 250_000  # bytes of a picture
Scheme: TypeAlias = Literal["light", "dark"]
SHIPPED_SET = "modelfest.Carney1999"
SHOTS: dict[str, tuple[str, int, int, Scheme]] = {
    "service_front": ("/?q=macaque+IT&kind=assembly", WIDE, 860, "light"),
    "service_set": (f"/stimulus_set/brainio_demo/{SHIPPED_SET}", WIDE, 1000, "light"),
    "service_assembly": (f"/assembly/lab/{SCENES}", WIDE, 1180, "light"),
    "service_narrow_dark": (f"/assembly/lab/{SCENES}", NARROW, 1180, "dark"),
}


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        home, lab = Path(work, "home"), Path(work, "lab")
        environment = {**os.environ, "BRAINIO_HOME": str(home)}
        make = [sys.executable, "-W", "ignore", "-m", "tests.browser.lab_data", str(lab)]
        build = [sys.executable, "-m", "brainio", "profile", "build", SHIPPED_SET]
        for command in (make, build):
            subprocess.run(command, cwd=TOP, env=environment, check=True)  # noqa: S603 - this project's own
        with ServiceProcess(home, BRAINIO_CATALOGS=str(lab / "lab.csv")) as service, sync_playwright() as playwright:
            browser = start_chromium(playwright)
            for name, (path, width, height, scheme) in SHOTS.items():
                take(browser, f"{service.url}{path}", folder / f"{name}.png", (width, height), scheme)


def take(browser: Browser, url: str, path: Path, size: tuple[int, int], scheme: Scheme) -> None:
    """Write a screenshot of the top of a page, reduced to 256 colours."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url, wait_until="networkidle")
    page.screenshot(path=path)
    page.close()
    picture = Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"Wrote {path} ({path.stat().st_size / 1000:.0f} kB)")
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} has more than {LARGEST:,} bytes")


if __name__ == "__main__":
    if find_chromium() is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
