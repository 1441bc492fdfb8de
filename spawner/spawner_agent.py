"""The worker that answers calls: builds each call's agent from what the backend stores of it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import structlog
from livekit.agents import Agent, AgentSession, JobContext
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.calls import CallBootstrap
from spawner.agent_loader import AgentLoader, CallOver, CallTokens, LoaderError
from spawner.dynamic_agent_factory import BuiltAgent, DynamicAgentFactory
from spawner.settings import SpawnerSettings
from voxie_agents.caller_agent import session_options
from voxie_agents.settings import AgentSettings
from voxie_agents.voice import TEXT_ONLY, hears, room_options, speech_options
from voxie_agents.worker import make_worker, run_worker, tell
from voxie_agents.worker_settings import load

log = structlog.get_logger()

AGENT_NAME = "voxie-spawner"


class CallJob(BaseModel):
    """A job's metadata: which call. Without ``call_id`` (a phone call by a dispatch rule) the call is registered here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: str
    agent_version: int | None = None
    call_id: str | None = None


async def answer_call(ctx: JobContext) -> None:
    """One call, in a process of its own."""
    settings, agents = load(SpawnerSettings), AgentSettings()
    loader = AgentLoader(settings.backend_url, settings.backend_token)
    try:
        job = CallJob.model_validate_json(ctx.job.metadata)
        bootstrap = await _bootstrap(loader, job, ctx)
    except ValidationError:
        log.error("job without a call")  # noqa: TRY400 - metadata may hold anything
        ctx.shutdown("the job's metadata names no call")
    except CallOver:
        ctx.shutdown("the call is over")
    except LoaderError as error:
        log.error("call not bootstrapped", error_type=type(error).__name__)  # noqa: TRY400 - no traceback needed
        await _apologise(ctx, agents, error.speech)
    else:
        await _talk(ctx, agents, loader, bootstrap)


async def _bootstrap(loader: AgentLoader, job: CallJob, ctx: JobContext) -> CallBootstrap:
    call_id = job.call_id
    if call_id is None:
        await ctx.connect()
        participant = await ctx.wait_for_participant()
        number = participant.attributes.get("sip.phoneNumber")
        call_id = await loader.register(job.agent_id, caller=f"tel:{number}" if number else None)
    bootstrap = await loader.bootstrap(call_id)
    if job.agent_version not in {None, bootstrap.agent.version}:
        log.warning("another version than dispatched", agent=bootstrap.agent.id, version=bootstrap.agent.version)
    return bootstrap


async def _talk(ctx: JobContext, agents: AgentSettings, loader: AgentLoader, bootstrap: CallBootstrap) -> None:
    tokens = CallTokens(bootstrap.servers, lambda: loader.renew(bootstrap.call_id), now=lambda: datetime.now(UTC))
    built = DynamicAgentFactory(offline=agents.offline).build(bootstrap, tokens=tokens.source)
    ctx.add_shutdown_callback(lambda: _leave(loader, built, bootstrap.call_id))
    session: Any = AgentSession(**session_options(agents), **speech_options(agents))
    # A call whose caller has left is over: the room has nobody to wait for.
    session.on("close", lambda _: ctx.shutdown("the session has closed"))  # pyright: ignore[reportUnknownLambdaType]
    await session.start(built.agent, room=ctx.room, room_options=room_options(agents), record=False)
    await ctx.connect()
    log.info("call answered", agent=bootstrap.agent.id, version=bootstrap.agent.version, speech=hears(agents))


async def _leave(loader: AgentLoader, built: BuiltAgent, call_id: str) -> None:
    await built.aclose()
    async with loader:
        try:
            await loader.end(call_id)
        except LoaderError as error:
            log.warning("end of a call not told", error_type=type(error).__name__)


async def _apologise(ctx: JobContext, agents: AgentSettings, speech: str) -> None:
    """Say that the call cannot be taken, rather than nothing, and hang up."""
    session: Any = AgentSession(**speech_options(agents))
    await session.start(Agent(instructions=""), room=ctx.room, room_options=room_options(agents), record=False)
    await ctx.connect()
    await ctx.wait_for_participant()
    await session.say(speech)
    ctx.shutdown("the call could not be bootstrapped")


def main(settings: SpawnerSettings) -> None:
    """Serve until stopped."""
    worker = make_worker(settings, answer_call, agent_name=AGENT_NAME, port=settings.port)
    tell(f"Spawner: answers calls dispatched to {AGENT_NAME} at {settings.livekit_url}")
    tell(f"  health: http://{settings.host}:{settings.port}/")
    if not hears(AgentSettings()):
        tell(f"  {TEXT_ONLY}")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(run_worker(worker))
