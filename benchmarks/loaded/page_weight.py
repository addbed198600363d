"""How many bytes a first visit to a page takes: the page, what it loads, and apart from these its thumbnails."""

import urllib.error
from dataclasses import dataclass
from html.parser import HTMLParser

from benchmarks.loaded.service_process import Service


@dataclass(frozen=True)
class Sizes:
    """Bytes as they are sent to a browser, packed where it reads that."""

    page: int
    assets: int
    thumbnails: int
    thumbnail_bytes: int


def sizes_of(running: Service, path: str) -> Sizes | None:
    """Return the sizes of a page; None where it is not there.

    Parameters
    ----------
    running : Service
        Where it is asked for.
    path : str
        Of the page.
    """
    try:
        packed = running.get(path, Accept="text/html", Accept_Encoding="gzip")
        found = _Loads()
        found.feed(running.get(path, Accept="text/html").decode())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
    assets = sum(len(running.get(one, Accept_Encoding="gzip")) for one in dict.fromkeys(found.assets))
    thumbnails = [len(running.get(one)) for one in dict.fromkeys(found.thumbnails)]
    return Sizes(len(packed), assets, len(thumbnails), sum(thumbnails))


class _Loads(HTMLParser):
    """Collects what a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.thumbnails: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element loads."""
        values = dict(attrs)
        if tag == "link" and (values.get("rel") or "") in {"stylesheet", "icon"} and values.get("href"):
            self.assets.append(values["href"] or "")
        elif tag in {"script", "img"} and (place := values.get("src")) and not place.startswith("data:"):
            (self.thumbnails if place.startswith("/thumbnail/") else self.assets).append(place)
