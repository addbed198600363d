"""Signing in with a token, so that a browser shows private catalogs; and signing out."""

import asyncio
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from brainio.service.addresses import with_prefix
from brainio.service.context import Serves
from brainio.service.pages.rendering import render_page
from brainio.service.problems import refusal
from brainio.service.rendering import respond
from brainio.service.rights import Sees, sign_in, sign_out
from brainio.service.sites import is_own_origin

router = APIRouter(include_in_schema=False)
_LONGEST_FORM = 4096  # bytes
_LONGEST_WAIT = 20.0  # seconds for a form to come


@router.get("/signin")
async def signin(request: Request, sight: Sees) -> Response:
    """Ask for a token, or say what the one that the browser carries opens."""
    return respond(request.headers, render_page("signin.html", sight=sight, json="", problem=""))


@router.post("/signin")
async def signed_in(request: Request, serves: Serves) -> Response:
    """Have the browser carry the token of the form."""
    _require_own(request, serves.settings.public_url)
    fields = parse_qs((await _form(request)).decode("utf-8", "replace"))
    answer = RedirectResponse(with_prefix("/"), 303, {"Cache-Control": "no-store"})
    try:
        sign_in(request, answer, serves.rights, fields.get("token", [""])[0])
    except HTTPException as refused:
        problem = refused.detail["message"] if isinstance(refused.detail, dict) else str(refused.detail)
        page = render_page("signin.html", sight=serves.rights.everybody, json="", problem=problem)
        failed = respond(request.headers, page)
        failed.status_code = refused.status_code
        failed.headers.update({"Cache-Control": "no-store", **_waiting(refused)})
        return failed
    return answer


@router.post("/signout")
async def signed_out(request: Request, serves: Serves) -> Response:
    """Have the browser forget its token."""
    _require_own(request, serves.settings.public_url)
    answer = RedirectResponse(with_prefix("/"), 303, {"Cache-Control": "no-store"})
    sign_out(request, answer)
    return answer


def _require_own(request: Request, public_url: str) -> None:
    """Refuse forms that other sites send in a visitor's name."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    is_own = site == "same-origin" if origin is None else is_own_origin(origin, request.headers, public_url)
    if not is_own:
        raise refusal(403, "foreign_form", "this form was sent by another site", "Sign in on the page of this service.")


async def _form(request: Request) -> bytes:
    try:
        async with asyncio.timeout(_LONGEST_WAIT):
            return await _body(request)
    except TimeoutError:
        message = f"the form did not come within {_LONGEST_WAIT:g} seconds"
        raise refusal(408, "too_slow", message, "Send it again.", {"Connection": "close"}) from None


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            raise refusal(413, "too_large", f"the form has more than {_LONGEST_FORM:,} bytes", "It holds a token only.")
    return body


def _waiting(refused: HTTPException) -> dict[str, str]:
    return {name: value for name, value in (refused.headers or {}).items() if name == "Retry-After"}
