"""What the API says of keys."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from backend.access.principal import GRANTABLE, Scope
from backend.text import Line, Sent


def _grantable(scopes: list[Scope]) -> list[Scope]:
    refused = sorted(scope for scope in scopes if scope not in GRANTABLE)
    if refused:
        msg = f"an API key cannot have {', '.join(refused)}"
        raise ValueError(msg)
    return sorted(set(scopes))


class NewKey(Sent):
    """A key to be made."""

    name: Line
    scopes: Annotated[
        list[Scope],
        Field(
            min_length=1, max_length=20, json_schema_extra={"items": {"type": "string", "enum": [*sorted(GRANTABLE)]}}
        ),
        AfterValidator(_grantable),
    ]
    valid_days: Annotated[int | None, Field(ge=1, le=3650, description="None: until revoked")] = None


class KeyView(BaseModel):
    """A key, without what it is."""

    id: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class MadeKey(BaseModel):
    """A key, shown this once."""

    key: KeyView
    secret: Annotated[str, Field(description="The bearer; it is not kept and cannot be shown again")]
