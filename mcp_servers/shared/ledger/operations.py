"""Operations: each write has one row, committed before its request leaves."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.operations import canonical_json
from contracts.results import Action, Receipt
from mcp_servers.shared.errors import Conflict
from mcp_servers.shared.ledger.database import LedgerDatabase
from mcp_servers.shared.ledger.tables import operations


class OperationState(StrEnum):
    """What is certain about a write."""

    SENDING = "sending"
    """The request may be on its way; a lease says who answers for it."""
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """Certain to have had no effect; the same operation may be tried again."""
    UNKNOWN = "unknown"
    """To be settled by reading the vendor, never by repeating blindly."""
    UNDONE = "undone"
    """Its effect was taken back on purpose; a new one has the next epoch."""


class Begun(StrEnum):
    """What to do with an operation."""

    SEND = "send"
    """It is new, or certain to have had no effect: send it."""
    SETTLE = "settle"
    """It may have had its effect: read the vendor first."""
    REPLAY = "replay"
    """It is confirmed: read the resource and repeat the receipt."""
    WAIT = "wait"
    """Somebody else is at it right now."""


@dataclass(frozen=True)
class Operation:
    """One row."""

    id: str
    key: str
    epoch: int
    tool: str
    workspace: str
    state: OperationState
    owner: str
    lease_until: float
    request: dict[str, Any]
    receipt: Receipt | None
    resource_id: str | None
    updated_at: float


class Operations:
    """The operations of a service.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: LedgerDatabase) -> None:
        self._db = database

    def operation_id(self, key: str, epoch: int) -> str:
        """The id of an operation: hexadecimal, unguessable, the same in every replica."""
        return hmac.new(self._db.secret, f"{key}|{epoch}".encode(), hashlib.sha256).hexdigest()[:40]

    async def begin(
        self,
        *,
        key: str,
        epoch: int | None,
        tool: str,
        workspace: str,
        request: Mapping[str, Any],
        hold_seconds: float | None = None,
    ) -> tuple[Begun, Operation]:
        """Commit the intent before anything leaves, or find what became of it.

        Args:
            key: the operation's key.
            epoch: the epoch that the client means; None means the current one.
            tool: the tool's name.
            workspace: whose operation it is.
            request: the arguments, for comparison and for settling.
            hold_seconds: how long a confirmed operation answers for its key; None means as long as it stands.

        Raises:
            Conflict: the epoch is over, because the operation was undone or its hold has passed; ``current_epoch`` says
                which one a new, deliberate operation uses.
        """
        scoped = hashlib.sha256(f"{workspace}|{tool}|{key}".encode()).hexdigest()
        async with self._db.alone(f"operation {scoped}") as connection:
            latest = await self._latest(connection, scoped)
            current = self._current_epoch(latest, hold_seconds)
            wanted = current if epoch is None else epoch
            if latest is not None and latest.epoch == wanted == current:
                return await self._resume(connection, latest, request)
            if wanted != current:
                raise Conflict(
                    "this operation was undone; a new one uses the current epoch",
                    field="_meta voxie/epoch",
                    current_epoch=current,
                )
            return Begun.SEND, await self._insert(connection, scoped, wanted, tool, workspace, request)

    async def confirm(self, operation_id: str, *, resource_id: str, receipt: Receipt) -> None:
        """The effect is certain."""
        await self._update(
            operation_id,
            state=OperationState.CONFIRMED.value,
            resource_id=resource_id,
            receipt=receipt.model_dump_json(),
        )

    async def fail(self, operation_id: str) -> None:
        """That there was no effect is certain. Says nothing when somebody else has taken the operation over meanwhile."""
        await self._update(operation_id, self._still_ours(), state=OperationState.FAILED.value)

    async def mark_unknown(self, operation_id: str) -> None:
        """Neither is certain. Says nothing when somebody else has taken the operation over meanwhile."""
        await self._update(operation_id, self._still_ours(), state=OperationState.UNKNOWN.value)

    async def undo(self, operation_id: str) -> None:
        """The effect was taken back; the key's epoch rises."""
        await self._update(operation_id, state=OperationState.UNDONE.value)

    async def of_resource(self, resource_id: str, *, action: Action) -> Operation | None:
        """The confirmed operation that did something to a resource; the latest if there are several."""
        confirmed = operations.c.state == OperationState.CONFIRMED.value
        query = sa.select(operations).where(operations.c.resource_id == resource_id, confirmed)
        async with self._db.reading() as connection:
            rows = (await connection.execute(query.order_by(operations.c.updated_at.desc()))).mappings().all()
        found = (_operation(row) for row in rows)
        return next((o for o in found if o.receipt is not None and o.receipt.action is action), None)

    async def get(self, operation_id: str) -> Operation | None:
        """One operation."""
        async with self._db.reading() as connection:
            row = (
                (await connection.execute(sa.select(operations).where(operations.c.id == operation_id)))
                .mappings()
                .first()
            )
        return _operation(row) if row else None

    async def take_unsettled(self, *, tools: Sequence[str], most: int = 20) -> list[Operation]:
        """Take rows whose sender is gone, for settling; another replica gets none of them.

        Args:
            tools: the tools that the caller can settle.
            most: how many to take.
        """
        now = self._db.now()
        unsettled = operations.c.state.in_((OperationState.SENDING.value, OperationState.UNKNOWN.value))
        query = (
            sa.select(operations)
            .where(unsettled, operations.c.lease_until < now, operations.c.tool.in_(tools))
            .order_by(operations.c.updated_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        async with self._db.alone("unsettled operations") as connection:
            rows = [_operation(row) for row in (await connection.execute(query)).mappings()]
            if rows:
                taken = operations.c.id.in_([row.id for row in rows])
                values = {"owner": self._db.owner, "lease_until": now + self._db.lease_seconds}
                await connection.execute(sa.update(operations).where(taken).values(**values))
        return rows

    async def _latest(self, connection: AsyncConnection, key: str) -> Operation | None:
        # Locked: a settler of another replica takes rows too, and only one of us may go on with this one.
        query = (
            sa.select(operations)
            .where(operations.c.key == key)
            .order_by(operations.c.epoch.desc())
            .limit(1)
            .with_for_update()
        )
        row = (await connection.execute(query)).mappings().first()
        return _operation(row) if row else None

    def _current_epoch(self, latest: Operation | None, hold_seconds: float | None) -> int:
        if latest is None:
            return 0
        held = hold_seconds is None or self._db.now() - latest.updated_at <= hold_seconds
        over = latest.state is OperationState.UNDONE or (latest.state is OperationState.CONFIRMED and not held)
        return latest.epoch + 1 if over else latest.epoch

    async def _resume(
        self, connection: AsyncConnection, found: Operation, request: Mapping[str, Any]
    ) -> tuple[Begun, Operation]:
        if found.state is OperationState.CONFIRMED:
            return Begun.REPLAY, found
        if found.state is OperationState.SENDING and found.lease_until > self._db.now():
            return Begun.WAIT, found
        begun = Begun.SEND if found.state is OperationState.FAILED else Begun.SETTLE
        values: dict[str, Any] = {
            "state": OperationState.SENDING.value,
            "owner": self._db.owner,
            "lease_until": self._db.now() + self._db.lease_seconds,
            "updated_at": self._db.now(),
        }
        if begun is Begun.SEND:
            values["request"] = canonical_json(dict(request))
        query = sa.update(operations).where(operations.c.id == found.id).values(**values)
        await connection.execute(query)
        return begun, found

    async def _insert(
        self, connection: AsyncConnection, key: str, epoch: int, tool: str, workspace: str, request: Mapping[str, Any]
    ) -> Operation:
        now = self._db.now()
        values: dict[str, Any] = {
            "id": self.operation_id(key, epoch),
            "key": key,
            "epoch": epoch,
            "tool": tool,
            "workspace": workspace,
            "state": OperationState.SENDING.value,
            "owner": self._db.owner,
            "lease_until": now + self._db.lease_seconds,
            "request": canonical_json(dict(request)),
            "created_at": now,
            "updated_at": now,
        }
        await connection.execute(sa.insert(operations).values(**values))
        return _operation({**values, "receipt": None, "resource_id": None})

    def _still_ours(self) -> sa.ColumnElement[bool]:
        """We stalled, our lease ran out, and another replica went on: what it found out counts, not what we believe."""
        open_states = (OperationState.SENDING.value, OperationState.UNKNOWN.value)
        return sa.and_(operations.c.owner == self._db.owner, operations.c.state.in_(open_states))

    async def _update(self, operation_id: str, *conditions: sa.ColumnElement[bool], **values: Any) -> None:
        async with self._db.alone(f"operation row {operation_id}") as connection:
            changed = sa.update(operations).where(operations.c.id == operation_id, *conditions)
            await connection.execute(changed.values(updated_at=self._db.now(), **values))


def _operation(row: Mapping[Any, Any]) -> Operation:
    return Operation(
        id=row["id"],
        key=row["key"],
        epoch=row["epoch"],
        tool=row["tool"],
        workspace=row["workspace"],
        state=OperationState(row["state"]),
        owner=row["owner"],
        lease_until=row["lease_until"],
        request=json.loads(row["request"]),
        receipt=Receipt.model_validate_json(row["receipt"]) if row["receipt"] else None,
        resource_id=row["resource_id"],
        updated_at=row["updated_at"],
    )
