"""Code snippets that load an entry or add a catalog, in Python and for the shell."""

import shlex
from functools import cache
from importlib.metadata import distribution
from typing import NamedTuple
from urllib.parse import urlsplit

from brainio.catalogs import ENTRYPOINT, TYPE_ASSEMBLY, Entry
from brainio.installation import DISTRIBUTION
from brainio.service import urls
from brainio.service.dependencies import Service


class Snippets(NamedTuple):
    """The same action in Python and as a shell command."""

    python: str
    shell: str


@cache
def shipped_catalogs() -> frozenset[str]:
    """Return the catalogs of every brainio installation; no other active catalog may have their identifiers.

    Examples
    --------
    >>> sorted(shipped_catalogs())
    ['brainio_demo', 'brainscore']
    """
    return frozenset(distribution(DISTRIBUTION).entry_points.select(group=ENTRYPOINT).names)


def entry_snippets(entry: Entry, origin: str, *, is_current: bool) -> Snippets:
    """Return the code that loads an entry on a machine with nothing but brainio.

    Parameters
    ----------
    entry : Entry
        An entry of a served catalog.
    origin : str
        Scheme and host of this service.
    is_current : bool
        Whether the identifier alone resolves to this version.

    Examples
    --------
    >>> entry = Entry("lab", "assembly", "lab.Doe2026", ())
    >>> print(entry_snippets(entry, "https://lab.example", is_current=True).python)
    import brainio
    <BLANKLINE>
    brainio.add_catalog('https://lab.example/catalogs/lab')
    assembly = brainio.get_assembly('lab.Doe2026', catalog='lab')
    """
    version = ["--version", entry.version] if not is_current else []
    command = ["brainio", "get", entry.identifier, "--kind", entry.lookup_type, "--catalog", entry.catalog, *version]
    code = [*_preamble(entry.catalog, origin), _load_call(entry, is_current=is_current)]
    return Snippets("\n".join(code), f"{_shell_prefix(entry.catalog, origin)}{shlex.join(command)}")


def stimulus_snippet(entry: Entry, stimulus_id: str, origin: str) -> str:
    """Return the code that loads a stimulus set and gets the path of one stimulus."""
    load = _load_call(entry, is_current=urls.version_parameter(entry) is None)
    return "\n".join([*_preamble(entry.catalog, origin), load, f"path = stimulus_set.get_stimulus({stimulus_id!r})"])


def catalog_snippets(catalog: str, origin: str) -> Snippets:
    """Return the code that adds a catalog, in a program and for all programs of a shell."""
    url = f"{origin}{urls.catalog_csv_url(catalog)}"
    return Snippets(f"import brainio\n\nbrainio.add_catalog({url!r})", f"export BRAINIO_CATALOGS={shlex.quote(url)}")


def netrc_line(catalog: str, service: Service, origin: str) -> str:
    """Return the line of `~/.netrc` that the code needs to open a private catalog; empty for a public catalog."""
    if service.access_control.public.sees(catalog):
        return ""
    return f"machine {urlsplit(origin).hostname} login token password TOKEN"


def _preamble(catalog: str, origin: str) -> list[str]:
    add_catalog = catalog_snippets(catalog, origin).python
    return ["import brainio", ""] if catalog in shipped_catalogs() else [add_catalog]


def _shell_prefix(catalog: str, origin: str) -> str:
    assignment = catalog_snippets(catalog, origin).shell.removeprefix("export ")
    return "" if catalog in shipped_catalogs() else f"{assignment} "


def _load_call(entry: Entry, *, is_current: bool) -> str:
    name = "assembly" if entry.lookup_type == TYPE_ASSEMBLY else "stimulus_set"
    version = [] if is_current else [f"version={entry.version!r}"]
    arguments = ", ".join([repr(entry.identifier), f"catalog={entry.catalog!r}", *version])
    return f"{name} = brainio.get_{name}({arguments})"
