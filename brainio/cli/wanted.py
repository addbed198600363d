"""Which entries a command is about that goes on where some cannot be found."""

from brainio.catalogs import Entry, entries, entries_of
from brainio.errors import BrainioError


def wanted(
    identifiers: tuple[str, ...], *, kind: str | None, catalog: str | None, version: str | None
) -> tuple[list[Entry], dict[str, BrainioError]]:
    """Return the entries that identifiers name, or without any all current ones, and why some name none."""
    if not identifiers:
        return list(entries(kind, catalog)), {}
    found: list[Entry] = []
    failures: dict[str, BrainioError] = {}
    for identifier in identifiers:
        try:
            found += entries_of(identifier, kind=kind, catalog=catalog, version=version)
        except BrainioError as error:
            failures[identifier] = error
    return list(dict.fromkeys(found)), failures
