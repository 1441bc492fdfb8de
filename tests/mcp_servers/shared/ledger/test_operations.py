"""Operations: each write has one row, and the row says what may be done next."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from contracts.results import Action
from mcp_servers.shared.errors import Conflict
from mcp_servers.shared.ledger import Begun, LedgerDatabase, Operation, Operations, OperationState
from tests.clock import Clock
from tests.mcp_servers.shared.ledger.receipts import receipt
from tests.mcp_servers.shared.ledger.times import LEASE_SECONDS

Replica = Callable[[], LedgerDatabase]


async def begin(operations: Operations, **changed: Any) -> tuple[Begun, Operation]:
    values: dict[str, Any] = {
        "key": "k" * 16, "epoch": None, "tool": "book", "workspace": "w", "request": {"start": "7"}, **changed,
    }  # fmt: skip
    return await operations.begin(**values)


async def state(operations: Operations, operation: Operation) -> OperationState:
    found = await operations.get(operation.id)
    assert found is not None
    return found.state


async def test_a_new_operation_is_committed_as_sending_before_anything_leaves(
    operations: Operations, replica: Replica
) -> None:
    begun, operation = await begin(operations)
    assert begun is Begun.SEND
    seen = await Operations(replica()).get(operation.id)
    assert seen is not None
    assert (seen.state, seen.request) == (OperationState.SENDING, {"start": "7"})


async def test_a_repetition_waits_while_somebody_is_at_it(operations: Operations, replica: Replica) -> None:
    await begin(operations)
    assert (await begin(Operations(replica())))[0] is Begun.WAIT


async def test_a_repetition_of_a_confirmed_operation_is_a_replay_with_its_receipt(
    operations: Operations, replica: Replica
) -> None:
    _, operation = await begin(operations)
    await operations.confirm(operation.id, resource_id="event-1", receipt=receipt(operation.id))
    begun, found = await begin(Operations(replica()))
    assert (begun, found.id, found.resource_id) == (Begun.REPLAY, operation.id, "event-1")
    assert found.receipt == receipt(operation.id)


async def test_what_certainly_had_no_effect_is_sent_again_under_the_same_id(operations: Operations) -> None:
    _, first = await begin(operations)
    await operations.fail(first.id)
    begun, second = await begin(operations, request={"start": "8"})
    assert (begun, second.id) == (Begun.SEND, first.id)


async def test_what_may_have_had_its_effect_is_settled_and_not_sent(operations: Operations) -> None:
    _, operation = await begin(operations)
    await operations.mark_unknown(operation.id)
    assert (await begin(operations))[0] is Begun.SETTLE


async def test_a_sender_that_is_gone_leaves_its_operation_to_be_settled(
    operations: Operations, replica: Replica, clock: Clock
) -> None:
    await begin(operations)
    clock.advance(seconds=LEASE_SECONDS + 1)
    other = Operations(replica())
    assert (await begin(other))[0] is Begun.SETTLE
    assert (await begin(operations))[0] is Begun.WAIT


@pytest.mark.parametrize(
    "changed", [{"key": "j" * 16}, {"tool": "cancel"}, {"workspace": "another"}], ids=["key", "tool", "workspace"]
)
async def test_another_key_tool_or_workspace_is_another_operation(
    operations: Operations, changed: dict[str, Any]
) -> None:
    _, first = await begin(operations)
    begun, second = await begin(operations, **changed)
    assert begun is Begun.SEND
    assert first.id != second.id


async def test_an_operation_id_cannot_be_computed_without_the_secret(operations: Operations, replica: Replica) -> None:
    other = replica()
    other.secret = b"another secret"
    assert operations.operation_id("key", 0) != Operations(other).operation_id("key", 0)
    assert operations.operation_id("key", 0) == Operations(replica()).operation_id("key", 0)


# Epochs


async def test_after_an_undo_the_key_is_free_again_in_the_next_epoch(operations: Operations) -> None:
    _, first = await begin(operations)
    await operations.confirm(first.id, resource_id="event-1", receipt=receipt(first.id))
    await operations.undo(first.id)
    begun, second = await begin(operations)
    assert (begun, second.epoch) == (Begun.SEND, 1)
    assert second.id != first.id


async def test_a_client_that_means_an_undone_operation_is_told_the_current_epoch(operations: Operations) -> None:
    _, first = await begin(operations)
    await operations.confirm(first.id, resource_id="event-1", receipt=receipt(first.id))
    await operations.undo(first.id)
    with pytest.raises(Conflict) as refused:
        await begin(operations, epoch=0)
    assert refused.value.current_epoch == 1
    assert (await begin(operations, epoch=1))[0] is Begun.SEND


async def test_nobody_begins_an_epoch_that_is_not_there_yet(operations: Operations) -> None:
    with pytest.raises(Conflict) as refused:
        await begin(operations, epoch=7)
    assert refused.value.current_epoch == 0


async def test_a_confirmed_operation_answers_for_its_key_as_long_as_it_holds(
    operations: Operations, clock: Clock
) -> None:
    _, first = await begin(operations)
    await operations.confirm(first.id, resource_id="event-1", receipt=receipt(first.id))
    clock.advance(minutes=15)
    assert (await begin(operations, hold_seconds=900))[0] is Begun.REPLAY
    clock.advance(seconds=1)
    begun, second = await begin(operations, hold_seconds=900)
    assert (begun, second.epoch) == (Begun.SEND, 1)


async def test_what_is_not_confirmed_never_stops_answering_for_its_key(operations: Operations, clock: Clock) -> None:
    _, first = await begin(operations)
    await operations.mark_unknown(first.id)
    clock.advance(days=30)
    begun, found = await begin(operations, hold_seconds=1)
    assert (begun, found.id) == (Begun.SETTLE, first.id)


# Many at once


async def test_of_many_who_begin_the_same_operation_at_once_exactly_one_sends(replica: Replica) -> None:
    replicas = [Operations(replica()) for _ in range(3)]
    begun = [answer for answer, _ in await asyncio.gather(*(begin(replicas[n % 3]) for n in range(12)))]
    assert begun.count(Begun.SEND) == 1
    assert begun.count(Begun.WAIT) == 11


async def test_an_operation_left_open_is_taken_by_one_settler_or_one_caller_never_by_both(
    operations: Operations, replica: Replica, clock: Clock
) -> None:
    for n in range(10):
        await begin(operations, key=f"operation number {n}")
    clock.advance(seconds=LEASE_SECONDS + 1)
    settlers = [Operations(replica()) for _ in range(3)]
    caller = Operations(replica())
    calls = [begin(caller, key=f"operation number {n}") for n in range(10)]
    *taken, begun = await asyncio.gather(*(s.take_unsettled(tools=["book"]) for s in settlers), asyncio.gather(*calls))
    by_settlers = [operation.id for batch in taken for operation in batch]
    by_caller = [operation.id for answer, operation in begun if answer is Begun.SETTLE]
    assert sorted(by_settlers + by_caller) == sorted({operation.id for _, operation in begun})


async def test_a_settler_takes_only_what_is_open_expired_and_its_own(operations: Operations, clock: Clock) -> None:
    kept = {
        name: (await begin(operations, key=f"a key of {name}"))[1] for name in ("done", "failed", "unknown", "gone")
    }
    await begin(operations, key="of another tool", tool="cancel")
    await operations.confirm(kept["done"].id, resource_id="e", receipt=receipt("x"))
    await operations.fail(kept["failed"].id)
    await operations.mark_unknown(kept["unknown"].id)
    assert await operations.take_unsettled(tools=["book"]) == []
    clock.advance(seconds=LEASE_SECONDS + 1)
    await begin(operations, key="just begun now ....")
    taken = {operation.id for operation in await operations.take_unsettled(tools=["book"])}
    assert taken == {kept["unknown"].id, kept["gone"].id}
    assert await operations.take_unsettled(tools=["book"]) == []


# A replica that stalled


async def test_a_replica_that_stalled_cannot_close_what_another_has_taken_over(
    operations: Operations, replica: Replica, clock: Clock
) -> None:
    _, operation = await begin(operations)
    clock.advance(seconds=LEASE_SECONDS + 1)
    other = Operations(replica())
    assert (await begin(other))[0] is Begun.SETTLE
    await operations.fail(operation.id)
    await operations.mark_unknown(operation.id)
    assert await state(operations, operation) is OperationState.SENDING
    await other.confirm(operation.id, resource_id="event-1", receipt=receipt(operation.id))
    await operations.fail(operation.id)
    assert await state(operations, operation) is OperationState.CONFIRMED


async def test_nobody_fails_what_is_confirmed(operations: Operations) -> None:
    _, operation = await begin(operations)
    await operations.confirm(operation.id, resource_id="event-1", receipt=receipt(operation.id))
    await operations.fail(operation.id)
    assert await state(operations, operation) is OperationState.CONFIRMED


async def test_the_confirmed_operation_of_a_resource_is_found_by_what_it_did(
    operations: Operations, clock: Clock
) -> None:
    _, booked = await begin(operations, key="a key of a booking")
    await operations.confirm(booked.id, resource_id="event-1", receipt=receipt(booked.id))
    clock.advance(seconds=1)
    _, moved = await begin(operations, key="a key of a move ..")
    await operations.confirm(moved.id, resource_id="event-1", receipt=receipt(moved.id, action=Action.MOVED))
    found = await operations.of_resource("event-1", action=Action.BOOKED)
    assert found is not None
    assert found.id == booked.id
    assert await operations.of_resource("event-1", action=Action.CANCELLED) is None
    await operations.undo(booked.id)
    assert await operations.of_resource("event-1", action=Action.BOOKED) is None
