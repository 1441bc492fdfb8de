"""Running a write so that it ends known, whoever gives up waiting for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from contracts.results import Receipt
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict, OutcomeUnknown, ServerError, Unavailable
from mcp_servers.shared.ledger.operations import Begun, Operation, Operations

log = structlog.get_logger()

POLL_SECONDS = 0.05
SETTLE_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Done:
    """A write whose effect is certain."""

    resource_id: str
    receipt: Receipt
    details: Mapping[str, Any]
    """What the tool answers beside the receipt."""


class Gone(Exception):
    """What the operation made exists no more: somebody took it back."""


class Write(Protocol):
    """One kind of write, as an integration does it."""

    async def send(self, operation: Operation) -> Done:
        """Do it.

        Raises:
            Gone: it had its effect before, and somebody took it back.
            OutcomeUnknown: it may or may not have had its effect.
            ServerError: any other kind means that it certainly had none.
        """
        ...

    async def settle(self, operation: Operation) -> Done | None:
        """Read the vendor: what became of it, or None when it certainly had no effect.

        Raises:
            Gone: it had its effect, and somebody took it back.
            ServerError: the vendor cannot be read now.
        """
        ...

    async def replay(self, operation: Operation) -> Done:
        """Read the resource again: the receipt as it stands now.

        Raises:
            Gone: somebody took it back.
            ServerError: the vendor cannot be read now.
        """
        ...

    async def abandon(self, operation: Operation) -> None:
        """Give back what was promised for it; called when it certainly had no effect."""
        ...


class Writer:
    """Runs writes on the ledger.

    Args:
        operations: the ledger.
        sleep: waits; injected in tests.
    """

    def __init__(self, operations: Operations, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._operations = operations
        self._sleep = sleep
        self._running: set[asyncio.Task[Done]] = set()

    async def run(
        self,
        write: Write,
        call: Call,
        *,
        key: str,
        request: Mapping[str, Any],
        hold_seconds: float | None = None,
    ) -> Done:
        """Do a write once, or answer with what became of it.

        It runs in a task of its own: when the caller's deadline passes or the caller hangs up, it still ends known.

        Args:
            write: how it is done, settled and read again.
            call: who asks; its deadline bounds the waiting.
            key: the operation's key.
            request: the arguments, kept with the operation.
            hold_seconds: see ``Operations.begin``.

        Raises:
            Conflict: the epoch is over.
            ServerError: what ``write`` raises.
        """
        task = asyncio.create_task(self._run(write, call, key, request, hold_seconds))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Wait for the writes under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finished(self, task: asyncio.Task[Done]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), ServerError):
            log.error("write crashed", error_type=type(task.exception()).__name__)

    async def _run(
        self, write: Write, call: Call, key: str, request: Mapping[str, Any], hold_seconds: float | None
    ) -> Done:
        while True:
            begun, operation = await self._begin(call, key, request, hold_seconds)
            try:
                done = await self._advance(begun, write, operation, call)
            except Gone:
                await self._take_back(write, operation, call)
                continue
            if done is not None:
                return done

    async def _begin(
        self, call: Call, key: str, request: Mapping[str, Any], hold_seconds: float | None
    ) -> tuple[Begun, Operation]:
        try:
            return await self._operations.begin(
                key=key,
                epoch=call.epoch,
                tool=call.tool,
                workspace=call.workspace,
                request=request,
                hold_seconds=hold_seconds,
            )
        except (SQLAlchemyError, OSError) as error:
            log.error("ledger cannot be reached", tool=call.tool, error_type=type(error).__name__)  # noqa: TRY400
            raise Unavailable("the ledger cannot be reached, so nothing was sent") from None

    async def _advance(self, begun: Begun, write: Write, operation: Operation, call: Call) -> Done | None:
        """Take the operation one step on; None when it must be begun again."""
        match begun:
            case Begun.SEND:
                return await self._send(write, operation)
            case Begun.SETTLE:
                # Still ours by lease: nobody else sends it between the reading and the sending.
                return await self.settle(write, operation) or await self._send(write, operation)
            case Begun.REPLAY:
                return await self._replay(write, operation)
            case Begun.WAIT:
                if call.remaining() <= 0:
                    raise OutcomeUnknown("the same operation is under way; ask again for its outcome")
                await self._sleep(POLL_SECONDS)
                return None

    async def settle(self, write: Write, operation: Operation) -> Done | None:
        """Find out what became of an operation whose sender is gone; None when it certainly had no effect.

        Raises:
            OutcomeUnknown: the vendor cannot be read now.
        """
        try:
            done = await write.settle(operation)
        except ServerError as error:
            await self._operations.mark_unknown(operation.id)
            raise OutcomeUnknown(f"the vendor cannot be read to settle this: {error.error}") from error
        if done is not None:
            await self._operations.confirm(operation.id, resource_id=done.resource_id, receipt=done.receipt)
        return done

    async def give_up(self, write: Write, operation: Operation) -> None:
        """Close an operation that certainly had no effect."""
        await write.abandon(operation)
        await self._operations.fail(operation.id)

    async def _send(self, write: Write, operation: Operation) -> Done:
        try:
            done = await write.send(operation)
        except OutcomeUnknown:
            await self._operations.mark_unknown(operation.id)
            raise
        except ServerError:
            await self.give_up(write, operation)
            raise
        await self._note(operation, done)
        return done

    async def _note(self, operation: Operation, done: Done) -> None:
        """It is done, whatever becomes of our note of it: an open row is settled by reading the vendor."""
        try:
            await self._operations.confirm(operation.id, resource_id=done.resource_id, receipt=done.receipt)
        except (SQLAlchemyError, OSError) as error:
            log.error("receipt not noted", tool=operation.tool, error_type=type(error).__name__)  # noqa: TRY400

    async def _replay(self, write: Write, operation: Operation) -> Done:
        done = await write.replay(operation)
        first = operation.receipt or done.receipt
        receipt = done.receipt.model_copy(update={"replayed": True, "made_at": first.made_at})
        return Done(resource_id=done.resource_id, receipt=receipt, details=done.details)

    async def _take_back(self, write: Write, operation: Operation, call: Call) -> None:
        """The key's epoch rises: a client that named the old one must mean the new one before anything is sent."""
        await write.abandon(operation)
        await self._operations.undo(operation.id)
        if call.epoch is not None:
            raise Conflict(
                "what this operation made is gone; a new one uses the current epoch",
                field="_meta voxie/epoch",
                current_epoch=operation.epoch + 1,
            )


