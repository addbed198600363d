"""From identifiers to what a paper writes about the data that it used."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from brainio.cards.facts import format_citation
from brainio.catalogs import Entry, entries
from brainio.catalogs.entries import STATUS_CURRENT
from brainio.catalogs.publications import DETAILS
from brainio.dois import doi_url
from brainio.errors import ExchangeError
from brainio.exchange.bibtex import bibtex
from brainio.exchange.works import Work, entries_to_cite, works_of
from brainio.fetch.hooks import entries_of

FORMATS = ("text", "bibtex")


def cite(
    *identifiers: str,
    format: str = "text",  # noqa: A002 - what everybody calls it
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
) -> str:
    r"""Write how to cite what identifiers name: the publications, each once; for assemblies those of their stimuli too.

    Where no publication is known the data themselves are cited, with what is known of them. So is every entry that has
    a version, beside its publications.

    Parameters
    ----------
    *identifiers : str
        As for `get_assembly` and `get_stimulus_set`; one that names both means both. With none of them, all current
        entries of `catalog`.
    format : {'text', 'bibtex'}, default 'text'
        Text has a line for each work. BibTeX is plain ASCII as far as LaTeX has commands for characters.
    catalog : str, optional
        Identifier of the only catalog to look in.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`: what of both an identifier means.
    version : str, optional
        Version of the entries.

    Returns
    -------
    str
        Without a line break at its end.

    Raises
    ------
    EntryLookupError
        An identifier leads nowhere.
    ExchangeError
        `format` is none of these, or nothing was named.

    Examples
    --------
    >>> cite('herz.Rokem2006').split('(2006)')[1].strip('. ')[:28]
    'Spike-timing precision under'
    >>> print(cite('herz.Rokem2006', format='bibtex').splitlines()[0])
    @article{rokem2006spike_timing,
    """
    if format not in FORMATS:
        raise ExchangeError(f"there are no citations of the format {format!r}; expected one of {', '.join(FORMATS)}")
    return written(works_of(named(identifiers, catalog, kind, version)), format)


def named(
    identifiers: Iterable[str], catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the entries that are to be cited; see `cite`."""
    identifiers = list(identifiers)
    if not identifiers and catalog is None:
        raise ExchangeError("name an identifier to cite, or a catalog to cite all of it")
    found = [
        entry
        for identifier in identifiers
        for entry in entries_of(identifier, catalog=catalog, kind=kind, version=version)
    ]
    if not identifiers:
        found = [entry for entry in entries(kind, catalog) if entry.status == STATUS_CURRENT]
    return entries_to_cite(found)


def written(works: dict[Entry, tuple[Work, ...]], form: str) -> str:
    """Write the works of entries, each once, as `'text'` or `'bibtex'`."""
    cited = unique(works)
    return bibtex(cited) if form == "bibtex" else "\n".join(map(in_words, cited))


def unique(works: dict[Entry, tuple[Work, ...]]) -> list[Work]:
    """Return the works of entries, each once."""
    return list(dict.fromkeys(work for of_one in works.values() for work in of_one))


def in_words(work: Work) -> str:
    """Write a work in a line, as people cite it."""
    if work.is_data:
        version = f", version {work.version}" if work.version else ""
        year = f"({work.year})" if work.year else ""
        authors = " ".join(filter(None, ["; ".join(work.authors), year]))
        is_named = not work.doi or work.doi in unquote(work.note).lower()
        parts = [authors, f"{work.title}{version}", work.note.replace("\n", " ")]
        return " ".join([*map(_sentence, filter(None, parts)), *([] if is_named else [doi_url(work.doi)])])
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


def records(works: dict[Entry, tuple[Work, ...]]) -> list[dict[str, Any]]:
    """Return what programs read: for each entry the works to cite, and what is not known of them."""
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
                    "text": in_words(work),
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
                for work in of_one
            ],
        }
        for entry, of_one in works.items()
    ]


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."
