"""The Workflow API (version 2): Zaps, their runs, apps, actions and their runs.

The shapes are those of Zapier's published OpenAPI document ("Partner API 2024.11.0"), and of its newer pages for enabling
and editing. How a Zap is turned off is not documented; ``/disable`` stands in for it here.
"""

import functools
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.part import SandboxContext
from sandbox.zapier.answers import Refused, check_bearer, paging, refused, wrapped_data
from sandbox.zapier.hooks import Hooks
from sandbox.zapier.store import (
    ACTION_RUN,
    ACTIONS,
    APPS,
    CONNECTIONS,
    ZAP,
    Store,
    action_id,
    action_of_id,
    app_of,
    page,
    zap_id,
)

Handler = Callable[[Request], Awaitable[Response]]
FIRST_NUMBER = 20_000


class WorkflowApi:
    """The routes below ``/v2``.

    Args:
        context: clock and address.
        store: the account.
        hooks: what arrived, and so ran.
    """

    def __init__(self, context: SandboxContext, store: Store, hooks: Hooks) -> None:
        self._context = context
        self._store = store
        self._hooks = hooks

    def routes(self) -> Sequence[BaseRoute]:
        """Each with the scope that it wants."""
        table: tuple[tuple[str, str, str, Handler], ...] = (
            ("GET", "/v2/zaps", "zap", self._list),
            ("POST", "/v2/zaps", "zap:write", self._create),
            ("PATCH", "/v2/zaps/{id}", "zap:update", self._edit),
            ("POST", "/v2/zaps/{id}/enable", "zap:pause", functools.partial(self._switch, enabled=True)),
            ("POST", "/v2/zaps/{id}/disable", "zap:pause", functools.partial(self._switch, enabled=False)),
            ("GET", "/v2/zap-runs", "zap:runs", self._runs),
            ("GET", "/v2/apps", "zap", self._apps),
            ("GET", "/v2/actions", "zap", self._actions),
            ("POST", "/v2/actions/{id}/inputs", "zap:write", self._inputs),
            ("GET", "/v2/authentications", "connection:read", self._connections),
            ("POST", "/v2/action-runs", "action:run", self._run),
            ("GET", "/v2/action-runs/{id}", "action:run", self._run_outcome),
        )
        return [Route(path, self._guarded(scope, handler), methods=[method]) for method, path, scope, handler in table]

    def _guarded(self, scope: str, handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            try:
                await check_bearer(request, self._store, scope)
                return await handler(request)
            except Refused as refusal:
                return refusal.response

        return endpoint

    def _page(self, request: Request, items: Sequence[Any]) -> Response:
        limit, offset = paging(request)
        following = request.url.include_query_params(limit=limit, offset=offset + limit)
        here = f"{self._context.base_url}{following.path}?{following.query}"
        return JSONResponse(
            {
                "links": {"next": here if offset + limit < len(items) else None, "prev": None},
                "meta": {"count": len(items), "limit": limit, "offset": offset},
                "data": list(page(items, limit, offset)),
            }
        )

    async def _list(self, request: Request) -> Response:
        return self._page(request, [_zap(body) for _, body in await self._store.all(ZAP)])

    async def _create(self, request: Request) -> Response:
        data = await wrapped_data(request)
        steps = data.get("steps")
        if not isinstance(data.get("title"), str) or not isinstance(steps, list) or not steps:
            raise refused(400, "invalid", "title and steps are required.")
        for step in steps:
            if not isinstance(step, dict) or not {"action", "authentication", "inputs"} <= set(step):
                raise refused(400, "invalid", "A step has action, authentication and inputs.")
            if action_of_id(step["action"], self._seconds()) is None:
                raise refused(400, "invalid", "No such action; fetch a fresh id.")
        number = FIRST_NUMBER + len(await self._store.all(ZAP))
        body = {"number": number, "title": data["title"], "enabled": True, "hook": None, "steps": steps}
        await self._store.put(ZAP, zap_id(number), body)
        return JSONResponse(_zap(body), status_code=201)

    async def _edit(self, request: Request) -> Response:
        """New steps publish a version and turn the Zap on, even one that was off; a title alone does not."""
        data, body = await wrapped_data(request), await self._known(request)
        changed = {**body, **{key: data[key] for key in ("title", "steps") if key in data}}
        if "steps" in data:
            changed["enabled"] = True
        await self._store.put(ZAP, request.path_params["id"], changed)
        return JSONResponse(_zap(changed))

    async def _switch(self, request: Request, *, enabled: bool) -> Response:
        body = {**await self._known(request), "enabled": enabled}
        await self._store.put(ZAP, request.path_params["id"], body)
        return JSONResponse(_zap(body))

    async def _known(self, request: Request) -> dict[str, Any]:
        body = await self._store.get(ZAP, request.path_params["id"])
        if body is None:
            raise refused(404, "not_found", "Not found.")
        return body

    async def _runs(self, request: Request) -> Response:
        """A delivery's run appears 1 to 40 seconds after it; a Zap that is off has none."""
        query = request.query_params
        zaps = {body["hook"]: body for _, body in await self._store.all(ZAP) if body["hook"] and body["enabled"]}
        runs = [self._zap_run(zaps[item["hook"]], item) for item in await self._hooks.arrived() if item["hook"] in zaps]
        now = self._context.now()
        shown = [run for run in runs if datetime.fromisoformat(run["start_time"]) <= now]
        if "zap_id" in query:
            if not query["zap_id"].isdigit():
                raise refused(400, "invalid", "zap_id is an integer.")
            shown = [run for run in shown if run["zap_id"] == int(query["zap_id"])]
        if "statuses" in query:
            shown = [run for run in shown if run["status"] in query["statuses"].split(",")]
        if "search" in query:
            shown = [run for run in shown if query["search"] in run["data_in"] + run["zap_title"]]
        return self._page(request, shown)

    @staticmethod
    def _zap_run(zap: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(str(item["id"]).encode()).digest()
        started = datetime.fromisoformat(item["received_at"]) + timedelta(seconds=1 + digest[0] % 40)
        body = item["body"] if isinstance(item["body"], dict) else {}
        status = "error" if body.get("sandbox_fails") else "success"
        return {
            "id": str(uuid.UUID(bytes=digest[:16])),
            "zap_id": zap["number"],
            "start_time": started.isoformat(),
            "end_time": started.isoformat(),
            "status": status,
            "zap_title": zap["title"],
            "steps": [{"status": status, "start_time": started.isoformat()}],
            "data_in": str(item["body"]),
            "data_out": "",
        }

    async def _apps(self, request: Request) -> Response:
        wanted = request.query_params.get("query", "").lower()
        found = [app for app in APPS if wanted in app["title"].lower()]
        return self._page(
            request,
            [
                {"type": "app", "id": app["id"], "title": app["title"], "description": "", "categories": []}
                for app in found
            ],
        )

    async def _actions(self, request: Request) -> Response:
        wanted = request.query_params.get("action_type")
        found = [
            action
            for action in ACTIONS
            if action["app"] == request.query_params.get("app") and wanted in {None, action["type"].upper()}
        ]
        return self._page(
            request,
            [
                {
                    "type": "action",
                    "id": action_id(action, self._seconds()),
                    "key": action["key"],
                    "app": action["app"],
                    "action_type": action["type"].upper(),
                    "is_instant": False,
                    "title": action["title"],
                    "description": "",
                }
                for action in found
            ],
        )

    async def _inputs(self, request: Request) -> Response:
        await wrapped_data(request)
        action = action_of_id(request.path_params["id"], self._seconds())
        if action is None:
            raise refused(404, "not_found", "Not found.")
        return self._page(
            request,
            [
                {
                    "type": "input_field",
                    "id": name,
                    "title": name.capitalize(),
                    "description": "",
                    "value_type": "STRING",
                    "is_required": required,
                    "default_value": "",
                    "depends_on": [],
                    "invalidates_input_fields": False,
                    "placeholder": "",
                }
                for name, required in action["fields"]
            ],
        )

    async def _connections(self, request: Request) -> Response:
        app = app_of(request.query_params.get("app", ""))
        mine = [item for item in CONNECTIONS if app is not None and item["app"] == app["id"]]
        keys = ("id", "app", "is_expired", "title")
        return self._page(request, [{"type": "authentication", **{key: item[key] for key in keys}} for item in mine])

    async def _run(self, request: Request) -> Response:
        data = await wrapped_data(request)
        action = action_of_id(str(data.get("action")), self._seconds())
        if action is None:
            raise refused(404, "not_found", "No such action; fetch a fresh id.")
        run_id = str(uuid.uuid4())
        body = {"action": action["key"], "inputs": data.get("inputs", {}), "made": self._seconds(), "asked": 0}
        await self._store.put(ACTION_RUN, run_id, body)
        return JSONResponse({"data": {"type": "run", "id": run_id}})

    async def _run_outcome(self, request: Request) -> Response:
        run_id = request.path_params["id"]
        body = await self._store.get(ACTION_RUN, run_id)
        if body is None:
            raise refused(404, "not_found", "Not found.")
        status, results, errors = await run_outcome(self._store, run_id, body, self._seconds())
        return JSONResponse({"data": {"type": "run", "status": status, "results": results, "errors": errors}})

    def _seconds(self) -> float:
        return self._context.now().timestamp()


async def run_outcome(
    store: Store, run_id: str, body: dict[str, Any], seconds: float
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """An action's run: waiting at the first look, and as long as its input ``sandbox_seconds`` says."""
    await store.put(ACTION_RUN, run_id, {**body, "asked": body["asked"] + 1})
    inputs = body["inputs"]
    if body["asked"] < 1 or seconds < body["made"] + float(inputs.get("sandbox_seconds", 0)):
        return "waiting", [], []
    if inputs.get("sandbox_error"):
        error: dict[str, Any] = {"code": inputs["sandbox_error"], "title": "It failed", "detail": "As it was asked to."}
        if "throttled" in inputs["sandbox_error"]:
            error["delay"] = 30
        return "error", [], [error]
    return "success", [{"id": run_id, "action": body["action"], **inputs}], []


def _zap(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "zap",
        "id": zap_id(body["number"]),
        "is_enabled": body["enabled"],
        "last_successful_run_date": None,
        "updated_at": "2026-01-05T09:00:00Z",
        "title": body["title"],
        "links": {"html_editor": f"https://zapier.com/editor/{body['number']}"},
        "steps": [{**step, "title": None} for step in body["steps"]],
    }
