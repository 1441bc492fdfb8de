"""What must be granted, and what a grant lacks."""

SCOPE = "https://www.googleapis.com/auth/"
EVENTS, FREE_BUSY, CALENDAR_LIST = "calendar.events", "calendar.freebusy", "calendar.calendarlist.readonly"
ENOUGH: dict[str, tuple[str, ...]] = {
    EVENTS: (EVENTS, "calendar"),
    FREE_BUSY: (FREE_BUSY, "calendar.readonly", "calendar"),
    CALENDAR_LIST: (CALENDAR_LIST, "calendar.calendarlist", "calendar.readonly", "calendar"),
}
"""Each need, and the scopes of which one covers it."""
ALL = tuple(SCOPE + name for name in ENOUGH)


def missing_scopes(granted: str) -> list[str]:
    """The needed scopes that a grant does not cover, by their full names.

    Args:
        granted: as Google answers it, separated by spaces.
    """
    names = {scope.removeprefix(SCOPE) for scope in granted.split()}
    return [SCOPE + need for need, enough in ENOUGH.items() if not names & set(enough)]
