"""The code that loads an entry, as people copy it: in Python and for the shell."""

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
    """Code in Python, and a command."""

    python: str
    shell: str


@cache
def shipped() -> frozenset[str]:
    """Return the catalogs that every installation has: no other one in force may have their identifiers.

    Examples
    --------
    >>> sorted(shipped())
    ['brainio_demo', 'brainscore']
    """
    return frozenset(distribution(DISTRIBUTION).entry_points.select(group=ENTRYPOINT).names)


def snippets_of(entry: Entry, origin: str, *, is_current: bool) -> Snippets:
    """Return the code that loads an entry on a machine that has brainio and nothing else.

    Parameters
    ----------
    entry : Entry
        Of a served catalog.
    origin : str
        Scheme and host of this service.
    is_current : bool
        Whether its identifier alone leads to this version.

    Examples
    --------
    >>> print(snippets_of(Entry("lab", "assembly", "lab.Doe2026", ()), "https://lab.example", is_current=True).python)
    import brainio
    <BLANKLINE>
    brainio.add_catalog('https://lab.example/catalogs/lab')
    assembly = brainio.get_assembly('lab.Doe2026', catalog='lab')
    """
    version = ["--version", entry.version] if not is_current else []
    command = ["brainio", "get", entry.identifier, "--kind", entry.lookup_type, "--catalog", entry.catalog, *version]
    code = [*_begin(entry.catalog, origin), _load(entry, is_current=is_current)]
    return Snippets("\n".join(code), f"{_in_force(entry.catalog, origin)}{shlex.join(command)}")


def stimulus_snippet(entry: Entry, stimulus_id: str, origin: str) -> str:
    """Return the code that loads a set and gives the path of one of its stimuli."""
    code = [*_begin(entry.catalog, origin), _load(entry, is_current=urls.version_of(entry) is None)]
    return "\n".join([*code, f"path = stimulus_set.get_stimulus({stimulus_id!r})"])


def catalog_snippets(catalog: str, origin: str) -> Snippets:
    """Return the code that puts a catalog in force, in a program and for all programs of a shell."""
    url = f"{origin}{urls.of_csv(catalog)}"
    return Snippets(f"import brainio\n\nbrainio.add_catalog({url!r})", f"export BRAINIO_CATALOGS={shlex.quote(url)}")


def netrc_of(catalog: str, service: Service, origin: str) -> str:
    """Return the line of `~/.netrc` without which the code opens no private catalog; empty where it is for all."""
    if service.access_control.everybody.sees(catalog):
        return ""
    return f"machine {urlsplit(origin).hostname} login token password TOKEN"


def _begin(catalog: str, origin: str) -> list[str]:
    begin = catalog_snippets(catalog, origin).python
    return ["import brainio", ""] if catalog in shipped() else [begin]


def _in_force(catalog: str, origin: str) -> str:
    set_ = catalog_snippets(catalog, origin).shell.removeprefix("export ")
    return "" if catalog in shipped() else f"{set_} "


def _load(entry: Entry, *, is_current: bool) -> str:
    name = "assembly" if entry.lookup_type == TYPE_ASSEMBLY else "stimulus_set"
    version = [] if is_current else [f"version={entry.version!r}"]
    call = ", ".join([repr(entry.identifier), f"catalog={entry.catalog!r}", *version])
    return f"{name} = brainio.get_{name}({call})"
