"""Citations of entries: `brainio.cite`, and the formatting of cited works as text or as records."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from brainio.cards.facts import format_citation
from brainio.catalogs import Entry, entries
from brainio.catalogs.entries import STATUS_CURRENT
from brainio.catalogs.publications import DETAILS
from brainio.dois import doi_url
from brainio.errors import ExchangeError
from brainio.exchange.bibtex import format_bibtex
from brainio.exchange.cited_works import Work, add_stimulus_sets, collect_works, unique_works
from brainio.fetch.hooks import entries_of

FORMATS = ("text", "bibtex")


def cite(
    *identifiers: str,
    format: str = "text",  # noqa: A002 - the usual name of this parameter
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
) -> str:
    r"""Return the citations of entries: each publication once, including those of the stimulus sets of assemblies.

    An entry without a known publication is cited itself, with the known facts about it. An entry with a version is
    cited in addition to its publications.

    Parameters
    ----------
    *identifiers : str
        As for `get_assembly` and `get_stimulus_set`; an identifier of a stimulus set and an assembly stands for both.
        By default, all current entries of `catalog`.
    format : {'text', 'bibtex'}, default 'text'
        Text has one line per work. BibTeX is ASCII, except for characters without a LaTeX command.
    catalog : str, optional
        Identifier of the only catalog to search.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: cite only entries of this kind, and the stimulus sets of assemblies.
    version : str, optional
        Version of the entries.

    Returns
    -------
    str
        The citations, without a final line break.

    Raises
    ------
    EntryLookupError
        An identifier does not resolve to an entry.
    ExchangeError
        `format` is unknown, or neither an identifier nor a catalog is given.

    Examples
    --------
    >>> cite('herz.Rokem2006').split('(2006)')[1].strip('. ')[:28]
    'Spike-timing precision under'
    >>> print(cite('herz.Rokem2006', format='bibtex').splitlines()[0])
    @article{rokem2006spike_timing,
    """
    if format not in FORMATS:
        raise ExchangeError(f"unknown citation format {format!r}; expected one of {', '.join(FORMATS)}")
    return format_works(collect_works(select_entries(identifiers, catalog, kind, version)), format)


def select_entries(
    identifiers: Iterable[str], catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the entries to cite; see `cite`."""
    identifiers = list(identifiers)
    if not identifiers and catalog is None:
        raise ExchangeError("name an identifier to cite, or a catalog to cite all of it")
    selected = [
        entry
        for identifier in identifiers
        for entry in entries_of(identifier, catalog=catalog, kind=kind, version=version)
    ]
    if not identifiers:
        selected = [entry for entry in entries(kind, catalog) if entry.status == STATUS_CURRENT]
    return add_stimulus_sets(selected)


def format_works(works: dict[Entry, tuple[Work, ...]], format_name: str) -> str:
    """Format the works of entries, each once, as `'text'` or `'bibtex'`."""
    cited = unique_works(works)
    return format_bibtex(cited) if format_name == "bibtex" else "\n".join(map(format_work, cited))


def format_work(work: Work) -> str:
    """Format the citation of a work as one line of text."""
    if work.is_data:
        version = f", version {work.version}" if work.version else ""
        year = f"({work.year})" if work.year else ""
        authors = " ".join(filter(None, ["; ".join(work.authors), year]))
        has_doi_in_note = not work.doi or work.doi in unquote(work.note).lower()
        parts = [authors, f"{work.title}{version}", work.note.replace("\n", " ")]
        return " ".join([*map(_sentence, filter(None, parts)), *([] if has_doi_in_note else [doi_url(work.doi)])])
    authors = " and ".join([*work.authors, *(["others"] if work.more_authors else [])])
    return format_citation(
        {
            "authors": authors,
            "year": work.year,
            "title": work.title,
            "journal": work.journal,
            "doi": work.doi,
            "url": work.url,
            **{name: getattr(work, name) for name in DETAILS},
        }
    )


def citation_records(works: dict[Entry, tuple[Work, ...]]) -> list[dict[str, Any]]:
    """Return a record for each entry with the works to cite, for programs."""
    return [
        {
            "identifier": entry.identifier,
            "kind": entry.lookup_type,
            "catalog": entry.catalog,
            "version": entry.version,
            "works": [
                {
                    "key": work.key,
                    "is_data": work.is_data,
                    "text": format_work(work),
                    "title": work.title,
                    "authors": list(work.authors),
                    "year": work.year,
                    "journal": work.journal,
                    **{name: getattr(work, name) for name in DETAILS},
                    "doi": work.doi,
                    "url": work.url,
                    "version": work.version,
                    "note": work.note,
                }
                for work in works_of_entry
            ],
        }
        for entry, works_of_entry in works.items()
    ]


def _sentence(text: str) -> str:
    """End a text with exactly one full stop."""
    return f"{text.rstrip('.')}."
