"""A delivery as a caller hears of it: a receipt that says exactly what is certain, or a failure."""

from datetime import UTC, datetime

from contracts.results import Action, Receipt
from mcp_servers.shared.errors import BadRequest, NotFound, OutcomeUnknown, ServerError, Unavailable
from mcp_servers.zapier.delivery import Delivery, Reason, State
from mcp_servers.zapier.hooks import NOT_SENT

ACCEPTED = "The notification has been handed to Zapier."
STORED = "The notification is saved, but Zapier hasn't taken it yet."
UNKNOWN = "I couldn't confirm that the notification was sent."
RAN = "The notification went through."
FAILED = "The notification reached Zapier, but the automation behind it failed."

SPEECH = {
    State.QUEUED: STORED,
    State.SENDING: STORED,
    State.ACCEPTED: ACCEPTED,
    State.RAN: RAN,
    State.FAILED: FAILED,
    State.UNKNOWN: UNKNOWN,
    State.DEAD: NOT_SENT,
}
"""What may be said of a delivery, and no more."""


def receipt_of(delivery: Delivery, *, tool: str, replayed: bool, demo: bool) -> Receipt:
    """Proof that a delivery is stored, or that Zapier has it."""
    stored = delivery.state in {State.QUEUED, State.SENDING}
    return Receipt(
        operation_id=delivery.id,
        action=Action.QUEUED if stored else Action.SENT,
        tool=tool,
        resource_id=delivery.id,
        made_at=datetime.fromtimestamp(delivery.created_at if stored else delivery.updated_at, UTC),
        recipient=delivery.hook,
        replayed=replayed,
        demo=demo,
        speech=SPEECH[delivery.state],
    )


def failure_of(delivery: Delivery) -> ServerError | None:
    """What went wrong with a delivery that is not with Zapier and not on its way."""
    named = f"delivery {delivery.id}"
    if delivery.state is State.UNKNOWN:
        return OutcomeUnknown(f"{named}: Zapier gave no answer; it is not sent again", speech=UNKNOWN)
    if delivery.state is not State.DEAD:
        return None
    if delivery.reason is Reason.HOOK_GONE:
        return NotFound(
            f"{named}: Zapier knows no such hook; its URL changes when the Zap's owner does", speech=NOT_SENT
        )
    if delivery.reason is Reason.REFUSED:
        return BadRequest(
            f"{named}: Zapier refused the payload ({delivery.http_status})", field="payload", speech=NOT_SENT
        )
    return Unavailable(f"{named}: given up: {delivery.reason or 'unknown'}", speech=NOT_SENT)
