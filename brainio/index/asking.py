"""Searching the catalogs in force: what people and programs call, and what they may ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, SupportsIndex

from brainio.catalogs import catalog_source
from brainio.errors import SearchError, UnknownCatalogError
from brainio.forks import renew_in_child
from brainio.index import vocabulary
from brainio.index.files import Files
from brainio.index.finding import find
from brainio.index.pages import Page, place_in
from brainio.index.questions import Question
from brainio.index.store import Indexes

if TYPE_CHECKING:
    from brainio.index.results import SearchResults

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
    old: bool = False,
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
    old : bool, default False
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
    return search_among(None, text, facets, old=old, limit=limit, offset=offset, after=after)


def search_among(
    names: Collection[str] | None,
    text: str,
    facets: Mapping[str, Values],
    *,
    old: bool = False,
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
    old, limit, offset, after
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
    question = Question(text, filters, old)
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
