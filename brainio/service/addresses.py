"""The addresses of resources, as paths from the root of the service."""

from urllib.parse import quote, urlencode

from brainio.catalogs import Entry

API = "/api/v1"


def of_resource(resource: str, entry: Entry, *, current: bool = False) -> str:
    """Return the address of a resource of an entry: `entries`, `cards` or `history`.

    Examples
    --------
    >>> of_resource("entries", Entry("lab", "assembly", "lab.Doe 2026", (), version="2"))
    '/api/v1/entries/lab/assembly/lab.Doe%202026?version=2'
    """
    path = of_entry(entry.catalog, entry.lookup_type, entry.identifier, resource)
    return with_query(path, version=None if current else entry.version)


def of_entry(catalog: str, kind: str, identifier: str, resource: str = "entries") -> str:
    """Return the address of the current version of an entry, or of a resource of it."""
    return f"{API}/{resource}/" + "/".join(quote(one, safe="") for one in (catalog, kind, identifier))


def of_file(entry: Entry, part: str) -> str:
    """Return the address of a file of an entry."""
    names = (entry.catalog, entry.lookup_type, part, entry.identifier)
    return with_query(f"{API}/files/" + "/".join(quote(one, safe="") for one in names), version=entry.version)


def of_catalog(name: str, *further: str) -> str:
    """Return the address of the JSON record of a catalog, or of something below it."""
    return "/".join((f"{API}/catalogs", *(quote(one, safe="") for one in (name, *further))))


def of_csv(name: str) -> str:
    """Return the address that puts a catalog in force elsewhere: its stem is the identifier, whatever dots that has."""
    path = f"/catalogs/{quote(name, safe='')}"
    return path if "." not in name else f"{path}/{quote(name, safe='')}.csv"


def with_query(path: str, **values: object) -> str:
    """Return an address with a query of the values that are there."""
    query = urlencode({name: value for name, value in values.items() if value not in (None, "", [])}, doseq=True)
    return f"{path}?{query}" if query else path
