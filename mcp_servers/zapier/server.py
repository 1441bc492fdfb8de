"""Puts the Zapier server together."""

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette

from mcp_servers.shared.app import create_app
from mcp_servers.shared.credentials import Broker
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.ledger import LedgerDatabase, Operations, Writer
from mcp_servers.shared.manifest_files import load_manifest
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.zapier.actions_api import ActionsApi, ClientCredentials
from mcp_servers.zapier.client import CatchHooks
from mcp_servers.zapier.dispatcher import Dispatcher, Patience
from mcp_servers.zapier.hooks import BrokeredHooks, HookSource, OwnHooks
from mcp_servers.zapier.owner_tools import OwnerTools
from mcp_servers.zapier.pace import Limit
from mcp_servers.zapier.queue import DeliveryQueue
from mcp_servers.zapier.settings import ZapierSettings, is_zapiers
from mcp_servers.zapier.tools import ListedZaps, ZapierTools
from mcp_servers.zapier.ways import BrokeredWays, OwnWays, WaySource
from mcp_servers.zapier.workflow_api import WorkflowApi

LOOK_AGAIN_SECONDS = 0.25
LEASE_MARGIN = 1.5
"""A lease is longer than the longest request, so that nobody takes over what is still under way."""
MANIFEST = load_manifest(Path(__file__).parent)


class ZapierIntegration:
    """The server's parts and their lifetime.

    Args:
        settings: of this server.
        now: seconds since 1970; injected in tests.
    """

    instructions = "Triggers the business's Zaps by the names of their hooks. Say a write's speech as it is."

    def __init__(self, settings: ZapierSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._outbound = Outbound.open(settings.deadlines)
        self._database = LedgerDatabase.for_service(
            MANIFEST.name,
            state=settings.state,
            url=settings.ledger_url.get_secret_value() if settings.ledger_url else None,
            secret=settings.ledger_secret,
            now=now,
            deadlines=settings.deadlines,
        )
        self._broker = Broker.of(settings, MANIFEST, self._outbound, now=now) if settings.auth == "jwks" else None
        hooks = self._hook_source()
        queue = DeliveryQueue(
            self._database,
            limits=(Limit(settings.per_second, 1.0), Limit(settings.per_five_minutes, 300.0)),
            lease_seconds=settings.hook_seconds * LEASE_MARGIN,
        )
        patience = Patience(
            most_refusals=settings.most_refusals,
            longest_seconds=settings.give_up_hours * 3600,
            hook_seconds=settings.hook_seconds,
            longest_pause=settings.longest_pause,
        )
        self._dispatcher = Dispatcher(queue, CatchHooks(self._outbound), hooks, patience, now=now)
        ways = self._way_source(hooks, now)
        operations = Operations(self._database)
        self._writer = Writer(operations)
        zaps = ListedZaps(ttl=MANIFEST.cache.lists, now=now)
        self._tools = ZapierTools(
            ways,
            zaps,
            hooks,
            settings.hooks,
            self._dispatcher,
            queue,
            demo=settings.demo,
            acceptance=settings.acceptance_seconds,
        )
        self._owner_tools = OwnerTools(
            ways,
            self._writer,
            operations,
            settings.demo,
            now,
            zaps.forget,
            functools.partial(asyncio.sleep, LOOK_AGAIN_SECONDS),
        )

    def _way_source(self, hooks: HookSource, now: Callable[[], float]) -> WaySource:
        if self._broker is not None:
            return BrokeredWays(self._broker, hooks, self._workflow_api, self._single_actions)
        settings, actions = self._settings, None
        if settings.client_id is not None and settings.client_secret is not None:
            client = ClientCredentials(
                self._outbound,
                token_url=settings.token_url,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                now=now,
            )
            actions = ActionsApi(self._outbound, api_url=settings.actions_url, token=client.token)
        workflow = self._workflow_api(settings.api_key) if settings.api_key else None
        return OwnWays(workflow, actions or workflow, tuple(sorted(settings.hooks)))

    def _single_actions(self, token: SecretStr) -> ActionsApi:
        async def given() -> str:
            return token.get_secret_value()

        return ActionsApi(self._outbound, api_url=self._settings.actions_url, token=given)

    def _workflow_api(self, token: SecretStr) -> WorkflowApi:
        return WorkflowApi(
            self._outbound,
            api_url=self._settings.api_url,
            token=token.get_secret_value(),
            disable_path=self._settings.disable_path,
        )

    def _hook_source(self) -> HookSource:
        if self._broker is None:
            return OwnHooks(self._settings.hooks)
        demo = self._settings.demo
        return BrokeredHooks(self._broker, lambda hook: demo or is_zapiers(hook))

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        """Zapier's tools."""
        return (*self._tools.specs(), *self._owner_tools.specs())

    async def start(self) -> None:
        """Begin delivering what an earlier process left."""
        self._dispatcher.start()

    async def problem(self) -> str | None:
        """Whether there is anything to trigger."""
        return (
            None
            if self._broker or self._settings.hooks
            else "no hook is configured: set ZAPIER_WEBHOOK_URL or ZAPIER_HOOKS"
        )

    async def aclose(self) -> None:
        """Finish the deliveries under way, then close."""
        async with AsyncExitStack() as stack:
            # The last is closed first, and none is left open because another could not be closed.
            for opened in (self._database, self._outbound, self._broker, self._writer, self._dispatcher):
                if opened is not None:
                    stack.push_async_callback(opened.aclose)


def create(settings: ZapierSettings, *, now: Callable[[], float] = time.time) -> Starlette:
    """The server's ASGI app."""
    return create_app(MANIFEST, settings, ZapierIntegration(settings, now=now), now=now)
