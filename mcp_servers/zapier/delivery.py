"""A delivery: what is certain about it, and its row on the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from mcp_servers.shared.ledger.tables import metadata


class State(StrEnum):
    """What is certain about a delivery."""

    QUEUED = "queued"
    """Stored; Zapier has certainly not taken it; it will be tried."""
    SENDING = "sending"
    ACCEPTED = "accepted"
    """Zapier has it. That a Zap ran is not known."""
    RAN = "ran"
    FAILED = "failed"
    """Zapier had it, and the Zap's run ended in an error."""
    UNKNOWN = "unknown"
    """Zapier may have it. It is not sent again, unless a person says so."""
    DEAD = "dead"
    """Zapier certainly has not taken it, and it is not tried any more, unless a person says so."""


class Reason(StrEnum):
    """Why a delivery is where it is."""

    NO_ANSWER = "no_answer"
    SENDER_DIED = "sender_died"
    NOT_REACHED = "not_reached"
    ASKED_TO_WAIT = "asked_to_wait"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    HOOK_GONE = "hook_gone"
    HOOK_NOT_CONFIGURED = "hook_not_configured"
    NO_CREDENTIAL = "no_credential"
    """The backend, which keeps the hook, does not answer."""
    DISCONNECTED = "disconnected"
    """The owner has disconnected the hook."""
    GRANT_ENDED = "grant_ended"
    """The call's grant to deliver later has expired."""
    TOO_MANY_TRIES = "too_many_tries"
    TOO_OLD = "too_old"


deliveries = sa.Table(
    "zapier_deliveries",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("workspace", sa.String(128), nullable=False),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("hook", sa.String(128), nullable=False),
    sa.Column("account", sa.String(128), nullable=False),
    sa.Column("retry_safe", sa.Boolean, nullable=False),
    # What is sent holds what a caller said: it is erased as soon as Zapier has it.
    sa.Column("payload", sa.Text),
    # Opens the hook at the backend's broker after the call's end, together with the service token; erased with the payload.
    sa.Column("deferred", sa.Text),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32)),
    sa.Column("http_status", sa.Integer),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("due_at", sa.Float, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("request_id", sa.String(64)),
    sa.Column("run_id", sa.String(64)),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.UniqueConstraint("key", "epoch", name="zapier_deliveries_key_epoch"),
    sa.Index("zapier_deliveries_state_due", "state", "due_at"),
)


@dataclass(frozen=True)
class NewDelivery:
    """What a caller wants delivered.

    Args:
        key: two deliveries with the same are the same.
        epoch: the epoch that the client means; None means the current one.
        workspace: whose it is.
        connection: whose hooks.
        hook: the hook's name.
        account: what the rate limit counts by.
        retry_safe: sending it twice does no harm.
        payload: what to send.
        deferred: gets the hook again after the call's end; None where the hooks are the server's own.
    """

    key: str
    epoch: int | None
    workspace: str
    connection: str
    hook: str
    account: str
    retry_safe: bool
    payload: Mapping[str, Any]
    deferred: SecretStr | None = None


@dataclass(frozen=True)
class Delivery:
    """One row."""

    id: str
    key: str
    epoch: int
    workspace: str
    connection: str
    hook: str
    account: str
    retry_safe: bool
    payload: dict[str, Any] | None
    deferred: SecretStr | None
    state: State
    reason: Reason | None
    http_status: int | None
    owner: str
    lease_until: float
    due_at: float
    attempts: int
    refusals: int
    request_id: str | None
    run_id: str | None
    created_at: float
    updated_at: float


def read_row(row: Mapping[Any, Any]) -> Delivery:
    """A row as a delivery."""
    values = {str(name): row[name] for name in row}
    values["payload"] = json.loads(values["payload"]) if values["payload"] is not None else None
    values["deferred"] = SecretStr(values["deferred"]) if values["deferred"] else None
    values["state"] = State(values["state"])
    values["reason"] = Reason(values["reason"]) if values["reason"] else None
    return Delivery(**values)
