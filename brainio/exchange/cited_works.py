"""Works to cite for entries: their publications and the data themselves, each once and with a unique key.

Independent of citation formats. A work has the same key in every citation, unless another cited work would have that
key, too.
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
_STOP_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "by", "do", "for", "from", "how"}
    | {"in", "is", "of", "on", "or", "the", "to", "via", "what", "when", "with"}
)


@dataclass(frozen=True)
class Work:
    """A publication or data set to cite.

    Attributes
    ----------
    key : str
        Letters, digits, dots, hyphens and underscores.
    title, year, journal, volume, number, pages, publisher, doi, url, version, note : str
        Empty if not known. `doi` has no prefix and is in lower case: `10.1117/12.348473`.
    authors : tuple of str
        As `Family, Given` or `Given Family`.
    more_authors : bool
        Whether there are further authors ("and others").
    is_data : bool
        Whether the work is an entry itself instead of a publication.
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
        """Whether `journal` names a journal, instead of a status such as `in prep`."""
        return bool(self.journal) and self.journal.strip().lower() not in _UNPUBLISHED


def add_stimulus_sets(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries with each assembly followed by its stimulus set.

    Warns
    -----
    CatalogWarning
        No catalog lists the stimulus set of an assembly.
    """
    cited: dict[Entry, None] = {}
    for entry in entries:
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


def collect_works(entries: Iterable[Entry]) -> dict[Entry, tuple[Work, ...]]:
    """Return the works to cite for each entry; entries with a common publication share the same work.

    An entry without a publication is a work itself, and so is an entry with a version.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> [works] = collect_works([resolve('assembly', 'modelfest.Carney1999')]).values()
    >>> works[0].key, works[0].year
    ('carney1999development_image', '1999')
    """
    works_by_entry = {entry: _works_of_entry(entry) for entry in entries}
    merged: dict[Work, Work] = {}
    for work in [work for works in works_by_entry.values() for work in works]:
        identity = _identity(work)
        merged[identity] = _merge(merged[identity], work) if identity in merged else work
    final = dict(zip(merged, _make_keys_unique(list(merged.values())), strict=True))
    return {
        entry: tuple(dict.fromkeys(final[_identity(work)] for work in works)) for entry, works in works_by_entry.items()
    }


def unique_works(works: dict[Entry, tuple[Work, ...]]) -> list[Work]:
    """Return the works of all entries, each once."""
    return list(dict.fromkeys(work for works_of_entry in works.values() for work in works_of_entry))


def _works_of_entry(entry: Entry) -> list[Work]:
    """Return the publications of an entry, and the entry itself if it has a version or no publication."""
    papers = [_publication_work(publication) for publication in publications_of(entry)]
    if len(papers) == 1 and not papers[0].doi:
        papers = [replace(papers[0], doi=collect_facts(entry).get("doi", ""))]
    return papers if papers and not entry.version else [*papers, _data_work(entry, bool(papers))]


def _publication_work(publication: Publication) -> Work:
    names = [name.strip() for name in publication["authors"].split(" and ") if name.strip()]
    authors = tuple(name for name in names if name != "others")
    title, url, doi = publication["title"].strip(), publication["url"].strip(), publication["doi"]
    if url and doi and doi == doi_of_url(url):
        url = ""
    return Work(
        key=_make_key(authors, publication["year"], title),
        title=title,
        authors=authors,
        more_authors=len(authors) < len(names),
        year=publication["year"].strip(),
        journal=publication["journal"].strip(),
        doi=doi,
        url=url if not url or "://" in url else f"https://{url}",
        volume=publication.get("volume", ""),
        number=publication.get("number", ""),
        pages=publication.get("pages", ""),
        publisher=publication.get("publisher", ""),
    )


def _data_work(entry: Entry, has_papers: bool) -> Work:
    """Return an entry itself as a work, with all known facts about it."""
    facts: dict[str, Any] = collect_facts(entry)
    citation = "" if has_papers else str(facts.get("citation", ""))
    doi = "" if has_papers else str(facts.get("doi", ""))
    remarks = [f"{entry.kind.capitalize()} of catalog {entry.catalog}"]
    remarks += [_format_hash(file) for file in entry.files if file.sha1 or file.sha256]
    remarks += [f"licence: {facts['license']}"] if facts.get("license") else []
    remarks += [] if has_papers else [citation or ("" if doi else "no publication is known")]
    version = f"-v{entry.version}" if entry.version else ""
    return Work(
        key=_restrict_key(f"{entry.identifier}-{entry.lookup_type}{version}"),
        title=entry.identifier,
        authors=tuple(author["name"] for author in facts.get("authors", ())),
        year=year[1] if (year := _YEAR.search(citation)) else "",
        doi=doi,
        version=entry.version,
        note="; ".join(filter(None, remarks)),
        is_data=True,
    )


def _format_hash(file: EntryFile) -> str:
    algorithm = "sha1" if file.sha1 else "sha256"
    return f"{algorithm} of its {file.part} file: {file.sha1 or file.sha256}"


def _make_key(authors: tuple[str, ...], year: str, title: str) -> str:
    """Return a key of the first author, the year and the first two significant words of the title."""
    first = authors[0] if authors else "anonymous"
    family = first.partition(",")[0] if "," in first else first.rpartition(" ")[2]
    words = [word for word in re.findall(r"\w+", _to_ascii(title).lower()) if word not in _STOP_WORDS]
    return _restrict_key(f"{_to_ascii(family).lower()}{year or 'undated'}{'_'.join(words[:2])}".replace(" ", ""))


def _restrict_key(key: str) -> str:
    """Remove the characters that keys must not contain."""
    return re.sub(r"[^A-Za-z0-9._-]", "", _to_ascii(key)) or "work"


def _to_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _identity(work: Work) -> Work:
    """Return the facts that identify a work: tables spell the same title differently, and may lack the DOI."""
    if work.is_data:
        return work
    title = "".join(character for character in work.title.casefold() if character.isalnum())
    return Work("", title or work.title, year=work.year)


def _merge(first: Work, second: Work) -> Work:
    """Combine the facts that two tables state about the same work."""
    better, other = (second, first) if second.doi and not first.doi else (first, second)
    names = ("authors", "journal", "doi", "url", *DETAILS)
    missing = {name: getattr(other, name) for name in names if not getattr(better, name)}
    return replace(better, **missing)


def _make_keys_unique(works: list[Work]) -> list[Work]:
    """Append a digest to equal keys; keys that differ only in case count as equal, since some programs ignore case."""
    keys = Counter(work.key.lower() for work in works)
    return [replace(work, key=f"{work.key}-{_digest(work)}") if keys[work.key.lower()] > 1 else work for work in works]


def _digest(work: Work) -> str:
    """Return a short hash that distinguishes works with equal keys."""
    identifying = "\n".join([work.title, *work.authors, work.year, work.note])
    return hashlib.sha1(identifying.encode("utf-8", "surrogatepass")).hexdigest()[:8]
