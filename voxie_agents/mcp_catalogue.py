"""What is approved of a tool, and whether it is still so: the same reading of a listed tool in the backend and in a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from mcp.types import Tool

from contracts.calls import CatalogueTool

log = structlog.get_logger()


def catalogued(tool: Tool, *, foreign: bool) -> CatalogueTool:
    """A listed tool as the registry keeps it: everything that a model or a call is guided by.

    Args:
        tool: as its server lists it.
        foreign: run by others; its ``_meta`` is not believed, so it is not kept.
    """
    wire: dict[str, Any] = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return CatalogueTool(
        name=tool.name,
        title=tool.title,
        description=tool.description or "",
        input_schema=wire["inputSchema"],
        output_schema=wire.get("outputSchema"),
        annotations=wire.get("annotations", {}),
        meta={} if foreign else wire.get("_meta", {}),
    )


def as_listed(tool: CatalogueTool) -> Tool:
    """A tool of the catalogue as its server listed it."""
    wire = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description or None,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations or None,
        "_meta": tool.meta or None,
    }
    return Tool.model_validate({key: value for key, value in wire.items() if value is not None})


def unchanged(
    server: str, tools: Sequence[Tool], approved: Mapping[str, CatalogueTool], *, foreign: bool
) -> list[Tool]:
    """Of the tools that a server lists now, those that are what was approved of them."""
    kept: list[Tool] = []
    for tool in tools:
        known = approved.get(tool.name)
        if known is not None and known == catalogued(tool, foreign=foreign):
            kept.append(tool)
        elif known is not None:
            log.warning("tool not offered", server=server, tool=tool.name, problem="it is not what was approved")
    return kept
