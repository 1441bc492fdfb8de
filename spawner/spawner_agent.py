"""The worker that answers calls: builds each call's agent from what the backend stores of it."""

import asyncio
from typing import Any

import structlog
from livekit.agents import Agent, AgentSession, JobContext
from pydantic import ValidationError

from contracts.calls import CallBootstrap
from process.logs import configure_logging
from spawner.agent_loader import CallJob, PhoneLine, load_call
from spawner.live_call import LiveCall
from spawner.settings import SpawnerSettings
from tracing import start_tracing
from voxie_agents.backend_client import BackendClient, BackendError, CallOver
from voxie_agents.caller_agent import session_options
from voxie_agents.settings import AgentSettings
from voxie_agents.voice import TEXT_ONLY, hears, room_options, speech_options
from voxie_agents.worker import make_worker, run_worker, tell
from voxie_agents.worker_settings import load

log = structlog.get_logger()

AGENT_NAME = "voxie-spawner"


async def answer_call(ctx: JobContext) -> None:
    """One call, in a process of its own."""
    settings, agents = load(SpawnerSettings), AgentSettings()
    stop_tracing = start_tracing(AGENT_NAME, settings.otlp_endpoint)
    ctx.add_shutdown_callback(lambda: asyncio.to_thread(stop_tracing))
    backend = BackendClient(settings.backend_url, settings.backend_token)
    try:
        job = CallJob.model_validate_json(ctx.job.metadata or "{}")
        bootstrap = await load_call(backend, job, lambda: _phone_line(ctx))
    except ValidationError:
        log.error("job without a call")  # noqa: TRY400 - metadata may hold anything
        ctx.shutdown("the job's metadata names no call")
    except CallOver:
        ctx.shutdown("the call is over")
    except BackendError as error:
        log.error("call not bootstrapped", error_type=type(error).__name__)  # noqa: TRY400 - no traceback needed
        await _apologise(ctx, agents, error.speech)
    else:
        await _talk(ctx, agents, backend, bootstrap)


async def _phone_line(ctx: JobContext) -> PhoneLine:
    """Who called which number, as LiveKit's SIP attributes tell."""
    await ctx.connect()
    told = (await ctx.wait_for_participant()).attributes
    return PhoneLine(dialled=told.get("sip.trunkPhoneNumber"), number=told.get("sip.phoneNumber"), room=ctx.room.name)


async def _talk(ctx: JobContext, agents: AgentSettings, backend: BackendClient, bootstrap: CallBootstrap) -> None:
    call = LiveCall(backend, bootstrap, offline=agents.offline, deadlines=agents.deadlines)
    ctx.add_shutdown_callback(call.aclose)
    session: Any = AgentSession(**session_options(agents), **speech_options(agents))
    call.watch(session)
    # A call whose caller has left is over: the room has nobody to wait for.
    session.on("close", lambda _: ctx.shutdown("the session has closed"))  # pyright: ignore[reportUnknownLambdaType]
    await session.start(call.agent, room=ctx.room, room_options=room_options(agents), record=False)
    await ctx.connect()
    log.info("call answered", agent=bootstrap.agent.id, version=bootstrap.agent.version, speech=hears(agents))


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
    # Also of calls, whose processes hand their lines on to this one.
    configure_logging()
    asyncio.run(run_worker(worker))
