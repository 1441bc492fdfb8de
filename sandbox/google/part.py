"""Google's paths: Calendar API v3 below ``/calendar/v3``, and ``/token``."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.google.api import EventsApi
from sandbox.google.calendars import CalendarsApi
from sandbox.google.errors import GoogleError
from sandbox.google.routing import Endpoint, method_route
from sandbox.google.store import Store
from sandbox.part import SandboxContext

ACCOUNT = "demo@sandbox.example"
BEARER = "sandbox"
REFRESH_TOKEN = "sandbox-refresh"  # noqa: S105 - the demo account's, known to everybody
EXPIRES_IN = 3599


class GooglePart:
    """Google's stand-in.

    Args:
        context: the sandbox's database, clock and zone.
    """

    name = "google"

    def __init__(self, context: SandboxContext) -> None:
        self._store = Store(context.engine)
        self._calendars = CalendarsApi(self._store, context)
        self._events = EventsApi(self._store, context)

    def routes(self) -> Sequence[BaseRoute]:
        """Google's own paths."""
        methods = (method_route(name, endpoint, _admit) for name, endpoint in self._methods().items())
        return (Route("/token", _token, methods=["POST"]), *methods)

    def _methods(self) -> dict[str, Endpoint]:
        calendars, events = self._calendars, self._events
        return {
            "calendarList.list": calendars.list_entries,
            "calendarList.get": calendars.get_entry,
            "calendarList.patch": calendars.patch_entry,
            "calendars.get": calendars.get,
            "calendars.insert": calendars.insert,
            "calendars.patch": calendars.patch,
            "calendars.update": calendars.update,
            "calendars.delete": calendars.delete,
            "settings.list": calendars.settings,
            "settings.get": calendars.setting,
            "freebusy.query": events.free_busy,
            "events.list": events.list_events,
            "events.get": events.get,
            "events.insert": events.insert,
            "events.patch": events.patch,
            "events.update": events.update,
            "events.delete": events.delete,
        }

    async def start(self) -> None:
        """Create the tables and the demo account."""
        await self._store.create()
        await self._calendars.create_account(ACCOUNT)

    async def reset(self) -> None:
        """An empty ``primary`` again."""
        await self._store.clear()
        await self._calendars.create_account(ACCOUNT)

    async def aclose(self) -> None:
        """Nothing is held."""


async def _admit(request: Request, method: str) -> str:
    del method
    if request.headers.get("authorization") != f"Bearer {BEARER}":
        raise GoogleError(401, "authError", "Invalid Credentials", location="Authorization", location_type="header")
    return ACCOUNT


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
