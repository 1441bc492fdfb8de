"""A write ends known, whoever gives up waiting for it: done once, replayed, settled or declared unknown."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contracts.meta import Role
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict, OutcomeUnknown, ServerError, Unavailable
from mcp_servers.shared.ledger import (
    Done,
    Gone,
    LedgerDatabase,
    Operation,
    Operations,
    OperationState,
    Settler,
    Writer,
)
from tests.clock import Clock
from tests.mcp_servers.shared.ledger.receipts import receipt
from tests.mcp_servers.shared.ledger.times import LEASE_SECONDS

KEY = "a key of sixteen"


class Vendor:
    """A vendor and our write to it: what it has, what was sent to it, and how its line fails."""

    def __init__(self) -> None:
        self.has: set[str] = set()
        self.gone: set[str] = set()
        self.sent: list[str] = []
        self.abandoned: list[str] = []
        self.failure: Exception | None = None
        self.cut_after_commit = False
        self.readable = True
        self.sending = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()

    async def send(self, operation: Operation) -> Done:
        self.sent.append(operation.id)
        self.sending.set()
        await self.answer.wait()
        if self.failure is not None:
            raise self.failure
        self.has.add(operation.id)
        if self.cut_after_commit:
            raise OutcomeUnknown("cut")
        return self._done(operation)

    async def settle(self, operation: Operation) -> Done | None:
        return self._read(operation)

    async def replay(self, operation: Operation) -> Done:
        done = self._read(operation)
        assert done is not None
        return done

    async def abandon(self, operation: Operation) -> None:
        self.abandoned.append(operation.id)

    def _read(self, operation: Operation) -> Done | None:
        if not self.readable:
            raise Unavailable("cannot be read")
        if operation.id in self.gone:
            raise Gone
        return self._done(operation) if operation.id in self.has else None

    def _done(self, operation: Operation) -> Done:
        return Done(operation.id, receipt(operation.id), {"from": "the vendor"})


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def writer(operations: Operations) -> AsyncGenerator[Writer]:
    writer = Writer(operations)
    yield writer
    await writer.aclose()


def call(*, epoch: int | None = None, seconds: float = 30.0) -> Call:
    deadline = asyncio.get_running_loop().time() + seconds
    return Call(workspace="w", role=Role.PUBLIC, caller="m", call="c", tool="book", deadline=deadline, epoch=epoch)


async def book(writer: Writer, vendor: Vendor, *, epoch: int | None = None, seconds: float = 30.0) -> Done:
    return await writer.run(vendor, call(epoch=epoch, seconds=seconds), key=KEY, request={})


async def only_state(operations: Operations, vendor: Vendor) -> OperationState:
    (sent,) = set(vendor.sent)
    found = await operations.get(sent)
    assert found is not None
    return found.state


async def test_a_write_is_done_once_and_its_repetition_repeats_the_receipt(writer: Writer, vendor: Vendor) -> None:
    first = await book(writer, vendor)
    again = await book(writer, vendor)
    assert len(vendor.sent) == 1
    assert (first.receipt.replayed, again.receipt.replayed) == (False, True)
    assert again.receipt.operation_id == first.receipt.operation_id


async def test_repetitions_at_once_send_once_and_all_know(writer: Writer, vendor: Vendor) -> None:
    done = await asyncio.gather(*(book(writer, vendor) for _ in range(8)))
    assert len(vendor.sent) == 1
    assert len({d.resource_id for d in done}) == 1


async def test_a_repetition_whose_deadline_passes_while_another_is_at_it_claims_nothing(
    writer: Writer, vendor: Vendor
) -> None:
    vendor.answer.clear()
    first = asyncio.create_task(book(writer, vendor))
    await asyncio.wait_for(vendor.sending.wait(), 5)
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor, seconds=0)
    vendor.answer.set()
    await first


async def test_a_write_goes_on_when_its_caller_hangs_up(writer: Writer, vendor: Vendor, operations: Operations) -> None:
    vendor.answer.clear()
    first = asyncio.create_task(book(writer, vendor))
    await asyncio.wait_for(vendor.sending.wait(), 5)
    first.cancel()
    vendor.answer.set()
    await writer.aclose()
    assert await only_state(operations, vendor) is OperationState.CONFIRMED


async def test_a_lost_answer_is_found_again_and_not_repeated(writer: Writer, vendor: Vendor) -> None:
    vendor.cut_after_commit = True
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    assert vendor.abandoned == []
    found = await book(writer, vendor)
    assert len(vendor.sent) == 1
    assert found.details == {"from": "the vendor"}


async def test_a_write_that_never_arrived_is_sent_after_reading(writer: Writer, vendor: Vendor) -> None:
    vendor.failure = OutcomeUnknown("cut before it arrived")
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    vendor.failure = None
    await book(writer, vendor)
    assert len(vendor.sent) == 2
    assert len(set(vendor.sent)) == 1


async def test_what_cannot_be_read_stays_unknown_and_is_not_sent(
    writer: Writer, vendor: Vendor, operations: Operations
) -> None:
    vendor.cut_after_commit = True
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    vendor.readable = False
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    assert len(vendor.sent) == 1
    assert await only_state(operations, vendor) is OperationState.UNKNOWN


@pytest.mark.parametrize("failure", [Conflict("taken"), Unavailable("down")])
async def test_what_certainly_had_no_effect_gives_back_what_was_promised_and_may_be_tried_again(
    writer: Writer, vendor: Vendor, operations: Operations, failure: ServerError
) -> None:
    vendor.failure = failure
    with pytest.raises(type(failure)):
        await book(writer, vendor)
    assert len(vendor.abandoned) == 1
    assert await only_state(operations, vendor) is OperationState.FAILED
    vendor.failure = None
    await book(writer, vendor)


async def test_a_crash_in_the_middle_leaves_it_open_and_its_promise_kept(
    writer: Writer, vendor: Vendor, operations: Operations, clock: Clock
) -> None:
    vendor.failure = RuntimeError("a bug, with what a caller said: canary")
    with capture_logs() as logs, pytest.raises(RuntimeError):
        await book(writer, vendor)
    assert [line["event"] for line in logs] == ["write crashed"]
    assert "canary" not in str(logs)
    assert vendor.abandoned == []
    assert await only_state(operations, vendor) is OperationState.SENDING
    clock.advance(seconds=LEASE_SECONDS + 1)
    vendor.failure = None
    await book(writer, vendor)
    assert len(set(vendor.sent)) == 1


async def test_a_booking_that_somebody_took_back_is_made_anew_for_a_caller_who_asks_again(
    writer: Writer, vendor: Vendor
) -> None:
    first = await book(writer, vendor)
    vendor.gone.add(first.resource_id)
    again = await book(writer, vendor)
    assert again.resource_id != first.resource_id
    assert again.receipt.replayed is False


async def test_a_repetition_of_a_booking_that_somebody_took_back_is_not_a_new_booking(
    writer: Writer, vendor: Vendor
) -> None:
    first = await book(writer, vendor, epoch=0)
    vendor.gone.add(first.resource_id)
    with pytest.raises(Conflict) as refused:
        await book(writer, vendor, epoch=0)
    assert refused.value.current_epoch == 1
    assert len(vendor.sent) == 1


# In the background


def settler(writer: Writer, operations: Operations, vendor: Vendor) -> Settler:
    return Settler(writer, operations, {"book": lambda _: vendor})


async def test_the_settler_finds_what_was_done(
    writer: Writer, vendor: Vendor, operations: Operations, clock: Clock
) -> None:
    vendor.cut_after_commit = True
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    clock.advance(seconds=LEASE_SECONDS + 1)
    assert await settler(writer, operations, vendor).settle_all() == 1
    assert await only_state(operations, vendor) is OperationState.CONFIRMED


async def test_the_settler_closes_what_was_not_done_and_sends_nothing(
    writer: Writer, vendor: Vendor, operations: Operations, clock: Clock
) -> None:
    vendor.failure = OutcomeUnknown("cut before it arrived")
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    clock.advance(seconds=LEASE_SECONDS + 1)
    assert await settler(writer, operations, vendor).settle_all() == 1
    assert await only_state(operations, vendor) is OperationState.FAILED
    assert (len(vendor.sent), len(vendor.abandoned)) == (1, 1)


async def test_the_settler_leaves_what_it_cannot_read_and_comes_again(
    writer: Writer, vendor: Vendor, operations: Operations, clock: Clock
) -> None:
    vendor.cut_after_commit = True
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    vendor.readable = False
    clock.advance(seconds=LEASE_SECONDS + 1)
    with capture_logs():
        assert await settler(writer, operations, vendor).settle_all() == 0
    vendor.readable = True
    clock.advance(seconds=LEASE_SECONDS + 1)
    assert await settler(writer, operations, vendor).settle_all() == 1


async def test_the_settler_notes_that_somebody_took_it_back(
    writer: Writer, vendor: Vendor, operations: Operations, clock: Clock
) -> None:
    vendor.cut_after_commit = True
    with pytest.raises(OutcomeUnknown):
        await book(writer, vendor)
    vendor.gone = set(vendor.has)
    clock.advance(seconds=LEASE_SECONDS + 1)
    assert await settler(writer, operations, vendor).settle_all() == 1
    assert await only_state(operations, vendor) is OperationState.UNDONE


# A ledger that is away


@pytest.mark.parametrize(
    "url", ["sqlite+aiosqlite:////nowhere/at/all.sqlite3", "postgresql+asyncpg://u:p@127.0.0.1:1/x"]
)
async def test_without_the_ledger_nothing_is_sent(url: str, vendor: Vendor, clock: Clock) -> None:
    database = LedgerDatabase(url, secret=b"s", now=clock.seconds)
    with capture_logs() as logs, pytest.raises(Unavailable):
        await book(Writer(Operations(database)), vendor)
    assert vendor.sent == []
    assert [line["event"] for line in logs] == ["ledger cannot be reached"]
    await database.aclose()


async def test_a_receipt_that_cannot_be_noted_is_still_a_receipt_and_the_row_is_settled_later(
    tmp_path: Path, vendor: Vendor, clock: Clock
) -> None:
    database = LedgerDatabase(f"sqlite+aiosqlite:///{tmp_path / 'l.sqlite3'}", secret=b"s", now=clock.seconds)
    operations = Operations(database)
    send = vendor.send

    async def and_lose_the_table(operation: Operation) -> Done:
        done = await send(operation)
        async with database.alone("x") as connection:
            await connection.exec_driver_sql("alter table operations rename to elsewhere")
        return done

    vendor.send = and_lose_the_table  # type: ignore[method-assign]
    with capture_logs() as logs:
        done = await book(Writer(operations), vendor)
    assert done.receipt.speech == "It's booked."
    assert [line["event"] for line in logs] == ["receipt not noted"]
    async with database.alone("x") as connection:
        await connection.exec_driver_sql("alter table elsewhere rename to operations")
    clock.advance(seconds=LEASE_SECONDS + 1)
    assert await settler(Writer(operations), operations, vendor).settle_all() == 1
    await database.aclose()


async def test_what_was_asked_is_in_no_text_of_a_failing_ledger(
    replica: Callable[[], LedgerDatabase], vendor: Vendor
) -> None:
    database = replica()
    async with database.alone("x") as connection:
        await connection.exec_driver_sql("drop table operations")
    with pytest.raises(Exception, match="operations") as failed:
        await Operations(database).begin(key=KEY, epoch=None, tool="book", workspace="w", request={"summary": "canary"})
    assert "canary" not in str(failed.value)
