"""Events, intents, timelines, counts and the stream of live calls."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse

from backend.access.dependencies import Admin, Worker, needs
from backend.access.principal import Principal, Scope
from backend.analytics.ingest import Ingest
from backend.analytics.intents import IntentService
from backend.analytics.live import LiveCalls
from backend.analytics.schemas import DayStats, IntegrationStats, Keeping, Prices, TimelineEntry, ToolStats
from backend.analytics.service import Analytics
from backend.calls.endpoints import Calls, workspace_of_call
from backend.errors import ApiError, describes
from backend.pages import Cursor, Limit, Page
from backend.text import ID_PATTERN, PathId
from contracts.events import Accepted, EventBatch, IntentState, IntentView, NewIntent

router = APIRouter(prefix="/api", tags=["analytics"], responses=describes(401, 403, 404, 422))
LONGEST = timedelta(days=366)


def _ingest(request: Request) -> Ingest:
    return request.app.state.ingest


def _intents(request: Request) -> IntentService:
    return request.app.state.intents


def _analytics(request: Request) -> Analytics:
    return request.app.state.analytics


def _live(request: Request) -> LiveCalls:
    return request.app.state.live


Ingests = Annotated[Ingest, Depends(_ingest)]
Intents = Annotated[IntentService, Depends(_intents)]
Analysis = Annotated[Analytics, Depends(_analytics)]
Live = Annotated[LiveCalls, Depends(_live)]
Reader = Annotated[Principal, needs(Scope.ANALYTICS_READ)]
OfAgent = Annotated[str | None, Query(pattern=ID_PATTERN, description="Of this agent only")]


def _span(
    since: Annotated[date, Query(description="First day (UTC)")], until: Annotated[date, Query(description="Last day")]
) -> tuple[date, date]:
    if not timedelta(0) <= until - since <= LONGEST:
        raise ApiError(
            422, "invalid_request", "until must be on or after since, and within a year of it", field="until"
        )
    return since, until


Span = Annotated[tuple[date, date], Depends(_span)]


@router.post("/calls/{call_id}/events", responses=describes(413, 429))
async def take_events(call_id: PathId, batch: EventBatch, principal: Worker, calls: Calls, ingest: Ingests) -> Accepted:
    """Take in what a worker tells of a call. A batch may be sent again: each event counts once."""
    return await ingest.take(await workspace_of_call(call_id, principal, calls), call_id, batch)


@router.post("/calls/{call_id}/intents", status_code=201, responses=describes(409))
async def open_intent(call_id: PathId, new: NewIntent, principal: Worker, calls: Calls, intents: Intents) -> IntentView:
    """Tell what a flow is going to write, before its first write. Receipts among the events close its steps."""
    return await intents.open(await workspace_of_call(call_id, principal, calls), call_id, new)


@router.get("/intents")
async def list_intents(
    principal: Reader,
    intents: Intents,
    state: Annotated[IntentState, Query(description="``unknown``: a person must look")] = IntentState.UNKNOWN,
    call_id: Annotated[str | None, Query(pattern=ID_PATTERN, description="Of this call only")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[IntentView]:
    """Flows by what is known of them."""
    return await intents.page(principal.workspace, state=state, call_id=call_id, limit=limit, cursor=cursor)


@router.get("/calls/{call_id}/timeline")
async def timeline(
    call_id: PathId, principal: Reader, analysis: Analysis, limit: Limit = 50, cursor: Cursor = None
) -> Page[TimelineEntry]:
    """What happened in a call: turns, tool calls with receipts, waits, problems, usage."""
    return await analysis.timeline(principal.workspace, call_id, limit=limit, cursor=cursor)


@router.get("/analytics/tools")
async def tools(
    principal: Reader,
    analysis: Analysis,
    span: Span,
    agent_id: OfAgent = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ToolStats]:
    """How each tool did, by server and name: latencies, success, errors by what happens next."""
    return await analysis.tools(principal.workspace, *span, agent_id=agent_id, limit=limit, cursor=cursor)


@router.get("/analytics/calls")
async def calls_by_day(
    principal: Reader, analysis: Analysis, span: Span, limit: Limit = 50, cursor: Cursor = None
) -> Page[DayStats]:
    """Calls, minutes and cost by day and agent, the latest first."""
    return await analysis.days(principal.workspace, *span, limit=limit, cursor=cursor)


@router.get("/analytics/integrations")
async def integrations(
    principal: Reader,
    analysis: Analysis,
    span: Span,
    agent_id: OfAgent = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[IntegrationStats]:
    """Tool calls, errors and cost by day and integration, the latest first."""
    return await analysis.integrations(principal.workspace, *span, agent_id=agent_id, limit=limit, cursor=cursor)


@router.get("/live/calls", response_class=EventSourceResponse, responses=describes(429))
async def live_calls(principal: Reader, live: Live) -> EventSourceResponse:
    """The calls that go on now, as server-sent events: ``call`` when one begins or changes, ``ended`` when it is over. Each
    holds the call, with the writes that it left unknown.
    """
    live.must_have_room()
    return EventSourceResponse(live.watch(principal.workspace), headers={"cache-control": "no-store"})


@router.get("/settings/prices")
async def get_prices(principal: Reader, analysis: Analysis) -> Prices:
    """What is paid for each item."""
    return await analysis.prices(principal.workspace)


@router.put("/settings/prices")
async def set_prices(prices: Prices, principal: Admin, analysis: Analysis) -> Prices:
    """Say what is paid for each item. Calls that were counted keep their cost."""
    return await analysis.set_prices(principal, prices)


@router.get("/settings/keeping")
async def get_keeping(principal: Reader, analysis: Analysis) -> Keeping:
    """How long what was said is kept."""
    return await analysis.keeping(principal.workspace)


@router.put("/settings/keeping")
async def set_keeping(keeping: Keeping, principal: Admin, analysis: Analysis) -> Keeping:
    """Say how long what was said is kept."""
    return await analysis.set_keeping(principal, keeping)
