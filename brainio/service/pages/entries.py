"""What the pages of stimulus sets and of assemblies have in common: what is known, code, citations, files, versions."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.cards import AssemblyProfile, StimulusProfile
from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_card
from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.catalogs.cards import Card
from brainio.dois import doi_url
from brainio.exchange.citing import written
from brainio.exchange.works import Work, works_of
from brainio.service import records, schemas, urls
from brainio.service.access import Access
from brainio.service.dependencies import Service
from brainio.service.pages.layout import as_script, render_page
from brainio.service.pages.snippets import netrc_of, snippets_of
from brainio.service.responses import RenderedBody, respond
from brainio.service.snapshots import Snapshot
from brainio.service.visibility import MissingProfile, missing_profile, shown_card, shown_profile

_MOST_AUTHORS = 3
_MOST_CHIPS = 8  # regions, species
_TOLD_ELSEWHERE = {"license", "citation", "doi", "shape", "status_reason"}
Numbers = Sequence[tuple[str, str]]
"""Numbers in words, each with what it counts."""


@dataclass(frozen=True)
class EntryView:
    """An entry, and for whom a page of it is made."""

    request: Request
    snapshot: Snapshot
    service: Service
    access: Access
    entry: Entry

    @cached_property
    def record(self) -> schemas.EntryDetails:
        """All that catalogs say of it, as far as it may be seen."""
        return records.whole(self.snapshot, self.entry, self.access, self.service.settings.signed_buckets)

    @cached_property
    def profile(self) -> AssemblyProfile | StimulusProfile | None:
        """What was computed from its data, where these may be seen."""
        return shown_profile(self.entry, self.access, self.snapshot)

    @cached_property
    def card(self) -> Card:
        """The card of its catalog; where that was not computed from the data, the one of its profile."""
        card = shown_card(self.entry, self.access, self.snapshot)
        return card if self.profile is None or "pictures" in card or "columns" in card else self.profile.card

    @property
    def may_have(self) -> bool:
        """Whether its data may be had, and what is made of them be shown."""
        return self.access.may_have(self.entry, self.snapshot.embargoes)

    @property
    def notice(self) -> str:
        """What to know of its data, in words."""
        if not self.may_have and self.record.embargo is None:
            return "Whether its data are under embargo cannot be read at the moment, so that none are shown."
        if not self.may_have:
            return f"Its data are under embargo until {self.record.embargo}. What is known of them is shown here."
        if self.profile is not None:
            return ""
        return self.missing_profile(self.entry).notice

    def missing_profile(self, entry: Entry) -> MissingProfile:
        """Return why an entry without a profile that may be shown on this page has none."""
        return missing_profile(entry, self.access, self.snapshot, makes_profiles=self.service.settings.profiles)


async def entry_page(
    request: Request,
    snapshot: Snapshot,
    service: Service,
    access: Access,
    key: tuple[str, str, str],
    version: str | None,
    make: Callable[[EntryView], RenderedBody | Response],
) -> Response:
    """Answer with the page of an entry: the one that was rendered before, or a new one; or lead to its JSON.

    Parameters
    ----------
    key : (str, str, str)
        Catalog, kind and identifier, which may end in `.json`.
    make : callable
        Renders the page, or leads elsewhere.
    """
    kept = snapshot.responses.get(access, request.scope)
    if kept is not None:
        return respond(request.headers, kept.rendered)
    catalog, kind, identifier = key
    name = identifier.removesuffix(".json")
    if name != identifier and (kind, identifier) not in snapshot.catalog(catalog, access).listing.entries:
        found = snapshot.entry(catalog, kind, name, access, version)
        return RedirectResponse(json_of(found, request.query_params.getlist("where")), 307)
    found = snapshot.entry(catalog, kind, identifier, access, version)
    page = await run_in_threadpool(make, EntryView(request, snapshot, service, access, found))
    if isinstance(page, Response):
        return page
    return respond(request.headers, snapshot.responses.store(access, request, page))


def json_of(entry: Entry, where: Sequence[str]) -> str:
    """Return the address of the same page as JSON: the entry, or the stimuli that filters find."""
    if where and entry.lookup_type == TYPE_STIMULUS_SET:
        return urls.of_stimuli(entry, where=where)
    return urls.of_resource("entries", entry)


def render_entry(template: str, shown: EntryView, numbers: Numbers, sections: Numbers, **further: Any) -> RenderedBody:
    """Render the page of an entry.

    Parameters
    ----------
    template : str
        That of its kind.
    numbers : sequence of (str, str)
        What stands out of what is known.
    sections : sequence of (str, str)
        Parts of the page before the common ones: anchor and heading.
    **further
        What the template of its kind needs.
    """
    entry, record = shown.entry, shown.record
    origin = shown.service.origin(shown.request)
    cited = works_of([entry, *_stimuli(shown)])
    paper = next((work for work in cited[entry] if not work.is_data), None)
    facts = {name: text for name, text in format_card(shown.card).items() if name not in _TOLD_ELSEWHERE}
    license_ = {"license": entry.license or str(shown.card.get("license", "not stated"))}
    is_current = entry is shown.snapshot.catalogs[entry.catalog].listing.entries[entry.lookup_type, entry.identifier]
    return render_page(
        template,
        address=urls.of_request(shown.request.scope),
        access=shown.access,
        json=json_of(entry, shown.request.query_params.getlist("where") if shown.profile is not None else []),
        entry=record,
        kind=entry.kind,
        title=paper.title if paper else "",
        byline=_byline(paper) if paper else "",
        paper_url=_paper_url(paper) if paper else "",
        chips=_chips(entry, shown.card),
        notices=[one for one in (str(shown.card.get("status_reason", "")), shown.notice) if one],
        tiles=numbers,
        sections=[*sections, *_common_sections(bool(facts))],
        snippets=snippets_of(entry, origin, is_current=is_current),
        netrc=netrc_of(entry.catalog, shown.service, origin),
        citation=written(cited, "text"),
        bibtex=written(cited, "bibtex"),
        facts=license_ | facts,
        croissant=as_script(records.croissant_of(entry, origin)),
        croissant_url=urls.of_resource("croissant", entry),
        **further,
    )


def numbers_of(card: Card, in_words: Mapping[str, Callable[[Card], str]]) -> list[tuple[str, str]]:
    """Return what stands out of a card, without what it does not tell, or tells in another form."""
    told = []
    for label, number in in_words.items():
        with suppress(*MALFORMED_CARD_ERRORS):
            told.append((number(card), label))
    return [(number, label) for number, label in told if number]


def _stimuli(shown: EntryView) -> list[Entry]:
    """Return the stimulus set of an assembly, where it may be seen: it is cited too."""
    link = shown.record.stimulus_set
    return [] if link is None else [shown.snapshot.entry(link.catalog, link.kind, link.identifier, shown.access)]


def _byline(paper: Work) -> str:
    has_more = paper.more_authors or len(paper.authors) > _MOST_AUTHORS
    authors = "; ".join(paper.authors[:_MOST_AUTHORS]) + (" and others" if has_more else "")
    year = f"({paper.year})" if paper.year else ""
    return ". ".join(filter(None, [" ".join(filter(None, [authors, year])), paper.journal]))


def _paper_url(paper: Work) -> str:
    """Return where a publication is read: what its table says may be anything, and only the web is linked to."""
    if paper.doi:
        return doi_url(paper.doi)
    return paper.url if paper.url.lower().startswith(("https://", "http://")) else ""


def _chips(entry: Entry, card: Card) -> list[str]:
    """Return what people choose data by: regions, species, licence."""
    lists = [card.get(name) for name in ("regions", "species")]
    told = [one for values in lists if isinstance(values, list) for one in values[:_MOST_CHIPS] if isinstance(one, str)]
    counted = card.get("counts")
    if not card.get("regions") and isinstance(counted, list):
        told = [*_regions(counted)[:_MOST_CHIPS], *told]
    return [*told, entry.license or str(card.get("license", "license not stated"))]


def _regions(counted: list[Any]) -> list[str]:
    try:
        return [str(one["value"]) for of in counted if of["coordinate"] == "region" for one in of["counts"]]
    except MALFORMED_CARD_ERRORS:
        return []


def _common_sections(has_facts: bool) -> Numbers:
    known = [("known", "What is known")] if has_facts else []
    return [("load", "Load"), ("cite", "Cite"), *known, ("files", "Files"), ("versions", "Versions")]
