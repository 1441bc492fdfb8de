"""A call that goes on: the agent with the bearers of its servers, and the report to the backend. For voice and for text alike."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import structlog

from contracts.calls import CallBootstrap
from contracts.deadlines import Deadlines
from spawner.agent_loader import CallTokens
from spawner.dynamic_agent_factory import DynamicAgentFactory
from voxie_agents.backend_client import BackendClient, BackendError
from voxie_agents.call_report import CallReport
from voxie_agents.intents import post_to

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LiveCall:
    """One call, from its bootstrap to its end.

    Args:
        backend: closed with the call.
        bootstrap: what the backend gave.
        offline: whether the demo brain talks.
        now: the current instant, aware; injected in tests.
        deadlines: how long a caller waits for a tool.
    """

    def __init__(
        self,
        backend: BackendClient,
        bootstrap: CallBootstrap,
        *,
        offline: bool,
        now: Callable[[], datetime] = _utc_now,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._backend = backend
        self._id = bootstrap.call_id
        self._report = CallReport(lambda batch: backend.send(self._id, batch), now=now)
        self._tokens = CallTokens(bootstrap.servers, lambda: backend.renew(self._id), now=now)
        intend = post_to(lambda intent: backend.open_intent(self._id, intent), seconds=deadlines.intent)
        factory = DynamicAgentFactory(
            offline=offline, now=now, watch=self._report.tool_called, intend=intend, deadlines=deadlines
        )
        self._built = factory.build(bootstrap, tokens=self._tokens.source)
        self.agent = self._built.agent

    def watch(self, session: Any) -> None:
        """Report what happens in the session in which the agent is going to talk."""
        self._report.watch(session)

    async def aclose(self) -> None:
        """Close the connections, tell the rest of the report, and that the call has ended: each whatever became of the others."""
        async with AsyncExitStack() as stack:
            # The last is done first.
            stack.push_async_callback(self._backend.aclose)
            stack.push_async_callback(self._tell_the_end)
            stack.push_async_callback(self._report.aclose)
            stack.push_async_callback(self._tokens.aclose)
            stack.push_async_callback(self._built.aclose)

    async def _tell_the_end(self) -> None:
        try:
            await self._backend.end(self._id)
        except BackendError as error:
            log.warning("end of a call not told", error_type=type(error).__name__)
