"""The layout that all pages share: templates, response headers, assets and error pages."""

import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from brainio.service import urls
from brainio.service.access import Access
from brainio.service.dependencies import prefers
from brainio.service.errors import ErrorDetail, http_error
from brainio.service.responses import JSON, RenderedBody, render, respond
from brainio.version import __version__
from brainio.views.rendering import template_environment

router = APIRouter(include_in_schema=False)
HTML = "text/html"
# Everything comes from this service: no scripts in pages, no style attributes, no frames.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ASSET_FOLDER = Path(__file__).parents[1] / "assets"
_HTMX = ("js_lib_htmx", "static/htmx/htmx.min.js")  # a distribution that contains htmx, and the path in it
_ASSET_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_IMMUTABLE = "public, max-age=31536000, immutable"
_SIGNIN_OFFERS = {
    (404, None): "to see it if it is private",
    (401, None): "with another token",
    (403, "embargoed"): "with a token for data under embargo",
}
"""Reasons to sign in, by status and code. All 404 pages have the same, to reveal nothing about private catalogs."""


def render_page(template: str, *, url: str, access: Access | None, json_url: str, **values: Any) -> RenderedBody:
    """Render a template, and set the security headers of the page.

    Parameters
    ----------
    template : str
        Name of the template.
    url : str
        URL of the page, to which signing in leads back; empty for the front page.
    access : Access or None
        Access of the visitor; None if it is unknown.
    json_url : str
        URL of the same content as JSON; empty if the API does not offer it.
    **values
        Variables of the template.
    """
    loaded = template_environment("brainio.service.pages").get_template(template)
    signin_url = urls.signin_url(url)
    shared = {"access": access, "json_url": json_url, "asset_url": asset_url, "release": __version__, "urls": urls}
    text = loaded.render(values, signin_url=signin_url, **shared)
    body = text.encode("utf-8", "backslashreplace")
    headers = {"Content-Security-Policy": _CONTENT_SECURITY_POLICY, "Cross-Origin-Resource-Policy": "same-origin"}
    return render(body, f"{HTML}; charset=utf-8", "Accept-Encoding", further=headers)


def json_for_script(data: Mapping[str, Any]) -> Markup:
    r"""Return JSON for a `script` element with data, escaped so that no text in it can end the element.

    Examples
    --------
    >>> json_for_script({"name": "</script>"})
    Markup('{"name": "\\u003c/script\\u003e"}')
    """
    text = json.dumps(data, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text.encode("utf-8", "backslashreplace").decode())  # noqa: S704 - escaped above


def error_page(request: Request, status: int, error: ErrorDetail) -> Response | None:
    """Return an error as a page; None if the client does not prefer HTML."""
    if not prefers(request.headers.get("accept"), HTML, JSON):
        return None
    access = request.scope.get("access")
    known = access if isinstance(access, Access) else None
    offer = _SIGNIN_OFFERS.get((status, None)) or _SIGNIN_OFFERS.get((status, error.code), "")
    page = render_page(
        "error.html",
        url=urls.request_target(request.scope) if request.method == "GET" else "",
        access=known,
        json_url="",
        status=status,
        phrase=HTTPStatus(status).phrase,
        error=error,
        offer=offer if known is None or known.is_public else "",
    )
    response = Response(page.body, status)
    response.raw_headers = [header for header in page.headers if header[0] not in (b"etag", b"cache-control")]
    return response


@cache
def assets() -> dict[str, RenderedBody]:
    """Return the style sheets, scripts and icons of pages by name."""
    files = {path.name: path for path in _ASSET_FOLDER.iterdir() if path.suffix in _ASSET_TYPES}
    files["htmx.js"] = _htmx()
    return {name: _render_asset(path) for name, path in files.items()}


def asset_url(name: str) -> str:
    """Return the URL of an asset, which changes with its content, so that browsers can cache it for ever."""
    return urls.with_prefix(f"/assets/{assets()[name].etag[:12]}/{name}")


@router.get("/assets/{tag}/{name}")
async def asset(request: Request, tag: str, name: str) -> Response:
    """Return an asset."""
    rendered = assets().get(name)
    if rendered is None or not rendered.etag.startswith(tag):
        raise http_error(404, "no_such_file", f"there is no asset {name[:100]!r} with this content")
    return respond(request.headers, rendered)


def _render_asset(path: Path) -> RenderedBody:
    return render(path.read_bytes(), _ASSET_TYPES[path.suffix], "Accept-Encoding", _IMMUTABLE)


def _htmx() -> Path:
    package, path = _HTMX
    spec = find_spec(package)
    assert spec is not None  # noqa: S101 - the extra `service` installs it
    assert spec.submodule_search_locations is not None  # noqa: S101
    return Path(spec.submodule_search_locations[0], path)
