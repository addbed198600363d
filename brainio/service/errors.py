"""The one shape that every error has, and which error of brainio is answered by which status."""

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
from brainio.service.urls import API, of_api, with_prefix
from brainio.stores.redaction import redacted, without_tokens

RETRY_SECONDS = 5
_log = structlog.get_logger("brainio.service")
_LONGEST = 2000  # characters of a message
# Children before parents.
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


class Refusal(NamedTuple):
    """An error with which a request is answered before any resource sees it."""

    status: int
    code: str
    message: str
    hint: str


class ErrorDetail(BaseModel):
    """What went wrong: a code for programs, the rest for people."""

    code: str
    message: str
    hint: str
    request_id: str


class ErrorAnswer(BaseModel):
    """Body of every answer that is an error."""

    error: ErrorDetail


def refusal(
    status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> HTTPException:
    """Return the exception that a resource raises to answer with an error."""
    return HTTPException(status, {"code": code, "message": message, "hint": hint}, headers)


def away(message: str) -> HTTPException:
    """Return the refusal of what cannot be had at the moment."""
    return refusal(503, "catalog_away", message, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of errors that a resource may answer with."""
    every = sorted({400, 401, 403, 406, 414, 421, 429, 431, 500, 503, *statuses})
    return {status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase} for status in every}


def error_body(code: str, message: str, hint: str, request_id: str) -> bytes:
    """Write an error as it is sent."""
    return _body(_problem(code, message, hint, request_id))


def _problem(code: str, message: str, hint: str, request_id: str) -> ErrorDetail:
    """Return a problem as it is told: what was asked for is quoted, whatever it holds."""
    told = without_tokens(message)[:_LONGEST]
    return ErrorDetail(code=code, message=told, hint=without_tokens(hint), request_id=request_id)


def _body(problem: ErrorDetail) -> bytes:
    return ErrorAnswer(error=problem).model_dump_json().encode()


ShowProblem = Callable[[Request, int, ErrorDetail], Response | None]
"""Shows a problem as a page to whoever wants one; None to all others."""


def install(app: FastAPI, show_problem: ShowProblem) -> None:
    """Have every error of an application answered in the one shape, and as a page where that is wanted."""
    app.state.show_problem = show_problem
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    for kind, _, _ in _STATUSES:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(BrainioError, _known)
    app.add_exception_handler(Exception, _unknown)


def _answer(
    request: Request, status: int, code: str, message: str, hint: str, headers: dict[str, str] | None = None
) -> Response:
    problem = _problem(code, message, hint, request.scope.get("request_id", ""))
    show: ShowProblem = request.app.state.show_problem
    answer = show(request, status, problem) or Response(_body(problem), status, media_type=JSON)
    answer.headers.update({"Cache-Control": "no-store", **(headers or {})})
    answer.headers.add_vary_header("Accept")
    return answer


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - so it was installed
    headers = dict(error.headers or {})
    if isinstance(error.detail, dict):
        return _answer(request, error.status_code, **error.detail, headers=headers)
    phrase = HTTPStatus(error.status_code).phrase
    said = {
        404: f"nothing is at {request.url.path[:200]!r}",
        405: f"{request.method} is not possible here; possible: {headers.get('allow', headers.get('Allow', 'GET'))}",
    }
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    hint = f"{with_prefix(API)} lists what there is, {of_api('openapi.json')} describes it."
    return _answer(request, error.status_code, code, said.get(error.status_code, str(error.detail)), hint, headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - so it was installed
    told = [f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()]
    return _answer(
        request, 422, "bad_parameter", "; ".join(told), f"{of_api('openapi.json')} describes all parameters."
    )


async def _unknown(request: Request, _error: Exception) -> Response:
    """Answer what nobody expected; the error goes to the log all the same."""
    return _answer(request, 500, "internal_error", "the service failed at this request", "Tell whoever runs it.")


async def _known(request: Request, error: Exception) -> Response:
    """Answer an error of a room below; what nobody expects here is a fault of the service."""
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            is_away = status == 503
            if is_away:  # whose text may name paths of this machine
                _log.warning("away", request_id=request.scope.get("request_id", ""), error=redacted(str(error)))
            message = "what this needs cannot be read at the moment" if is_away else str(error)
            hint = "Try again later." if is_away else ""
            retry = {"Retry-After": str(RETRY_SECONDS)} if is_away else None
            return _answer(request, status, code, message, hint, retry)
    raise error