class Settler:
    """Settles, in the background, operations whose sender died or got no answer.

    Args:
        writer: settles one.
        operations: hands out unsettled ones.
        writes: the write for an operation, by tool name.
    """

    def __init__(
        self, writer: Writer, operations: Operations, writes: Mapping[str, Callable[[Operation], Write]]
    ) -> None:
        self._writer = writer
        self._operations = operations
        self._writes = writes
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._forever())

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def settle_all(self) -> int:
        """Settle what can be settled now.

        Returns:
            How many are now known.
        """
        settled = 0
        for operation in await self._operations.take_unsettled(tools=list(self._writes)):
            write = self._writes[operation.tool](operation)
            try:
                if await self._writer.settle(write, operation) is None:
                    await self._writer.give_up(write, operation)
            except Gone:
                await write.abandon(operation)
                await self._operations.undo(operation.id)
            except ServerError as error:
                log.warning("operation still unknown", tool=operation.tool, kind=error.kind.value)
                continue
            settled += 1
        return settled

    async def _forever(self) -> None:
        while True:
            try:
                await self.settle_all()
            except Exception as error:  # noqa: BLE001 - the outermost boundary of a background task: it must go on
                # Only the type: a message or a traceback may hold what a caller said.
                log.error("settling failed", error_type=type(error).__name__)  # noqa: TRY400
            await asyncio.sleep(SETTLE_EVERY_SECONDS)
