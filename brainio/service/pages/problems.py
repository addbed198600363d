"""Errors as pages, for people who came with a browser."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from brainio.service.negotiation import wants
from brainio.service.pages.rendering import HTML, render_page
from brainio.service.problems import Problem
from brainio.service.rendering import JSON
from brainio.service.rights import Sight


def show_problem(request: Request, status: int, problem: Problem) -> Response | None:
    """Return a problem as a page, None for whoever does not want pages."""
    if not wants(request.headers.get("accept"), HTML, JSON):
        return None
    sight = request.scope.get("sight")
    known = sight if isinstance(sight, Sight) else None
    page = render_page(
        "problem.html", sight=known, json="", status=status, phrase=HTTPStatus(status).phrase, problem=problem
    )
    answer = Response(page.body, status)
    answer.raw_headers = [one for one in page.headers if one[0] not in (b"etag", b"cache-control")]
    return answer
