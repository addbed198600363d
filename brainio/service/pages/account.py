"""Sign-in: a form that stores a token in the browser, so that it shows private catalogs."""

import asyncio
import time
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from brainio.service import urls
from brainio.service.access import Access, AccessControl, Credential, cookie_deletions, set_token_cookie
from brainio.service.cross_site import is_own_origin
from brainio.service.dependencies import ServiceDep
from brainio.service.errors import http_error
from brainio.service.pages.layout import render_page
from brainio.service.responses import RenderedBody, respond

router = APIRouter(include_in_schema=False)
_MAX_FORM = 8192  # bytes
_FORM_SECONDS = 20.0


@router.get("/signin")
async def signin_page(request: Request, service: ServiceDep, next: str = "") -> Response:  # noqa: A002 - as in the URL
    """Ask for a token, or show which catalogs the browser's token opens."""
    access: Access | HTTPException = request.scope["access"]
    if isinstance(access, Access):
        return respond(request.headers, _render(access, next))
    if not request.scope["has_stale_cookie"]:
        raise access
    response = respond(request.headers, _render(service.access_control.public, next, access))
    response.headers["Cache-Control"] = "no-store"  # the response deletes a cookie
    return response


@router.post("/signin")
async def submit_signin(request: Request, service: ServiceDep) -> Response:
    """Store the token of the form in the browser."""
    _require_own_form(request, service.settings.public_url)
    fields = await _read_form(request)
    response = _redirect_to(fields.get("next", ""))
    try:
        sign_in(request, response, service.access_control, fields.get("token", ""))
    except HTTPException as error:
        page = _render(service.access_control.public, fields.get("next", ""), error)
        failure = respond(request.headers, page)
        failure.status_code = error.status_code
        retry = {name: value for name, value in (error.headers or {}).items() if name == "Retry-After"}
        failure.headers.update({"Cache-Control": "no-store", **retry})
        return failure
    return response


@router.post("/signout")
async def submit_signout(request: Request, service: ServiceDep) -> Response:
    """Delete the token from the browser."""
    _require_own_form(request, service.settings.public_url)
    response = _redirect_to((await _read_form(request)).get("next", ""))
    sign_out(request, response)
    return response


def sign_in(request: Request, response: Response, access_control: AccessControl, token: str) -> None:
    """Store a token from a form in the browser.

    Raises
    ------
    HTTPException
        See `AccessControl.authenticate`.
    """
    client = request.client.host if request.client else ""
    record = access_control.authenticate(Credential(token.strip(), "Cookie"), client).token
    seconds = None if record.expires is None else max(0, record.expires - int(time.time()))
    set_token_cookie(response, token.strip(), seconds, is_https=request.url.scheme == "https")


def sign_out(request: Request, response: Response) -> None:
    """Delete the token from the browser."""
    for header in cookie_deletions(is_https=request.url.scheme == "https"):
        response.headers.append("Set-Cookie", header)


def _render(access: Access, target: str, error: HTTPException | None = None) -> RenderedBody:
    """Render the form, with the reason why a token was refused."""
    detail = error.detail if error else ""
    message = detail["message"] if isinstance(detail, dict) else detail
    target = urls.safe_return_url(target)
    is_front = target == urls.with_prefix("/")
    values = {"problem": message, "target": "" if is_front else target}
    return render_page("signin.html", url=target, access=access, json_url="", **values)


def _redirect_to(target: str) -> RedirectResponse:
    return RedirectResponse(urls.safe_return_url(target), 303, {"Cache-Control": "no-store"})


def _require_own_form(request: Request, public_url: str) -> None:
    """Reject forms that other sites submit in a visitor's name (CSRF)."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    is_own = site == "same-origin" if origin is None else is_own_origin(origin, request.headers, public_url)
    if not is_own:
        hint = "Sign in on the page of this service."
        raise http_error(403, "foreign_form", "this form was submitted by another site", hint)


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, the first of each name."""
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            body = await _read_body(request)
    except TimeoutError:
        message = f"the form did not arrive within {_FORM_SECONDS:g} seconds"
        raise http_error(408, "too_slow", message, "Send it again.", {"Connection": "close"}) from None
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _read_body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_FORM:
            message = f"the form has more than {_MAX_FORM:,} bytes"
            raise http_error(413, "too_large", message, "Send only the fields token and next.")
    return body
