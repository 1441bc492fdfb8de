"""Reading requests."""

import json
from typing import Any

from starlette.requests import Request

from sandbox.google.errors import GoogleError


async def read_json(request: Request) -> dict[str, Any]:
    """A request's JSON object.

    Raises:
        GoogleError: 400 ``parseError``.
    """
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise GoogleError(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise GoogleError(400, "parseError", "Parse Error")
    return body
