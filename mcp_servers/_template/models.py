"""Arguments and results of the tools, as a model sees them."""

from typing import Annotated

from pydantic import Field

from mcp_servers.shared.tools import Arguments, Result


class GetItem(Arguments):
    """Arguments of ``template_get_item``."""

    item_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description="The item's id")]


class Item(Result):
    """Result of ``template_get_item``."""

    item_id: str
    name: str
