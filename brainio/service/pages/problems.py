"""Errors as pages, for people who came with a browser."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from brainio.service import urls
from brainio.service.access import Access
from brainio.service.errors import ErrorDetail
from brainio.service.negotiation import wants
from brainio.service.pages.layout import HTML, render_page
from brainio.service.responses import JSON

_OFFERS = {
    (404, None): "to see it if it is private",
    (401, None): "with another token",
    (403, "embargoed"): "with a token that opens data under embargo",
}
"""How signing in may help, by status and code. All 404 pages offer the same, to reveal nothing of private catalogs."""


def show_problem(request: Request, status: int, problem: ErrorDetail) -> Response | None:
    """Return a problem as a page, None for whoever does not want pages."""
    if not wants(request.headers.get("accept"), HTML, JSON):
        return None
    access = request.scope.get("access")
    known = access if isinstance(access, Access) else None
    offer = _OFFERS.get((status, None)) or _OFFERS.get((status, problem.code), "")
    page = render_page(
        "problem.html",
        address=urls.of_request(request.scope) if request.method == "GET" else "",
        access=known,
        json="",
        status=status,
        phrase=HTTPStatus(status).phrase,
        problem=problem,
        offer=offer if known is None or known.is_public else "",
    )
    answer = Response(page.body, status)
    answer.raw_headers = [one for one in page.headers if one[0] not in (b"etag", b"cache-control")]
    return answer
