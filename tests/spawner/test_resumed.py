"""What somebody hears from the worker that takes the place of one that died."""

from datetime import UTC, datetime

import pytest

from backend.agents.seed import demo_agents
from contracts.calls import CallBootstrap
from contracts.results import Action, Receipt
from spawner.dynamic_agent_factory import DynamicAgentFactory

BOOKED = Receipt(
    operation_id="op", action=Action.BOOKED, tool="calendar_create_event", resource_id="ev1",
    made_at=datetime(2026, 11, 23, 9, tzinfo=UTC), speech="It's booked: Maria Garcia.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("resumed", "receipts", "heard"),
    [
        (True, (BOOKED,), "I'm sorry, we were cut off. It's booked: Maria Garcia. How can I help you?"),
        (True, (), "I'm sorry, we were cut off. How can I help you?"),
        (False, (), "Hello, this is Trattoria Demo. How can I help you?"),
    ],
    ids=["after a booking", "before one", "the first worker"],
)
async def test_a_new_worker_says_that_we_were_cut_off_and_what_was_done(
    resumed: bool, receipts: tuple[Receipt, ...], heard: str
) -> None:
    bootstrap = CallBootstrap(call_id="c1", agent=demo_agents()[0], servers=(), resumed=resumed, receipts=receipts)
    built = DynamicAgentFactory(offline=False).build(bootstrap)
    assert built.agent.first_line == heard
    await built.aclose()
