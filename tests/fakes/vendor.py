"""A stand-in for the vendor of the template integration: items, and whatever a test wants answered instead."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.running import running


@dataclass
class Vendor:
    """What it has, what it answers next, and what it was sent."""

    url: str = ""
    items: dict[str, str] = field(default_factory=lambda: {"item-1": "Blue door"})
    next_answers: list[Response] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/template/items/{item}", self._item)])

    async def _item(self, request: Request) -> Response:
        self.bearers.append(request.headers.get("authorization", ""))
        if self.next_answers:
            return self.next_answers.pop(0)
        name = self.items.get(request.path_params["item"])
        return JSONResponse({"name": name}) if name else JSONResponse({}, 404)


@asynccontextmanager
async def vendor() -> AsyncGenerator[Vendor]:
    """Serve it on a real socket."""
    stand_in = Vendor()
    async with running(stand_in.app()) as served:
        stand_in.url = served.url
        yield stand_in
