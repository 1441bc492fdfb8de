"""Zapier's error shapes, pages and bearers, the same for all of its routes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.zapier.store import TOKEN, Store

BEARER = "sandbox"


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def refused(status: int, code: str, detail: str) -> Refused:
    """In the envelope ``errors``, as the Workflow API answers."""
    error = {
        "status": status,
        "code": code,
        "title": "".join(part.capitalize() for part in code.split("_")),
        "detail": detail,
        "source": None,
        "meta": {"source": "ZAPIER", "full_details": {"message": detail, "code": code}},
    }
    return Refused(JSONResponse({"errors": [error]}, status_code=status))


async def check_bearer(request: Request, store: Store, scope: str | None) -> None:
    """Check the token and what it may do.

    Raises:
        Refused: without a token in the gateway's bare shape, with a wrong one or too narrow a one in the envelope.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() not in {"bearer", "jwt"}:
        detail = "Authentication credentials were not provided."
        raise Refused(JSONResponse({"code": "authentication_failed", "detail": detail}, status_code=403))
    if token == BEARER:
        return
    known = await store.get(TOKEN, token)
    if known is None or known["expires_at"] <= store.seconds():
        raise refused(401, "authentication_failed", "Invalid token.")
    if scope is not None and scope not in known["scope"].split():
        raise refused(403, "permission_denied", f"This token lacks the scope {scope}.")


def paging(request: Request, *, size: str = "limit", default: int = 10) -> tuple[int, int]:
    """Limit and offset of a list.

    Args:
        request: asks for a page.
        size: the parameter that says how long a page is.
        default: how long it is otherwise.

    Raises:
        Refused: they are no numbers of a page.
    """
    try:
        limit = int(request.query_params.get(size, default))
        offset = int(request.query_params.get("offset", "0"))
    except ValueError:
        limit = offset = -1
    if limit < 1 or offset < 0:
        raise refused(400, "parse_error", "Malformed request.")
    return limit, offset


async def wrapped_data(request: Request) -> dict[str, Any]:
    """The object ``data`` of a request's body.

    Raises:
        Refused: there is none.
    """
    try:
        data = (await request.json())["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise refused(400, "parse_error", "Malformed request.")
    return data
