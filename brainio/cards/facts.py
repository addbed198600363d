"""Facts that people state on a card, such as licence, citation, authors and species."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from brainio.catalogs.cards import read_card
from brainio.catalogs.publications import publications_of
from brainio.dois import doi_url, parse_doi
from brainio.errors import PackagingError
from brainio.licenses import is_license, parse_license

if TYPE_CHECKING:
    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card
    from brainio.catalogs.publications import Publication

FACTS = ("license", "citation", "doi", "authors", "species", "regions", "animals", "status_reason")
_LISTS = ("species", "regions", "animals")
_ORCID = re.compile(r"(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_COUNTED = {"regions": {"region"}, "animals": {"animal", "subject"}}  # fact -> coordinates that supersede it


def add_facts(statistics: Card, facts: Card) -> Card:
    """Return a card of stated facts, followed by computed statistics, which supersede facts about the same subject."""
    counted = {record["coordinate"] for record in statistics.get("counts", ())}
    return {name: value for name, value in facts.items() if not _COUNTED.get(name, set()) & counted} | statistics


def normalize_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Validate facts and return them in the form that cards store, without empty ones.

    Parameters
    ----------
    facts : mapping
        `license` (an SPDX expression such as 'CC-BY-4.0', or `LicenseRef-` and a name), `citation`, `doi` (in any form,
        also as a URL) and `status_reason` are texts. `species` (Latin names), `regions` and `animals` (or people, by
        their names in the data) are a text or a list of texts. `authors` are names, or mappings with `name` and
        `orcid`.

    Raises
    ------
    PackagingError
        A fact is unknown or malformed, SPDX does not list the licence, or a DOI or ORCID iD is mistyped. The message
        lists all problems.

    Examples
    --------
    >>> normalize_facts({"species": "Macaca mulatta", "doi": "https://doi.org/10.1117/12.348473", "license": "cc0-1.0"})
    {'license': 'CC0-1.0', 'doi': '10.1117/12.348473', 'species': ['Macaca mulatta']}
    >>> normalize_facts({"authors": [{"name": "Josiah Carberry", "orcid": "0000-0002-1825-0097"}]})["authors"]
    [{'name': 'Josiah Carberry', 'orcid': '0000-0002-1825-0097'}]
    """
    unknown = {*facts} - {*FACTS}
    problems = [f"{name!r} is not a fact of a card; expected one of {', '.join(FACTS)}" for name in unknown]
    normalized: dict[str, Any] = {}
    for name in FACTS:
        value = facts.get(name)
        if value is None or value == "" or (isinstance(value, list | tuple) and not value):
            continue
        try:
            normalized[name] = _normalize_fact(name, value)
        except ValueError as error:
            problems.append(f"{name!r} is {value!r}: {error}")
    if problems:
        raise PackagingError("a card cannot store these facts:" + "".join(f"\n  - {line}" for line in sorted(problems)))
    return normalized


def collect_facts(entry: Entry) -> dict[str, Any]:
    """Collect the facts about an entry from its card, its catalog and the publications table.

    The card takes precedence, except for the licence, which the catalog determines. The citation has one line for each
    publication, and the DOI is that of the first. Malformed facts of a card are left out: it may come from anywhere.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> collect_facts(resolve('assembly', 'modelfest.Carney1999'))['doi']
    '10.1117/12.348473'
    """
    publications = publications_of(entry)
    published = {
        "citation": "\n".join(map(format_citation, publications)),
        "doi": next((publication["doi"] for publication in publications if publication["doi"]), ""),
    }
    card = read_card(entry)
    facts = {**published, **{name: fact for name in FACTS if (fact := _valid_fact(name, card.get(name)))}}
    if entry.license:
        facts["license"] = normalize_license(entry.license)
    return {name: facts[name] for name in FACTS if facts.get(name)}


