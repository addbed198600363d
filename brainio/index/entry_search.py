"""Search for entries in the active catalogs.

`search` and `search_among` check their arguments, read a page of ranked matches from the index, and explain each hit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, SupportsIndex

from sqlalchemy import select

from brainio.catalogs import catalog_source
from brainio.catalogs.entries import TYPE_ASSEMBLY
from brainio.errors import SearchError, UnknownCatalogError
from brainio.forks import renew_in_child
from brainio.index import vocabulary
from brainio.index.documents import Document, read_sourced, words_by_field
from brainio.index.facets import resolve_filters
from brainio.index.index_store import OpenIndexes
from brainio.index.ranking import Page, Query, cursor_after, find_matches, parse_position, rank_page
from brainio.index.results import Hit, SearchResults
from brainio.index.schema import document as document_table
from brainio.index.sqlite_index import SqliteIndexStore
from brainio.index.vocabulary import has_prefix_match
from brainio.text import nearest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from brainio.index.open_index import Index
    from brainio.index.ranking import Matches


Values = str | SupportsIndex | Iterable[str | SupportsIndex] | None
_PROCESS_INDEXES = OpenIndexes(SqliteIndexStore())
_MAX_HITS = 10_000
_MAX_COMPARED = 10_000  # identifiers
renew_in_child(_PROCESS_INDEXES.forget)


def search(
    text: str = "",
    *,
    kind: Values = None,
    catalog: Values = None,
    region: Values = None,
    species: Values = None,
    year: Values = None,
    lab: Values = None,
    cls: Values = None,
    has_repetitions: bool | None = None,
    has_reliability: bool | None = None,
    include_superseded: bool = False,
    limit: int = 20,
    offset: int = 0,
    after: str | None = None,
) -> SearchResults:
    """Find stimulus sets and assemblies in the active catalogs.

    The search covers identifiers, aliases, titles, authors, journals, years, regions, species, animals, and the names
    of coordinates and columns. A hit contains all words of the query; a word of four letters or more also matches
    longer words with this prefix. Case, accents, punctuation and plurals do not matter. If no entry contains all
    words, the search returns the entries with the most words, and `note` says so.

    The facts come from the catalog, the publication and the card of an entry. If an entry has no card, its regions and
    species are those that identifiers and titles mention, and its repetitions are unknown.

    Parameters
    ----------
    text : str
        Words, in any order. There are no operators.
    kind : str, optional
        `'assembly'` or `'stimulus_set'`.
    catalog, region, species, lab, cls : str or sequence of str, optional
        Filters: only entries with this value, or with one of these values; `cls` is the name of a class. Case does not
        matter.
    year : int, str or sequence of int, optional
        Year of the publication: `2018`, `'2015-2020'`, or a sequence.
    has_repetitions, has_reliability : bool, optional
        True: only entries whose card states repeated stimuli, or a reliability. False: only entries whose card states
        the contrary.
    include_superseded : bool, default False
        Include superseded and deprecated entries, and earlier versions. A full identifier always matches.
    limit, offset : int
        The number of hits to return (default 20, maximum 10,000), and the number of better hits to skip.
    after : str, optional
        The `next` of an earlier result of this query, to return the hits after it. Entries that are added to catalogs
        in the meantime neither move a hit to another page nor hide one; only hits with nearly equal scores may swap.
        If the last hit of the earlier page was removed, its score determines where the page begins.

    Returns
    -------
    SearchResults
        The hits, with counts by facet.

    Raises
    ------
    SearchError
        No entry has a filter value; the message lists the existing values.
    CursorError
        `after` is not a cursor, or belongs to another query.
    UnknownCatalogError
        No active catalog has this identifier.

    Examples
    --------
    >>> import brainio
    >>> brainio.search("human vision thresholds", kind="assembly", catalog="brainio_demo")[0].load
    "brainio.get_assembly('modelfest.Carney1999')"
    >>> brainio.search(region="IT", year="2018-2020", catalog="brainscore").facets["lab"]
    {'dicarlo': 9, 'bracci': 1}
    >>> first = brainio.search("auditory", limit=2)
    >>> len(brainio.search("auditory", limit=2, after=first.next)), first.total
    (1, 3)
    """
    facets = {
        "kind": kind,
        "class": cls,
        "region": region,
        "species": species,
        "lab": lab,
        "year": year,
        "catalog": catalog,
        "has_repetitions": has_repetitions,
        "has_reliability": has_reliability,
    }
    return search_among(
        None, text, facets, include_superseded=include_superseded, limit=limit, offset=offset, after=after
    )


def search_among(
    names: Collection[str] | None,
    text: str,
    facets: Mapping[str, Values],
    *,
    include_superseded: bool = False,
    limit: int = 20,
    offset: int = 0,
    after: str | None = None,
    indexes: OpenIndexes = _PROCESS_INDEXES,
) -> SearchResults:
    """Find stimulus sets and assemblies in some of the active catalogs, as if no others existed.

    Other catalogs influence no hit, count, order, suggestion or error, because each set of catalogs has its own index.

    Parameters
    ----------
    names : collection of str or None
        Identifiers of active catalogs; None for all.
    text : str
        Words, in any order.
    facets : mapping
        Facet (`kind`, `class`, `region`, ... as in `SearchResults.facets`) -> value or values; None for any.
    include_superseded, limit, offset, after
        As of `search`.
    indexes : OpenIndexes, optional
        By default the indexes of this process, in files below `BRAINIO_HOME`.

    Raises
    ------
    SearchError, CursorError, UnknownCatalogError
        As of `search`.
    IndexUnavailableError
        The database of the index does not respond.

    Examples
    --------
    >>> search_among(["brainio_demo"], "auditory", {}).facets["catalog"]
    {'brainio_demo': 2}
    """
    if not 0 <= limit <= _MAX_HITS or offset < 0:
        raise SearchError(
            f"limit is {limit} and offset {offset}; expected a limit of 0 to {_MAX_HITS:,} and an offset from 0 on"
        )
    if not isinstance(text, str):
        raise SearchError(f"the text is {text!r}; expected words in one str")
    filters = {facet: _values(facet, values) for facet, values in facets.items() if values is not None}
    among = None if names is None else frozenset(names)
    for name in filters.get("catalog", ()):
        _require(name, among)
    query = Query(text, filters, include_superseded)
    page = Page(limit, offset, None if after is None else parse_position(after, query))
    return indexes.query(among, lambda connection, index: _find(connection, index, query, page))


def _require(catalog: str, among: frozenset[str] | None) -> None:
    if among is None:
        catalog_source(catalog)
    elif catalog not in among:
        searched = ", ".join(sorted(among)) or "no catalogs"
        raise UnknownCatalogError(f"this search covers {searched}, but not the catalog {catalog!r}")


def _values(facet: str, values: Values) -> list[str]:
    several = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    if not several:
        raise SearchError(f"{facet} is an empty list; omit it to accept any value")
    if facet.startswith("has_"):
        if invalid := [value for value in several if value not in (True, False)]:
            raise SearchError(f"{facet} is {invalid[0]!r}; expected True or False")
        return ["yes" if value else "no" for value in several]
    canonical = {"region": vocabulary.canonical_region, "species": vocabulary.canonical_species}.get(facet, str)
    return [canonical(str(value).strip()) for value in several]


def _find(connection: Connection, index: Index, query: Query, page: Page) -> SearchResults:
    """Answer a query from an index; without matches, suggest similar identifiers.

    Raises
    ------
    SearchError
        No entry has a filter value.
    """
    facets = index.facets(connection)
    filters = resolve_filters(facets, query.filters)
    unmatched = [facet for facet, numbers in filters.items() if not numbers]
    if unmatched:
        values = ", ".join(f"{facet} {' or '.join(query.filters[facet])}" for facet in unmatched)
        return _empty_results(query, f"No entry has {values}.")
    matches = find_matches(connection, index, query, filters.values())
    if not len(matches.numbers):
        return _empty_results(query, _suggest(connection, query))
    hits, next_cursor = _hits(connection, index, query, matches, page)
    has_all_words = matches.words == len(query.words)
    note = "" if has_all_words else f"No entry has all words; these have {matches.words} of {len(query.words)}."
    return replace(
        _empty_results(query, note),
        hits=tuple(hits),
        total=len(matches.numbers),
        facets=facets.count_default() if query.is_unrestricted else facets.count(matches.numbers),
        has_all_words=has_all_words,
        next=next_cursor,
    )


def _empty_results(query: Query, note: str) -> SearchResults:
    limits = f"The last {query.dropped_words:,} words were ignored." if query.dropped_words else ""
    if query.text.strip() and not query.words:
        limits = "The text has no words and was ignored."
    notes = " ".join(filter(None, [note, limits]))
    return SearchResults(text=query.text, filters=query.filters, hits=(), total=0, note=notes)


def _suggest(connection: Connection, query: Query) -> str:
    if len(query.words) != 1:
        return ""
    rows = connection.execute(select(document_table.c.identifier, document_table.c.aliases).limit(_MAX_COMPARED))
    near = nearest(query.text, {name for identifier, aliases in rows for name in (identifier, *aliases.split())})
    return f"Did you mean {', '.join(map(repr, near))}?" if near else ""


def _hits(
    connection: Connection, index: Index, query: Query, matches: Matches, page: Page
) -> tuple[list[Hit], str | None]:
    """Return the hits of a page, and the cursor of the next page."""
    if not page.limit:
        return [], None
    ranked = rank_page(connection, index, matches, page)
    on_page = ranked[: page.limit]
    columns = [document_table.c[name] for name in Document._fields]
    rows = connection.execute(
        select(document_table.c.id, *columns).where(document_table.c.id.in_([hit.number for hit in on_page]))
    )
    documents = {number: Document(*values) for number, *values in rows}
    has_next = len(ranked) > len(on_page)
    next_cursor = cursor_after(query, on_page[-1], documents[on_page[-1].number]) if has_next else None
    return [_hit(query, documents[number], score) for number, score in on_page], next_cursor


def _hit(query: Query, document: Document, score: float) -> Hit:
    by_field = words_by_field(document)
    matched = {
        written: fields
        for word, written in query.words.items()
        if (fields := [name for name, words in by_field.items() if has_prefix_match(word, words)])
    }
    return Hit(
        identifier=document.identifier,
        kind=document.lookup_type,
        class_name=document.class_name,
        catalog=document.catalog,
        version=document.version,
        status=document.status,
        title=document.title.partition("\n")[0],
        lab=document.lab,
        year=document.year,
        regions=dict(read_sourced(document.regions)),
        species=dict(read_sourced(document.species)),
        has_repetitions=document.has_repetitions,
        has_reliability=document.has_reliability,
        matched=matched,
        missing=tuple(written for written in query.words.values() if written not in matched),
        score=score,
        load=_load_line(document),
    )


def _load_line(document: Document) -> str:
    """Return the shortest unambiguous line of Python that loads an entry."""
    getter = "get_assembly" if document.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    catalog = f", catalog={document.catalog!r}" if document.is_ambiguous else ""
    version = "" if document.is_current else f", version={document.version!r}"
    return f"brainio.{getter}({document.identifier!r}{catalog}{version})"
