"""Zapier's tools."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.hooks import DescribedHook, describe_hooks
from contracts.meta import Role
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import NotFound, ServerError
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.zapier.delivery import Delivery, NewDelivery, State
from mcp_servers.zapier.dispatcher import Dispatcher
from mcp_servers.zapier.hooks import HookSource, account_of, check_payload
from mcp_servers.zapier.models import DeliveryView, GetDelivery, ListZaps, Triggered, TriggerZap, Zaps, ZapView
from mcp_servers.zapier.queue import DeliveryQueue
from mcp_servers.zapier.settings import Hook
from mcp_servers.zapier.spoken import SPEECH, failure_of, receipt_of
from mcp_servers.zapier.ways import ManagesZaps, WaySource, Zap

OVER = {"success": True, "error": False, "error_handled": False, "halted": False, "filtered": False}
"""How a run that is over ended: whether it ran to its end."""
SHOWN_SCHEMAS = 750
"""Characters of payload schemas that are shown, since clients cut a long description; beyond them, only the names of the fields."""


@dataclass(frozen=True)
class ZapierTools:
    """The tools of one account.

    Args:
        ways: what the credential opens beside the hooks.
        zaps: keeps lists of Zaps for a while.
        hooks: where deliveries may go.
        shown: hooks to describe to a model, by name.
        dispatcher: delivers.
        queue: knows what became of a delivery.
        demo: whether receipts are of the sandbox.
        acceptance: seconds that a caller waits for Zapier to take a delivery; it is stored before, and goes on after.
    """

    ways: WaySource
    zaps: "ListedZaps"
    hooks: HookSource
    shown: Mapping[str, Hook]
    dispatcher: Dispatcher
    queue: DeliveryQueue
    demo: bool
    acceptance: float

    def specs(self) -> Sequence[ToolSpec[Any]]:
        """What the server registers."""
        return (
            ToolSpec(
                name="zapier_trigger_zap",
                title="Trigger a Zap",
                description=(
                    "Hand a payload to one of the business's Zaps by its hook's name. accepted means that Zapier has it, "
                    f"not that the Zap ran. Say the answer's speech and no more. {describe(self.shown)}"
                ),
                arguments=TriggerZap,
                result=Triggered,
                run=self.trigger_zap,
                effect="destroy",
                grant_argument="zap_id",
                hook_arguments={"name": "zap_id", "payload": "payload"},
            ),
            ToolSpec(
                name="zapier_get_delivery",
                title="Ask about a delivery",
                description="What became of a delivery, by its delivery_id.",
                arguments=GetDelivery,
                result=DeliveryView,
                run=self.get_delivery,
            ),
            ToolSpec(
                name="zapier_list_zaps",
                title="List Zaps",
                description="The account's Zaps and the names of its hooks. For the owner.",
                arguments=ListZaps,
                result=Zaps,
                run=self.list_zaps,
                roles=frozenset({Role.OWNER}),
                needs=self.ways.lacks_for_zaps,
            ),
        )

    async def trigger_zap(self, args: TriggerZap, call: Call) -> Triggered:
        """Store a delivery, and wait a little for Zapier to take it."""
        hooks = await self.hooks.of_call(call)
        hook = hooks.named(args.zap_id)
        check_payload(hook, args.payload)
        fields = sorted(hook.key_fields or args.payload)
        new = NewDelivery(
            key=call.key(hook=args.zap_id, fields={name: args.payload.get(name) for name in fields}),
            epoch=call.epoch,
            workspace=call.workspace,
            connection=hooks.connection,
            hook=args.zap_id,
            account=account_of(hook),
            retry_safe=hook.retry_safe,
            payload=args.payload,
            deferred=hooks.deferred.get(args.zap_id),
        )
        delivery, is_new = await self.dispatcher.deliver(new, wait=min(self.acceptance, call.remaining() / 2))
        failure = failure_of(delivery)
        if failure is not None:
            raise failure
        receipt = receipt_of(delivery, tool=call.tool, replayed=not is_new, demo=self.demo)
        return Triggered(
            speech=receipt.speech,
            zap_id=args.zap_id,
            delivery_id=delivery.id,
            run_id=delivery.run_id,
            status=delivery.state,
            receipt=receipt,
        )

    async def get_delivery(self, args: GetDelivery, call: Call) -> DeliveryView:
        """What became of a delivery of this workspace."""
        delivery = await self.queue.get(args.delivery_id)
        if delivery is None or delivery.workspace != call.workspace:
            raise NotFound("delivery_id: no delivery of this id", field="delivery_id")
        delivery = await self._with_run(delivery, call)
        return DeliveryView(
            speech=SPEECH[delivery.state],
            delivery_id=delivery.id,
            zap_id=delivery.hook,
            status=delivery.state,
            reason=delivery.reason.value if delivery.reason else None,
            run_id=delivery.run_id,
            attempts=delivery.attempts,
            created_at=datetime.fromtimestamp(delivery.created_at, UTC),
            updated_at=datetime.fromtimestamp(delivery.updated_at, UTC),
        )

    async def _with_run(self, delivery: Delivery, call: Call) -> Delivery:
        """Look for the run that the delivery caused, where the credential can see runs."""
        if delivery.state is not State.ACCEPTED:
            return delivery
        try:
            way = await self.ways.to_zaps(call)
            runs = await way.runs(zap_number=None, status=None, search=delivery.id, most=1)
        except ServerError:
            return delivery
        if not runs or runs[0].status not in OVER:
            return delivery
        await self.queue.note_run(delivery, run_id=runs[0].id, ran=OVER[runs[0].status])
        return await self.queue.get(delivery.id) or delivery

    async def list_zaps(self, args: ListZaps, call: Call) -> Zaps:
        """What the account has."""
        del args
        hooks = await self.hooks.of_call(call)
        way = await self.ways.to_zaps(call)
        zaps = [
            ZapView(id=zap.id, number=zap.number, title=zap.title, enabled=zap.enabled)
            for zap in await self.zaps.of(call.workspace, way)
        ]
        on = sum(zap.enabled for zap in zaps)
        return Zaps(speech=f"There are {len(zaps)} Zaps, {on} of them on.", zaps=zaps, hooks=sorted(hooks.by_name))


class ListedZaps:
    """Lists of Zaps, kept for a while; never used to decide a write.

    Args:
        ttl: seconds.
        now: seconds since 1970.
    """

    def __init__(self, *, ttl: float, now: Callable[[], float]) -> None:
        self._ttl = ttl
        self._now = now
        self._kept: dict[str, tuple[float, list[Zap]]] = {}

    async def of(self, workspace: str, way: ManagesZaps) -> list[Zap]:
        """The Zaps of a workspace."""
        kept = self._kept.get(workspace)
        if kept is not None and self._now() < kept[0]:
            return kept[1]
        zaps = await way.list_zaps()
        still_good = {name: kept for name, kept in self._kept.items() if self._now() < kept[0]}
        self._kept = {**still_good, workspace: (self._now() + self._ttl, zaps)}
        return zaps

    def forget(self) -> None:
        """A Zap has changed."""
        self._kept.clear()


def describe(hooks: Mapping[str, Hook]) -> str:
    """The server's own hooks as a model is told of them; those of a workspace are told by its agent."""
    if not hooks:
        return "zap_id: as the owner named it."
    described = [
        DescribedHook(
            name=name, title=hook.title, payload_schema=hook.payload_schema, key_fields=tuple(hook.key_fields)
        )
        for name, hook in sorted(hooks.items())
    ]
    return "zap_id and its payload: " + describe_hooks(described, most=SHOWN_SCHEMAS)
