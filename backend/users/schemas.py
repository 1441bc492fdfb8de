"""What the API says of people."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from backend.access.principal import UserRole
from backend.text import WHOLE, Email, Line, Sent

Password = Annotated[SecretStr, Field(min_length=10, max_length=200), WHOLE]


class Login(Sent):
    """Somebody signs in."""

    email: Email
    password: Annotated[SecretStr, Field(min_length=1, max_length=200), WHOLE]


class NewUser(Sent):
    """A person to be added."""

    email: Email
    name: Line
    password: Password
    role: UserRole = UserRole.MEMBER


class NewOwner(Sent):
    """Whoever holds a one-time link becomes an owner."""

    token: Annotated[SecretStr, Field(min_length=1, max_length=128), WHOLE]
    email: Email
    name: Line
    password: Password


class UserView(BaseModel):
    """A person."""

    id: str
    workspace_id: str
    email: str
    name: str
    role: UserRole
    created_at: datetime


class SessionView(BaseModel):
    """A signed-in browser."""

    user: UserView
    csrf_token: Annotated[str, Field(description="To be sent as X-CSRF-Token with every change")]


class OwnerLink(BaseModel):
    """A link by which somebody becomes an owner, once."""

    url: str
    expires_at: datetime
