"""How strict the stand-in is today, set at ``/_sandbox/google/settings``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """What tests and people may turn; a reset turns all back."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    rotate_refresh_tokens: bool = False
    """Whether each refresh gives a new refresh token and ends the old one."""
    most_refresh_tokens: Annotated[int, Field(ge=1)] = 100
    """Refresh tokens of one account and client; at one more the oldest dies silently. The default is Google's own."""
    requests_per_minute: Annotated[int | None, Field(ge=1)] = None
    """The limit of one account; Google's own is 600. None: no limit."""
    limit_status: Annotated[int, Field(ge=400, le=499)] = 403
    """What a request above the limit gets: 403 or 429."""
    empty_first_page: bool = False
    """Whether lists of events begin with a page that is empty and has a token, as Google's may."""
