"""The tools. A docstring-sized description is what the model reads."""

from collections.abc import Sequence
from typing import Any

from mcp_servers._template.client import Vendor
from mcp_servers._template.models import GetItem, Item
from mcp_servers.shared.calls import Call
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.shared.words import plain


class TemplateTools:
    """The tools of one account.

    Args:
        vendor: the account.
    """

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def specs(self) -> Sequence[ToolSpec[Any]]:
        """What the server registers."""
        return (
            ToolSpec(
                name="template_get_item",
                title="Look up an item",
                description="One item by its id.",
                arguments=GetItem,
                result=Item,
                run=self.get_item,
            ),
        )

    async def get_item(self, args: GetItem, call: Call) -> Item:
        """Read it."""
        del call
        item = await self._vendor.item(args.item_id)
        name = plain(str(item.get("name", "")))
        return Item(speech=f"That is {name}.", item_id=args.item_id, name=name)
