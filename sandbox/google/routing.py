"""From Google's document to routes: each method gets its path, its checks and Google's form of answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.google import discovery
from sandbox.google.errors import GoogleError
from sandbox.google.fields import apply_mask, parse_mask
from sandbox.google.requests import Asked, read_json

BASE = "/calendar/v3/"

Endpoint = Callable[[Asked], Awaitable[Mapping[str, Any] | None]]
Admit = Callable[[Request, str], Awaitable[str]]
"""Gives the account behind a request to a method, or raises GoogleError."""


def method_route(name: str, endpoint: Endpoint, admit: Admit) -> Route:
    """The route of one method.

    Args:
        name: as the document has it, such as ``events.list``.
        endpoint: what answers.
        admit: who asks.
    """
    definition = discovery.method(name)

    async def handle(request: Request) -> Response:
        try:
            account = await admit(request, name)
            asked = await _read(request, name, account)
            mask = parse_mask(request.query_params["fields"]) if "fields" in request.query_params else {}
            answer = await endpoint(asked)
        except GoogleError as error:
            return error.response()
        if answer is None:
            return Response(status_code=204)
        headers = {"etag": str(answer["etag"])} if "etag" in answer else None
        return JSONResponse(apply_mask(answer, mask), headers=headers)

    return Route(BASE + definition["path"], handle, methods=[definition["httpMethod"]], name=name)


async def _read(request: Request, name: str, account: str) -> Asked:
    discovery.check_query(name, request.query_params.multi_items())
    body: Mapping[str, Any] = {}
    if "request" in discovery.method(name):
        body = await read_json(request)
        discovery.check_body(body, discovery.method(name)["request"]["$ref"])
    return Asked(
        account=account,
        path=request.path_params,
        query=request.query_params,
        body=body,
        if_match=request.headers.get("if-match"),
    )
