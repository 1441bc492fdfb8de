"""Zapier's Workflow API, for the holder of a token of a published integration."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from mcp_servers.shared.errors import BadRequest, NotFound, Unavailable
from mcp_servers.shared.http import Outbound
from mcp_servers.zapier.vendor import ask, items, mapping, read_object
from mcp_servers.zapier.ways import ActionField, ActionRun, FoundAction, Zap, ZapRun

PAGE = 50
MOST_PAGES = 20
MOST_APPS = 3


class WorkflowApi:
    """One account by its token.

    Args:
        outbound: sends.
        api_url: the API's base.
        token: the bearer.
        disable_path: where a Zap is turned off, with ``{id}``. Zapier documents only ``enable``.
    """

    def __init__(self, outbound: Outbound, *, api_url: str, token: str, disable_path: str) -> None:
        self._outbound = outbound
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._disable_path = disable_path

    async def list_zaps(self) -> list[Zap]:
        """Every Zap that the token may see."""
        zaps: list[Zap] = []
        for page in range(MOST_PAGES):
            answer = await self._get("/v2/zaps", limit=PAGE, offset=page * PAGE)
            zaps += [_zap(item) for item in items(answer)]
            if not mapping(answer.get("links") or {}).get("next"):
                return zaps
        raise Unavailable(f"Zapier lists more than {MOST_PAGES * PAGE} Zaps")

    async def runs(self, *, zap_number: int | None, status: str | None, search: str | None, most: int) -> list[ZapRun]:
        """Runs of the last 30 days."""
        query = {"zap_id": zap_number, "statuses": status, "search": search, "limit": most}
        answer = await self._get("/v2/zap-runs", **{key: value for key, value in query.items() if value is not None})
        return [_zap_run(item) for item in items(answer)]

    async def set_enabled(self, zap_id: str, *, enabled: bool) -> Zap:
        """Turn a Zap on or off; doing it twice is harmless."""
        path = f"/v2/zaps/{_plain(zap_id)}/enable" if enabled else self._disable_path.format(id=_plain(zap_id))
        response = await ask(
            self._outbound, self._request("POST", path), reads=True, within=self._outbound.deadlines.vendor_write
        )
        return _zap(_unwrapped(read_object(response)))

    async def create_zap(self, title: str, steps: list[dict[str, Any]]) -> Zap:
        """Make a Zap from steps whose actions are given as ``find_actions`` names them."""
        fresh = [{**step, "action": await self._fresh_id(str(step.get("action")))} for step in steps]
        body = {"data": {"title": title, "steps": fresh}}
        response = await ask(
            self._outbound,
            self._request("POST", "/v2/zaps", body),
            reads=False,
            within=self._outbound.deadlines.vendor_write,
        )
        return _zap(_unwrapped(read_object(response, reads=False)))

    async def find_actions(self, app: str) -> list[FoundAction]:
        """The actions of the first few apps that a word finds."""
        apps = items(await self._get("/v2/apps", query=app, limit=MOST_APPS))
        found: list[FoundAction] = []
        for one in apps[:MOST_APPS]:
            actions = items(await self._get("/v2/actions", app=one.get("id"), limit=PAGE))
            found += [_found(item, str(one.get("title", ""))) for item in actions]
        return found

    async def fields(self, action_type: str) -> list[ActionField]:
        """What an action takes."""
        path = f"/v2/actions/{await self._fresh_id(action_type)}/inputs"
        request = self._request("POST", path, {"data": {"authentication": None, "inputs": {}}})
        answer = read_object(
            await ask(self._outbound, request, reads=True, within=self._outbound.deadlines.vendor_read)
        )
        return [
            ActionField(str(item.get("id", "")), str(item.get("title", "")), bool(item.get("is_required")))
            for item in items(answer)
            if item.get("type") == "input_field"
        ]

    async def start(self, action_type: str, inputs: dict[str, Any]) -> str:
        """Start an action with the app's first connection that is good."""
        app, _, _ = parted(action_type)
        connections = items(await self._get("/v2/authentications", app=app))
        good = next((item.get("id") for item in connections if not item.get("is_expired")), None)
        data = {"action": await self._fresh_id(action_type), "authentication": good, "inputs": inputs}
        request = self._request("POST", "/v2/action-runs", {"data": data})
        response = await ask(self._outbound, request, reads=False, within=self._outbound.deadlines.vendor_write)
        return str(mapping(read_object(response, reads=False).get("data"), reads=False).get("id", ""))

    async def outcome(self, run_id: str) -> ActionRun:
        """What became of a run. A failure comes with status 200."""
        return read_run(run_id, mapping((await self._get(f"/v2/action-runs/{_plain(run_id)}")).get("data")))

    async def _fresh_id(self, action_type: str) -> str:
        """The id that an action has now; Zapier's ids of actions change."""
        app, kind, key = parted(action_type)
        actions = items(await self._get("/v2/actions", app=app, action_type=kind.upper(), limit=PAGE))
        found = next((item for item in actions if item.get("key") == key), None)
        if found is None:
            raise NotFound("action_type: no such action; zapier_find_actions lists them", field="action_type")
        return str(found.get("id", ""))

    async def _get(self, path: str, **query: object) -> dict[str, Any]:
        request = self._request("GET", path, query={key: str(value) for key, value in query.items()})
        return read_object(await ask(self._outbound, request, reads=True, within=self._outbound.deadlines.vendor_read))

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> httpx.Request:
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        return httpx.Request(method, f"{self._api_url}{path}", params=query, json=body, headers=headers)


