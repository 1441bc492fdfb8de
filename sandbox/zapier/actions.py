"""The routes that Zapier's SDK uses: apps, actions, fields, connections and runs."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.part import SandboxContext
from sandbox.zapier.answers import Refused, check_bearer, wrapped_data
from sandbox.zapier.store import ACTION_RUN, ACTIONS, APPS, CONNECTIONS, Store, app_of
from sandbox.zapier.workflow import run_outcome

Handler = Callable[[Request], Awaitable[Response]]
PREFIX = "/api/v0/sdk/zapier"
PROFILE = {
    "id": 1,
    "public_id": "0b6f1c1e-3d0a-4b8e-9a43-1f2d5c7e9a01",
    "first_name": "Demo",
    "last_name": "Owner",
    "email": "owner@restaurant.example",
    "email_confirmed": True,
    "timezone": "UTC",
}
MISSING = "Missing required action fields: action_key, action_type, and selected_api are required"


class ActionsApi:
    """The SDK's host.

    Args:
        context: the clock.
        store: the account.
    """

    def __init__(self, context: SandboxContext, store: Store) -> None:
        self._context = context
        self._store = store

    def routes(self) -> Sequence[BaseRoute]:
        """Each behind a token."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/api/v4/implementations-meta/lookup/", self._lookup),
            ("GET", "/api/v4/implementations-meta/search/", self._search),
            ("GET", "/api/v4/implementations/", self._implementations),
            ("POST", "/api/v4/implementations/needs/", self._needs),
            ("POST", "/api/v4/implementations/choices/", self._choices),
            ("GET", "/api/v4/profile/", self._profile),
            ("GET", "/api/v4/authentications", self._connections),
            ("GET", "/api/v4/authentications/", self._connections),
            ("POST", "/api/actions/v1/runs", self._run),
            ("GET", "/api/actions/v1/runs/{id}", self._outcome),
        )
        return [Route(PREFIX + path, self._guarded(handler), methods=[method]) for method, path, handler in table]

    def _guarded(self, handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            try:
                await check_bearer(request, self._store, "external")
                return await handler(request)
            except Refused as refusal:
                return refusal.response

        return endpoint

    async def _lookup(self, request: Request) -> Response:
        named = (request.query_params.get("selected_apis") or request.query_params.get("slugs") or "").split(",")
        wanted = [name for name in named if name]
        found = [app for app in APPS if not wanted or any(app_of(name) is app for name in wanted)]
        return _results([_app(app) for app in found])

    async def _search(self, request: Request) -> Response:
        term = request.query_params.get("term", "").lower()
        return _results([_app(app) for app in APPS if term in app["title"].lower()])

    async def _implementations(self, request: Request) -> Response:
        named = [app_of(name) for name in request.query_params.get("selected_apis", "").split(",")]
        return _results([{**_app(app), "actions": [_action(a) for a in _of(app)]} for app in named if app is not None])

    async def _needs(self, request: Request) -> Response:
        body = await request.json()
        action = _named(body.get("selected_api", ""), body.get("action"), body.get("type_of"))
        if action is None:
            return JSONResponse({"success": False, "errors": ["No such action."]}, status_code=200)
        needs = [
            {"key": name, "label": name.capitalize(), "type": "string", "required": required, "list": False}
            for name, required in action["fields"]
        ]
        schema = {
            "type": "object",
            "properties": {name: {"type": "string", "title": name.capitalize()} for name, _ in action["fields"]},
            "required": [name for name, required in action["fields"] if required],
        }
        return JSONResponse({"success": True, "needs": needs, "schema": schema})

    async def _choices(self, _: Request) -> Response:
        return JSONResponse({"success": True, "choices": [], "next_page": None})

    async def _connections(self, _: Request) -> Response:
        return _results(
            [
                {
                    "id": item["number"],
                    "title": item["title"],
                    "is_stale": str(item["is_expired"]).lower(),
                    "selected_api": selected_api(next(app for app in APPS if app["id"] == item["app"])),
                    "marked_stale_at": None,
                    "is_private": True,
                    "lastchanged": "2026-01-05T09:00:00Z",
                    "date": "2026-01-05T09:00:00Z",
                    "account_id": 100001,
                    "customuser_id": 1,
                }
                for item in CONNECTIONS
            ]
        )

    async def _profile(self, _: Request) -> Response:
        return JSONResponse(PROFILE)

    async def _run(self, request: Request) -> Response:
        data = await wrapped_data(request)
        if not all(data.get(name) for name in ("selected_api", "action_key", "action_type")):
            return JSONResponse({"code": "bad-request", "detail": MISSING}, status_code=400)
        if _named(data["selected_api"], data["action_key"], data["action_type"]) is None:
            return JSONResponse({"code": "not-found", "detail": "No such action."}, status_code=404)
        run_id = str(uuid.uuid4())
        body = {"action": data["action_key"], "inputs": data.get("inputs") or {}, "made": self._seconds(), "asked": 0}
        await self._store.put(ACTION_RUN, run_id, body)
        return JSONResponse({"data": {"id": run_id}}, status_code=202)

    async def _outcome(self, request: Request) -> Response:
        """202 while it runs; 200 when it is over, also when it failed."""
        run_id = request.path_params["id"]
        body = await self._store.get(ACTION_RUN, run_id)
        if body is None:
            return JSONResponse({"code": "not-found", "detail": "No such run."}, status_code=404)
        status, results, errors = await run_outcome(self._store, run_id, body, self._seconds())
        if status == "waiting":
            return JSONResponse({"data": {"id": run_id, "status": "waiting"}}, status_code=202)
        return JSONResponse(
            {"data": {"id": run_id, "status": status, "results": results, "next_page": None, "errors": errors}}
        )

    def _seconds(self) -> float:
        return self._context.now().timestamp()


def _results(items: list[dict[str, Any]]) -> Response:
    return JSONResponse({"count": len(items), "next": None, "previous": None, "results": items})


def selected_api(app: Any) -> str:
    """An app's name with its version."""
    return f"{app['key']}@{app['version']}"


def _app(app: Any) -> dict[str, Any]:
    return {
        "id": selected_api(app),
        "key": app["key"],
        "name": app["title"],
        "slug": app["slug"],
        "description": "",
        "age_in_days": 100,
        "auth_type": "oauth2",
        "banner": "",
        "categories": [],
        "images": {},
        "popularity": 1,
        "has_filters": False,
        "has_reads": False,
        "has_searches": True,
        "has_searches_or_writes": False,
        "has_upfront_fields": False,
        "has_writes": True,
        "is_beta": False,
        "is_built_in": False,
        "is_deprecated": False,
        "is_featured": False,
        "is_hidden": False,
        "is_invite": False,
        "is_premium": False,
        "is_public": True,
        "is_upcoming": False,
        "version": app["version"],
        "visibility": "public",
        "actions": {"read": 0, "write": 1, "search": 1},
    }


def _of(app: Any) -> list[dict[str, Any]]:
    return [action for action in ACTIONS if action["app"] == app["id"]]


def _action(action: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"core:{action['key']}",
        "key": action["key"],
        "type": action["type"],
        "type_of": action["type"],
        "name": action["title"],
        "noun": action["title"].rsplit(" ", maxsplit=1)[-1],
        "description": "",
        "is_important": True,
        "is_hidden": False,
        "selected_api": selected_api(app_of(action["app"])),
    }


def _named(wanted: str, key: Any, kind: Any) -> dict[str, Any] | None:
    app = app_of(str(wanted))
    mine = _of(app) if app is not None else []
    return next((action for action in mine if (action["key"], action["type"]) == (key, kind)), None)
