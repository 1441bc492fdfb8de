"""Google's API as tests speak to it: by the document's method names, every answer checked against the document."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.sandbox.discovery import definition, error_problems, problems

ADMIN = {"x-sandbox-admin": "1"}


@dataclass
class Refused(Exception):
    """An error answer whose JSON has Google's form."""

    status: int
    domain: str
    reason: str
    location: str | None
    message: str
    headers: httpx.Headers


@dataclass
class Google:
    """One account at the sandbox.

    Args:
        http: a client whose base is the sandbox.
        bearer: the access token.
        refused: the latest refusal, for tests that look further.
    """

    http: httpx.AsyncClient
    bearer: str = "sandbox"
    headers: dict[str, str] = field(default_factory=dict)

    async def send(
        self, method: str, body: Any = None, *, headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        """Ask, and give the answer as it came."""
        parameters = {"calendarId": "primary", **parameters}
        shape, path, query = definition(method), "/calendar/v3/" + definition(method)["path"], {}
        for name, value in parameters.items():
            placeholder = f"{{{name}}}"
            if placeholder in path:
                path = path.replace(placeholder, quote(value, safe=""))
            elif name != "calendarId":
                query[name] = str(value).lower() if isinstance(value, bool) else value
        own = {"authorization": f"Bearer {self.bearer}", **self.headers, **(headers or {})}
        return await self.http.request(shape["httpMethod"], path, params=query, json=body, headers=own)

    async def __call__(
        self, method: str, body: Any = None, *, headers: dict[str, str] | None = None, **parameters: Any
    ) -> Any:
        """Ask; a refusal is raised."""
        answer = await self.send(method, body, headers=headers, **parameters)
        if answer.status_code == 204:
            assert answer.content == b""
            return None
        if answer.status_code != 200:
            raise _refusal(answer)
        if "fields" not in parameters:
            assert problems(method, answer.json()) == []
        return answer.json()

    async def insert(self, **fields: Any) -> Any:
        """A dinner on Tuesday from 19:00 to 20:30 in Madrid, unless told otherwise."""
        return await self("events.insert", {**DINNER, **fields})

    async def listed(self, **parameters: Any) -> list[Any]:
        """The items of a list."""
        return (await self("events.list", **parameters))["items"]

    async def admin(self, path: str, body: Any = None) -> Any:
        """Turn one of the sandbox's own knobs."""
        answer = await self.http.post(f"/_sandbox{path}", json=body, headers=ADMIN)
        assert answer.status_code == 200, answer.text
        return answer.json()


def _refusal(answer: httpx.Response) -> Refused:
    assert error_problems(answer.status_code, answer.json()) == []
    detail = answer.json()["error"]["errors"][0]
    return Refused(
        answer.status_code,
        detail["domain"],
        detail["reason"],
        detail.get("location"),
        detail["message"],
        answer.headers,
    )


MADRID = "Europe/Madrid"
DINNER = {
    "summary": "Dinner",
    "start": {"dateTime": "2026-11-24T19:00:00", "timeZone": MADRID},
    "end": {"dateTime": "2026-11-24T20:30:00", "timeZone": MADRID},
}


def at(day: str, hour: str) -> dict[str, str]:
    """A start or end in Madrid."""
    return {"dateTime": f"{day}T{hour}:00", "timeZone": MADRID}