def update_facts(entry: Entry, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the collected facts about an entry, updated with new ones; see `collect_facts`.

    Raises
    ------
    PackagingError
        Facts are malformed, or the licence differs from that of the catalog.
    """
    merged = {**collect_facts(entry), **normalize_facts(facts)}
    merged = {name: merged[name] for name in FACTS if name in merged}
    if entry.license and merged["license"] != normalize_license(entry.license):
        raise PackagingError(
            f"the licence of the {entry.kind} {entry.identifier!r} is {entry.license!r} in catalog {entry.catalog!r}, "
            f"and its card cannot state {merged['license']!r}. Omit the licence here, or correct the catalog first."
        )
    return merged


def normalize_license(text: str) -> str:
    """Return the canonical form of a licence; texts that SPDX does not list, as in old catalogs, are unchanged."""
    return parse_license(text) if is_license(text) else text


def format_citation(publication: Publication) -> str:
    """Format a row of a publications table as a citation.

    In the row ' and ' separates authors; 'others' replaces omitted ones, as in BibTeX.

    Examples
    --------
    >>> format_citation({"authors": "Doe, J. and Roe, R.", "year": "2026", "title": "On cards", "doi": "10.1234/5"})
    'Doe, J.; Roe, R. (2026). On cards. https://doi.org/10.1234/5'
    >>> format_citation({"title": "On cards", "journal": "Cell", "volume": "7", "number": "2", "pages": "1-9"})
    'On cards. Cell, 7(2), 1-9.'
    """
    row = publication
    names = ["..." if name == "others" else name for name in row.get("authors", "").split(" and ")]
    authors = "; ".join([*names[:-1], "et al." if names[-1] == "..." else names[-1]])
    year = f"({row['year']})" if row.get("year") else ""
    doi = doi_url(row["doi"]) if row.get("doi") else ""
    issue = f"{row.get('volume', '')}{f'({number})' if (number := row.get('number')) else ''}"
    source = ", ".join(filter(None, [row.get("journal"), issue, row.get("pages"), row.get("publisher")]))
    parts = [f"{authors} {year}".strip(), row.get("title", ""), source]
    return " ".join([*(f"{part.rstrip('.')}." for part in parts if part), *filter(None, [doi or row.get("url")])])


def _normalize_fact(name: str, value: Any) -> Any:
    if name == "authors":
        return [_normalize_author(author) for author in _as_list(value, (str, Mapping))]
    if name in _LISTS:
        return [_normalize_text(text) for text in _as_list(value, (str,))]
    parse = {"doi": parse_doi, "license": parse_license}.get(name, str)
    return parse(_normalize_text(value))


def _valid_fact(name: str, value: Any) -> Any:
    """Return a normalized fact of a published card, with any licence; None if it is malformed."""
    try:
        return normalize_license(_normalize_text(value)) if name == "license" else _normalize_fact(name, value)
    except ValueError:
        return None


def _as_list(value: Any, item_types: tuple[type, ...]) -> Iterable[Any]:
    if isinstance(value, item_types):
        return [value]
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list")  # noqa: TRY004 - normalize_facts lists it with all other problems
    return value


def _normalize_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text that is not empty")
    return value.strip()


def _normalize_author(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"name": _normalize_text(value)}
    if not isinstance(value, Mapping) or not {"name"} <= {*value} <= {"name", "orcid"}:
        raise ValueError("expected a name, or a mapping with 'name' and 'orcid'")
    author = {"name": _normalize_text(value["name"])}
    return author | ({"orcid": _normalize_orcid(_normalize_text(value["orcid"]))} if value.get("orcid") else {})


def _normalize_orcid(text: str) -> str:
    """Return an ORCID iD without its resolver, after verifying its check digit (ISO 7064, MOD 11-2)."""
    match = _ORCID.fullmatch(text)
    if match is None:
        raise ValueError("expected an ORCID iD such as '0000-0002-1825-0097'")
    orcid = match[1]
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    expected = "0123456789X"[(12 - total % 11) % 11]
    if orcid[-1] != expected:
        raise ValueError(f"the ORCID iD {orcid} is mistyped: its check digit would be {expected}")
    return orcid
