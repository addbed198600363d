"""Entries as Croissant 1.0, the JSON-LD by which programs for machine learning find and read data sets.

http://mlcommons.org/croissant/1.0. A stimulus set has its table, its archive, and a record for each stimulus. An
assembly has its netCDF file and no records: Croissant has no arrays with named dimensions.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from brainio.cards import collect_facts
from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.dois import doi_url
from brainio.exchange.bibtex import bibtex
from brainio.exchange.citing import unique
from brainio.exchange.distribution import Described, Node, described
from brainio.exchange.records import stimulus_records, table_of
from brainio.exchange.works import Work, works_of
from brainio.licenses import is_license

_CROISSANT = "http://mlcommons.org/croissant/"
_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _CROISSANT,
    "rai": f"{_CROISSANT}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_YEAR = re.compile(r"\d{4}")


def croissant(
    entries: Sequence[Entry],
    url_of: Callable[[Described], str],
    describe: Callable[[Entry], list[Described]] = described,
) -> Node:
    """Describe entries as one data set.

    Parameters
    ----------
    entries : sequence of Entry
        A stimulus set, an assembly, or one of each.
    url_of : function
        File -> its `contentUrl`.
    describe : function, default `described`
        Entry -> its files; `listed` where nothing may be looked for on this machine.

    Warns
    -----
    CatalogWarning
        The SHA-256 of a file is not known. Readers then accept the description as that of a live data set, and do not
        verify the file.
    """
    files = {entry: describe(entry) for entry in entries}
    nodes = [file.node(url_of(file)) for of_one in files.values() for file in of_one]
    records: list[Node] = []
    for entry, of_one in files.items():
        parts = {file.file.part: file for file in of_one}
        if entry.lookup_type != TYPE_STIMULUS_SET or not {"csv", "zip"} <= parts.keys():
            continue
        table = table_of(parts["csv"])
        if table is not None:
            file_set, stimuli = stimulus_records(parts["csv"], parts["zip"], table)
            nodes += [file_set] if file_set else []
            records.append(stimuli)
    # Of static data sets, readers demand a SHA-256 for each file.
    live = {} if all(file.sha256 for of_one in files.values() for file in of_one) else {"isLiveDataset": True}
    return {**_about(entries), **live, "distribution": nodes, **({"recordSet": records} if records else {})}


def _about(entries: Sequence[Entry]) -> Node:
    first = entries[0]
    works = unique(works_of(entries))
    papers = [work for work in works if not work.is_data]
    facts = collect_facts(first)
    kinds = " and ".join(entry.kind for entry in entries)
    title = f", of: {papers[0].title}" if papers else ""
    known = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": f"{_CROISSANT}1.0",
        "name": first.identifier,
        "description": f"{kinds.capitalize()} {first.identifier} of the catalog {first.catalog}{title.rstrip('.')}.",
        "license": _license(facts.get("license", "")),
        "creator": _creators(facts, papers),
        "citeAs": bibtex(works),
        "url": _url(papers, facts),
        "version": first.version,
        "datePublished": next((work.year for work in papers if _YEAR.fullmatch(work.year)), ""),
        "alternateName": list(first.aliases),
    }
    return {name: value for name, value in known.items() if value}


def _license(name: str) -> str:
    """Return the page of an SPDX identifier; expressions and other texts as is."""
    is_listed = _SPDX.fullmatch(name) and is_license(name) and not name.startswith("LicenseRef-")
    return f"https://spdx.org/licenses/{name}.html" if is_listed else name


def _creators(facts: dict[str, Any], papers: list[Work]) -> list[Node]:
    """Return who made the data: by the card, else the authors of the first publication."""
    named = [
        {"@type": "sc:Person", "name": author["name"]}
        | ({"identifier": f"https://orcid.org/{author['orcid']}"} if author.get("orcid") else {})
        for author in facts.get("authors", ())
    ]
    return named or [{"@type": "sc:Person", "name": name} for name in (papers[0].authors if papers else ())]


def _url(papers: list[Work], facts: dict[str, Any]) -> str:
    pages = [work.url or (doi_url(work.doi) if work.doi else "") for work in papers]
    pages += [doi_url(facts["doi"])] if facts.get("doi") else []
    return next(filter(None, pages), "")
