"""Weight of a page: bytes of a first visit, for the page, its assets and its thumbnails."""

import urllib.error
from dataclasses import dataclass
from html.parser import HTMLParser

from benchmarks.loaded.service_process import Service


@dataclass(frozen=True)
class PageWeight:
    """Transferred bytes of a page, compressed if the service supports it, and the number of its thumbnails."""

    page: int
    assets: int
    thumbnails: int
    thumbnail_bytes: int


def measure_page_weight(service: Service, path: str) -> PageWeight | None:
    """Load a page with its assets and return its weight; None if the page does not exist.

    Parameters
    ----------
    service : Service
        The running service.
    path : str
        Path of the page.
    """
    try:
        compressed = service.get(path, Accept="text/html", Accept_Encoding="gzip")
        parser = _AssetParser()
        parser.feed(service.get(path, Accept="text/html").decode())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
    assets = sum(len(service.get(asset, Accept_Encoding="gzip")) for asset in dict.fromkeys(parser.assets))
    thumbnails = [len(service.get(thumbnail)) for thumbnail in dict.fromkeys(parser.thumbnails)]
    return PageWeight(len(compressed), assets, len(thumbnails), sum(thumbnails))


class _AssetParser(HTMLParser):
    """Collect the URLs that a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.thumbnails: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the URL that an element loads."""
        values = dict(attrs)
        if tag == "link" and (values.get("rel") or "") in {"stylesheet", "icon"} and values.get("href"):
            self.assets.append(values["href"] or "")
        elif tag in {"script", "img"} and (url := values.get("src")) and not url.startswith("data:"):
            (self.thumbnails if url.startswith("/thumbnail/") else self.assets).append(url)
