"""``/api/calls``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from backend.access.dependencies import Worker, needs
from backend.access.principal import Principal, Scope
from backend.calls.schemas import CallView, NewCall
from backend.calls.service import CallService
from backend.errors import describes
from backend.text import PathId
from contracts.calls import CallBootstrap, RenewedAccess

router = APIRouter(
    prefix="/api/calls",
    tags=["calls"],
    responses=describes(401, 403, 404, 422),
)


def service(request: Request) -> CallService:
    """The service of this app."""
    return request.app.state.calls


Calls = Annotated[CallService, Depends(service)]
Writer = Annotated[Principal, needs(Scope.CALLS_WRITE)]


async def workspace_of_call(call_id: str, principal: Principal, calls: CallService) -> str:
    """Whose call a request is about: a worker that names no workspace means the call's own."""
    if principal.is_service and not principal.named_workspace:
        return await calls.workspace_of(call_id)
    return principal.workspace


@router.post("", status_code=201)
async def start_call(new: NewCall, principal: Writer, calls: Calls) -> CallView:
    """Register a call."""
    return await calls.start(principal.workspace, new)


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
    return await calls.end(await workspace_of_call(call_id, principal, calls), call_id)
