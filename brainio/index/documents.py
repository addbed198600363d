"""What is known of an entry without its data, as one document that can be searched.

Taken from its rows, its publication and, where it has one, its card. What no card says is read from names and titles,
and marked so. Knows no database.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from brainio.catalogs.cards import Card, read_card
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_SUPERSEDED, STATUS_UNAVAILABLE, Entry
from brainio.catalogs.publications import Publication, publications_of
from brainio.dois import stored_doi
from brainio.index import vocabulary
from brainio.index.words import words_of, words_of_name

LISTED = (STATUS_CURRENT, STATUS_UNAVAILABLE)
"""Statuses of what is found unless more is asked for."""

UNKNOWN = "unknown"
_YES_NO = {True: "yes", False: "no", None: UNKNOWN}
_MOST_TEXT = 20_000  # characters of one field: a card may hold a megabyte
_ANIMALS = ("animal", "subject")
_OF_DATA = {"values", "coordinates", "columns"}  # what cards of facts alone lack
_LAB = re.compile(r"([a-z]+)\.(?=[A-Z])")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")

Sourced = tuple[tuple[str, str], ...]
"""Values, each with where it was found: `'card'`, `'title'` or `'name'`."""


class Document(NamedTuple):
    """One version of one entry; several aliases, columns and animals are separated by spaces, titles by line breaks."""

    catalog: str
    lookup_type: str
    identifier: str
    version: str
    class_name: str
    status: str
    is_current: bool
    is_ambiguous: bool
    aliases: str
    stimulus_set_identifier: str
    title: str
    authors: str
    year: int | None
    journal: str
    doi: str
    lab: str
    regions: str
    species: str
    columns: str
    animals: str
    has_repetitions: bool | None
    has_reliability: bool | None


class Paper(NamedTuple):
    """What publications say."""

    title: str = ""
    authors: str = ""
    year: int | None = None
    journal: str = ""
    doi: str = ""
    lab: str = ""
    regions: str = ""
    species: str = ""


class Maker:
    """Makes documents, and remembers the last publications, since entries share them."""

    def __init__(self) -> None:
        self._papers = lru_cache(maxsize=4096)(self._paper)

    def document(
        self, entry: Entry, card: Card | None = None, *, is_current: bool = True, is_ambiguous: bool = False
    ) -> Document:
        """Return what is known of an entry.

        Parameters
        ----------
        entry : Entry
            From a catalog.
        card : dict, optional
            Its card; by default it is read, if it lies on this machine.
        is_current : bool, default True
            Whether it is the version that its identifier leads to.
        is_ambiguous : bool, default False
            Whether another catalog in force lists other bytes under its identifier.
        """
        paper = self._papers(entry.base, entry.publication) if entry.publication and entry.base else Paper()
        card = _card(entry) if card is None else card
        aliases = " ".join(entry.aliases)
        names = f"{entry.identifier} {aliases}" if aliases else entry.identifier
        replaced = not is_current and entry.status == STATUS_CURRENT
        return Document(
            catalog=entry.catalog,
            lookup_type=entry.lookup_type,
            identifier=entry.identifier,
            version=entry.version,
            class_name=entry.class_name,
            status=STATUS_SUPERSEDED if replaced else entry.status,
            is_current=is_current,
            is_ambiguous=is_ambiguous,
            aliases=aliases,
            stimulus_set_identifier=entry.stimulus_set_identifier,
            title=paper.title or str(card.get("citation", ""))[:_MOST_TEXT],
            authors=paper.authors or _authors(card),
            year=paper.year if paper.year is not None else _year(names),
            journal=paper.journal,
            doi=paper.doi or stored_doi(str(card.get("doi", ""))),
            lab=_lab(entry) or paper.lab,
            regions=_regions(card, paper, names),
            species=_species(card, paper),
            columns=_columns(card) if card else "",
            animals=" ".join(_held(card, _ANIMALS, "animals"))[:_MOST_TEXT] if card else "",
            has_repetitions=_has_repetitions(card) if card else None,
            has_reliability=_has_reliability(card) if card else None,
        )

    @staticmethod
    def _paper(base: str, publication: str) -> Paper:
        probe = Entry("", "", "", (), publication=publication, base=base)
        return paper_of(publications_of(probe))


def paper_of(papers: Iterable[Publication]) -> Paper:
    """Sum up the publications of an entry: the first that says a thing says it, but all titles and authors count.

    Examples
    --------
    >>> paper_of([{'title': 'Macaque V1', 'authors': 'Doe, Jane and Roe, R.', 'year': '2026'}])[:7]
    ('Macaque V1', 'Doe, Jane and Roe, R.', 2026, '', '', 'doe', '[["V1", "title"]]')
    """
    rows = list(papers)
    titles, journals, dois = (_each(rows, name) for name in ("title", "journal", "doi"))
    authors = " and ".join(_each(rows, "authors"))
    return Paper(
        title="\n".join(titles),
        authors=authors,
        year=next((int(year) for row in rows if _YEAR.fullmatch(year := row.get("year", ""))), None),
        journal=journals[0] if journals else "",
        doi=dois[0] if dois else "",
        lab=_family_name(authors),
        regions=_sourced(vocabulary.regions_in(". ".join(titles)), "title"),
        species=_sourced(vocabulary.species_in(". ".join(titles)), "title"),
    )


def words_by_field(document: Document) -> dict[str, str]:
    """Return the words under which a document is found, separated by spaces, field by field.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> found = words_by_field(Maker().document(resolve('assembly', 'modelfest.Carney1999')))
    >>> found['identifier'], found['species']
    ('modelfest carney1999 carney 1999', 'human homo sapien')
    """
    paper, kind = (shared(*fields_of(document)) for shared, fields_of in SHARED.items())
    return paper | kind | own_words(document)


@lru_cache(maxsize=4096)
def _paper_words(
    title: str,
    authors: str,
    lab: str,
    year: int | None,
    journal: str,
    doi: str,
    regions: str,
    species: str,
) -> dict[str, str]:
    """Return the words of what entries of one publication have together, field by field."""
    regions_called = vocabulary.spellings(dict(read_sourced(regions)), ())
    species_called = vocabulary.spellings((), dict(read_sourced(species)))
    return {
        "title": " ".join(words_of(title)),
        "author": " ".join(words_of(authors)),
        "lab": " ".join(words_of(lab)),
        "year": "" if year is None else str(year),
        "journal": " ".join(words_of(journal)),
        "doi": " ".join(words_of(doi)),
        "region": " ".join(dict.fromkeys(words_of(regions_called))),
        "species": " ".join(dict.fromkeys(words_of(species_called))),
    }


@lru_cache(maxsize=1024)
def _kind_words(lookup_type: str, class_name: str, catalog: str) -> dict[str, str]:
    """Return the words of what entries of one class in one catalog have together, field by field."""
    class_words = [*words_of_name(class_name), *words_of(vocabulary.CLASSES.get(class_name, ""))]
    return {
        "kind": " ".join(words_of(lookup_type)),
        "class": " ".join(dict.fromkeys(class_words)),
        "catalog": " ".join(words_of(catalog)),
    }


SHARED: Mapping[Callable[..., dict[str, str]], Callable[[Document], tuple[Any, ...]]] = {
    _paper_words: attrgetter("title", "authors", "lab", "year", "journal", "doi", "regions", "species"),
    _kind_words: attrgetter("lookup_type", "class_name", "catalog"),
}
"""Words that many documents have together, and the fields that they come from: worth remembering."""


def own_words(document: Document) -> dict[str, str]:
    """Return the words of what an entry has for itself, field by field."""
    told = {"identifier": document.identifier, "alias": document.aliases}
    told |= {"stimulus set": document.stimulus_set_identifier, "column": document.columns, "animal": document.animals}
    return {name: " ".join(words_of_name(names)) for name, names in told.items() if names}


class Facets(NamedTuple):
    """What a document is filtered and counted by."""

    catalogs: tuple[str, ...]
    lookup_type: str
    class_name: str
    status: str
    lab: str
    year: int | None
    regions: str
    species: str
    has_repetitions: bool | None
    has_reliability: bool | None


_own_facets = attrgetter(*Facets._fields[1:])


def facets_of(document: Document, catalogs: tuple[str, ...]) -> Facets:
    """Return what a document is filtered and counted by.

    Parameters
    ----------
    catalogs : tuple of str
        Identifiers of all catalogs that list the same entry.
    """
    return Facets(catalogs, *_own_facets(document))


def values_of(facets: Facets) -> list[tuple[str, str]]:
    """Return facets and their values; what is not known has none.

    Examples
    --------
    >>> facets = Facets(("lab",), "assembly", "", "current", "doe", 2026, '[["V4", "name"]]', "", None, None)
    >>> values_of(facets)[:5]
    [('catalog', 'lab'), ('region', 'V4'), ('kind', 'assembly'), ('status', 'current'), ('lab', 'doe')]
    """
    found = [("catalog", catalog) for catalog in facets.catalogs]
    found += [("region", region) for region, _ in read_sourced(facets.regions)]
    found += [("species", species) for species, _ in read_sourced(facets.species)]
    told = (
        ("kind", facets.lookup_type),
        ("class", facets.class_name),
        ("status", facets.status),
        ("lab", facets.lab),
        ("year", "" if facets.year is None else str(facets.year)),
        ("has_repetitions", _YES_NO[facets.has_repetitions]),
        ("has_reliability", _YES_NO[facets.has_reliability]),
    )
    return found + [one for one in told if one[1]]


@lru_cache(maxsize=1024)
def read_sourced(text: str) -> Sourced:
    """Read the regions or species of a document: pairs of value and where it was found."""
    return tuple((value, origin) for value, origin in json.loads(text)) if text else ()


def _card(entry: Entry) -> Card:
    """Read the card of an entry where it lies on this machine: an index may not cost a request an entry."""
    return {} if not entry.card or "://" in entry.card or "://" in entry.base else read_card(entry)


def _each(rows: Iterable[Publication], name: str) -> list[str]:
    return list(dict.fromkeys(value for row in rows if (value := row.get(name, ""))))


def _lab(entry: Entry) -> str:
    found = _LAB.match(entry.identifier) or next(filter(None, map(_LAB.match, entry.aliases)), None)
    return found[1] if found else ""


def _family_name(authors: str) -> str:
    first = authors.partition(" and ")[0]
    name = first.partition(",")[0] if "," in first else first.rpartition(" ")[2]
    return name.strip().lower()


def _year(names: str) -> int | None:
    found = _YEAR.search(names)
    return int(found[0]) if found else None


def _sourced(values: Iterable[str], origin: str, others: str = "") -> str:
    """Write values and where they were found, behind others that were found elsewhere."""
    found = dict(read_sourced(others)) | dict.fromkeys(values, origin)
    return json.dumps(list(found.items()), ensure_ascii=False) if found else ""


def _regions(card: Card, paper: Paper, names: str) -> str:
    if card and (told := [vocabulary.region_called(one) for one in _held(card, ("region",), "regions")]):
        return _sourced(told, "card")
    named = vocabulary.regions_named(names)
    return _sourced(named, "name", paper.regions) if named else paper.regions


def _species(card: Card, paper: Paper) -> str:
    told = _texts(card.get("species"))
    return _sourced(map(vocabulary.species_called, told), "card") if told else paper.species


def _records(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a list; cards may come from anybody, and hold anything."""
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _texts(value: Any) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else []


