"""Google's paths: Calendar API v3 below ``/calendar/v3``, and ``/token``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.google.api import CalendarApi
from sandbox.google.errors import GoogleError
from sandbox.google.fields import apply_mask, parse_mask
from sandbox.google.store import Store
from sandbox.part import SandboxContext

BEARER = "sandbox"
REFRESH_TOKEN = "sandbox-refresh"  # noqa: S105 - the demo account's, known to everybody
EXPIRES_IN = 3599

Endpoint = Callable[[Request], Awaitable[Any]]


class GooglePart:
    """Google's stand-in.

    Args:
        context: the sandbox's database, clock and zone.
    """

    name = "google"

    def __init__(self, context: SandboxContext) -> None:
        self._store = Store(context.engine)
        self._api = CalendarApi(self._store, context)

    def routes(self) -> Sequence[BaseRoute]:
        """Google's own paths."""
        api, base = self._api, "/calendar/v3"
        event = f"{base}/calendars/{{calendar}}/events"
        return (
            Route("/token", _token, methods=["POST"]),
            _route(f"{base}/users/me/calendarList", api.calendar_list, "GET"),
            _route(f"{base}/users/me/calendarList/{{calendar}}", api.calendar_list_entry, "GET"),
            _route(f"{base}/users/me/settings", api.settings, "GET"),
            _route(f"{base}/users/me/settings/{{setting}}", api.setting, "GET"),
            _route(f"{base}/calendars/{{calendar}}", api.calendar, "GET"),
            _route(f"{base}/freeBusy", api.free_busy, "POST"),
            _route(event, api.list_events, "GET"),
            _route(event, api.insert_event, "POST"),
            _route(f"{event}/{{event}}", api.get_event, "GET"),
            _route(f"{event}/{{event}}", api.patch_event, "PATCH"),
            _route(f"{event}/{{event}}", api.update_event, "PUT"),
            _route(f"{event}/{{event}}", api.delete_event, "DELETE"),
        )

    async def start(self) -> None:
        """Create the tables and the demo account."""
        await self._store.create()
        await self._api.create_account()

    async def reset(self) -> None:
        """An empty ``primary`` again."""
        await self._store.clear()
        await self._api.create_account()

    async def aclose(self) -> None:
        """Nothing is held."""


def _route(path: str, endpoint: Endpoint, method: str) -> Route:
    """An endpoint behind the bearer check, with ``fields`` and Google's errors."""

    async def handle(request: Request) -> Response:
        try:
            _check_bearer(request)
            answer = await endpoint(request)
        except GoogleError as error:
            return error.response()
        if answer is None:
            return Response(status_code=204)
        mask = request.query_params.get("fields")
        try:
            shown = apply_mask(answer, parse_mask(mask)) if mask else answer
        except GoogleError as error:
            return error.response()
        headers = {"etag": answer["etag"]} if "etag" in answer else None
        return JSONResponse(shown, headers=headers)

    return Route(path, handle, methods=[method])


def _check_bearer(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {BEARER}":
        raise GoogleError(401, "authError", "Invalid Credentials", location="Authorization", location_type="header")


async def _token(request: Request) -> Response:
    """Exchange the demo account's refresh token."""
    form = await request.form()
    if form.get("grant_type") != "refresh_token":
        return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
    if form.get("refresh_token") != REFRESH_TOKEN:
        body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        return JSONResponse(body, status_code=400)
    scope = "https://www.googleapis.com/auth/calendar.events"
    return JSONResponse({"access_token": BEARER, "expires_in": EXPIRES_IN, "scope": scope, "token_type": "Bearer"})
