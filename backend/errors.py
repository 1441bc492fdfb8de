"""Errors of the API: one JSON shape with a stable code."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

log = structlog.get_logger()
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


def not_found(what: str, known: list[str] | None = None) -> ApiError:
    """404; names what there is when that is not a secret."""
    listed = f"; there are: {', '.join(known)}" if known else ""
    return ApiError(404, "not_found", f"there is no such {what}{listed}")


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
    field = ".".join(str(part) for part in problem["loc"][1:]) or None
    body = ErrorBody(code="invalid_request", message=str(problem["msg"]), field=field)
    return JSONResponse(body.model_dump(), status_code=422)


async def http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {}) | ({"allow": _allowed(request)} if error.status_code == 405 else {})
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "http_error")
    return JSONResponse(
        ErrorBody(code=code, message=str(error.detail)).model_dump(),
        status_code=error.status_code,
        headers=headers,
    )


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
