"""Settings of the Google Calendar server."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from mcp_servers.shared.settings import ServerSettings

PREFIX = "GOOGLE_CALENDAR_"
GOOGLE_HOST = "googleapis.com"


class GoogleCalendarSettings(ServerSettings):
    """What the server needs beside the common settings."""

    credentials_path: Annotated[Path | None, Field(validation_alias="GOOGLE_CALENDAR_CREDENTIALS_PATH")] = None
    token_path: Annotated[Path | None, Field(validation_alias="GOOGLE_CALENDAR_TOKEN_PATH")] = None
    access_token: Annotated[SecretStr | None, Field(validation_alias="GOOGLE_CALENDAR_ACCESS_TOKEN")] = None
    calendar_id: Annotated[str, Field(validation_alias="GOOGLE_CALENDAR_ID", min_length=1)] = "primary"
    api_url: Annotated[str, Field(validation_alias="GOOGLE_CALENDAR_API_URL")] = (
        "https://www.googleapis.com/calendar/v3/"
    )
    capacity: Annotated[int, Field(validation_alias="GOOGLE_CALENDAR_CAPACITY", ge=1, le=1000)] = 1
    """How many bookings may overlap, such as the tables of a restaurant."""

    @model_validator(mode="after")
    def _live_talks_to_google_only(self) -> Self:
        url = urlsplit(self.api_url)
        host = url.hostname or ""
        if not self.demo and (url.scheme != "https" or not f".{host}".endswith(f".{GOOGLE_HOST}")):
            msg = f"GOOGLE_CALENDAR_API_URL is not Google's: live mode talks to https://…{GOOGLE_HOST} only; unset it"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _has_a_credential(self) -> Self:
        if self.auth == "jwks" or self.access_token is not None:
            return self
        if self.token_path is None:
            msg = "GOOGLE_CALENDAR_TOKEN_PATH is missing: run `voxie connect google`, or name the JSON file that holds the token"
            raise ValueError(msg)
        if not self.token_path.is_file():
            msg = f"GOOGLE_CALENDAR_TOKEN_PATH: {self.token_path} does not exist; run `voxie connect google` to make it"
            raise ValueError(msg)
        return self
