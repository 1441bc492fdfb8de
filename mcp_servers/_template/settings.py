"""Settings of the template server."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from mcp_servers.shared.settings import ServerSettings

PREFIX = "TEMPLATE_"
API_HOST = "api.vendor.example"


class TemplateSettings(ServerSettings):
    """What the server needs beside the common settings."""

    api_key: Annotated[SecretStr | None, Field(validation_alias="TEMPLATE_API_KEY")] = None
    api_url: Annotated[str, Field(validation_alias="TEMPLATE_API_URL")] = f"https://{API_HOST}/"

    @model_validator(mode="after")
    def _live_talks_to_the_vendor_only(self) -> Self:
        if not self.demo and urlsplit(self.api_url).hostname != API_HOST:
            msg = f"TEMPLATE_API_URL is not at https://{API_HOST}: live mode talks to the vendor only; unset it"
            raise ValueError(msg)
        if self.api_key is None:
            msg = "TEMPLATE_API_KEY is missing: set it to the vendor's API key"
            raise ValueError(msg)
        return self
