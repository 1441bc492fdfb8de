"""``/api/calls``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from backend.access import require_service
from backend.agents.seed import DEMO_WORKSPACE
from backend.calls.schemas import CallView, NewCall
from backend.calls.service import CallService
from backend.errors import ErrorBody
from contracts.calls import CallBootstrap, RenewedAccess

router = APIRouter(
    prefix="/api/calls",
    tags=["calls"],
    dependencies=[Depends(require_service)],
    responses={401: {"model": ErrorBody}, 404: {"model": ErrorBody}, 422: {"model": ErrorBody}},
)


def service(request: Request) -> CallService:
    """The service of this app."""
    return request.app.state.calls


Calls = Annotated[CallService, Depends(service)]


@router.post("", status_code=201)
async def start_call(new: NewCall, calls: Calls) -> CallView:
    """Register a call."""
    return await calls.start(DEMO_WORKSPACE, new)


@router.post("/{call_id}/bootstrap", response_model=CallBootstrap, responses={409: {"model": ErrorBody}})
async def bootstrap_call(call_id: str, calls: Calls) -> Response:
    """Everything that a worker needs for a call: the agent, and how its servers are reached."""
    answer = await calls.bootstrap(DEMO_WORKSPACE, call_id)
    # As the contract itself writes it, since this is the one place where tokens cross.
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


@router.post("/{call_id}/tokens", response_model=RenewedAccess, responses={409: {"model": ErrorBody}})
async def renew_tokens(call_id: str, calls: Calls) -> Response:
    """Fresh tokens for a call that goes on; ask at half of their life. The tools in it are those approved by now."""
    answer = await calls.renew(DEMO_WORKSPACE, call_id)
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


@router.post("/{call_id}/end")
async def end_call(call_id: str, calls: Calls) -> CallView:
    """End a call."""
    return await calls.end(DEMO_WORKSPACE, call_id)
