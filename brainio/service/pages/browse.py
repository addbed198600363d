"""Pages for browsing: the front page with its search, whose state is in the URL, and the pages of catalogs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Annotated, Any, NamedTuple

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.index import Hit, SearchResults
from brainio.service import schemas, urls
from brainio.service.access import Access
from brainio.service.dependencies import (
    SEARCH_LIMITER,
    AccessDep,
    SearchQuery,
    Service,
    ServiceDep,
    SnapshotDep,
)
from brainio.service.pages.layout import render_page
from brainio.service.pages.snippets import catalog_snippets, netrc_line, shipped_catalogs
from brainio.service.responses import RenderedBody, respond
from brainio.service.snapshots import ServedCatalog, Snapshot
from brainio.service.urls import with_prefix, with_query

router = APIRouter(include_in_schema=False)
FACET_LABELS = {
    "kind": "Kind",
    "class": "Class",
    "region": "Region",
    "species": "Species",
    "lab": "Lab",
    "year": "Year",
    "catalog": "Catalog",
    "has_repetitions": "Repetitions",
    "has_reliability": "Reliability",
}
_FLAGS = {"has_repetitions": "repetitions", "has_reliability": "reliability"}
_KIND_LABELS = {"assembly": "assemblies", "stimulus_set": "stimulus sets"}
_SUPERSEDED = "including superseded entries"
_MAX_VALUE = 60  # characters of a facet value
_HITS_PER_PAGE = 20
_MAX_LISTED = 100  # entries on the page of a catalog


@router.get("/")
async def front_page(
    request: Request,
    service: ServiceDep,
    snapshot: SnapshotDep,
    access: AccessDep,
    query: Annotated[SearchQuery, Query()],
) -> Response:
    """Show all entries, or the results of a search."""

    def render_results() -> RenderedBody:
        search = SearchState.of(query)
        return render_page(
            "front.html",
            url=urls.request_target(request.scope),
            access=access,
            json_url=search.url(f"{urls.API}/search"),
            search=search,
            is_first=query.cursor is None,
            catalogs=_catalog_links(snapshot, access),
            **_result_values(search, query.run(service, snapshot, access, _HITS_PER_PAGE)),
        )

    # Not cached: the index changes independently of the snapshot.
    return respond(request.headers, await to_thread.run_sync(render_results, limiter=SEARCH_LIMITER))


@router.get("/index.json")
async def front_page_json(query: Annotated[SearchQuery, Query()]) -> Response:
    """Redirect to the same search as JSON."""
    return RedirectResponse(SearchState.of(query).url(f"{urls.API}/search", cursor=query.cursor), 307)


def _catalog_links(snapshot: Snapshot, access: Access) -> list[dict[str, Any]]:
    return [
        {"name": name, "url": urls.catalog_page_url(name), "available": name not in snapshot.problems}
        for name in snapshot.names(access)
        if name in snapshot.catalogs
    ]


def _result_values(search: "SearchState", results: SearchResults) -> dict[str, Any]:
    kinds = results.facets.get("kind", {})
    return {
        "stimulus_sets": kinds.get(TYPE_STIMULUS_SET, 0),
        "assemblies": kinds.get(TYPE_ASSEMBLY, 0),
        "facets": search.facets(results.facets),
        "summary": f"{results.total:,} entr{'y' if results.total == 1 else 'ies'}",
        "note": results.note,
        "hits": [_hit_values(hit, search) for hit in results],
        "next": search.url(cursor=results.next) if results.next else None,
    }


def _hit_values(hit: Hit, search: "SearchState") -> dict[str, Any]:
    details = [str(hit.year or ""), *hit.regions, *hit.species]
    version = hit.version if "version=" in hit.load else None
    return {
        "kind": hit.kind,
        "class": hit.class_name,
        "status": hit.status,
        "identifier": hit.identifier,
        "title": hit.title,
        "details": [detail for detail in details if detail],
        "catalog": hit.catalog,
        "why": hit.why if search.text.strip() else "",
        "url": urls.page_url(hit.catalog, hit.kind, hit.identifier, version=version),
    }


class ActiveFilter(NamedTuple):
    """A selected facet value, and the URL of the page without it."""

    label: str
    without: str


@dataclass(frozen=True)
class FacetValue:
    """A facet value, the number of its entries, and the URL that selects it (or removes it if it is selected)."""

    label: str
    count: int
    url: str
    is_selected: bool


@dataclass(frozen=True)
class Facet:
    """A facet and its values."""

    label: str
    values: list[FacetValue]


@dataclass(frozen=True)
class SearchState:
    """The state of a search: words, and values by facet as in the URL."""

    text: str
    filters: Mapping[str, Sequence[str]]
    old: bool = False

    @classmethod
    def of(cls, query: SearchQuery) -> "SearchState":
        """Return the state of a query."""
        facets = query.facets.items()
        filters = {name: value if isinstance(value, list) else [str(value).lower()] for name, value in facets}
        return cls(query.q, filters, query.old)

    @property
    def is_restricted(self) -> bool:
        """Whether it has words or filters."""
        return bool(self.text.strip() or self.filters or self.old)

    @property
    def filter_parameters(self) -> list[tuple[str, str]]:
        """The parameters besides the words, which a new search keeps."""
        pairs = [(name, value) for name, values in self.filters.items() for value in values]
        return [*pairs, *([("old", "true")] if self.old else [])]

    @property
    def description(self) -> str:
        """The search in words.

        Examples
        --------
        >>> filters = {"kind": ["assembly"], "region": ["V4", "IT"], "has_repetitions": ["true"]}
        >>> SearchState("natural", filters).description
        'Assemblies with “natural”, region V4 or IT, with repetitions'
        """
        kinds = [_KIND_LABELS.get(kind, kind) for kind in self.filters.get("kind", ())]
        subject = " and ".join(kinds).capitalize() or "All entries"
        parts = [f"{subject} with “{self.text.strip()}”" if self.text.strip() else subject]
        parts += [_describe_filter(name, values) for name, values in self.filters.items() if name != "kind"]
        return ", ".join([*parts, *([_SUPERSEDED] if self.old else [])])

    @property
    def active_filters(self) -> list[ActiveFilter]:
        """The selected facet values."""
        filters = [
            ActiveFilter(_filter_label(name, value), self.without(name, value))
            for name, values in self.filters.items()
            for value in values
        ]
        if self.old:
            filters.append(ActiveFilter(_SUPERSEDED, SearchState(self.text, self.filters).url()))
        return filters

    def facets(self, counts: Mapping[str, Mapping[str, int]]) -> list[Facet]:
        """Return the facets with more than one value, or a selected one, each with the URLs that select its values."""
        facets = []
        for name, label in FACET_LABELS.items():
            values = [
                self._facet_value(name, value, count) for value, count in _sort_values(name, counts.get(name, {}))
            ]
            if len(values) > 1 or any(value.is_selected for value in values):
                facets.append(Facet(label, values))
        return facets

    def _facet_value(self, name: str, value: str, count: int) -> FacetValue:
        parameter = {"yes": "true", "no": "false"}.get(value, value) if name in _FLAGS else value
        is_selected = parameter in self.filters.get(name, ())
        url = self.without(name, parameter) if is_selected else self.including(name, parameter)
        return FacetValue(_KIND_LABELS.get(value, value), count, url, is_selected)

    def including(self, name: str, value: str) -> str:
        """Return the URL of the page with one more filter; a yes-or-no facet has one value at a time."""
        others = [] if name in _FLAGS else [*self.filters.get(name, ())]
        return SearchState(self.text, {**self.filters, name: [*others, value]}, self.old).url()

    def without(self, name: str, value: str) -> str:
        """Return the URL of the page with one filter less."""
        others = [other for other in self.filters.get(name, ()) if other != value]
        return SearchState(self.text, {**self.filters, name: others}, self.old).url()

    def url(self, path: str = "/", **further: object) -> str:
        """Return the URL of the search."""
        old = "true" if self.old else None
        return with_query(with_prefix(path), **{"q": self.text, **self.filters, "old": old}, **further)


def _sort_values(name: str, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return facet values with counts: years from the newest, other values as the index sorts them, by count."""
    known = [(value, count) for value, count in counts.items() if name not in _FLAGS or value != "unknown"]
    return sorted(known, reverse=True) if name == "year" else known


