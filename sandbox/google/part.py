"""Google's paths: Calendar API v3 below ``/calendar/v3``, OAuth, and the discovery document."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.google.admin import admin_routes
from sandbox.google.api import EventsApi
from sandbox.google.calendars import CalendarsApi
from sandbox.google.colors import answer_colors
from sandbox.google.discovery import served_document
from sandbox.google.errors import GoogleError
from sandbox.google.grants import Grants
from sandbox.google.knobs import Knobs
from sandbox.google.mail import Mail
from sandbox.google.oauth import OAuth, bearer_of
from sandbox.google.quota import Quota
from sandbox.google.routing import Endpoint, method_route
from sandbox.google.scopes import known_scopes, suffices
from sandbox.google.store import Store
from sandbox.google.week import WeekPage
from sandbox.part import SandboxContext

ACCOUNT = "demo@sandbox.example"
BEARER = "sandbox"
REFRESH_TOKEN = "sandbox-refresh"  # noqa: S105 - the demo account's, known to everybody


class GooglePart:
    """Google's stand-in.

    Args:
        context: the sandbox's database, clock and zone.
    """

    name = "google"

    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._store = Store(context.engine)
        self._grants = Grants(context.engine)
        self._knobs = Knobs()
        self._quota = Quota(self._knobs)
        self._calendars = CalendarsApi(self._store, context)
        self._mail = Mail(self._store)
        self._events = EventsApi(self._store, self._mail, context, self._knobs)
        self._oauth = OAuth(
            self._grants,
            context,
            self._knobs,
            accounts=self._calendars.accounts,
            open_account=self._calendars.create_account,
        )

    def routes(self) -> Sequence[BaseRoute]:
        """Google's own paths, and the sandbox's doors to the stand-in."""
        return (
            *self._oauth.routes(),
            *(Route(path, self._document) for path in ("/discovery/v1/apis/calendar/v3/rest", "/$discovery/rest")),
            *(method_route(name, endpoint, self._admit) for name, endpoint in self._methods().items()),
            Route("/_sandbox/google/mail", self._mail.endpoint, methods=["GET"]),
            Route("/_sandbox/google/week", WeekPage(self._store, self._context).endpoint, methods=["GET"]),
            *admin_routes(self._grants, self._knobs, self._store),
        )

    def _methods(self) -> dict[str, Endpoint]:
        calendars, events = self._calendars, self._events
        return {
            "calendarList.list": calendars.list_entries,
            "calendarList.get": calendars.get_entry,
            "calendarList.patch": calendars.patch_entry,
            "calendarList.update": calendars.update_entry,
            "calendars.get": calendars.get,
            "calendars.insert": calendars.insert,
            "calendars.patch": calendars.patch,
            "calendars.update": calendars.update,
            "calendars.delete": calendars.delete,
            "colors.get": answer_colors,
            "settings.list": calendars.settings,
            "settings.get": calendars.setting,
            "freebusy.query": events.free_busy,
            "events.list": events.list_events,
            "events.instances": events.list_instances,
            "events.get": events.get,
            "events.insert": events.insert,
            "events.patch": events.patch,
            "events.update": events.update,
            "events.delete": events.delete,
            "events.move": events.move,
        }

    async def start(self) -> None:
        """Create the tables and the demo account."""
        await self._store.create()
        await self._grants.create()
        await self._open_demo()

    async def reset(self) -> None:
        """An empty ``primary`` again, nobody else, and every knob where it was."""
        await self._store.clear()
        await self._grants.clear()
        await self._mail.clear()
        self._quota.clear()
        for name, value in Knobs():
            setattr(self._knobs, name, value)
        await self._open_demo()

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _open_demo(self) -> None:
        await self._calendars.create_account(ACCOUNT)
        await self._grants.add_fixed(ACCOUNT, known_scopes(), refresh_token=REFRESH_TOKEN, bearer=BEARER)

    async def _admit(self, request: Request, method: str) -> str:
        now = self._context.now()
        access = await self._grants.access(bearer_of(request), now=now)
        if access is None:
            raise GoogleError(401, "authError", "Invalid Credentials", location="Authorization", location_type="header")
        if not suffices(method, access.scopes):
            raise GoogleError(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        self._quota.count(access.account, now)
        return access.account

    async def _document(self, _: Request) -> Response:
        return JSONResponse(served_document(self._context.base_url))
