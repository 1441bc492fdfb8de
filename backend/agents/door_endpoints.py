"""Limits, publishable keys and phone numbers of agents."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from backend.agents.doors import DoorService
from backend.agents.endpoints import Reader, Writer
from backend.agents.schemas import (
    Limits,
    NewPublishableKey,
    PhoneNumberChoice,
    PhoneNumberView,
    PublishableKeyView,
)
from backend.errors import describes
from backend.pages import Cursor, Limit, Page
from backend.text import PathId

router = APIRouter(prefix="/api", tags=["doors"], responses=describes(401, 403, 404, 422))
PathNumber = Annotated[str, Path(pattern=r"^\+[1-9][0-9]{4,17}$", description="E.164")]


def service(request: Request) -> DoorService:
    """The service of this app."""
    return request.app.state.doors


Doors = Annotated[DoorService, Depends(service)]


@router.get("/agents/{agent_id}/limits")
async def get_limits(agent_id: PathId, principal: Reader, doors: Doors) -> Limits:
    """How much an agent may be used."""
    return await doors.limits(principal.workspace, agent_id)


@router.put("/agents/{agent_id}/limits")
async def set_limits(agent_id: PathId, limits: Limits, principal: Writer, doors: Doors) -> Limits:
    """Say how much an agent may be used: at once, minutes a day, spend a day."""
    return await doors.set_limits(principal, agent_id, limits)


@router.get("/agents/{agent_id}/publishable-keys")
async def list_publishable_keys(
    agent_id: PathId, principal: Reader, doors: Doors, limit: Limit = 50, cursor: Cursor = None
) -> Page[PublishableKeyView]:
    """The keys of an agent for public pages."""
    return await doors.keys(principal.workspace, agent_id, limit=limit, cursor=cursor)


@router.post("/agents/{agent_id}/publishable-keys", status_code=201)
async def make_publishable_key(
    agent_id: PathId, new: NewPublishableKey, principal: Writer, doors: Doors
) -> PublishableKeyView:
    """Make a key for a public page: it starts calls of this agent from the origins named, and does nothing else."""
    return await doors.make_key(principal, agent_id, new)


@router.delete("/agents/{agent_id}/publishable-keys/{key_id}", status_code=204)
async def remove_publishable_key(agent_id: PathId, key_id: PathId, principal: Writer, doors: Doors) -> None:
    """Remove a key at once."""
    await doors.remove_key(principal, agent_id, key_id)


@router.get("/phone-numbers")
async def list_numbers(
    principal: Reader, doors: Doors, limit: Limit = 50, cursor: Cursor = None
) -> Page[PhoneNumberView]:
    """The numbers, each with the agent that answers it."""
    return await doors.numbers(principal.workspace, limit=limit, cursor=cursor)


@router.put("/phone-numbers/{number}", responses=describes(409))
async def set_number(number: PathNumber, choice: PhoneNumberChoice, principal: Writer, doors: Doors) -> PhoneNumberView:
    """Let an agent answer a number."""
    return await doors.set_number(principal, number, choice.agent_id)


@router.delete("/phone-numbers/{number}", status_code=204)
async def remove_number(number: PathNumber, principal: Writer, doors: Doors) -> None:
    """Let nobody answer a number."""
    await doors.remove_number(principal, number)
