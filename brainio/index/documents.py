"""Search documents: the facts about an entry that need no download.

The facts come from the rows, the publication and the card of the entry. Without a card, regions and species are read
from identifiers and titles, with this source stated. Accesses no database.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from brainio.catalogs.backends import sidecars_at
from brainio.catalogs.cards import Card, read_card
from brainio.catalogs.entries import STATUS_CURRENT, STATUS_SUPERSEDED, STATUS_UNAVAILABLE, Entry
from brainio.catalogs.publications import Publication, publications_of
from brainio.dois import stored_doi
from brainio.index import vocabulary
from brainio.index.vocabulary import split_name, split_words
from brainio.stores.location import is_url

LISTED = (STATUS_CURRENT, STATUS_UNAVAILABLE)
"""The statuses of entries that searches include by default."""

UNKNOWN = "unknown"
_YES_NO = {True: "yes", False: "no", None: UNKNOWN}
_MAX_TEXT = 20_000  # characters of one field: a card may hold a megabyte
_ANIMALS = ("animal", "subject")
_COMPUTED_FIELDS = {"values", "coordinates", "columns"}  # cards with stated facts only lack them
_LAB = re.compile(r"([a-z]+)\.(?=[A-Z])")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")

Sourced = tuple[tuple[str, str], ...]
"""Values with their sources: `'card'`, `'title'` or `'name'`."""


class Document(NamedTuple):
    """One version of an entry; spaces separate aliases, columns and animals, line breaks separate titles."""

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


class PublicationFacts(NamedTuple):
    """The facts from the publications of an entry."""

    title: str = ""
    authors: str = ""
    year: int | None = None
    journal: str = ""
    doi: str = ""
    lab: str = ""
    regions: str = ""
    species: str = ""


class DocumentBuilder:
    """Builds documents, and caches publications, which entries share."""

    def __init__(self) -> None:
        self._papers = lru_cache(maxsize=4096)(self._paper)

    def build(
        self, entry: Entry, card: Card | None = None, *, is_current: bool = True, is_ambiguous: bool = False
    ) -> Document:
        """Return the document of an entry.

        Parameters
        ----------
        entry : Entry
            From a catalog.
        card : dict, optional
            Its card; by default the card is read if it is on this machine.
        is_current : bool, default True
            Whether its identifier resolves to this version.
        is_ambiguous : bool, default False
            Whether another active catalog lists other bytes under its identifier.
        """
        paper = self._papers(entry.base, entry.publication) if entry.publication and entry.base else PublicationFacts()
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
            title=paper.title or str(card.get("citation", ""))[:_MAX_TEXT],
            authors=paper.authors or _authors(card),
            year=paper.year if paper.year is not None else _year(names),
            journal=paper.journal,
            doi=paper.doi or stored_doi(str(card.get("doi", ""))),
            lab=_lab_of(entry) or paper.lab,
            regions=_regions(card, paper, names),
            species=_species(card, paper),
            columns=_columns(card) if card else "",
            animals=" ".join(_data_values(card, _ANIMALS, "animals"))[:_MAX_TEXT] if card else "",
            has_repetitions=_has_repetitions(card) if card else None,
            has_reliability=_has_reliability(card) if card else None,
        )

    @staticmethod
    def _paper(base: str, publication: str) -> PublicationFacts:
        probe = Entry("", "", "", (), publication=publication, base=base)
        return _summarize_publications(publications_of(probe))


def _summarize_publications(papers: Iterable[Publication]) -> PublicationFacts:
    """Combine the publications of an entry: all titles and authors, otherwise the first stated value.

    Examples
    --------
    >>> _summarize_publications([{'title': 'Macaque V1', 'authors': 'Doe, Jane and Roe, R.', 'year': '2026'}])[:7]
    ('Macaque V1', 'Doe, Jane and Roe, R.', 2026, '', '', 'doe', '[["V1", "title"]]')
    """
    rows = list(papers)
    titles, journals, dois = (_each(rows, name) for name in ("title", "journal", "doi"))
    authors = " and ".join(_each(rows, "authors"))
    return PublicationFacts(
        title="\n".join(titles),
        authors=authors,
        year=next((int(year) for row in rows if _YEAR.fullmatch(year := row.get("year", ""))), None),
        journal=journals[0] if journals else "",
        doi=dois[0] if dois else "",
        lab=_family_name(authors),
        regions=_format_sourced(vocabulary.regions_in(". ".join(titles)), "title"),
        species=_format_sourced(vocabulary.species_in(". ".join(titles)), "title"),
    )


def words_by_field(document: Document) -> dict[str, str]:
    """Return the words that match a document, separated by spaces, by field.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> words = words_by_field(DocumentBuilder().build(resolve('assembly', 'modelfest.Carney1999')))
    >>> words['identifier'], words['species']
    ('modelfest carney1999 carney 1999', 'human homo sapien')
    """
    paper, kind = (shared(*fields_of(document)) for shared, fields_of in SHARED.items())
    return paper | kind | _own_words(document)


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
    """Return the words that the entries of one publication share, by field."""
    regions_called = vocabulary.spellings(dict(read_sourced(regions)), ())
    canonical_species = vocabulary.spellings((), dict(read_sourced(species)))
    return {
        "title": " ".join(split_words(title)),
        "author": " ".join(split_words(authors)),
        "lab": " ".join(split_words(lab)),
        "year": "" if year is None else str(year),
        "journal": " ".join(split_words(journal)),
        "doi": " ".join(split_words(doi)),
        "region": " ".join(dict.fromkeys(split_words(regions_called))),
        "species": " ".join(dict.fromkeys(split_words(canonical_species))),
    }


@lru_cache(maxsize=1024)
def _kind_words(lookup_type: str, class_name: str, catalog: str) -> dict[str, str]:
    """Return the words that the entries of one class in one catalog share, by field."""
    class_words = [*split_name(class_name), *split_words(vocabulary.CLASSES.get(class_name, ""))]
    return {
        "kind": " ".join(split_words(lookup_type)),
        "class": " ".join(dict.fromkeys(class_words)),
        "catalog": " ".join(split_words(catalog)),
    }


SHARED: Mapping[Callable[..., dict[str, str]], Callable[[Document], tuple[Any, ...]]] = {
    _paper_words: attrgetter("title", "authors", "lab", "year", "journal", "doi", "regions", "species"),
    _kind_words: attrgetter("lookup_type", "class_name", "catalog"),
}
"""Functions whose words many documents share, with the fields that they depend on, for caching."""


def _own_words(document: Document) -> dict[str, str]:
    """Return the words of an entry that others do not share, by field."""
    fields = {"identifier": document.identifier, "alias": document.aliases}
    fields |= {"stimulus set": document.stimulus_set_identifier, "column": document.columns, "animal": document.animals}
    return {name: " ".join(split_name(names)) for name, names in fields.items() if names}


class Facets(NamedTuple):
    """The facets of a document, for filters and counts."""

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
    """Return the facets of a document.

    Parameters
    ----------
    catalogs : tuple of str
        Identifiers of all catalogs that list the entry.
    """
    return Facets(catalogs, *_own_facets(document))


def values_of(facets: Facets) -> list[tuple[str, str]]:
    """Return facets with their values; unknown facts have none.

    Examples
    --------
    >>> facets = Facets(("lab",), "assembly", "", "current", "doe", 2026, '[["V4", "name"]]', "", None, None)
    >>> values_of(facets)[:5]
    [('catalog', 'lab'), ('region', 'V4'), ('kind', 'assembly'), ('status', 'current'), ('lab', 'doe')]
    """
    values = [("catalog", catalog) for catalog in facets.catalogs]
    values += [("region", region) for region, _ in read_sourced(facets.regions)]
    values += [("species", species) for species, _ in read_sourced(facets.species)]
    single = (
        ("kind", facets.lookup_type),
        ("class", facets.class_name),
        ("status", facets.status),
        ("lab", facets.lab),
        ("year", "" if facets.year is None else str(facets.year)),
        ("has_repetitions", _YES_NO[facets.has_repetitions]),
        ("has_reliability", _YES_NO[facets.has_reliability]),
    )
    return values + [item for item in single if item[1]]


@lru_cache(maxsize=1024)
def read_sourced(text: str) -> Sourced:
    """Parse the regions or species of a document: pairs of a value and its source."""
    return tuple((value, source) for value, source in json.loads(text)) if text else ()


def _card(entry: Entry) -> Card:
    """Read the card of an entry if it is on this machine: building an index must not take a request per entry."""
    is_local = entry.card and not is_url(entry.card) and sidecars_at(entry.base).folder is not None
    return read_card(entry) if is_local else {}


def _each(rows: Iterable[Publication], name: str) -> list[str]:
    return list(dict.fromkeys(value for row in rows if (value := row.get(name, ""))))


def _lab_of(entry: Entry) -> str:
    match = _LAB.match(entry.identifier) or next(filter(None, map(_LAB.match, entry.aliases)), None)
    return match[1] if match else ""


def _family_name(authors: str) -> str:
    first = authors.partition(" and ")[0]
    name = first.partition(",")[0] if "," in first else first.rpartition(" ")[2]
    return name.strip().lower()


def _year(names: str) -> int | None:
    match = _YEAR.search(names)
    return int(match[0]) if match else None


def _format_sourced(values: Iterable[str], source: str, others: str = "") -> str:
    """Format values with their source, after values from another source."""
    sources = dict(read_sourced(others)) | dict.fromkeys(values, source)
    return json.dumps(list(sources.items()), ensure_ascii=False) if sources else ""


def _regions(card: Card, paper: PublicationFacts, names: str) -> str:
    if card and (regions := [vocabulary.canonical_region(name) for name in _data_values(card, ("region",), "regions")]):
        return _format_sourced(regions, "card")
    named = vocabulary.regions_in_name(names)
    return _format_sourced(named, "name", paper.regions) if named else paper.regions


def _species(card: Card, paper: PublicationFacts) -> str:
    stated = _texts(card.get("species"))
    return _format_sourced(map(vocabulary.canonical_species, stated), "card") if stated else paper.species


def _records(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a list; a card from elsewhere may contain anything."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _texts(value: Any) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else []


def _data_values(card: Card, coordinates: Iterable[str], fact: str) -> list[str]:
    """Return the values counted in the data, or else those stated by people."""
    values = [
        str(item.get("value", ""))
        for counted in _records(card.get("counts"))
        if str(counted.get("coordinate")) in coordinates
        for item in _records(counted.get("counts"))
    ]
    return values or _texts(card.get(fact))


def _columns(card: Card) -> str:
    """Return the names of coordinates and columns, and the word "repetitions" for data with repetitions."""
    names = [str(item.get("name", "")) for name in ("coordinates", "columns") for item in _records(card.get(name))]
    names += ["repetitions"] if _has_repetitions(card) else []
    return " ".join(dict.fromkeys([*names, *_texts(card.get("stimulus_columns"))]))[:_MAX_TEXT]


def _authors(card: Card) -> str:
    return " and ".join(str(item.get("name", "")) for item in _records(card.get("authors")))[:_MAX_TEXT]


def _has_repetitions(card: Card) -> bool | None:
    places = (("repetitions", "maximum"), ("stated", "repetitions"))
    counts = [record.get(name) for field, name in places if isinstance(record := card.get(field), dict)]
    return counts[0] > 1 if counts and isinstance(counts[0], int) else None


def _has_reliability(card: Card) -> bool | None:
    reliability = card.get("reliability")
    if isinstance(reliability, dict) and reliability.get("median") is not None:
        return True
    return False if card.keys() & _COMPUTED_FIELDS else None
