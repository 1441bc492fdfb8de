"""Zapier's tools."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.meta import Role
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import NotFound
from mcp_servers.shared.ledger import Writer
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.zapier.client import NOT_SENT, Zapier
from mcp_servers.zapier.deliveries import HOLD_SECONDS, Delivery
from mcp_servers.zapier.models import ListZaps, Triggered, TriggerZap, Zaps, ZapView
from mcp_servers.zapier.settings import Hook


class ZapierTools:
    """The tools of one account.

    Args:
        zapier: the account.
        hooks: by name.
        writer: runs deliveries on the ledger.
        demo: whether receipts are of the sandbox.
        now: seconds since 1970.
    """

    def __init__(
        self, zapier: Zapier, hooks: Mapping[str, Hook], writer: Writer, *, demo: bool, now: Callable[[], float]
    ) -> None:
        self._zapier = zapier
        self._hooks = hooks
        self._writer = writer
        self._demo = demo
        self._now = now

    def specs(self) -> Sequence[ToolSpec[Any]]:
        """What the server registers."""
        hooks = ", ".join(sorted(self._hooks)) or "none"
        return (
            ToolSpec(
                name="zapier_trigger_zap",
                title="Trigger a Zap",
                description=(
                    f"Hand a payload to one of the business's Zaps by the name of its hook (configured: {hooks}). "
                    "Accepted means that Zapier has it, not that the Zap ran; say no more than the answer's speech."
                ),
                arguments=TriggerZap,
                result=Triggered,
                run=self.trigger_zap,
                effect="destroy",
            ),
            ToolSpec(
                name="zapier_list_zaps",
                title="List Zaps",
                description="The account's Zaps and the names of its hooks. For the owner.",
                arguments=ListZaps,
                result=Zaps,
                run=self.list_zaps,
                roles=frozenset({Role.OWNER}),
            ),
        )

    async def trigger_zap(self, args: TriggerZap, call: Call) -> Triggered:
        """Deliver once."""
        hook = self._hooks.get(args.zap_id)
        if hook is None:
            known = ", ".join(sorted(self._hooks)) or "none"
            raise NotFound(f"zap_id: no hook of this name; configured: {known}", field="zap_id", speech=NOT_SENT)
        fields = hook.key_fields or tuple(args.payload)
        delivery = Delivery(self._zapier, args.zap_id, hook, args.payload, self._demo, self._now)
        done = await self._writer.run(
            delivery,
            call,
            key=call.key(hook=args.zap_id, fields={name: args.payload.get(name) for name in sorted(fields)}),
            request={"zap_id": args.zap_id},
            hold_seconds=HOLD_SECONDS,
        )
        return Triggered(
            speech=done.receipt.speech,
            zap_id=args.zap_id,
            delivery_id=done.resource_id,
            status="accepted",
            receipt=done.receipt,
        )

    async def list_zaps(self, args: ListZaps, call: Call) -> Zaps:
        """What the account has."""
        del args, call
        zaps = [ZapView(id=zap.id, title=zap.title, enabled=zap.enabled) for zap in await self._zapier.list_zaps()]
        on = sum(zap.enabled for zap in zaps)
        return Zaps(speech=f"There are {len(zaps)} Zaps, {on} of them on.", zaps=zaps, hooks=sorted(self._hooks))
