"""Requests that pages of other sites make: which are answered, and which forms count as the service's own."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from brainio.service.cross_site import ANY, is_public
from brainio.service.errors import Refusal
from brainio.service.settings import PREFIX, Settings

_SENT_BY_BROWSERS = {b"origin", b"sec-fetch-site"}
_OTHER_SITES = {"cross-site", "same-site"}  # as Sec-Fetch-Site has them; other ports of this machine are the same site


class CrossSitePolicy:
    """Which sites may have their pages read a service.

    Parameters
    ----------
    settings : Settings
        If `origins` is not set, every site may read a service whose `public_url` names a public host, and none may read
        another service, such as one on a laptop.

    Attributes
    ----------
    origins : list of str
        Origins whose pages may read; `*` is every site.
    is_open : bool
        Whether every site may read.
    """

    def __init__(self, settings: Settings) -> None:
        by_default = [ANY] if is_public(settings.public_host) else []
        self.origins = by_default if settings.origins is None else settings.origins
        self.is_open = ANY in self.origins
        self._public_url = settings.public_url

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return the refusal of a request that a page of another site makes, other than to open a page of the service.

        Programs are answered: they send neither `Origin` nor `Sec-Fetch-Site`. Forms are judged where they are read.
        """
        if self.is_open or scope["method"] == "POST":
            return None
        names = {name for name, _ in scope["headers"]}
        if not names & _SENT_BY_BROWSERS:
            return None
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None:
            is_foreign = origin not in self.origins and not is_own_origin(origin, headers, self._public_url)
        else:
            is_foreign = headers.get("sec-fetch-site") in _OTHER_SITES and not _opens_page(headers)
        if not is_foreign:
            return None
        return Refusal(
            403,
            "foreign_page",
            "a page of another site asked for this, and none may read this service",
            f"If it should, whoever runs the service adds its origin to the setting origins ({PREFIX}ORIGINS).",
        )


def is_own_origin(origin: str, headers: Headers, public_url: str) -> bool:
    """Whether an `Origin` header names the service itself.

    Parameters
    ----------
    origin : str
        The header.
    headers : Headers
        Those of the request. A proxy may have ended TLS, so that either scheme counts with the `Host`.
    public_url : str
        As the setting has it.
    """
    host, public = headers.get("host"), urlsplit(public_url)
    own = {f"http://{host}", f"https://{host}", *([f"{public.scheme}://{public.netloc}"] if public_url else [])}
    return origin in own


def _opens_page(headers: Headers) -> bool:
    """Whether a browser follows a link, so that the page of the other site gets nothing of the answer."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
