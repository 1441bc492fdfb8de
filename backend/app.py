"""The backend's ASGI app."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from backend import metrics as metrics_endpoints
from backend.access.service import AccessService
from backend.agents import door_endpoints
from backend.agents import endpoints as agent_endpoints
from backend.agents.doors import DoorService
from backend.agents.service import AgentService
from backend.analytics import endpoints as analytics_endpoints
from backend.analytics.ingest import Ingest
from backend.analytics.intents import IntentService
from backend.analytics.live import LiveCalls
from backend.analytics.retention import Retention
from backend.analytics.service import Analytics
from backend.analytics.summaries import Summaries
from backend.audit import endpoints as audit_endpoints
from backend.calls import endpoints as call_endpoints
from backend.calls.rooms import Rooms
from backend.calls.service import CallService
from backend.calls.workers import Workers
from backend.chores.chore import Chores
from backend.credentials import Credentials
from backend.db import Database
from backend.description import describe_bodies
from backend.errors import add_error_handlers
from backend.keys import endpoints as key_endpoints
from backend.keys.service import KeyService
from backend.limits import BodyLimit
from backend.metrics import Measured, Metrics
from backend.registry.doors import TokenIssuer, static_issuer
from backend.registry.manifests import load_manifests
from backend.routes import add_routes
from backend.settings import BackendSettings, server_doors
from backend.tokens.service import CallTokens
from backend.users import endpoints as user_endpoints
from backend.users.service import UserService
from backend.vault.vault import Vault
from backend.workspaces import endpoints as workspace_endpoints
from backend.workspaces.repository import DEMO_WORKSPACE, MAIN_WORKSPACE, add_workspace
from backend.workspaces.service import WorkspaceService

ROUTERS = (
    agent_endpoints.router,
    door_endpoints.router,
    analytics_endpoints.router,
    audit_endpoints.router,
    call_endpoints.router,
    call_endpoints.rooms,
    key_endpoints.router,
    metrics_endpoints.router,
    user_endpoints.router,
    user_endpoints.pages,
    workspace_endpoints.router,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: BackendSettings, *, now: Callable[[], datetime] = _utc_now, prepared: Database | None = None
) -> FastAPI:
    """The app.

    Args:
        settings: of the backend.
        now: the current instant, aware; injected in tests.
        prepared: a database that is migrated already, and closed by whoever opened it; else the one of the settings is opened.
    """
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = prepared or Database(settings.database)
    manifests = load_manifests()
    call_tokens = CallTokens(settings.key_ring(), issuer=settings.issuer, now=now)
    doors = server_doors(manifests)
    issue = _issuer(settings, call_tokens)
    credentials = Credentials(
        settings, database, manifests=manifests, doors=doors, call_tokens=call_tokens, issue=issue, now=now
    )
    agents = AgentService(database, servers=list(doors), registered=credentials.registry.names, now=now)
    rooms = Rooms(settings.rooms)
    calls = CallService(database, agents, access=credentials.server_access, rooms=rooms, demo=settings.demo, now=now)
    metrics = Metrics()
    workers = Workers(database, rooms, now)
    chores = _chores(database, credentials, workers, Summaries(database, settings.summary_model, now), now)
    assert settings.service_token is not None, "checked by the settings"
    workspace = DEMO_WORKSPACE if settings.demo else MAIN_WORKSPACE
    access = AccessService(database, service_token=settings.service_token, default_workspace=workspace, now=now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            # Also when the start fails: what was opened is closed.
            if prepared is None:
                stack.push_async_callback(database.aclose)
                await database.migrate()
            stack.push_async_callback(credentials.aclose)
            if settings.demo:
                await agents.seed_demo()
            else:
                async with database.scoped(workspace) as session:
                    await add_workspace(session, workspace, "Main", now())
            await credentials.start(looks=settings.does_chores)
            await stack.enter_async_context(_doing(chores, settings, metrics))
            yield

    app = FastAPI(title="Voxie", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.state.access, app.state.database = access, database
    app.state.users = UserService(database, base_url=settings.base_url, now=now)
    app.state.keys, app.state.workspaces = KeyService(database, now), WorkspaceService(database, now)
    app.state.settings, app.state.agents, app.state.calls = settings, agents, calls
    app.state.doors, app.state.chores, app.state.metrics = DoorService(database, now), chores, metrics
    app.state.ingest = Ingest(database, most_open=settings.ingest_batches, now=now)
    app.state.workers = workers
    app.state.intents, app.state.live = IntentService(database, now), LiveCalls(database, now)
    app.state.analytics = Analytics(database, now)
    add_error_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Measured, metrics=metrics)
    add_routes(app, *ROUTERS)
    credentials.install(app)
    _add_health(app, database)
    describe_bodies(app)
    return app


def _chores(
    database: Database, credentials: Credentials, workers: Workers, summaries: Summaries, now: Callable[[], datetime]
) -> Chores:
    """What is done now and then. The times are UTC, seconds first."""
    chores = Chores()
    chores.add("look_after_workers", "*/10 * * * * *", workers.look)
    chores.add("remove_old", "30 */10 * * * *", Retention(database, now).remove_old)
    chores.add("summarise_calls", "20 * * * * *", summaries.make_due)
    chores.add("probe_connections", "*/30 * * * * *", credentials.probe.check_due)
    chores.add("relist_servers", "10,40 * * * * *", credentials.health.look_at_due)
    return chores


@asynccontextmanager
async def _doing(chores: Chores, settings: BackendSettings, metrics: Metrics) -> AsyncGenerator[None]:
    """Do the chores within a block, if this replica is to."""
    if not settings.does_chores:
        yield
        return
    # Imported late: it takes a second, which a replica without chores need not wait for.
    from backend.chores.durable import DurableChores  # noqa: PLC0415

    durable = DurableChores(chores, settings.chores, vault=Vault(settings.key_source()), count=metrics.note_chore)
    await durable.start()
    try:
        yield
    finally:
        await durable.aclose()


def _issuer(settings: BackendSettings, call_tokens: CallTokens) -> TokenIssuer:
    if settings.mcp_auth == "jwks":
        return call_tokens.issue
    assert settings.mcp_server_token is not None, "checked by the settings"
    return static_issuer(settings.mcp_server_token)


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], response_model=dict[str, str])
    async def readyz() -> JSONResponse:
        """Whether it can serve."""
        if await database.answers():
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "unready", "problem": "the database does not answer"}, status_code=503)
