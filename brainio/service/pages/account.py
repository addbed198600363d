"""Signing in with a token, so that a browser shows private catalogs; and signing out."""

import asyncio
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from brainio.service import urls
from brainio.service.access import Access, sign_in, sign_out
from brainio.service.dependencies import ServiceDep
from brainio.service.errors import refusal
from brainio.service.pages.layout import render_page
from brainio.service.responses import RenderedBody, respond
from brainio.service.sites import is_own_origin

router = APIRouter(include_in_schema=False)
_LONGEST_FORM = 8192  # bytes
_LONGEST_WAIT = 20.0  # seconds for a form to come


@router.get("/signin")
async def signin(request: Request, service: ServiceDep, next: str = "") -> Response:  # noqa: A002 - as the address has it
    """Ask for a token, or say what the one that the browser carries opens."""
    access: Access | HTTPException = request.scope["access"]
    if isinstance(access, Access):
        return respond(request.headers, _page(access, next))
    if not request.scope["has_stale_cookie"]:
        raise access
    answer = respond(request.headers, _page(service.access_control.everybody, next, access))
    answer.headers["Cache-Control"] = "no-store"  # it makes the browser forget its token
    return answer


@router.post("/signin")
async def signed_in(request: Request, service: ServiceDep) -> Response:
    """Have the browser carry the token of the form."""
    _require_own(request, service.settings.public_url)
    fields = await _fields(request)
    answer = _lead_to(fields.get("next", ""))
    try:
        sign_in(request, answer, service.access_control, fields.get("token", ""))
    except HTTPException as refused:
        failed = respond(request.headers, _page(service.access_control.everybody, fields.get("next", ""), refused))
        failed.status_code = refused.status_code
        failed.headers.update({"Cache-Control": "no-store", **_waiting(refused)})
        return failed
    return answer


@router.post("/signout")
async def signed_out(request: Request, service: ServiceDep) -> Response:
    """Have the browser forget its token."""
    _require_own(request, service.settings.public_url)
    answer = _lead_to((await _fields(request)).get("next", ""))
    sign_out(request, answer)
    return answer


def _page(access: Access, target: str, refused: HTTPException | None = None) -> RenderedBody:
    """Return the page for signing in and out, and say why a token was refused."""
    detail = refused.detail if refused else ""
    problem = detail["message"] if isinstance(detail, dict) else detail
    target = urls.return_target(target)
    is_front = target == urls.with_prefix("/")
    return render_page(
        "signin.html", address=target, access=access, json="", problem=problem, target="" if is_front else target
    )


def _lead_to(target: str) -> RedirectResponse:
    return RedirectResponse(urls.return_target(target), 303, {"Cache-Control": "no-store"})


def _require_own(request: Request, public_url: str) -> None:
    """Refuse forms that other sites send in a visitor's name."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    is_own = site == "same-origin" if origin is None else is_own_origin(origin, request.headers, public_url)
    if not is_own:
        raise refusal(403, "foreign_form", "this form was sent by another site", "Sign in on the page of this service.")


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a form, the first of each name."""
    try:
        async with asyncio.timeout(_LONGEST_WAIT):
            body = await _body(request)
    except TimeoutError:
        message = f"the form did not come within {_LONGEST_WAIT:g} seconds"
        raise refusal(408, "too_slow", message, "Send it again.", {"Connection": "close"}) from None
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            raise refusal(
                413, "too_large", f"the form has more than {_LONGEST_FORM:,} bytes", "It holds a token and an address."
            )
    return body


def _waiting(refused: HTTPException) -> dict[str, str]:
    return {name: value for name, value in (refused.headers or {}).items() if name == "Retry-After"}
