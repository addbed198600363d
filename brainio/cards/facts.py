"""What a card says that people tell: licence, citation, authors, species, regions. Checked, and taken from catalogs."""

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
_SEVERAL = ("species", "regions", "animals")
_ORCID = re.compile(r"(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")

_COUNTED = {"regions": {"region"}, "animals": {"animal", "subject"}}  # facts, and coordinates that tell them better


def with_facts(described: Card, facts: Card) -> Card:
    """Put what data tell behind what is said of them; of what is told by both, the data count."""
    counted = {one["coordinate"] for one in described.get("counts", ())}
    return {name: value for name, value in facts.items() if not _COUNTED.get(name, set()) & counted} | described


def checked_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as cards hold them, those that say nothing left out.

    Parameters
    ----------
    facts : mapping
        `license` (an SPDX expression such as 'CC-BY-4.0', or `LicenseRef-` and a name), `citation`, `doi` (in any form,
        also as a URL) and `status_reason` are texts. `species` (Latin names), `regions` and `animals` (or people, by
        the names that they have in the data) are one text each or several. `authors` are names, or mappings with `name`
        and `orcid`.

    Raises
    ------
    PackagingError
        A fact has another name, another form, a licence that SPDX does not list, or a number that is mistyped; all
        problems are listed.

    Examples
    --------
    >>> checked_facts({"species": "Macaca mulatta", "doi": "https://doi.org/10.1117/12.348473", "license": "cc0-1.0"})
    {'license': 'CC0-1.0', 'doi': '10.1117/12.348473', 'species': ['Macaca mulatta']}
    >>> checked_facts({"authors": [{"name": "Josiah Carberry", "orcid": "0000-0002-1825-0097"}]})["authors"]
    [{'name': 'Josiah Carberry', 'orcid': '0000-0002-1825-0097'}]
    """
    problems = [f"{name!r} is no fact of a card; expected some of {', '.join(FACTS)}" for name in {*facts} - {*FACTS}]
    checked: dict[str, Any] = {}
    for name in FACTS:
        value = facts.get(name)
        if value is None or value == "" or (isinstance(value, list | tuple) and not value):
            continue
        try:
            checked[name] = _checked(name, value)
        except ValueError as error:
            problems.append(f"{name!r} is {value!r}: {error}")
    if problems:
        raise PackagingError(
            "these facts cannot stand in a card:" + "".join(f"\n  - {one}" for one in sorted(problems))
        )
    return checked


def known_facts(entry: Entry) -> dict[str, Any]:
    """Return what is known about an entry: by the card that it has, and by its catalog and publications table.

    What the card says goes first, but for the licence: that of the catalog counts.
    Several publications are cited one a line; the DOI is that of the first. A card may come from anywhere: facts of it
    that are of another form are left out.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> known_facts(resolve('assembly', 'modelfest.Carney1999'))['doi']
    '10.1117/12.348473'
    """
    papers = publications_of(entry)
    listed = {
        "citation": "\n".join(map(citation_of, papers)),
        "doi": next((paper["doi"] for paper in papers if paper["doi"]), ""),
    }
    card = read_card(entry)
    known = {**listed, **{name: fact for name in FACTS if (fact := _known(name, card.get(name)))}}
    if entry.license:
        known["license"] = canonical_license(entry.license)
    return {name: known[name] for name in FACTS if known.get(name)}


def facts_with(entry: Entry, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known about an entry and what is told now, which goes first; see `known_facts`.

    Raises
    ------
    PackagingError
        Facts are of another form, or the licence is another one than that of the catalog.
    """
    facts = {**known_facts(entry), **checked_facts(told)}
    facts = {name: facts[name] for name in FACTS if name in facts}
    if entry.license and facts["license"] != canonical_license(entry.license):
        raise PackagingError(
            f"the licence of the {entry.kind} {entry.identifier!r} is {entry.license!r}, as catalog {entry.catalog!r} "
            f"says, and cannot be {facts['license']!r} in its card. Leave it out here, or correct the catalog first."
        )
    return facts


def canonical_license(text: str) -> str:
    """Return a licence in its canonical form if it has one; other texts, which published catalogs may state, as is."""
    return parse_license(text) if is_license(text) else text


def citation_of(paper: Publication) -> str:
    """Write a row of a publications table as people cite it.

    Authors are separated by ' and ', the last one or a gap being 'others', as in BibTeX.

    Examples
    --------
    >>> citation_of({"authors": "Doe, J. and Roe, R.", "year": "2026", "title": "On cards", "doi": "10.1234/5"})
    'Doe, J.; Roe, R. (2026). On cards. https://doi.org/10.1234/5'
    >>> citation_of({"title": "On cards", "journal": "Cell", "volume": "7", "number": "2", "pages": "1-9"})
    'On cards. Cell, 7(2), 1-9.'
    """
    names = ["..." if name == "others" else name for name in paper.get("authors", "").split(" and ")]
    authors = "; ".join([*names[:-1], "et al." if names[-1] == "..." else names[-1]])
    year = f"({paper['year']})" if paper.get("year") else ""
    doi = doi_url(paper["doi"]) if paper.get("doi") else ""
    issue = f"{paper.get('volume', '')}{f'({number})' if (number := paper.get('number')) else ''}"
    source = ", ".join(filter(None, [paper.get("journal"), issue, paper.get("pages"), paper.get("publisher")]))
    parts = [f"{authors} {year}".strip(), paper.get("title", ""), source]
    return " ".join([*(f"{part.rstrip('.')}." for part in parts if part), *filter(None, [doi or paper.get("url")])])


def _checked(name: str, value: Any) -> Any:
    if name == "authors":
        return [_author(one) for one in ([value] if isinstance(value, str | Mapping) else _several(value))]
    if name in _SEVERAL:
        return [_text(one) for one in ([value] if isinstance(value, str) else _several(value))]
    parse = {"doi": parse_doi, "license": parse_license}.get(name, str)
    return parse(_text(value))


def _known(name: str, value: Any) -> Any:
    """Return a fact of a published card; None if it has another form. Licences that SPDX does not list stay as is."""
    try:
        return canonical_license(_text(value)) if name == "license" else _checked(name, value)
    except ValueError:
        return None


def _several(value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list")  # noqa: TRY004 - told with all other problems
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text that is not empty")
    return value.strip()


def _author(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"name": _text(value)}
    if not isinstance(value, Mapping) or not {"name"} <= {*value} <= {"name", "orcid"}:
        raise ValueError("expected a name, or a mapping with 'name' and 'orcid'")
    author = {"name": _text(value["name"])}
    return author | ({"orcid": _orcid(_text(value["orcid"]))} if value.get("orcid") else {})


def _orcid(text: str) -> str:
    """Check an ORCID iD, whose last character follows from the others (ISO 7064, MOD 11-2)."""
    found = _ORCID.fullmatch(text)
    if found is None:
        raise ValueError("expected an ORCID iD such as '0000-0002-1825-0097'")
    total = 0
    for digit in found[1].replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    expected = "0123456789X"[(12 - total % 11) % 11]
    if found[1][-1] != expected:
        raise ValueError(f"the ORCID iD {found[1]} is mistyped: its last character would have to be {expected}")
    return found[1]
