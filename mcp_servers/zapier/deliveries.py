"""A delivery to a hook, as the ledger runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.results import Action, Receipt
from mcp_servers.shared.errors import OutcomeUnknown
from mcp_servers.shared.ledger import Done, Operation
from mcp_servers.zapier.client import UNKNOWN, Zapier
from mcp_servers.zapier.settings import Hook

DELIVERY_FIELD = "voxie_delivery_id"
HOLD_SECONDS = 15 * 60.0
"""How long the same key is the same delivery: a caller who rings back does not notify twice."""
ACCEPTED = "The notification has been handed to Zapier."


@dataclass(frozen=True)
class Delivery:
    """Sending one payload to one hook.

    Args:
        zapier: sends it.
        name: the hook's name.
        hook: where it goes.
        payload: what goes.
        demo: whether the receipt is of the sandbox.
        now: seconds since 1970.
    """

    zapier: Zapier
    name: str
    hook: Hook
    payload: Mapping[str, Any]
    demo: bool
    now: Callable[[], float]

    async def send(self, operation: Operation) -> Done:
        """Send it, with the delivery id that lets a Zap recognise a repetition."""
        await self.zapier.post_hook(self.hook, {**self.payload, DELIVERY_FIELD: operation.id})
        return self._done(operation)

    async def settle(self, operation: Operation) -> Done | None:
        """Zapier cannot be asked what became of a request, so it stays unknown and is not sent again."""
        del operation
        raise OutcomeUnknown(
            "whether Zapier got this delivery cannot be found out; it is not sent again", speech=UNKNOWN
        )

    async def replay(self, operation: Operation) -> Done:
        """What Zapier accepted stays accepted."""
        return self._done(operation)

    async def abandon(self, operation: Operation) -> None:
        """Nothing was promised for it."""

    def _done(self, operation: Operation) -> Done:
        receipt = Receipt(
            operation_id=operation.id,
            action=Action.SENT,
            tool=operation.tool,
            resource_id=operation.id,
            made_at=datetime.fromtimestamp(self.now(), UTC),
            recipient=self.name,
            demo=self.demo,
            speech=ACCEPTED,
        )
        return Done(operation.id, receipt, {})
