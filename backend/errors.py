"""Errors of the API: one JSON shape with a stable code."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from backend.text import BROKEN, WHAT_FITS

log = structlog.get_logger()
SAID = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field: leave it out",
    "string_unicode": BROKEN,
    "json_invalid": "this is no JSON: {error}",
    "union_tag_not_found": "say by {discriminator} which of its kinds it is",
    "tuple_type": "send a list",
    "list_type": "send a list",
    "dict_type": "send an object",
    "model_type": "send an object",
    "model_attributes_type": "send an object",
}
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class ErrorBody(BaseModel):
    """What every error answers."""

    code: str
    message: str
    field: str | None = None


class ApiError(Exception):
    """An error with a stable code.

    Args:
        status: HTTP status.
        code: stable, for programs.
        message: names what is wrong and the fix.
        field: the part of the request concerned.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        self.body = ErrorBody(code=code, message=message, field=field)


def not_found(what: str, known: list[str] | None = None, *, field: str | None = None) -> ApiError:
    """404; names what there is when that is not a secret, and the part of the request unless it is the path."""
    listed = f"; there are: {', '.join(known)}" if known else ""
    return ApiError(404, "not_found", f"there is no such {what}{listed}", field=field)


def add_error_handlers(app: FastAPI) -> None:
    """Have every error of an app answered in the one shape."""
    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, unexpected)


async def api_error(_: Request, error: Exception) -> JSONResponse:
    """An ``ApiError`` as it crosses the wire."""
    assert isinstance(error, ApiError)
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else dict(error.headers)
    return JSONResponse(error.body.model_dump(), status_code=error.status, headers=headers)


async def invalid_request(_: Request, error: Exception) -> JSONResponse:
    """A request that does not fit the schema: the first problem, by its field, without the value."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    body = ErrorBody(code="invalid_request", message=_said_of(problem), field=_field_of(problem))
    return JSONResponse(body.model_dump(), status_code=422)


def _field_of(problem: Mapping[str, Any]) -> str:
    where, *path = problem["loc"]
    # Of what is no JSON, the place in the text is named.
    return ".".join(str(part) for part in path) if path and problem["type"] != "json_invalid" else str(where)


def _said_of(problem: Mapping[str, Any]) -> str:
    """What is wrong and the fix, in the API's words where the library's are Python's."""
    kind, context = problem["type"], problem.get("ctx", {})
    message = str(problem["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return WHAT_FITS.get(context["pattern"], message)
    if kind == "missing" and len(problem["loc"]) == 1:
        return "send a JSON object as the body"
    if kind in {"too_short", "too_long"}:
        return _counted(message.replace(" after validation", ""), context["field_type"])
    return SAID[kind].format(**context) if kind in SAID else message


def _counted(message: str, what: str) -> str:
    # A secret is a value to the library, and has items.
    words = {"Value": ("item", "character"), "Tuple": ("Tuple", "List"), "Dictionary": ("Dictionary", "Object")}
    return message.replace(*words[what]) if what in words else message


async def http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {}) | ({"allow": _allowed(request)} if error.status_code == 405 else {})
    match error.status_code:
        case 400:
            body = ErrorBody(
                code="invalid_request", message="the body is no text in the encoding that it names", field="body"
            )
        case 404:
            body = ErrorBody(
                code="not_found", message="there is nothing at this path; /openapi.json lists what there is"
            )
        case 405:
            body = ErrorBody(code="method_not_allowed", message=f"this path takes {headers['allow']}")
        case 413:
            body = ErrorBody(code="too_large", message=str(error.detail), field="body")
        case _:
            body = ErrorBody(code="http_error", message=str(error.detail))
    return JSONResponse(body.model_dump(), status_code=error.status_code, headers=headers)


def _allowed(request: Request) -> str:
    """The methods that the path takes. The framework names those of the first of its routes alone."""
    routes = request.app.routes
    scopes = ({**request.scope, "method": method} for method in METHODS)
    return ", ".join(
        scope["method"] for scope in scopes if any(route.matches(scope)[0] is Match.FULL for route in routes)
    )


async def unexpected(_: Request, error: Exception) -> JSONResponse:
    """A mistake of ours: the client learns that, the log its type, neither what was sent."""
    log.error("unexpected_error", error=type(error).__name__, where=_where(error))
    return JSONResponse(
        ErrorBody(code="internal", message="this is our mistake; it has been noted").model_dump(), status_code=500
    )


def _where(error: BaseException) -> str:
    """File and line of an error. Its text and arguments may hold what somebody said."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def describes(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers of an endpoint, for the API's description."""
    return {status: {"model": ErrorBody} for status in statuses}