def _describe_filter(name: str, values: Sequence[Any]) -> str:
    if name in _FLAGS:
        return _filter_label(name, values[0])
    return f"{FACET_LABELS.get(name, name).lower()} {' or '.join(value[:_MAX_VALUE] for value in values)}"


def _filter_label(name: str, value: str) -> str:
    if name in _FLAGS:
        return f"{'with' if value == 'true' else 'without'} {_FLAGS[name]}"
    return f"{FACET_LABELS.get(name, name).lower()}: {value[:_MAX_VALUE]}"


@router.get("/catalog/{catalog}")
async def catalog_page(
    request: Request, catalog: str, snapshot: SnapshotDep, service: ServiceDep, access: AccessDep
) -> Response:
    """Show a catalog: the number of its entries, and the code that adds it on another machine."""
    cached = snapshot.responses.get(access, request.scope)
    if cached is not None:
        return respond(request.headers, cached.rendered)
    name = catalog.removesuffix(".json")
    if name != catalog and catalog not in snapshot.names(access):
        return RedirectResponse(urls.catalog_api_url(name), 307)
    served = snapshot.catalog(catalog, access)
    page = await run_in_threadpool(_render_catalog, request, served, snapshot, service, access)
    return respond(request.headers, snapshot.responses.store(access, request, page))


def _render_catalog(
    request: Request, catalog: ServedCatalog, snapshot: Snapshot, service: Service, access: Access
) -> RenderedBody:
    name, entries = catalog.name, catalog.listing.entries
    origin = service.origin(request)
    snippets = catalog_snippets(name, origin)
    return render_page(
        "catalog.html",
        url=urls.request_target(request.scope),
        access=access,
        json_url=urls.catalog_api_url(name),
        catalog=schemas.catalog_record(snapshot, name),
        stimulus_sets_url=SearchState("", {"kind": [TYPE_STIMULUS_SET], "catalog": [name]}).url(),
        assemblies_url=SearchState("", {"kind": [TYPE_ASSEMBLY], "catalog": [name]}).url(),
        is_shipped=name in shipped_catalogs(),
        netrc=netrc_line(name, service, origin),
        snippets=snippets,
        entries=[entries[key] for key in nsmallest(_MAX_LISTED, entries, key=lambda key: (key[1], key[0]))],
        count=len(entries),
        search_url=SearchState("", {"catalog": [name]}).url(),
    )
