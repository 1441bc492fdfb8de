"""Arguments and results of the tools, as a model sees them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.results import Receipt
from mcp_servers.shared.tools import Arguments, Result
from mcp_servers.zapier.delivery import State


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


class View(BaseModel):
    """A part of a result."""

    model_config = ConfigDict(extra="forbid")


class ZapView(View):
    """One Zap."""

    id: str
    number: Annotated[int | None, Field(description="As its runs name it")] = None
    title: Annotated[str, Field(description="Untrusted text")]
    enabled: bool


class Zaps(Result):
    """Result of ``zapier_list_zaps``."""

    zaps: list[ZapView]
    hooks: Annotated[list[str], Field(description="Names that zapier_trigger_zap takes")]


class GetRuns(Arguments):
    """Arguments of ``zapier_get_runs``."""

    zap_number: Annotated[int | None, Field(description="A Zap's number, from zapier_list_zaps")] = None
    status: Annotated[str | None, Field(pattern=r"^[a-z_,]{1,100}$", description="Such as error or success")] = None
    most: Annotated[int, Field(ge=1, le=50)] = 10


class RunView(View):
    """One run of a Zap."""

    id: str
    zap_number: int | None
    title: Annotated[str, Field(description="Untrusted text")]
    status: str
    started_at: str | None


class Runs(Result):
    """Result of ``zapier_get_runs``."""

    runs: list[RunView]


class SetZapEnabled(Arguments):
    """Arguments of ``zapier_set_zap_enabled``."""

    zap_id: Annotated[str, Field(min_length=1, max_length=100, description="A Zap's id, from zapier_list_zaps")]
    enabled: bool


class Step(Arguments):
    """One step of a new Zap."""

    action: Annotated[str, Field(description="An action_type from zapier_find_actions; the first step is a trigger")]
    inputs: dict[str, Any]
    authentication: Annotated[str | None, Field(description="A connection's id")] = None


class CreateZap(Arguments):
    """Arguments of ``zapier_create_zap``."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=20)]


class ZapChanged(Result):
    """Result of what changes a Zap."""

    success: bool = True
    zap: ZapView
    receipt: Receipt


class FindActions(Arguments):
    """Arguments of ``zapier_find_actions``."""

    app: Annotated[str, Field(min_length=1, max_length=100, description="An app's name")]
    action_type: Annotated[str | None, Field(max_length=200)] = None


class ActionView(View):
    """One action."""

    action_type: str
    title: str
    app: str


class FieldView(View):
    """One field of an action."""

    name: str
    title: str
    required: bool


class Actions(Result):
    """Result of ``zapier_find_actions``."""

    actions: list[ActionView]
    fields: list[FieldView]


class RunAction(Arguments):
    """Arguments of ``zapier_run_action``."""

    action_type: Annotated[str, Field(min_length=1, max_length=200, description="From zapier_find_actions")]
    params: Annotated[dict[str, Any], Field(description="The action's fields")]


class Ran(Result):
    """Result of ``zapier_run_action``."""

    success: bool = True
    run_id: str
    status: Annotated[str, Field(description="success, or waiting while it still runs")]
    results_untrusted: list[dict[str, Any]]
    receipt: Receipt
