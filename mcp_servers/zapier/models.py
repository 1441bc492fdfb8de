"""Arguments and results of the tools, as a model sees them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.results import Receipt
from mcp_servers.shared.tools import Arguments, Result
from mcp_servers.zapier.queue import State


class TriggerZap(Arguments):
    """Arguments of ``zapier_trigger_zap``."""

    zap_id: Annotated[str, Field(min_length=1, max_length=100, description="Name of a configured hook")]
    payload: Annotated[dict[str, Any], Field(description="JSON object for the Zap")]


class ListZaps(Arguments):
    """``zapier_list_zaps`` takes nothing."""


class Triggered(Result):
    """Result of ``zapier_trigger_zap``."""

    success: bool = True
    zap_id: str
    delivery_id: str
    run_id: Annotated[str | None, Field(description="Null until a run is known; a hook's id is not a run's id")] = None
    status: Annotated[
        State,
        Field(description="accepted: Zapier has it, and that the Zap ran is not known; queued, sending: not yet"),
    ]
    receipt: Receipt


class GetDelivery(Arguments):
    """Arguments of ``zapier_get_delivery``."""

    delivery_id: Annotated[str, Field(min_length=1, max_length=64)]


class DeliveryView(Result):
    """Result of ``zapier_get_delivery``."""

    delivery_id: str
    zap_id: str
    status: Annotated[
        State,
        Field(description="unknown: Zapier may have it; dead: Zapier has not, and it is not tried any more"),
    ]
    reason: str | None
    run_id: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime


class ZapView(BaseModel):
    """One Zap."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    enabled: bool


class Zaps(Result):
    """Result of ``zapier_list_zaps``."""

    zaps: list[ZapView]
    hooks: Annotated[list[str], Field(description="Names that zapier_trigger_zap takes")]
