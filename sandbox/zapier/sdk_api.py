"""The newer routes of Zapier's SDK, ``/api/v0``: apps and connections in pages.

The shapes are those of the OpenAPI document in the npm package ``@zapier/zapier-sdk-core``.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.part import SandboxContext
from sandbox.zapier.actions import selected_api
from sandbox.zapier.answers import Refused, check_bearer, paging, refused
from sandbox.zapier.store import APPS, CONNECTIONS, Store, app_of, page

Handler = Callable[[Request], Awaitable[Response]]
PAGE = 100


class SdkApi:
    """The SDK's host.

    Args:
        context: its address.
        store: the account.
    """

    def __init__(self, context: SandboxContext, store: Store) -> None:
        self._context = context
        self._store = store

    def routes(self) -> Sequence[BaseRoute]:
        """Anybody may list apps; connections are behind a token."""
        return (
            Route("/api/v0/apps", self._answering(self._apps, guarded=False), methods=["GET"]),
            Route("/api/v0/connections", self._answering(self._connections), methods=["GET"]),
            Route("/api/v0/connections/{id}", self._answering(self._connection), methods=["GET"]),
        )

    def _answering(self, handler: Handler, *, guarded: bool = True) -> Handler:
        async def endpoint(request: Request) -> Response:
            try:
                if guarded:
                    await check_bearer(request, self._store, "external")
                return await handler(request)
            except Refused as refusal:
                return refusal.response

        return endpoint

    async def _apps(self, request: Request) -> Response:
        query = request.query_params
        named = [key for key in query.get("app_keys", "").split(",") if key]
        wanted = [app for app in APPS if not named or app in [app_of(key) for key in named]]
        return self._page(request, [_app(app) for app in wanted if _within(query.get("search"), app["title"])])

    async def _connections(self, request: Request) -> Response:
        query = request.query_params
        expired = query.get("is_expired")
        ids = [wanted for wanted in query.get("connection_ids", "").split(",") if wanted]
        found = [
            _connection(item)
            for item in CONNECTIONS
            if (expired is None or item["is_expired"] == (expired == "true"))
            and ("app_key" not in query or _app_of(item) is app_of(query["app_key"]))
            and ("title" not in query or query["title"] == item["title"])
            and (not ids or not _ids(item).isdisjoint(ids))
            and _within(query.get("search"), item["title"])
        ]
        return self._page(request, found)

    async def _connection(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        item = next((item for item in CONNECTIONS if wanted in _ids(item)), None)
        if item is None:
            raise refused(404, "not_found", "Connection not found.")
        return JSONResponse({"data": _connection(item)})

    def _page(self, request: Request, items: Sequence[dict[str, Any]]) -> Response:
        limit, offset = paging(request, size="page_size", default=PAGE)
        here = request.url.include_query_params(offset=offset + limit)
        following = f"{self._context.base_url}{here.path}?{here.query}" if offset + limit < len(items) else None
        data = page(items, limit, offset)
        return JSONResponse(
            {
                "data": data,
                "links": {"next": following},
                "meta": {"count": len(data), "limit": limit, "offset": offset},
            }
        )


def _within(term: str | None, title: str) -> bool:
    return (term or "").lower() in title.lower()


def _app(app: dict[str, Any]) -> dict[str, Any]:
    return {
        "slug": app["slug"],
        "title": app["title"],
        "key": app["key"],
        "implementation_id": selected_api(app),
        "version": app["version"],
        "description": "",
        "auth_type": "oauth2",
        "categories": [],
        "images": {},
    }


def _app_of(item: dict[str, Any]) -> Any:
    return app_of(item["app"])


def _ids(item: dict[str, Any]) -> set[str]:
    """A connection has a number and a UUID; both name it."""
    return {str(item["number"]), _public_id("connection", item["number"])}


def _public_id(kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{number}"))


def _connection(item: dict[str, Any]) -> dict[str, Any]:
    app, expired = _app_of(item), str(item["is_expired"]).lower()
    return {
        "id": str(item["number"]),
        "public_id": _public_id("connection", item["number"]),
        "date": "2026-01-05T09:00:00Z",
        "lastchanged": "2026-01-05T09:00:00Z",
        "account_id": "100001",
        "account_public_id": _public_id("account", 100_001),
        "is_invite_only": False,
        "is_private": True,
        "shared_with_all": False,
        "is_stale": expired,
        "is_expired": expired,
        "marked_stale_at": None,
        "expired_at": None,
        "title": item["title"],
        "implementation_id": selected_api(app),
        "app_key": app["key"],
        "app_version": app["version"],
        "profile_id": "1",
    }
