"""Entry pages: the content that pages of stimulus sets and of assemblies share."""

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
from brainio.exchange.citations import format_works
from brainio.exchange.cited_works import Work, collect_works
from brainio.service import schemas, urls
from brainio.service.access import Access
from brainio.service.dependencies import Service
from brainio.service.pages.layout import json_for_script, render_page
from brainio.service.pages.snippets import entry_snippets, netrc_line
from brainio.service.responses import RenderedBody, respond
from brainio.service.snapshots import Snapshot
from brainio.service.visibility import MissingProfile, explain_missing_profile, visible_card, visible_profile

_MAX_AUTHORS = 3
_MAX_CHIPS = 8  # regions, species
_SHOWN_ELSEWHERE = {"license", "citation", "doi", "shape", "status_reason"}
Labelled = Sequence[tuple[str, str]]
"""Pairs of texts: a number and its label, or an anchor and its heading."""


@dataclass(frozen=True)
class EntryView:
    """An entry as a page shows it to a visitor."""

    request: Request
    snapshot: Snapshot
    service: Service
    access: Access
    entry: Entry

    @cached_property
    def record(self) -> schemas.EntryDetails:
        """The full record of the entry, from visible catalogs."""
        buckets = self.service.settings.signed_buckets
        return schemas.entry_details(self.snapshot, self.entry, self.access, buckets)

    @cached_property
    def profile(self) -> AssemblyProfile | StimulusProfile | None:
        """The profile of its data, if that is visible."""
        return visible_profile(self.entry, self.access, self.snapshot)

    @cached_property
    def card(self) -> Card:
        """The card in its catalog; if that was not computed from the data, the card in its profile."""
        card = visible_card(self.entry, self.access, self.snapshot)
        return card if self.profile is None or "pictures" in card or "columns" in card else self.profile.card

    @property
    def may_download(self) -> bool:
        """Whether the visitor may see its data."""
        return self.access.may_download(self.entry, self.snapshot.embargoes)

    @property
    def notice(self) -> str:
        """A notice about missing data; empty if the page is complete."""
        if not self.may_download and self.record.embargo is None:
            return "The data are hidden: the service temporarily cannot check whether they are under embargo."
        if not self.may_download:
            return f"The data are under embargo until {self.record.embargo}. This page shows only their metadata."
        if self.profile is not None:
            return ""
        return self.explain_missing_profile(self.entry).notice

    def explain_missing_profile(self, entry: Entry) -> MissingProfile:
        """Return why an entry on this page has no visible profile."""
        builds_profiles = self.service.settings.profiles
        return explain_missing_profile(entry, self.access, self.snapshot, builds_profiles=builds_profiles)


async def respond_with_entry(
    request: Request,
    snapshot: Snapshot,
    service: Service,
    access: Access,
    key: tuple[str, str, str],
    version: str | None,
    render_view: Callable[[EntryView], RenderedBody | Response],
) -> Response:
    """Respond with the cached page of an entry, or render it; `.json` in the URL redirects to the JSON API.

    Parameters
    ----------
    key : (str, str, str)
        Catalog, kind and identifier, which may end in `.json`.
    render_view : callable
        Renders the page, or returns a redirect.
    """
    cached = snapshot.responses.get(access, request.scope)
    if cached is not None:
        return respond(request.headers, cached.rendered)
    catalog, kind, identifier = key
    name = identifier.removesuffix(".json")
    if name != identifier and (kind, identifier) not in snapshot.catalog(catalog, access).listing.entries:
        entry = snapshot.entry(catalog, kind, name, access, version)
        return RedirectResponse(_json_url(entry, request.query_params.getlist("where")), 307)
    entry = snapshot.entry(catalog, kind, identifier, access, version)
    page = await run_in_threadpool(render_view, EntryView(request, snapshot, service, access, entry))
    if isinstance(page, Response):
        return page
    return respond(request.headers, snapshot.responses.store(access, request, page))


def _json_url(entry: Entry, where: Sequence[str]) -> str:
    """Return the URL of the same page as JSON: the entry, or its filtered stimuli."""
    if where and entry.lookup_type == TYPE_STIMULUS_SET:
        return urls.stimuli_api_url(entry, where=where)
    return urls.entry_api_url("entries", entry)


