"""What is to be cited for entries: their publications, and the data themselves; each work once, under a key of its own.

Knows no format. The same work gets the same key whatever it is cited with, unless another work would have that key too.
"""

import hashlib
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from brainio.cards import collect_facts
from brainio.catalogs import TYPE_ASSEMBLY, Entry, EntryFile
from brainio.catalogs.publications import DETAILS, Publication, publications_of
from brainio.dois import doi_of_url
from brainio.errors import CatalogWarning, EntryLookupError
from brainio.fetch.hooks import stimulus_set_of

_UNPUBLISHED = {"in prep", "in preparation", "under review", "submitted", "in press"}
_YEAR = re.compile(r"\((\d{4})[a-z]?\)")
_SHORT = frozenset(
    {"a", "an", "and", "are", "as", "at", "by", "do", "for", "from", "how"}
    | {"in", "is", "of", "on", "or", "the", "to", "via", "what", "when", "with"}
)


@dataclass(frozen=True)
class Work:
    """Something to cite.

    Attributes
    ----------
    key : str
        Letters, digits, dots, hyphens and underscores.
    title, year, journal, volume, number, pages, publisher, doi, url, version, note : str
        Empty if not known. `doi` is bare and in lower case: `10.1117/12.348473`.
    authors : tuple of str
        As `Family, Given` or `Given Family`.
    more_authors : bool
        Whether there are authors who are not named.
    is_data : bool
        Whether it is an entry itself rather than a publication.
    """

    key: str
    title: str
    authors: tuple[str, ...] = ()
    more_authors: bool = False
    year: str = ""
    journal: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    publisher: str = ""
    doi: str = ""
    url: str = ""
    version: str = ""
    note: str = ""
    is_data: bool = False

    @property
    def is_published(self) -> bool:
        """Whether its journal is one, rather than a word such as `in prep`."""
        return bool(self.journal) and self.journal.strip().lower() not in _UNPUBLISHED


def entries_to_cite(found: Iterable[Entry]) -> list[Entry]:
    """Return entries, each assembly followed by its stimulus set; one that no catalog lists is a `CatalogWarning`."""
    cited: dict[Entry, None] = {}
    for entry in found:
        cited[entry] = None
        if entry.lookup_type != TYPE_ASSEMBLY:
            continue
        try:
            stimuli = stimulus_set_of(entry)
        except EntryLookupError as error:
            warnings.warn(f"assembly {entry.identifier!r} is cited alone: {error}", CatalogWarning, stacklevel=3)
        else:
            cited |= {stimuli: None} if stimuli else {}
    return list(cited)


def works_of(cited: Iterable[Entry]) -> dict[Entry, tuple[Work, ...]]:
    """Return what to cite for each of several entries; what several have in common is the same work.

    An entry without publication is a work itself, and so is one that has a version.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> [works] = works_of([resolve('assembly', 'modelfest.Carney1999')]).values()
    >>> works[0].key, works[0].year
    ('carney1999development_image', '1999')
    """
    found = {entry: _works(entry) for entry in cited}
    merged: dict[Work, Work] = {}
    for one in [work for works in found.values() for work in works]:
        identity = _identity(one)
        merged[identity] = _merged(merged[identity], one) if identity in merged else one
    keyed = dict(zip(merged, _with_own_keys(list(merged.values())), strict=True))
    return {entry: tuple(dict.fromkeys(keyed[_identity(one)] for one in works)) for entry, works in found.items()}


def _works(entry: Entry) -> list[Work]:
    papers = [_published(paper) for paper in publications_of(entry)]
    if len(papers) == 1 and not papers[0].doi:
        papers = [replace(papers[0], doi=collect_facts(entry).get("doi", ""))]
    return papers if papers and not entry.version else [*papers, _data(entry, bool(papers))]


def _published(paper: Publication) -> Work:
    names = [name.strip() for name in paper["authors"].split(" and ") if name.strip()]
    authors = tuple(name for name in names if name != "others")
    title = paper["title"].strip()
    url = paper["url"].strip()
    return Work(
        key=_key(authors, paper["year"], title),
        title=title,
        authors=authors,
        more_authors=len(authors) < len(names),
        year=paper["year"].strip(),
        journal=paper["journal"].strip(),
        doi=paper["doi"],
        url="" if not url or paper["doi"] == doi_of_url(url) != "" else url if "://" in url else f"https://{url}",
        volume=paper.get("volume", ""),
        number=paper.get("number", ""),
        pages=paper.get("pages", ""),
        publisher=paper.get("publisher", ""),
    )


def _data(entry: Entry, has_papers: bool) -> Work:
    """Make a work of an entry itself, of all that is known about it."""
    facts: dict[str, Any] = collect_facts(entry)
    citation = "" if has_papers else str(facts.get("citation", ""))
    doi = "" if has_papers else str(facts.get("doi", ""))
    known = [f"{entry.kind.capitalize()} of catalog {entry.catalog}"]
    known += [_hash_in_words(file) for file in entry.files if file.sha1 or file.sha256]
    known += [f"licence: {facts['license']}"] if facts.get("license") else []
    known += [] if has_papers else [citation or ("" if doi else "no publication is known")]
    version = f"-v{entry.version}" if entry.version else ""
    return Work(
        key=_safe(f"{entry.identifier}-{entry.lookup_type}{version}"),
        title=entry.identifier,
        authors=tuple(author["name"] for author in facts.get("authors", ())),
        year=year[1] if (year := _YEAR.search(citation)) else "",
        doi=doi,
        version=entry.version,
        note="; ".join(filter(None, known)),
        is_data=True,
    )


def _hash_in_words(file: EntryFile) -> str:
    name = "sha1" if file.sha1 else "sha256"
    return f"{name} of its {file.part} file: {file.sha1 or file.sha256}"


def _key(authors: tuple[str, ...], year: str, title: str) -> str:
    """Make a key of who, when and the first words of what."""
    first = authors[0] if authors else "anonymous"
    family = first.partition(",")[0] if "," in first else first.rpartition(" ")[2]
    words = [word for word in re.findall(r"\w+", _ascii(title).lower()) if word not in _SHORT]
    return _safe(f"{_ascii(family).lower()}{year or 'undated'}{'_'.join(words[:2])}".replace(" ", ""))


def _safe(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "", _ascii(key)) or "work"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _identity(work: Work) -> Work:
    """Reduce a work to what tells it from others: two tables write one title in two ways, and leave out a DOI."""
    if work.is_data:
        return work
    title = "".join(one for one in work.title.casefold() if one.isalnum())
    return Work("", title or work.title, year=work.year)


def _merged(first: Work, second: Work) -> Work:
    """Return what two tables together know of a work."""
    better, other = (second, first) if second.doi and not first.doi else (first, second)
    names = ("authors", "journal", "doi", "url", *DETAILS)
    lacking = {name: getattr(other, name) for name in names if not getattr(better, name)}
    return replace(better, **lacking)


def _with_own_keys(works: list[Work]) -> list[Work]:
    """Return works whose keys differ, also for programs that do not tell upper from lower case."""
    count = Counter(work.key.lower() for work in works)
    return [replace(work, key=f"{work.key}-{_digest(work)}") if count[work.key.lower()] > 1 else work for work in works]


def _digest(work: Work) -> str:
    told = "\n".join([work.title, *work.authors, work.year, work.note])
    return hashlib.sha1(told.encode("utf-8", "surrogatepass")).hexdigest()[:8]