def _held(card: Card, coordinates: Iterable[str], fact: str) -> list[str]:
    """Return what the data were found to hold, or else what people say they do."""
    counted = [
        str(one.get("value", ""))
        for counted in _records(card.get("counts"))
        if str(counted.get("coordinate")) in coordinates
        for one in _records(counted.get("counts"))
    ]
    return counted or _texts(card.get(fact))


def _columns(card: Card) -> str:
    """Return the names of coordinates and columns; data with repetitions are found by that word as well."""
    told = [str(one.get("name", "")) for name in ("coordinates", "columns") for one in _records(card.get(name))]
    told += ["repetitions"] if _has_repetitions(card) else []
    return " ".join(dict.fromkeys([*told, *_texts(card.get("stimulus_columns"))]))[:_MOST_TEXT]


def _authors(card: Card) -> str:
    return " and ".join(str(one.get("name", "")) for one in _records(card.get("authors")))[:_MOST_TEXT]


def _has_repetitions(card: Card) -> bool | None:
    places = (("repetitions", "maximum"), ("stated", "repetitions"))
    told = [found.get(name) for place, name in places if isinstance(found := card.get(place), dict)]
    return told[0] > 1 if told and isinstance(told[0], int) else None


def _has_reliability(card: Card) -> bool | None:
    told = card.get("reliability")
    if isinstance(told, dict) and told.get("median") is not None:
        return True
    return False if card.keys() & _OF_DATA else None