def render_entry(template: str, view: EntryView, numbers: Labelled, sections: Labelled, **further: Any) -> RenderedBody:
    """Render the page of an entry.

    Parameters
    ----------
    template : str
        Template of its kind.
    numbers : sequence of (str, str)
        Key numbers of the card, with labels.
    sections : sequence of (str, str)
        Sections of the page before the shared ones: anchor and heading.
    **further
        Further variables of the template.
    """
    entry, record = view.entry, view.record
    origin = view.service.origin(view.request)
    works = collect_works([entry, *_stimulus_sets(view)])
    paper = next((work for work in works[entry] if not work.is_data), None)
    facts = {name: text for name, text in format_card(view.card).items() if name not in _SHOWN_ELSEWHERE}
    license_ = {"license": entry.license or str(view.card.get("license", "not stated"))}
    is_current = entry is view.snapshot.catalogs[entry.catalog].listing.entries[entry.lookup_type, entry.identifier]
    where = view.request.query_params.getlist("where") if view.profile is not None else []
    return render_page(
        template,
        url=urls.request_target(view.request.scope),
        access=view.access,
        json_url=_json_url(entry, where),
        entry=record,
        kind=entry.kind,
        title=paper.title if paper else "",
        byline=_byline(paper) if paper else "",
        paper_url=_paper_url(paper) if paper else "",
        chips=_chips(entry, view.card),
        notices=[notice for notice in (str(view.card.get("status_reason", "")), view.notice) if notice],
        numbers=numbers,
        sections=[*sections, *_shared_sections(bool(facts))],
        snippets=entry_snippets(entry, origin, is_current=is_current),
        netrc=netrc_line(entry.catalog, view.service, origin),
        citation=format_works(works, "text"),
        bibtex=format_works(works, "bibtex"),
        facts=license_ | facts,
        croissant=json_for_script(schemas.croissant_record(entry, origin)),
        croissant_url=urls.entry_api_url("croissant", entry),
        **further,
    )


def key_numbers(card: Card, formats: Mapping[str, Callable[[Card], str]]) -> list[tuple[str, str]]:
    """Return the key numbers of a card with their labels, without those that the card lacks or has in another form."""
    numbers = []
    for label, format_number in formats.items():
        with suppress(*MALFORMED_CARD_ERRORS):
            numbers.append((format_number(card), label))
    return [(number, label) for number, label in numbers if number]


def _stimulus_sets(view: EntryView) -> list[Entry]:
    """Return the stimulus set of an assembly if it is visible: the page cites it too."""
    link = view.record.stimulus_set
    return [] if link is None else [view.snapshot.entry(link.catalog, link.kind, link.identifier, view.access)]


def _byline(paper: Work) -> str:
    has_more = paper.more_authors or len(paper.authors) > _MAX_AUTHORS
    authors = "; ".join(paper.authors[:_MAX_AUTHORS]) + (" and others" if has_more else "")
    year = f"({paper.year})" if paper.year else ""
    return ". ".join(filter(None, [" ".join(filter(None, [authors, year])), paper.journal]))


def _paper_url(paper: Work) -> str:
    """Return the URL of a publication; only web addresses, since the table of publications may contain any text."""
    if paper.doi:
        return doi_url(paper.doi)
    return paper.url if paper.url.lower().startswith(("https://", "http://")) else ""


def _chips(entry: Entry, card: Card) -> list[str]:
    """Return the facts by which people choose data: regions, species, license."""
    lists = [card.get(name) for name in ("regions", "species")]
    chips = [value for values in lists if isinstance(values, list) for value in values[:_MAX_CHIPS]]
    chips = [chip for chip in chips if isinstance(chip, str)]
    counts = card.get("counts")
    if not card.get("regions") and isinstance(counts, list):
        chips = [*_counted_regions(counts)[:_MAX_CHIPS], *chips]
    return [*chips, entry.license or str(card.get("license", "license not stated"))]


def _counted_regions(counts: list[Any]) -> list[str]:
    try:
        regions = (count for item in counts if item["coordinate"] == "region" for count in item["counts"])
        return [str(count["value"]) for count in regions]
    except MALFORMED_CARD_ERRORS:
        return []


def _shared_sections(has_facts: bool) -> Labelled:
    details = [("known", "Details")] if has_facts else []
    return [("load", "Load"), ("cite", "Cite"), *details, ("files", "Files"), ("versions", "Versions")]
