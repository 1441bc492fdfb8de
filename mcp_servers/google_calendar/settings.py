"""Settings of the Google Calendar server."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from contracts.hours import OpeningHours
from mcp_servers.google_calendar.rules import Rules, SendUpdates
from mcp_servers.shared.settings import ServerSettings

PREFIX = "GOOGLE_CALENDAR_"
GOOGLE_HOST = "googleapis.com"


class GoogleCalendarSettings(ServerSettings):
    """What the server needs beside the common settings."""

    credentials_path: Annotated[Path | None, Field(validation_alias="GOOGLE_CALENDAR_CREDENTIALS_PATH")] = None
    token_path: Annotated[Path | None, Field(validation_alias="GOOGLE_CALENDAR_TOKEN_PATH")] = None
    access_token: Annotated[SecretStr | None, Field(validation_alias="GOOGLE_CALENDAR_ACCESS_TOKEN")] = None
    service_account_path: Annotated[Path | None, Field(validation_alias="GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH")] = None
    """The key file of a service account; with ``subject`` it acts as that user (domain-wide delegation)."""
    subject: Annotated[str | None, Field(validation_alias="GOOGLE_CALENDAR_SUBJECT")] = None
    calendar_id: Annotated[str, Field(validation_alias="GOOGLE_CALENDAR_ID", min_length=1)] = "primary"
    api_url: Annotated[str, Field(validation_alias="GOOGLE_CALENDAR_API_URL")] = (
        "https://www.googleapis.com/calendar/v3/"
    )
    capacity: Annotated[int, Field(validation_alias="GOOGLE_CALENDAR_CAPACITY", ge=1, le=1000)] = 1
    """How many bookings may overlap, such as the tables of a restaurant."""
    hours: Annotated[OpeningHours | None, Field(validation_alias="GOOGLE_CALENDAR_HOURS")] = None
    """When callers may book, local to the calendar's zone; always when unset."""
    buffer_minutes: Annotated[int, Field(validation_alias="GOOGLE_CALENDAR_BUFFER_MINUTES", ge=0, le=1440)] = 0
    """Minutes that stay free after whatever is in the calendar."""
    notice_minutes: Annotated[int, Field(validation_alias="GOOGLE_CALENDAR_NOTICE_MINUTES", ge=0, le=525_600)] = 0
    """How long before its beginning a caller may still book."""
    send_updates: Annotated[SendUpdates, Field(validation_alias="GOOGLE_CALENDAR_SEND_UPDATES")] = "all"
    """Whom Google tells of a write that does not say it."""
    requests_per_minute: Annotated[int, Field(validation_alias="GOOGLE_CALENDAR_REQUESTS_PER_MINUTE", ge=10)] = 540
    """Google's own limit is 600 a minute and user; raise it only when Google raised yours."""

    @property
    def rules(self) -> Rules:
        """What counts for a connection whose owner set nothing else."""
        return Rules(**{name: getattr(self, name) for name in Rules.model_fields})

    @model_validator(mode="after")
    def _live_talks_to_google_only(self) -> Self:
        if not self.demo and not is_google(self.api_url):
            msg = f"GOOGLE_CALENDAR_API_URL is not Google's: live mode talks to https://…{GOOGLE_HOST} only; unset it"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _has_a_credential(self) -> Self:
        if self.auth == "jwks":
            return self
        named = {
            "GOOGLE_CALENDAR_ACCESS_TOKEN": self.access_token,
            "GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH": self.service_account_path,
            "GOOGLE_CALENDAR_TOKEN_PATH": self.token_path,
        }
        given = [name for name, value in named.items() if value is not None]
        if not given:
            msg = "GOOGLE_CALENDAR_TOKEN_PATH is missing: run `voxie connect google`, or name the JSON file that holds the token"
            raise ValueError(msg)
        if len(given) > 1:
            msg = f"{given[0]} is set beside {given[1]}: keep one of them"
            raise ValueError(msg)
        for name, path in (
            ("GOOGLE_CALENDAR_TOKEN_PATH", self.token_path),
            ("GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH", self.service_account_path),
        ):
            if path is not None and not path.is_file():
                msg = f"{name}: {path} does not exist; run `voxie connect google` to make a token file, or name the right one"
                raise ValueError(msg)
        return self


def is_google(url: str) -> bool:
    """Whether an address is Google's, by https."""
    parts = urlsplit(url)
    return parts.scheme == "https" and f".{parts.hostname or ''}".endswith(f".{GOOGLE_HOST}")
