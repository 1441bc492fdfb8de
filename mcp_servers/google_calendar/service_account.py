"""A service account: its key signs an assertion, Google's token endpoint gives an access token for it (RFC 7523)."""

from collections.abc import Callable
from pathlib import Path

import jwt
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from mcp_servers.google_calendar.fetched import EARLY_SECONDS, FetchedCredentials
from mcp_servers.google_calendar.scopes import ALL
from mcp_servers.google_calendar.settings import is_google
from mcp_servers.shared.errors import NeedsReconnect
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.settings import SettingsError

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600


class ServiceAccountKey(BaseModel):
    """The JSON file that the Google Cloud console gives."""

    model_config = ConfigDict(extra="ignore")

    client_email: str
    private_key: SecretStr
    private_key_id: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class ServiceAccountCredentials(FetchedCredentials):
    """Access tokens of a service account, in a user's name when domain-wide delegation is set up.

    Args:
        path: the key file.
        subject: whose calendar it acts on; None for the service account's own or those shared with it.
        outbound: for the token endpoint.
        now: seconds since 1970.
        live: whether only Google's own token endpoint may be used.

    Raises:
        SettingsError: the file cannot be used.
    """

    def __init__(
        self, path: Path, subject: str | None, outbound: Outbound, *, now: Callable[[], float], live: bool
    ) -> None:
        super().__init__(outbound)
        self._key = _read(path, live=live)
        self._subject = subject
        self._now = now
        self._token = ""
        self._expires_at = 0.0

    def held(self) -> str | None:
        """The last token."""
        return self._token if self._expires_at - EARLY_SECONDS > self._now() else None

    async def fetch(self) -> str:
        """Show an assertion for another."""
        try:
            answer = await self.ask(self._key.token_uri, {"grant_type": GRANT, "assertion": self._assertion()})
        except NeedsReconnect:
            raise NeedsReconnect(
                "Google refuses the service account: check its key, GOOGLE_CALENDAR_SUBJECT, and that the Workspace "
                f"admin delegated exactly these scopes to its client id: {' '.join(ALL)}"
            ) from None
        self._token = answer.access_token.get_secret_value()
        self._expires_at = self._now() + answer.expires_in
        return self._token

    def _assertion(self) -> str:
        issued = int(self._now())
        claims = {
            "iss": self._key.client_email,
            "scope": " ".join(ALL),
            "aud": self._key.token_uri,
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        if self._subject is not None:
            claims["sub"] = self._subject
        key = self._key.private_key.get_secret_value()
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": self._key.private_key_id})


def _read(path: Path, *, live: bool) -> ServiceAccountKey:
    try:
        key = ServiceAccountKey.model_validate_json(path.read_text())
    except (OSError, ValidationError):
        # Without the cause, whose text may hold the key.
        msg = f"GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH: {path} is no service account's key file"
        raise SettingsError(msg) from None
    if live and not is_google(key.token_uri):
        msg = f"GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH: the token_uri in {path} is not Google's: live mode never uses another"
        raise SettingsError(msg)
    return key