def parted(action_type: str) -> tuple[str, str, str]:
    """App, kind and key of an action.

    Raises:
        BadRequest: it does not have the three.
    """
    parts = action_type.split("/")
    if len(parts) != 3 or not all(parts):
        raise BadRequest("action_type: take one from zapier_find_actions, app/kind/key", field="action_type")
    return parts[0], parts[1], parts[2]


def read_run(run_id: str, data: Mapping[str, Any]) -> ActionRun:
    """A run as both APIs tell of it. What is neither a success nor an error is not over."""
    errors = data.get("errors") or []
    status: Literal["waiting", "success", "error"] = "waiting"
    if errors or data.get("status") == "error":
        status = "error"
    elif data.get("status") == "success":
        status = "success"
    first = mapping(errors[0]) if errors else {}
    delay = first.get("delay")
    results = data.get("results") or []
    return ActionRun(
        id=run_id,
        status=status,
        results=[mapping(item) for item in (results if isinstance(results, list) else [results])],
        problem=str(first.get("code", "unknown")) if status == "error" else None,
        delay=float(delay) if isinstance(delay, int | float) else None,
    )


def _plain(name: str) -> str:
    """A name that may stand in a path."""
    if not name or not all(character.isalnum() or character in "-_" for character in name):
        raise BadRequest("zap_id: letters, digits, - and _ only", field="zap_id")
    return name


def _unwrapped(answer: dict[str, Any]) -> dict[str, Any]:
    """A Zap comes bare, or in ``data``; both have been seen."""
    inner = answer.get("data")
    return mapping(inner) if isinstance(inner, dict) else answer


def _zap(item: Mapping[str, Any]) -> Zap:
    editor = str(mapping(item.get("links") or {}).get("html_editor", ""))
    number = urlsplit(editor).path.rsplit("/", maxsplit=1)[-1]
    return Zap(
        id=str(item.get("id", "")),
        number=int(number) if number.isdecimal() else None,
        title=str(item.get("title", "")),
        enabled=bool(item.get("is_enabled")),
    )


def _zap_run(item: Mapping[str, Any]) -> ZapRun:
    number = item.get("zap_id")
    return ZapRun(
        id=str(item.get("id", "")),
        zap_number=number if isinstance(number, int) else None,
        title=str(item.get("zap_title") or ""),
        status=str(item.get("status", "")),
        started_at=str(item["start_time"]) if item.get("start_time") else None,
    )


def _found(item: Mapping[str, Any], app: str) -> FoundAction:
    named = "/".join([str(item.get("app", "")), str(item.get("action_type", "")).lower(), str(item.get("key", ""))])
    return FoundAction(named, str(item.get("title", "")), app)
