"""Receipts for tests."""

from typing import Any

from contracts.results import Action, Receipt
from tests.clock import MONDAY_MORNING


def receipt(operation_id: str, **changed: Any) -> Receipt:
    values: dict[str, Any] = {
        "operation_id": operation_id, "action": Action.BOOKED, "tool": "book", "resource_id": "event-1",
        "made_at": MONDAY_MORNING, "speech": "It's booked.", **changed,
    }  # fmt: skip
    return Receipt(**values)
