"""The files that pages load: style, script, icon. All come from here; another content has another address."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from brainio.service.errors import refusal
from brainio.service.responses import RenderedBody, render, respond
from brainio.service.urls import with_prefix

router = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).parents[1] / "assets"
_HTMX = ("js_lib_htmx", "static/htmx/htmx.min.js")  # a distribution that holds htmx, and where in it
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def assets() -> dict[str, RenderedBody]:
    """Return the files by name, ready to be sent."""
    files = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _TYPES}
    return {name: _ready(path) for name, path in {**files, "htmx.js": _htmx()}.items()}


def address_of(name: str) -> str:
    """Return the address of a file, which is another one when its content is."""
    return with_prefix(f"/assets/{assets()[name].tag[:12]}/{name}")


@router.get("/assets/{tag}/{name}")
async def asset(request: Request, tag: str, name: str) -> Response:
    """Give a file that pages load."""
    found = assets().get(name)
    if found is None or not found.tag.startswith(tag):
        raise refusal(404, "no_such_file", f"no page loads a file {name[:100]!r} of that content")
    return respond(request.headers, found)


def _ready(path: Path) -> RenderedBody:
    return render(path.read_bytes(), _TYPES[path.suffix], "Accept-Encoding", _FOR_EVER)


def _htmx() -> Path:
    package, place = _HTMX
    spec = find_spec(package)
    assert spec is not None  # noqa: S101 - the extra `service` installs it
    assert spec.submodule_search_locations is not None  # noqa: S101
    return Path(spec.submodule_search_locations[0], place)
