"""The agents of demo mode."""

from backend.workspaces.repository import DEMO_WORKSPACE
from contracts.agents import AgentSpec, BusinessProfile
from contracts.hours import OpeningHours


def demo_agents() -> list[AgentSpec]:
    """A restaurant with one table, so that a second caller sees what happens."""
    restaurant = BusinessProfile(
        name="Trattoria Demo",
        hours=OpeningHours.daily("11:30", "22:30"),
        booking_minutes=90,
        largest_party=8,
    )
    return [
        AgentSpec(
            id="restaurant",
            version=1,
            workspace=DEMO_WORKSPACE,
            name="Trattoria Demo",
            kind="restaurant",
            business=restaurant,
            servers=("google-calendar", "zapier"),
            tools=(
                "calendar_create_event",
                "calendar_check_availability",
                "calendar_find_slots",
                "calendar_list_events",
                "calendar_delete_event",
                "zapier_trigger_zap",
            ),
            notify_hook="restaurant_reservation",
        )
    ]
