"""Agents to begin with: for each kind of business, what it may use. Few tools, so that a model chooses well and fast."""

from pydantic import BaseModel

from backend.agents.schemas import AgentDraft, Business
from contracts.agents import AgentKind
from contracts.hours import OpeningHours

BOOKING_TOOLS = (
    "calendar_find_slots",
    "calendar_check_availability",
    "calendar_create_event",
    "calendar_list_events",
    "calendar_delete_event",
)
MOST_TEMPLATE_TOOLS = 6
MOST_SCHEMA_TOKENS = 1200


class Template(BaseModel):
    """A beginning."""

    kind: AgentKind
    title: str
    draft: AgentDraft


def _template(kind: AgentKind, title: str, hours: tuple[str, str], *, minutes: int, party: int) -> Template:
    business = Business(name=title, hours=OpeningHours.daily(*hours), booking_minutes=minutes, largest_party=party)
    draft = AgentDraft(
        name=title,
        kind=kind,
        business=business,
        servers=("google-calendar", "zapier"),
        tools=(*BOOKING_TOOLS, "zapier_trigger_zap"),
    )
    return Template(kind=kind, title=title, draft=draft)


TEMPLATES = (
    _template("restaurant", "Restaurant", ("11:30", "22:30"), minutes=90, party=8),
    _template("dental", "Dental office", ("09:00", "18:00"), minutes=30, party=1),
    _template("medical", "Medical practice", ("08:00", "18:00"), minutes=20, party=1),
    _template("business", "Business", ("09:00", "18:00"), minutes=30, party=4),
)
