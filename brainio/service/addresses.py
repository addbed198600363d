"""The addresses of resources, as paths from the root of the service."""

from urllib.parse import quote, urlencode

from brainio.catalogs import Entry
from brainio.catalogs.entries import STATUS_CURRENT

API = "/api/v1"


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
    return f"{API}/{resource}/" + "/".join(quote(one, safe="") for one in (catalog, kind, identifier))


def of_file(entry: Entry, part: str) -> str:
    """Return the address of a file of an entry."""
    names = (entry.catalog, entry.lookup_type, part, entry.identifier)
    return with_query(f"{API}/files/" + "/".join(quote(one, safe="") for one in names), version=version_of(entry))


def of_stimuli(entry: Entry, **query: object) -> str:
    """Return the address of the stimuli of a set, in its version."""
    path = f"{API}/stimuli/{quote(entry.catalog, safe='')}/{quote(entry.identifier, safe='')}"
    return with_query(path, version=version_of(entry), **query)


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
    return with_query(f"/{kind}/{quote(catalog, safe='')}/{quote(identifier, safe='')}", **query)


def of_stimulus(entry: Entry, stimulus_id: str) -> str:
    """Return the address of the page of a stimulus of a set."""
    return page_of(entry.catalog, "stimulus", entry.identifier, id=stimulus_id, version=version_of(entry))


def of_thumbnail(entry: Entry, number: int, made: str) -> str:
    """Return the address of the small picture of a stimulus; `made` names the profile that has it."""
    return page_of(entry.catalog, "thumbnail", entry.identifier, number=number, version=version_of(entry), made=made)


def catalog_page(name: str) -> str:
    """Return the address of the page of a catalog."""
    return f"/catalog/{quote(name, safe='')}"


def of_catalog(name: str, *further: str) -> str:
    """Return the address of the JSON record of a catalog, or of something below it."""
    return "/".join((f"{API}/catalogs", *(quote(one, safe="") for one in (name, *further))))


def of_csv(name: str) -> str:
    """Return the address that puts a catalog in force elsewhere: its stem is the identifier, whatever dots that has."""
    path = f"/catalogs/{quote(name, safe='')}"
    return path if "." not in name else f"{path}/{quote(name, safe='')}.csv"


def version_of(entry: Entry) -> str | None:
    """Return the version that an address has to name; the first one may have an empty name, and not be current."""
    return entry.version or (None if entry.status == STATUS_CURRENT else "")


def with_query(path: str, **values: object) -> str:
    """Return an address with a query of the values that are there; an empty version is one."""
    absent: dict[str, tuple[object, ...]] = {"version": (None,)}
    said = {name: value for name, value in values.items() if value not in absent.get(name, (None, "", []))}
    query = urlencode(said, doseq=True)
    return f"{path}?{query}" if query else path
