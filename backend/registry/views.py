"""A tool as the API says it."""

from typing import Any

from backend.registry.repository import fingerprint
from backend.registry.schemas import Difference, ToolState, ToolView
from backend.registry.tables import OPERATOR, ServerRow, ServerToolRow
from voxie_agents.mcp_offers import qualified_name

PARTS = ("title", "description", "input_schema", "output_schema", "annotations", "meta")


def tool_view(server: ServerRow, row: ServerToolRow) -> ToolView:
    """One tool, with what changed of it."""
    listed = row.listed
    return ToolView(
        name=row.name,
        grant=row.name if server.workspace_id == OPERATOR else qualified_name(server.name, row.name),
        state=ToolState(row.state),
        title=listed["title"],
        description=listed["description"],
        input_schema=listed["input_schema"],
        output_schema=listed["output_schema"],
        annotations=listed["annotations"],
        fingerprint=fingerprint(listed),
        differences=_differences(row.approved, listed),
        changed_at=row.changed_at,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
    )


def _differences(approved: dict[str, Any] | None, listed: dict[str, Any]) -> list[Difference]:
    if approved is None:
        return []
    changed = [part for part in PARTS if approved.get(part) != listed.get(part)]
    return [Difference(part=part, old=approved.get(part), new=listed.get(part)) for part in changed]
