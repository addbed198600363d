"""The addresses of resources, as paths from the root of the host.

If `public_url` has a path (`https://lab.example/brainio`), every address begins with this prefix. It is set for each
request that is answered, as an ASGI `root_path` is.
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
_LONGEST_RETURN = 2000  # characters
_PRINTABLE = re.compile(r"[!-\[\]-~]+", re.ASCII)  # without the backslash, which browsers take for a slash
_prefix: ContextVar[str] = ContextVar("prefix", default="")


@contextmanager
def use_prefix(prefix: str) -> Iterator[None]:
    """Let all addresses begin with a prefix, in this task and in the threads that it starts.

    Parameters
    ----------
    prefix : str
        Such as `/brainio`; empty for none.

    Examples
    --------
    >>> with use_prefix("/brainio"):
    ...     catalog_page("lab")
    '/brainio/catalog/lab'
    """
    before = _prefix.set(prefix)
    try:
        yield
    finally:
        _prefix.reset(before)


def with_prefix(path: str) -> str:
    """Return the address of a path of the service, which begins with a slash."""
    return _prefix.get() + path


def of_api(resource: str) -> str:
    """Return the address of a resource of the JSON interface that belongs to no catalog."""
    return with_prefix(f"{API}/{resource}")


def of_resource(resource: str, entry: Entry, *, current: bool = False) -> str:
    """Return the address of a resource of an entry: `entries`, `cards` or `history`.

    Examples
    --------
    >>> of_resource("entries", Entry("lab", "assembly", "lab.Doe 2026", (), version="2"))
    '/api/v1/entries/lab/assembly/lab.Doe%202026?version=2'
    """
    path = of_entry(entry.catalog, entry.lookup_type, entry.identifier, resource)
    return with_query(path, version=None if current else version_of(entry))


def of_entry(catalog: str, kind: str, identifier: str, resource: str = "entries") -> str:
    """Return the address of the current version of an entry, or of a resource of it."""
    return of_api(_joined(resource, catalog, kind, identifier))


def of_file(entry: Entry, part: str) -> str:
    """Return the address of a file of an entry."""
    names = ("files", entry.catalog, entry.lookup_type, part, entry.identifier)
    return with_query(of_api(_joined(*names)), version=version_of(entry))


def of_stimuli(entry: Entry, **query: object) -> str:
    """Return the address of the stimuli of a set, in its version."""
    return with_query(of_api(_joined("stimuli", entry.catalog, entry.identifier)), version=version_of(entry), **query)


def of_page(entry: Entry, **query: object) -> str:
    """Return the address of the page of an entry, in its version.

    Examples
    --------
    >>> of_page(Entry("lab", "assembly", "lab.Doe2026", ()), page=2)
    '/assembly/lab/lab.Doe2026?page=2'
    """
    return page_of(entry.catalog, entry.lookup_type, entry.identifier, version=version_of(entry), **query)


def page_of(catalog: str, kind: str, identifier: str, **query: object) -> str:
    """Return the address of the page of the current version of an entry."""
    return with_query(with_prefix(f"/{_joined(kind, catalog, identifier)}"), **query)


def of_stimulus(entry: Entry, stimulus_id: str) -> str:
    """Return the address of the page of a stimulus of a set."""
    return page_of(entry.catalog, "stimulus", entry.identifier, id=stimulus_id, version=version_of(entry))


def of_thumbnail(entry: Entry, number: int, made: str) -> str:
    """Return the address of the small picture of a stimulus; `made` names the profile that has it."""
    return page_of(entry.catalog, "thumbnail", entry.identifier, number=number, version=version_of(entry), made=made)


def catalog_page(name: str) -> str:
    """Return the address of the page of a catalog."""
    return with_prefix(f"/{_joined('catalog', name)}")


def of_catalog(name: str, *further: str) -> str:
    """Return the address of the JSON record of a catalog, or of something below it."""
    return of_api(_joined("catalogs", name, *further))


def of_csv(name: str) -> str:
    """Return the address that puts a catalog in force elsewhere: its stem is the identifier, whatever dots that has."""
    path = with_prefix(f"/{_joined('catalogs', name)}")
    return path if "." not in name else f"{path}/{_joined(name)}.csv"


def version_of(entry: Entry) -> str | None:
    """Return the version that an address has to name; the first one may have an empty name, and not be current."""
    return entry.version or (None if entry.status == STATUS_CURRENT else "")


def with_query(path: str, **values: object) -> str:
    """Return an address with a query of the values that are there; an empty version is one."""
    absent: dict[str, tuple[object, ...]] = {"version": (None,)}
    said = {name: value for name, value in values.items() if value not in absent.get(name, (None, "", []))}
    query = urlencode(said, doseq=True)
    return f"{path}?{query}" if query else path


def of_request(scope: Scope) -> str:
    """Return the address that a request asks for, without its host."""
    path, query = (scope.get("raw_path") or b"/").decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def signin_of(address: str) -> str:
    """Return the address at which visitors sign in and from which they return to a page."""
    target = return_target(address)
    return with_query(with_prefix("/signin"), next="" if target == with_prefix("/") else target)


def return_target(address: str) -> str:
    """Return the address to which signing in leads: the given one, or the front page if it is not one of this service.

    Parameters
    ----------
    address : str
        Anything that a link or a form may hold.

    Examples
    --------
    >>> [return_target(one) for one in ("/catalog/lab?page=2", "//evil.example", "https://evil.example", "/a/../b")]
    ['/catalog/lab?page=2', '/', '/', '/']
    """
    front = with_prefix("/")
    path = unquote(re.split(r"[?#]", address, maxsplit=1)[0])
    is_own = (
        len(address) <= _LONGEST_RETURN
        and _PRINTABLE.fullmatch(address) is not None
        and address.startswith(front)
        and not address.startswith("//")
        and not {".", ".."} & {*path.split("/")}
        and path not in (with_prefix("/signin"), with_prefix("/signout"))
    )
    return address if is_own else front


def _joined(*segments: str) -> str:
    return "/".join(quote(one, safe="") for one in segments)
