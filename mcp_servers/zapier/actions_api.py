"""Single actions by client credentials, which any user of Zapier can have: the routes of Zapier's own SDK."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from mcp_servers.shared.errors import Unavailable
from mcp_servers.shared.http import Outbound
from mcp_servers.zapier.vendor import ask, items, mapping, read_object
from mcp_servers.zapier.ways import ActionField, ActionRun, FoundAction
from mcp_servers.zapier.workflow_api import MOST_APPS, parted, read_run

AUDIENCE = "zapier.com"
EARLY_SECONDS = 60.0


class ClientCredentials:
    """Client credentials and the token that they are exchanged for.

    Args:
        outbound: sends.
        token_url: where they are exchanged.
        client_id: of the credentials.
        client_secret: of the credentials.
        now: seconds since 1970.
    """

    def __init__(
        self, outbound: Outbound, *, token_url: str, client_id: str, client_secret: SecretStr, now: Callable[[], float]
    ) -> None:
        self._outbound = outbound
        self._token_url = token_url
        self._client = (client_id, client_secret)
        self._now = now
        self._token = ""
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """The token; asked for once, however many want it."""
        async with self._asking:
            if self._now() < self._good_until:
                return self._token
            form = {
                "grant_type": "client_credentials",
                "client_id": self._client[0],
                "client_secret": self._client[1].get_secret_value(),
                "scope": "external",
                "audience": AUDIENCE,
            }
            request = httpx.Request("POST", self._token_url, data=form)
            answer = read_object(
                await ask(self._outbound, request, reads=True, within=self._outbound.deadlines.vendor_read)
            )
            token, expires_in = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token:
                raise Unavailable("Zapier's answer to the client credentials holds no token")
            self._token = token
            self._good_until = self._now() + (expires_in if isinstance(expires_in, int | float) else 0) - EARLY_SECONDS
            return self._token


class ActionsApi:
    """One user.

    Args:
        outbound: sends.
        api_url: the SDK's base, up to ``/zapier``.
        token: gives the user's token.
    """

    def __init__(self, outbound: Outbound, *, api_url: str, token: Callable[[], Awaitable[str]]) -> None:
        self._outbound = outbound
        self._api_url = api_url.rstrip("/")
        self._token = token

    async def find_actions(self, app: str) -> list[FoundAction]:
        """The actions of the first few apps that a word finds."""
        apps = items(await self._get("/api/v4/implementations-meta/search/", term=app), "results")[:MOST_APPS]
        named = ",".join(str(one.get("id", "")) for one in apps)
        if not named:
            return []
        answer = await self._get("/api/v4/implementations/", **{**WHOSE, "selected_apis": named})
        return [
            FoundAction(_action_type(one, action), str(action.get("name", "")), str(one.get("name", "")))
            for one in items(answer, "results")
            for action in items(one, "actions")
        ]

    async def fields(self, action_type: str) -> list[ActionField]:
        """What an action takes."""
        app, kind, key = parted(action_type)
        body = {"selected_api": app, "action": key, "type_of": kind, "params": {}}
        request = await self._request("POST", "/api/v4/implementations/needs/", body)
        answer = read_object(
            await ask(self._outbound, request, reads=True, within=self._outbound.deadlines.vendor_read)
        )
        return [
            ActionField(str(item.get("key", "")), str(item.get("label", "")), bool(item.get("required")))
            for item in items(answer, "needs")
        ]

    async def start(self, action_type: str, inputs: dict[str, Any]) -> str:
        """Start an action with the app's first connection that is good."""
        app, kind, key = parted(action_type)
        data: dict[str, Any] = {"selected_api": app, "action_key": key, "action_type": kind, "inputs": inputs}
        connection = await self._connection(app)
        if connection is not None:
            data["authentication_id"] = connection
        request = await self._request("POST", "/api/actions/v1/runs", {"data": data})
        response = await ask(self._outbound, request, reads=False, within=self._outbound.deadlines.vendor_write)
        return str(mapping(read_object(response, reads=False).get("data"), reads=False).get("id", ""))

    async def outcome(self, run_id: str) -> ActionRun:
        """What became of a run."""
        return read_run(run_id, mapping((await self._get(f"/api/actions/v1/runs/{run_id}")).get("data")))

    async def _connection(self, app: str) -> object:
        answer = await self._get("/api/v4/authentications", owner="me")
        plain = app.split("@", maxsplit=1)[0]
        mine = (item for item in items(answer, "results") if str(item.get("selected_api", "")).startswith(plain))
        return next((item.get("id") for item in mine if str(item.get("is_stale")).lower() != "true"), None)

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        request = await self._request("GET", path, query=query)
        return read_object(await ask(self._outbound, request, reads=True, within=self._outbound.deadlines.vendor_read))

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> httpx.Request:
        token = await self._token()
        # As Zapier's SDK does: a token of three parts is a JWT, which its gateway wants named so.
        kind = "JWT" if token.count(".") == 2 else "Bearer"
        headers = {"authorization": f"{kind} {token}", "accept": "application/json"}
        return httpx.Request(method, f"{self._api_url}{path}", params=query, json=body, headers=headers)


WHOSE = {"global": "true", "public_only": "false"}


def _action_type(app: Mapping[str, Any], action: Mapping[str, Any]) -> str:
    return "/".join([str(app.get("id", "")), str(action.get("type", "")), str(action.get("key", ""))])
