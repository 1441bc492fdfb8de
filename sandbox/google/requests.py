"""A request to the API, read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.datastructures import QueryParams
from starlette.requests import Request

from sandbox.google.errors import GoogleError


@dataclass(frozen=True)
class Asked:
    """What a method is asked, and by whom."""

    account: str
    """The e-mail address behind the access token; also the id of its primary calendar."""
    path: Mapping[str, str]
    query: QueryParams
    body: Mapping[str, Any]
    if_match: str | None

    def flag(self, name: str) -> bool:
        """A boolean parameter; the document checked its form."""
        return self.query.get(name) == "true"

    def whole(self, name: str, default: int, *, most: int) -> int:
        """A whole number; Google takes what is too much for the most."""
        return min(int(self.query.get(name, default)), most)


async def read_json(request: Request) -> Mapping[str, Any]:
    """A request's JSON object.

    Raises:
        GoogleError: 400 ``parseError``.
    """
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        raise GoogleError(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise GoogleError(400, "parseError", "Parse Error")
    return cast("dict[str, Any]", body)
