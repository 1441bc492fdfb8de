"""``/api/calls``."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from backend.access.dependencies import Bearer, Worker, needs
from backend.access.principal import Principal, Scope
from backend.agents.door_endpoints import Doors
from backend.agents.endpoints import Writer as AgentWriter
from backend.calls.rooms import NotFromLiveKit
from backend.calls.schemas import CallDetail, CallView, Channel, NewCall, Spawn, Spawned
from backend.calls.service import CallService
from backend.errors import ApiError, describes
from backend.pages import Cursor, Limit, Page
from backend.text import ID_PATTERN, PathId
from contracts.calls import CallBootstrap, RenewedAccess

router = APIRouter(
    prefix="/api/calls",
    tags=["calls"],
    responses=describes(401, 403, 404, 422),
)
rooms = APIRouter(tags=["calls"], responses=describes(401, 403, 404, 422))


def service(request: Request) -> CallService:
    """The service of this app."""
    return request.app.state.calls


Calls = Annotated[CallService, Depends(service)]
Writer = Annotated[Principal, needs(Scope.CALLS_WRITE)]
Reader = Annotated[Principal, needs(Scope.CALLS_READ)]


async def workspace_of_call(call_id: str, principal: Principal, calls: CallService) -> str:
    """Whose call a request is about: a worker that names no workspace means the call's own."""
    if principal.is_service and not principal.named_workspace:
        return await calls.workspace_of(call_id)
    return principal.workspace


@router.post("", status_code=201, responses=describes(409, 429))
async def register_call(new: NewCall, principal: Writer, calls: Calls, doors: Doors) -> CallView:
    """Register a call: of an agent, or (from the worker that answers a phone) by the number that was dialled."""
    if new.dialled is None:
        return await calls.register(principal.workspace, new)
    if not principal.is_service:
        raise ApiError(403, "forbidden", "phone calls are registered by the worker that answers them", field="dialled")
    named = principal.workspace if principal.named_workspace else None
    workspace, agent_id = await doors.by_number(new.dialled, named)
    return await calls.register(workspace, new.model_copy(update={"agent_id": agent_id}))


@router.get("")
async def list_calls(
    principal: Reader,
    calls: Calls,
    limit: Limit = 50,
    cursor: Cursor = None,
    agent_id: Annotated[str | None, Query(pattern=ID_PATTERN, description="Of this agent only")] = None,
) -> Page[CallView]:
    """The calls, the latest first."""
    return await calls.page(principal.workspace, agent_id=agent_id, limit=limit, cursor=cursor)


@router.get("/{call_id}")
async def get_call(call_id: PathId, principal: Reader, calls: Calls) -> CallDetail:
    """One call, with its summary."""
    return await calls.get(principal.workspace, call_id)


@router.post("/{call_id}/bootstrap", response_model=CallBootstrap, responses=describes(409))
async def bootstrap_call(call_id: PathId, principal: Worker, calls: Calls) -> Response:
    """Everything that a worker needs for a call: the agent, and how its servers are reached."""
    answer = await calls.bootstrap(await workspace_of_call(call_id, principal, calls), call_id)
    # As the contract itself writes it, since this is the one place where tokens cross.
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


@router.post("/{call_id}/tokens", response_model=RenewedAccess, responses=describes(409))
async def renew_tokens(call_id: PathId, principal: Worker, calls: Calls) -> Response:
    """Fresh tokens for a call that goes on; ask at half of their life. The tools in it are those approved by now."""
    answer = await calls.renew(await workspace_of_call(call_id, principal, calls), call_id)
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


@router.post("/{call_id}/end")
async def end_call(call_id: PathId, principal: Writer, calls: Calls) -> CallView:
    """End a call."""
    return await calls.end(await workspace_of_call(call_id, principal, calls), call_id, by=principal)


def _who(principal: Principal) -> tuple[str, str | None]:
    """The identity in the room, and the verified caller: a person who is signed in is one, a program is not."""
    if principal.actor.startswith("user:"):
        return principal.actor, principal.actor
    return f"caller-{secrets.token_hex(8)}", None


@rooms.post("/api/agents/{agent_id}/spawn", status_code=201, responses=describes(409, 429, 503))
async def spawn(agent_id: PathId, wanted: Spawn, principal: Writer, calls: Calls) -> Spawned:
    """Begin a voice call: LiveKit's standard token endpoint. Room, identity and dispatched agent are the server's choice."""
    identity, caller = _who(principal)
    return await calls.spawn(
        principal.workspace,
        agent_id,
        channel=Channel.BROWSER,
        identity=identity,
        caller=caller,
        name=wanted.participant_name,
    )


@rooms.post("/api/creator/rooms", status_code=201, responses=describes(503))
async def talk_to_the_creator(wanted: Spawn, principal: AgentWriter, calls: Calls) -> Spawned:
    """Begin a talk with Voxie, the agent that makes agents."""
    return calls.creator(principal, wanted.participant_name)


@rooms.post("/api/livekit/webhook", status_code=204, responses=describes(413, 503))
async def livekit_event(request: Request, calls: Calls) -> None:
    """What LiveKit's server tells of its rooms, signed with our key: a worker that leaves a call is replaced."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        event = calls.rooms.read_event(body, request.headers.get("authorization", "").removeprefix("Bearer "))
    except NotFromLiveKit:
        raise ApiError(401, "unauthorized", "set LiveKit's webhook to sign with LIVEKIT_API_KEY's key") from None
    await request.app.state.workers.told(event, await calls.workspace_of_room(event.room.name))


@rooms.options("/api/public/spawn", include_in_schema=False)
async def public_spawn_preflight(request: Request) -> Response:
    """Any page may ask; the key says which may start a call."""
    return Response(status_code=204, headers=_cors(request))


@rooms.post("/api/public/spawn", status_code=201, responses=describes(409, 429, 503))
async def public_spawn(
    wanted: Spawn, request: Request, response: Response, bearer: Bearer, calls: Calls, doors: Doors
) -> Spawned:
    """Begin a voice call from a public page, by its publishable key. Nobody is verified; the agent's limits hold."""
    origin = request.headers.get("origin")
    workspace, agent_id = await doors.by_key(bearer.credentials if bearer else "", origin)
    response.headers.update(_cors(request))
    identity = f"caller-{secrets.token_hex(8)}"
    return await calls.spawn(
        workspace, agent_id, channel=Channel.EMBED, identity=identity, caller=None, name=wanted.participant_name
    )


def _cors(request: Request) -> dict[str, str]:
    return {
        "access-control-allow-origin": request.headers.get("origin", "null"),
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type",
        "access-control-max-age": "600",
        "vary": "origin",
    }
