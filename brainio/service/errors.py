"""Error responses: one JSON form for all errors, and the status code of each brainio exception."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from brainio.errors import (
    AmbiguousEntryError,
    BrainioError,
    CacheError,
    CatalogError,
    CursorError,
    DatabaseAwayError,
    EntryLookupError,
    EntryUnavailableError,
    IndexUnavailableError,
    LocationError,
    SearchError,
    TransferError,
    UnknownCatalogError,
)
from brainio.service.responses import JSON
from brainio.service.urls import API, api_url, with_prefix
from brainio.stores.redaction import redact, without_tokens

RETRY_SECONDS = 5
_log = structlog.get_logger("brainio.service")
_MAX_MESSAGE = 2000  # characters
# Subclasses before their parents.
_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (UnknownCatalogError, 404, "no_such_catalog"),
    (AmbiguousEntryError, 409, "ambiguous"),
    (EntryLookupError, 404, "no_such_entry"),
    (EntryUnavailableError, 404, "unavailable"),
    (CursorError, 400, "bad_cursor"),
    (SearchError, 400, "bad_search"),
    (LocationError, 404, "bad_location"),
    (CatalogError, 503, "catalog_away"),
    (TransferError, 503, "store_away"),
    (CacheError, 503, "cache_away"),
    (DatabaseAwayError, 503, "database_away"),
    (IndexUnavailableError, 503, "search_away"),
    (SQLAlchemyError, 503, "database_away"),
)
INTERNAL_ERROR = (500, "internal_error", "the service failed to process this request", "Report it to the operator.")


class Rejection(NamedTuple):
    """An error response to a request that does not reach any resource."""

    status: int
    code: str
    message: str
    hint: str


class ErrorDetail(BaseModel):
    """A code for programs; a message and a hint for people."""

    code: str
    message: str
    hint: str
    request_id: str


class ErrorResponse(BaseModel):
    """Body of every error response."""

    error: ErrorDetail


def http_error(
    status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> HTTPException:
    """Return the exception that a resource raises to send an error response."""
    return HTTPException(status, {"code": code, "message": message, "hint": hint}, headers)


def unavailable(message: str, code: str = "catalog_away") -> HTTPException:
    """Return the 503 response for data that are temporarily unavailable."""
    return http_error(503, code, message, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a resource for the OpenAPI document."""
    every = sorted({400, 401, 403, 406, 414, 421, 429, 431, 500, 503, *statuses})
    return {status: {"model": ErrorResponse, "description": HTTPStatus(status).phrase} for status in every}


def error_body(code: str, message: str, hint: str, request_id: str) -> bytes:
    """Return the body of an error response."""
    return _encode(_detail(code, message, hint, request_id))


def _detail(code: str, message: str, hint: str, request_id: str) -> ErrorDetail:
    """Return an error detail without tokens, since messages quote parts of the request."""
    message = without_tokens(message)[:_MAX_MESSAGE]
    return ErrorDetail(code=code, message=message, hint=without_tokens(hint), request_id=request_id)


def _encode(detail: ErrorDetail) -> bytes:
    return ErrorResponse(error=detail).model_dump_json().encode()


ErrorPage = Callable[[Request, int, ErrorDetail], Response | None]
"""Renders an error as a page if the client prefers HTML; otherwise returns None."""


def install_handlers(app: FastAPI, error_page: ErrorPage) -> None:
    """Send every error of an application as JSON, or as a page to clients that prefer HTML."""
    app.state.error_page = error_page
    app.add_exception_handler(StarletteHTTPException, _handle_http_exception)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    for kind, _, _ in _STATUSES:
        app.add_exception_handler(kind, _handle_known_error)
    app.add_exception_handler(BrainioError, _handle_known_error)
    app.add_exception_handler(Exception, _handle_unexpected_error)


def _respond(
    request: Request, status: int, code: str, message: str, hint: str, headers: dict[str, str] | None = None
) -> Response:
    detail = _detail(code, message, hint, request.scope.get("request_id", ""))
    error_page: ErrorPage = request.app.state.error_page
    response = error_page(request, status, detail) or Response(_encode(detail), status, media_type=JSON)
    response.headers.update({"Cache-Control": "no-store", **(headers or {})})
    response.headers.add_vary_header("Accept")
    return response


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - the handler is registered for this type
    headers = dict(error.headers or {})
    if isinstance(error.detail, dict):
        return _respond(request, error.status_code, **error.detail, headers=headers)
    phrase = HTTPStatus(error.status_code).phrase
    allowed = headers.get("allow", headers.get("Allow", "GET"))
    messages = {
        404: f"{request.url.path[:200]!r} does not exist",
        405: f"{request.method} is not allowed here; allowed: {allowed}",
    }
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    hint = f"{with_prefix(API)} lists the resources; {api_url('openapi.json')} describes them."
    message = messages.get(error.status_code, str(error.detail))
    return _respond(request, error.status_code, code, message, hint, headers)


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for this type
    message = "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors())
    return _respond(request, 422, "bad_parameter", message, f"{api_url('openapi.json')} describes all parameters.")


async def _handle_unexpected_error(request: Request, _error: Exception) -> Response:
    """Send 500; the middleware logs the exception."""
    return _respond(request, *INTERNAL_ERROR)


async def _handle_known_error(request: Request, error: Exception) -> Response:
    """Send the status of a brainio exception; re-raise exceptions without a status."""
    for kind, status, code in _STATUSES:
        if not isinstance(error, kind):
            continue
        if status != 503:
            return _respond(request, status, code, str(error), "")
        # The message may contain paths of this machine, so that only the log gets it.
        _log.warning("away", request_id=request.scope.get("request_id", ""), error=redact(str(error)))
        message = "a catalog, store or database is temporarily unavailable"
        return _respond(request, status, code, message, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})
    raise error
