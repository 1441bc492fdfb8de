"""Deliveries on the ledger: stored before anything leaves, and taken over from a process that died.

Each row is in one state, and moves on in one transaction. A row that may be on its way to Zapier (``sending``) has a lease;
when it runs out, nobody knows whether Zapier got it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.operations import canonical_json
from mcp_servers.shared.errors import Conflict
from mcp_servers.shared.ledger import LedgerDatabase, Operations
from mcp_servers.zapier.delivery import Delivery, NewDelivery, Reason, State, deliveries, read_row
from mcp_servers.zapier.pace import Limit, Pace

HOLD_SECONDS = 15 * 60.0
"""How long the same key is the same delivery: a caller who rings back does not notify twice."""


Instant = float | sa.BindParameter[Any]


def _due(now: Instant) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.state == State.QUEUED.value, deliveries.c.due_at <= now)


def _abandoned(now: Instant) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.state == State.SENDING.value, deliveries.c.lease_until < now)


# Made once: with a row of many columns, making a statement costs more than running it.
INSERT = sa.insert(deliveries)
BY_ID = sa.select(deliveries).where(deliveries.c.id == sa.bindparam("wanted"))
LATEST = (
    sa.select(deliveries).where(deliveries.c.key == sa.bindparam("wanted")).order_by(deliveries.c.epoch.desc()).limit(1)
)
MOVE = sa.update(deliveries).where(
    deliveries.c.id == sa.bindparam("wanted"), deliveries.c.state.in_(sa.bindparam("before", expanding=True))
)
MOVE_OURS = MOVE.where(deliveries.c.owner == sa.bindparam("ours"), deliveries.c.attempts == sa.bindparam("attempt"))
AT = sa.bindparam("at", type_=sa.Float)
WITH_WORK = (
    sa.select(deliveries.c.account, sa.func.min(deliveries.c.due_at).label("first"))
    .where(sa.or_(_due(AT), _abandoned(AT)))
    .group_by(deliveries.c.account)
    .order_by("first")
)
GIVEN_UP = (State.DEAD.value, State.UNKNOWN.value)


class DeliveryQueue:
    """The deliveries of a service.

    Args:
        database: where they are kept.
        limits: of each account.
        lease_seconds: how long a sender may take; longer than any request.
    """

    def __init__(self, database: LedgerDatabase, *, limits: Sequence[Limit], lease_seconds: float) -> None:
        self._db = database
        self._operations = Operations(database)
        self._pace = Pace(limits)
        self._lease_seconds = lease_seconds

    async def store(self, new: NewDelivery) -> tuple[Delivery, bool]:
        """Commit a delivery before anything leaves, or find the one that has its key.

        Returns:
            The delivery, and whether the caller is the one to send it now.

        Raises:
            Conflict: the client means an epoch that is over.
        """
        key = hashlib.sha256(f"{new.workspace}|{new.connection}|{new.hook}|{new.key}".encode()).hexdigest()
        async with self._db.alone(_subject(new.account)) as connection:
            latest = await self._latest(connection, key)
            current = self._current_epoch(latest)
            if new.epoch is not None and new.epoch != current and not (latest and new.epoch == latest.epoch):
                raise Conflict("this delivery's epoch is over", field="_meta voxie/epoch", current_epoch=current)
            wanted = current if new.epoch is None else new.epoch
            if latest is not None and latest.epoch == wanted and latest.state is not State.DEAD:
                return latest, False
            again = latest if latest is not None and latest.epoch == wanted else None
            row = {
                "id": self._operations.operation_id(key, wanted),
                "key": key,
                "epoch": wanted,
                "created_at": again.created_at if again else self._db.now(),
                "request_id": None,
                "run_id": None,
                **await self._first_values(connection, new),
            }
            if again is None:
                await connection.execute(INSERT, row)
            else:
                moved = await connection.execute(MOVE, {**row, "wanted": again.id, "before": [State.DEAD.value]})
                if not moved.rowcount:
                    # A person has replayed it since it was read: that one goes out, and no second.
                    return await self._latest(connection, key) or again, False
        # Not read again: what was just committed is known.
        stored = read_row(row)
        return stored, stored.state is State.SENDING

    async def claim(self, *, most: int) -> list[Delivery]:
        """Take deliveries that are due and that the rate allows; another replica gets none of them.

        What a dead process left ``sending`` is settled first: it becomes unknown, or is queued again where that is safe.
        """
        taken: list[Delivery] = []
        for account in await self._accounts_with_work():
            if len(taken) >= most:
                break
            async with self._db.alone(_subject(account)) as connection:
                await self._settle_abandoned(connection, account)
                taken += await self._take_due(connection, account, most - len(taken))
        return taken

    async def accept(self, delivery: Delivery, *, request_id: str | None) -> Delivery | None:
        """Zapier has it, which is certain whatever was thought meanwhile."""
        before = (State.SENDING, State.UNKNOWN, State.QUEUED, State.DEAD)
        return await self._move(
            delivery,
            State.ACCEPTED,
            before=before,
            request_id=request_id,
            payload=None,
            deferred=None,
            reason=None,
            http_status=None,
        )

    async def try_again(
        self, delivery: Delivery, *, at: float, reason: Reason, http_status: int | None = None, counts: bool,
        pause_account: bool = False,
    ) -> Delivery | None:  # fmt: skip
        """Zapier certainly did not take it, or it is safe to send it twice.

        Args:
            delivery: as it was claimed.
            at: when, in seconds since 1970.
            reason: why it is not done yet.
            http_status: what Zapier answered.
            counts: whether this was one of the tries after which it is given up.
            pause_account: nothing of this account is sent before then either.
        """
        refusals = delivery.refusals + (1 if counts else 0)
        moved = await self._move(
            delivery, State.QUEUED, due_at=at, reason=reason, http_status=http_status, refusals=refusals
        )
        if pause_account:
            async with self._db.alone(_subject(delivery.account)) as connection:
                await self._pace.pause(connection, delivery.account, until=at)
        return moved

    async def lose_sight(
        self, delivery: Delivery, *, reason: Reason, http_status: int | None = None
    ) -> Delivery | None:
        """Zapier may have it."""
        return await self._move(delivery, State.UNKNOWN, reason=reason, http_status=http_status)

    async def give_up(self, delivery: Delivery, *, reason: Reason, http_status: int | None = None) -> Delivery | None:
        """Put it with the dead letters, where a person sees it."""
        return await self._move(delivery, State.DEAD, reason=reason, http_status=http_status)

    async def note_run(self, delivery: Delivery, *, run_id: str, ran: bool) -> None:
        """The run that it caused has been found."""
        state = State.RAN if ran else State.FAILED
        await self._move(delivery, state, before=(State.ACCEPTED, State.FAILED), run_id=run_id)

    async def replay(self, delivery_id: str) -> bool:
        """Queue a dead or unknown delivery again, because a person says so; False when there is no such one, or when
        its payload has been erased meanwhile.
        """
        there = sa.and_(
            deliveries.c.id == delivery_id, deliveries.c.state.in_(GIVEN_UP), deliveries.c.payload.is_not(None)
        )
        values = {"state": State.QUEUED.value, "due_at": 0.0, "refusals": 0, "created_at": self._db.now()}
        async with self._db.writing() as connection:
            return bool((await connection.execute(sa.update(deliveries).where(there).values(**values))).rowcount)

    async def forget(self, *, older: float) -> None:
        """Erase what dead and unknown deliveries would send.

        Args:
            older: seconds since they were last touched.
        """
        old = sa.and_(
            deliveries.c.state.in_(GIVEN_UP),
            deliveries.c.payload.is_not(None),
            deliveries.c.updated_at < self._db.now() - older,
        )
        async with self._db.writing() as connection:
            await connection.execute(sa.update(deliveries).where(old).values(payload=None, deferred=None))

    async def get(self, delivery_id: str) -> Delivery | None:
        """One delivery."""
        async with self._db.reading() as connection:
            row = (await connection.execute(BY_ID, {"wanted": delivery_id})).mappings().first()
        return read_row(row) if row else None

    async def of_states(self, *states: State, most: int = 100) -> list[Delivery]:
        """Deliveries in some states, the newest first."""
        wanted = deliveries.c.state.in_([state.value for state in states])
        query = sa.select(deliveries).where(wanted).order_by(deliveries.c.updated_at.desc()).limit(most)
        async with self._db.reading() as connection:
            return [read_row(row) for row in (await connection.execute(query)).mappings()]

    def may_still_send(self, delivery: Delivery, *, within: float) -> bool:
        """Whether a request that takes so long ends before others may take the delivery over."""
        return self._db.now() + within <= delivery.lease_until

    async def _latest(self, connection: AsyncConnection, key: str) -> Delivery | None:
        row = (await connection.execute(LATEST, {"wanted": key})).mappings().first()
        return read_row(row) if row else None

    def _current_epoch(self, latest: Delivery | None) -> int:
        if latest is None:
            return 0
        open_still = latest.state in {State.QUEUED, State.SENDING}
        held = self._db.now() - latest.created_at <= HOLD_SECONDS
        return latest.epoch if open_still or held else latest.epoch + 1

    async def _first_values(self, connection: AsyncConnection, new: NewDelivery) -> dict[str, Any]:
        """Sent at once when the rate allows it, else queued: either way it is stored."""
        now = self._db.now()
        sends = await self._pace.use(connection, new.account, wanted=1, now=now) == 1
        return {
            "workspace": new.workspace,
            "connection": new.connection,
            "hook": new.hook,
            "account": new.account,
            "retry_safe": new.retry_safe,
            "payload": canonical_json(dict(new.payload)),
            "deferred": new.deferred.get_secret_value() if new.deferred else None,
            "state": (State.SENDING if sends else State.QUEUED).value,
            "reason": None,
            "http_status": None,
            "owner": self._db.owner,
            "lease_until": now + self._lease_seconds,
            "due_at": now,
            "attempts": 1 if sends else 0,
            "refusals": 0,
            "updated_at": now,
        }

    async def _accounts_with_work(self) -> list[str]:
        async with self._db.reading() as connection:
            return [row.account for row in await connection.execute(WITH_WORK, {"at": self._db.now()})]

    async def _settle_abandoned(self, connection: AsyncConnection, account: str) -> None:
        now = self._db.now()
        mine = sa.and_(deliveries.c.account == account, _abandoned(now))
        for safe, state in ((True, State.QUEUED), (False, State.UNKNOWN)):
            values: dict[str, Any] = {
                "state": state.value,
                "reason": Reason.SENDER_DIED.value,
                "due_at": now,
                "updated_at": now,
            }
            query = sa.update(deliveries).where(mine, deliveries.c.retry_safe.is_(safe))
            await connection.execute(query.values(**values))

    async def _take_due(self, connection: AsyncConnection, account: str, most: int) -> list[Delivery]:
        now = self._db.now()
        query = (
            sa.select(deliveries)
            .where(deliveries.c.account == account, _due(now))
            .order_by(deliveries.c.due_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        ids = [row.id for row in await connection.execute(query)]
        ids = ids[: await self._pace.use(connection, account, wanted=len(ids), now=now)]
        if not ids:
            return []
        values: dict[str, Any] = {
            "state": State.SENDING.value,
            "owner": self._db.owner,
            "lease_until": now + self._lease_seconds,
            "attempts": deliveries.c.attempts + 1,
            "updated_at": now,
        }
        await connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(**values))
        rows = await connection.execute(sa.select(deliveries).where(deliveries.c.id.in_(ids)))
        return [read_row(row) for row in rows.mappings()]

    async def _move(
        self, delivery: Delivery, state: State, *, before: tuple[State, ...] = (State.SENDING,), **changes: Any
    ) -> Delivery | None:
        """Move a delivery on; None when somebody else did since we took it."""
        changes |= {"state": state, "updated_at": self._db.now()}
        where = {"wanted": delivery.id, "before": before}
        statement = MOVE
        if before == (State.SENDING,):
            statement = MOVE_OURS
            where |= {"ours": delivery.owner, "attempt": delivery.attempts}
        # One statement with its own condition needs no other lock.
        async with self._db.writing() as connection:
            moved = await connection.execute(statement, {**changes, **where})
        return replace(delivery, **changes) if moved.rowcount else None


def _subject(account: str) -> str:
    return f"zapier account {account}"
