"""URLs of the service's resources and pages, as paths from the root of the host.

If `public_url` has a path (`https://lab.example/brainio`), every URL begins with this prefix. `use_prefix` sets it for
each request, like an ASGI `root_path`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, unquote, urlencode

from starlette.types import Scope

from brainio.catalogs import Entry
from brainio.catalogs.entries import STATUS_CURRENT

API = "/api/v1"
_MAX_RETURN_URL = 2000  # characters
_PRINTABLE = re.compile(r"[!-\[\]-~]+", re.ASCII)  # without the backslash, which browsers read as a slash
_prefix: ContextVar[str] = ContextVar("prefix", default="")


@contextmanager
def use_prefix(prefix: str) -> Iterator[None]:
    """Start all URLs with a prefix, in this task and in the threads that it starts.

    Parameters
    ----------
    prefix : str
        For example `/brainio`; empty for no prefix.

    Examples
    --------
    >>> with use_prefix("/brainio"):
    ...     catalog_page_url("lab")
    '/brainio/catalog/lab'
    """
    before = _prefix.set(prefix)
    try:
        yield
    finally:
        _prefix.reset(before)


def with_prefix(path: str) -> str:
    """Return the URL of a path of the service, which begins with a slash."""
    return _prefix.get() + path


def api_url(resource: str) -> str:
    """Return the URL of a resource of the JSON API that belongs to no catalog."""
    return with_prefix(f"{API}/{resource}")


def entry_api_url(resource: str, entry: Entry, *, current: bool = False) -> str:
    """Return the URL of a resource of an entry: `entries`, `cards`, `croissant` or `history`.

    Examples
    --------
    >>> entry_api_url("entries", Entry("lab", "assembly", "lab.Doe 2026", (), version="2"))
    '/api/v1/entries/lab/assembly/lab.Doe%202026?version=2'
    """
    path = current_entry_api_url(entry.catalog, entry.lookup_type, entry.identifier, resource)
    return with_query(path, version=None if current else version_parameter(entry))


def current_entry_api_url(catalog: str, kind: str, identifier: str, resource: str = "entries") -> str:
    """Return the URL of the current version of an entry, or of another resource of this version."""
    return api_url(_join_segments(resource, catalog, kind, identifier))


def file_url(entry: Entry, part: str) -> str:
    """Return the URL of a file of an entry."""
    names = ("files", entry.catalog, entry.lookup_type, part, entry.identifier)
    return with_query(api_url(_join_segments(*names)), version=version_parameter(entry))


def stimuli_api_url(entry: Entry, **query: object) -> str:
    """Return the URL of the stimuli of a stimulus set, in its version."""
    path = api_url(_join_segments("stimuli", entry.catalog, entry.identifier))
    return with_query(path, version=version_parameter(entry), **query)


def entry_page_url(entry: Entry, **query: object) -> str:
    """Return the URL of the page of an entry, in its version.

    Examples
    --------
    >>> entry_page_url(Entry("lab", "assembly", "lab.Doe2026", ()), page=2)
    '/assembly/lab/lab.Doe2026?page=2'
    """
    return page_url(entry.catalog, entry.lookup_type, entry.identifier, version=version_parameter(entry), **query)


def page_url(catalog: str, kind: str, identifier: str, **query: object) -> str:
    """Return the URL of the page of the current version of an entry."""
    return with_query(with_prefix(f"/{_join_segments(kind, catalog, identifier)}"), **query)


def stimulus_page_url(entry: Entry, stimulus_id: str) -> str:
    """Return the URL of the page of a stimulus of a set."""
    return page_url(entry.catalog, "stimulus", entry.identifier, id=stimulus_id, version=version_parameter(entry))


def thumbnail_url(entry: Entry, number: int, key: str) -> str:
    """Return the URL of the thumbnail of a stimulus; `key` identifies the profile that contains it."""
    version = version_parameter(entry)
    return page_url(entry.catalog, "thumbnail", entry.identifier, number=number, version=version, made=key)


def catalog_page_url(name: str) -> str:
    """Return the URL of the page of a catalog."""
    return with_prefix(f"/{_join_segments('catalog', name)}")


def catalog_api_url(name: str, *segments: str) -> str:
    """Return the URL of the JSON record of a catalog, or of a resource below it."""
    return api_url(_join_segments("catalogs", name, *segments))


def catalog_csv_url(name: str) -> str:
    """Return the URL by which another machine adds a catalog; its stem is the identifier, even if that has dots."""
    path = with_prefix(f"/{_join_segments('catalogs', name)}")
    return path if "." not in name else f"{path}/{_join_segments(name)}.csv"


def version_parameter(entry: Entry) -> str | None:
    """Return the version that a URL must name; the first version may have an empty name without being current."""
    return entry.version or (None if entry.status == STATUS_CURRENT else "")


def with_query(path: str, **values: object) -> str:
    """Return a URL with a query of the given values; an empty version is kept, other empty values are dropped."""
    absent: dict[str, tuple[object, ...]] = {"version": (None,)}
    given = {name: value for name, value in values.items() if value not in absent.get(name, (None, "", []))}
    query = urlencode(given, doseq=True)
    return f"{path}?{query}" if query else path


def request_target(scope: Scope) -> str:
    """Return the path and query of a request."""
    path, query = (scope.get("raw_path") or b"/").decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def signin_url(url: str) -> str:
    """Return the URL of the sign-in form that leads visitors back to a page."""
    target = safe_return_url(url)
    return with_query(with_prefix("/signin"), next="" if target == with_prefix("/") else target)


def safe_return_url(url: str) -> str:
    """Return the URL that follows signing in: the given one, or the front page if it is outside of this service.

    Parameters
    ----------
    url : str
        Any text: it comes from a link or a form.

    Examples
    --------
    >>> [safe_return_url(url) for url in ("/catalog/lab?page=2", "//evil.example", "https://evil.example", "/a/../b")]
    ['/catalog/lab?page=2', '/', '/', '/']
    """
    front = with_prefix("/")
    path = unquote(re.split(r"[?#]", url, maxsplit=1)[0])
    is_own = (
        len(url) <= _MAX_RETURN_URL
        and _PRINTABLE.fullmatch(url) is not None
        and url.startswith(front)
        and not url.startswith("//")
        and not {".", ".."} & {*path.split("/")}
        and path not in (with_prefix("/signin"), with_prefix("/signout"))
    )
    return url if is_own else front


def _join_segments(*segments: str) -> str:
    return "/".join(quote(segment, safe="") for segment in segments)
