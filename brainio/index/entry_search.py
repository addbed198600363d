"""Searching the catalogs in force: what people and programs call, and what they may ask for."""

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
from brainio.index.index_store import Indexes
from brainio.index.query import Question, labels_asked
from brainio.index.ranking import Page, best, cursor_behind, matches, place_in
from brainio.index.results import Hit, SearchResults
from brainio.index.schema import document
from brainio.index.sqlite_index import Files
from brainio.index.words import finds
from brainio.nearest import nearest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from brainio.index.index_store import Index
    from brainio.index.ranking import Matches


Values = str | SupportsIndex | Iterable[str | SupportsIndex] | None
_OWN = Indexes(Files())
_MOST_RETURNED = 10_000  # hits
renew_in_child(_OWN.forget)


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
    """Find stimulus sets and assemblies in the catalogs in force.

    Searched are identifiers, aliases, titles, authors, journals and years, names of coordinates, columns, regions,
    species and animals. An entry must have all words; a word of four letters or more also finds longer ones that begin
    so. Case, accents, punctuation and plurals do not matter. If nothing has all words, what has most is shown, and
    said to be that.

    What is known of an entry comes from its catalog, its publication and its card. An entry without a card is found by
    the regions and species that its names and titles mention, and nothing is known about its repetitions.

    Parameters
    ----------
    text : str
        Words, in any order. Nothing in it is an operator.
    kind : str, optional
        `'assembly'` or `'stimulus_set'`.
    catalog, region, species, lab, cls : str or sequence of str, optional
        Only entries with that value, or one of those; `cls` is the name of a class. Case does not matter.
    year : int, str or sequence of int, optional
        Of the publication: `2018`, `'2015-2020'`, or several.
    has_repetitions, has_reliability : bool, optional
        Only entries whose card says that stimuli were repeated, or states a reliability; with False, that say the
        contrary.
    include_superseded : bool, default False
        Also superseded and deprecated entries, and earlier versions. What is called by its whole name is always found.
    limit, offset : int
        How many hits are returned (20 unless said, 10,000 at most), and how many better ones are passed over.
    after : str, optional
        The `next` of another answer to this question: hits behind those are returned. What is added to catalogs
        meanwhile neither moves a hit to another page nor hides one, but for hits of nearly one score, which may change
        places. Where the last hit of that page is gone, its score decides.

    Returns
    -------
    SearchResults
        A sequence of hits with counts by facet.

    Raises
    ------
    SearchError
        No entry has a value that was asked for; the message names those that exist.
    CursorError
        `after` is no cursor, or one of another question.
    UnknownCatalogError
        No catalog in force has that identifier.

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
    indexes: Indexes = _OWN,
) -> SearchResults:
    """Find stimulus sets and assemblies in some of the catalogs in force, as if there were no others.

    Nothing of the answer depends on a catalog that is not among them: no hit, count, order, suggestion or error. Each
    set of catalogs has an index of its own for that.

    Parameters
    ----------
    names : collection of str or None
        Identifiers of catalogs in force; None for all.
    text : str
        Words, in any order.
    facets : mapping
        Facet (`kind`, `class`, `region`, ... as in `SearchResults.facets`) -> value or values; None for any.
    include_superseded, limit, offset, after
        As of `search`.
    indexes : Indexes, optional
        Those that are asked; by default those of this process in files below `BRAINIO_HOME`.

    Raises
    ------
    SearchError, CursorError, UnknownCatalogError
        As of `search`.
    IndexUnavailableError
        The index lies in a database that does not answer.

    Examples
    --------
    >>> search_among(["brainio_demo"], "auditory", {}).facets["catalog"]
    {'brainio_demo': 2}
    """
    if not 0 <= limit <= _MOST_RETURNED or offset < 0:
        raise SearchError(
            f"limit is {limit} and offset {offset}; expected a limit of 0 to {_MOST_RETURNED:,} and an offset from 0 on"
        )
    if not isinstance(text, str):
        raise SearchError(f"the text is {text!r}; expected words in one str")
    filters = {facet: _values(facet, values) for facet, values in facets.items() if values is not None}
    among = None if names is None else frozenset(names)
    for name in filters.get("catalog", ()):
        _require(name, among)
    question = Question(text, filters, include_superseded)
    page = Page(limit, offset, None if after is None else place_in(after, question))
    return indexes.ask(among, lambda connection, index: find(connection, index, question, page))


def _require(catalog: str, among: frozenset[str] | None) -> None:
    if among is None:
        catalog_source(catalog)
    elif catalog not in among:
        raise UnknownCatalogError(f"no catalog {catalog!r} is searched (but {', '.join(sorted(among)) or 'none'})")


def _values(facet: str, values: Values) -> list[str]:
    several = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    if not several:
        raise SearchError(f"{facet} is an empty list; leave it out where any value will do")
    if facet.startswith("has_"):
        if wrong := [one for one in several if one not in (True, False)]:
            raise SearchError(f"{facet} is {wrong[0]!r}; expected True or False")
        return ["yes" if one else "no" for one in several]
    called = {"region": vocabulary.region_called, "species": vocabulary.species_called}.get(facet, str)
    return [called(str(one).strip()) for one in several]


_MOST_COMPARED = 10_000  # identifiers


def find(connection: Connection, index: Index, question: Question, page: Page) -> SearchResults:
    """Answer a question; where nothing is right, with what is near.

    Raises
    ------
    SearchError
        No entry has a value that was asked for.
    """
    labels = index.labels(connection)
    asked = labels_asked(labels, question)
    lacking = [facet for facet, numbers in asked.items() if not numbers]
    if lacking:
        named = ", ".join(f"{facet} {' or '.join(question.filters[facet])}" for facet in lacking)
        return _answer(question, f"No entry has {named}.")
    found = matches(connection, index, question, asked.values())
    if not len(found.numbers):
        return _answer(question, _meant(connection, question))
    hits, following = _hits(connection, index, question, found, page)
    has_all_words = found.words == len(question.words)
    note = "" if has_all_words else f"Nothing has all words; these have {found.words} of {len(question.words)}."
    return replace(
        _answer(question, note),
        hits=tuple(hits),
        total=len(found.numbers),
        facets=labels.all_counted() if question.is_open else labels.counted(found.numbers),
        has_all_words=has_all_words,
        next=following,
    )


def _answer(question: Question, note: str) -> SearchResults:
    """Return an answer without hits."""
    left_out = f"The last {question.left_out:,} words were not looked for." if question.left_out else ""
    if question.text.strip() and not question.words:
        left_out = "The text has no words; shown is what there is without it."
    told = " ".join(filter(None, [note, left_out]))
    return SearchResults(text=question.text, filters=question.filters, hits=(), total=0, note=told)


def _meant(connection: Connection, question: Question) -> str:
    if len(question.words) != 1:
        return ""
    rows = connection.execute(select(document.c.identifier, document.c.aliases).limit(_MOST_COMPARED))
    near = nearest(question.text, {name for identifier, aliases in rows for name in (identifier, *aliases.split())})
    return f"Did you mean {', '.join(map(repr, near))}?" if near else ""


def _hits(
    connection: Connection, index: Index, question: Question, matches: Matches, page: Page
) -> tuple[list[Hit], str | None]:
    """Return the hits of a page, and the cursor of the next one."""
    if not page.limit:
        return [], None
    ranked = best(connection, index, matches, page)
    shown = ranked[: page.limit]
    columns = [document.c[name] for name in Document._fields]
    rows = connection.execute(select(document.c.id, *columns).where(document.c.id.in_([hit.number for hit in shown])))
    found = {number: Document(*values) for number, *values in rows}
    following = cursor_behind(question, shown[-1], found[shown[-1].number]) if len(ranked) > len(shown) else None
    return [_hit(question, found[number], score) for number, score in shown], following


def _hit(question: Question, found: Document, score: float) -> Hit:
    by_field = words_by_field(found)
    matched = {
        written: fields
        for word, written in question.words.items()
        if (fields := [name for name, words in by_field.items() if finds(word, words)])
    }
    return Hit(
        identifier=found.identifier,
        kind=found.lookup_type,
        class_name=found.class_name,
        catalog=found.catalog,
        version=found.version,
        status=found.status,
        title=found.title.partition("\n")[0],
        lab=found.lab,
        year=found.year,
        regions=dict(read_sourced(found.regions)),
        species=dict(read_sourced(found.species)),
        has_repetitions=found.has_repetitions,
        has_reliability=found.has_reliability,
        matched=matched,
        missing=tuple(written for written in question.words.values() if written not in matched),
        score=score,
        load=load_line(found),
    )


def load_line(found: Document) -> str:
    """Return the line of Python that loads an entry, as exactly as it has to be."""
    getter = "get_assembly" if found.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    catalog = f", catalog={found.catalog!r}" if found.is_ambiguous else ""
    version = "" if found.is_current else f", version={found.version!r}"
    return f"brainio.{getter}({found.identifier!r}{catalog}{version})"
