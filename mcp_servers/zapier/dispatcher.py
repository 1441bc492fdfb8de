"""Sends what is queued, at once where the rate allows it, and again with patience where Zapier asks for it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mcp_servers.shared.credentials import GrantEnded
from mcp_servers.shared.errors import NotFound, ServerError
from mcp_servers.zapier.client import CatchHooks, Sent, Verdict
from mcp_servers.zapier.delivery import Delivery, NewDelivery, Reason, State
from mcp_servers.zapier.hooks import HookSource
from mcp_servers.zapier.queue import DeliveryQueue

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 0.25
AT_ONCE = 20
"""Requests that one process has under way for queued deliveries."""
FIRST_PAUSE = 0.5
WITHOUT_CREDENTIAL_SECONDS = 30.0
FORGET_EVERY_SECONDS = 3600.0
KEEP_SECONDS = 30 * 86_400.0
"""How long what was not delivered can be replayed; then its payload, which holds what a caller said, is erased."""
UNDER_WAY = frozenset({State.QUEUED, State.SENDING})


@dataclass(frozen=True)
class Patience:
    """When to give up.

    Args:
        most_refusals: answers with which Zapier refuses for now. Not reaching Zapier at all does not count: a day without
            network loses nothing.
        longest_seconds: how old a delivery may become.
        hook_seconds: how long one request may take.
        longest_pause: between two tries, where Zapier asks for none.
    """

    most_refusals: int
    longest_seconds: float
    hook_seconds: float
    longest_pause: float


class Dispatcher:
    """Moves deliveries to Zapier.

    Args:
        queue: where they are stored.
        catch_hooks: sends one.
        hooks: where each goes.
        patience: when to give up.
        now: seconds since 1970.
        jitter: a number from 0 to 1; injected in tests.
    """

    def __init__(
        self,
        queue: DeliveryQueue,
        catch_hooks: CatchHooks,
        hooks: HookSource,
        patience: Patience,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._catch_hooks = catch_hooks
        self._hooks = hooks
        self._patience = patience
        self._now = now
        self._jitter = jitter
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, set[asyncio.Future[Delivery | None]]] = {}

    def start(self) -> None:
        """Begin looking for what is due; returns at once."""
        self._loop = asyncio.create_task(self._forever())

    async def aclose(self) -> None:
        """Stop looking, and finish the requests under way."""
        # Not cancelled: a look that is under way holds a connection of the database.
        self._stopping.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        await asyncio.gather(*self._attempts.values(), return_exceptions=True)

    async def deliver(self, new: NewDelivery, *, wait: float) -> tuple[Delivery, bool]:
        """Store a delivery, begin sending it, and wait a little for Zapier to take it.

        Args:
            new: what to deliver.
            wait: seconds at most.

        Returns:
            The delivery as it is then, and whether it was new.

        Raises:
            Conflict: the client means an epoch that is over.
        """
        told = asyncio.get_running_loop().create_future()
        delivery, mine = await self._queue.store(new)
        watchers = self._waiting.setdefault(delivery.id, set())
        watchers.add(told)
        try:
            if mine:
                self._begin(delivery)
            moved = await self._wait(delivery, told, wait)
        finally:
            watchers.discard(told)
            if not watchers:
                self._waiting.pop(delivery.id, None)
        return moved or await self._queue.get(delivery.id) or delivery, mine

    async def dispatch_due(self) -> int:
        """Begin sending what is due; how many were begun."""
        room = AT_ONCE - len(self._attempts)
        claimed = await self._queue.claim(most=room) if room > 0 else []
        for delivery in claimed:
            self._begin(delivery)
        return len(claimed)

    @staticmethod
    async def _wait(delivery: Delivery, told: asyncio.Future[Delivery | None], seconds: float) -> Delivery | None:
        """Until it is settled here, or until there is no more time; None when only the ledger can say how it is."""
        if delivery.state not in UNDER_WAY:
            return delivery
        try:
            async with asyncio.timeout(seconds):
                return await told
        except TimeoutError:
            return None

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._attempt(delivery))
        self._attempts[delivery.id] = task
        task.add_done_callback(lambda _: self._ended(delivery.id, task))

    def _ended(self, delivery_id: str, task: asyncio.Task[None]) -> None:
        if self._attempts.get(delivery_id) is task:
            del self._attempts[delivery_id]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The row stays `sending` and its lease runs out: what became of it is unknown, which is the truth.
            log.error("delivery attempt crashed", error_type=type(error).__name__)

    async def _attempt(self, delivery: Delivery) -> None:
        sent = await self._send(delivery)
        await self._record(delivery, sent)
        log.info("delivery attempted", hook=delivery.hook, verdict=sent.verdict.value, attempts=delivery.attempts)

    async def _send(self, delivery: Delivery) -> Sent:
        try:
            hook = await self._hooks.of_delivery(delivery)
        except NotFound:
            brokered = delivery.deferred is not None
            return Sent(Verdict.REFUSED, reason=Reason.DISCONNECTED if brokered else Reason.HOOK_NOT_CONFIGURED)
        except GrantEnded:
            return Sent(Verdict.REFUSED, reason=Reason.GRANT_ENDED)
        except ServerError:
            return Sent(Verdict.NOT_REACHED, reason=Reason.NO_CREDENTIAL, retry_after=WITHOUT_CREDENTIAL_SECONDS)
        assert delivery.payload is not None, "it is erased only when nothing is to be sent any more"
        if not self._queue.may_still_send(delivery, within=self._patience.hook_seconds):
            # This process stood still for so long that another may take the delivery over at any moment.
            return Sent(Verdict.NOT_REACHED, reason=Reason.NOT_REACHED)
        return await self._catch_hooks.post(
            hook, delivery.payload, delivery_id=delivery.id, within=self._patience.hook_seconds
        )

    async def _record(self, delivery: Delivery, sent: Sent) -> None:
        verdict = sent.verdict
        if verdict is Verdict.UNKNOWN and delivery.retry_safe:
            verdict = Verdict.BUSY
        match verdict:
            case Verdict.TAKEN:
                moved = await self._queue.accept(delivery, request_id=sent.request_id)
            case Verdict.UNKNOWN:
                moved = await self._queue.lose_sight(delivery, reason=sent.reason, http_status=sent.http_status)
            case Verdict.REFUSED:
                moved = await self._queue.give_up(delivery, reason=sent.reason, http_status=sent.http_status)
            case Verdict.BUSY | Verdict.NOT_REACHED:
                moved = await self._again(delivery, sent, counts=verdict is Verdict.BUSY)
                if moved is not None and moved.state is State.QUEUED and self._soon(delivery, sent):
                    return
        self._tell(delivery.id, moved)

    async def _again(self, delivery: Delivery, sent: Sent, *, counts: bool) -> Delivery | None:
        now = self._now()
        if counts and delivery.refusals + 1 >= self._patience.most_refusals:
            return await self._queue.give_up(delivery, reason=Reason.TOO_MANY_TRIES, http_status=sent.http_status)
        if now - delivery.created_at > self._patience.longest_seconds:
            return await self._queue.give_up(delivery, reason=Reason.TOO_OLD, http_status=sent.http_status)
        return await self._queue.try_again(
            delivery,
            at=now + self._pause(delivery, sent),
            reason=sent.reason,
            http_status=sent.http_status,
            counts=counts,
            pause_account=sent.http_status == 429,
        )

    def _pause(self, delivery: Delivery, sent: Sent) -> float:
        """What Zapier asks for, else twice as long each time; never at the same moment for all."""
        if sent.retry_after is not None:
            return sent.retry_after + min(sent.retry_after, 1.0) * self._jitter()
        pause = min(FIRST_PAUSE * 2 ** min(delivery.attempts - 1, 20), self._patience.longest_pause)
        return pause * (0.5 + self._jitter() / 2)

    @staticmethod
    def _soon(delivery: Delivery, sent: Sent) -> bool:
        """Whether somebody who waits for it may still see it taken."""
        return delivery.attempts <= 1 and (sent.retry_after or 0.0) < FIRST_PAUSE

    def _tell(self, delivery_id: str, moved: Delivery | None) -> None:
        for told in self._waiting.get(delivery_id, ()):
            if not told.done():
                told.set_result(moved)

    async def _forever(self) -> None:
        forget_at = 0.0
        while not self._stopping.is_set():
            begun = 0
            try:
                begun = await self.dispatch_due()
                if self._now() >= forget_at:
                    forget_at = self._now() + FORGET_EVERY_SECONDS
                    await self._queue.forget(older=KEEP_SECONDS)
            except Exception as error:  # noqa: BLE001 - the outermost boundary of a background task: it must go on
                # Only the type: a message or a traceback may hold what a caller said.
                log.error("looking for deliveries failed", error_type=type(error).__name__)  # noqa: TRY400
            await self._pause_between_looks(LOOK_EVERY_SECONDS if begun < AT_ONCE else 0.01)

    async def _pause_between_looks(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
