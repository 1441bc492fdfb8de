"""Zapier's stand-in: catch hooks, the Workflow API, the routes of its SDK, and OAuth tokens."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.part import SandboxContext
from sandbox.zapier.actions import ActionsApi
from sandbox.zapier.hooks import Hooks
from sandbox.zapier.oauth import OAuth
from sandbox.zapier.sdk_api import SdkApi
from sandbox.zapier.store import Store
from sandbox.zapier.workflow import WorkflowApi


class ZapierPart:
    """Zapier's stand-in.

    Args:
        context: the sandbox's database, clock and address.
    """

    name = "zapier"

    def __init__(self, context: SandboxContext) -> None:
        self._store = Store(context)
        self._hooks = Hooks(context)
        self._apis = (
            WorkflowApi(context, self._store, self._hooks),
            ActionsApi(context, self._store),
            SdkApi(context, self._store),
            OAuth(self._store),
        )

    def routes(self) -> Sequence[BaseRoute]:
        """Zapier's paths, and what arrived at its hooks."""
        return (*self._hooks.routes(), *(route for api in self._apis for route in api.routes()))

    async def start(self) -> None:
        """Create the tables and the demo account."""
        await self._hooks.start()
        await self._store.start()

    async def reset(self) -> None:
        """Back to the demo account, with nothing delivered."""
        await self._hooks.reset()
        await self._store.reset()

    async def aclose(self) -> None:
        """Nothing is held."""
