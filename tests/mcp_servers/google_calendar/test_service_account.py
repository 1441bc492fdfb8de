"""A service account with domain-wide delegation, against Google's token endpoint at the wire."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
import respx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mcp_servers.google_calendar.scopes import ALL
from mcp_servers.google_calendar.service_account import GRANT, ServiceAccountCredentials
from mcp_servers.shared.errors import NeedsReconnect
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.settings import SettingsError
from tests.clock import Clock

TOKEN_URI = "https://oauth2.googleapis.com/token"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file(folder: Path, *, token_uri: str = TOKEN_URI) -> Path:
    pem = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = folder / "key.json"
    content = {"client_email": "voxie@x.example", "private_key": pem, "private_key_id": "k1", "token_uri": token_uri}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
async def outbound() -> AsyncGenerator[Outbound]:
    opened = Outbound.open()
    yield opened
    await opened.aclose()


@respx.mock
async def test_it_signs_for_the_user_it_acts_as_and_asks_for_the_least_scopes(
    tmp_path: Path, outbound: Outbound
) -> None:
    route = respx.post(TOKEN_URI).mock(return_value=httpx.Response(200, json={"access_token": "t", "expires_in": 3599}))
    clock = Clock()
    source = ServiceAccountCredentials(key_file(tmp_path), "owner@x.example", outbound, now=clock.seconds, live=True)
    assert [await source.access_token(None) for _ in range(3)] == ["t"] * 3
    assert route.call_count == 1
    form = parse_qs(route.calls[0].request.content.decode())
    assert form["grant_type"] == [GRANT]
    claims = jwt.decode(
        form["assertion"][0],
        KEY.public_key(),
        ["RS256"],
        audience=TOKEN_URI,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("voxie@x.example", "owner@x.example", " ".join(ALL))
    clock.advance(hours=1)
    await source.access_token(None)
    assert route.call_count == 2


@respx.mock
async def test_a_refused_delegation_names_the_setting_and_the_scopes(tmp_path: Path, outbound: Outbound) -> None:
    respx.post(TOKEN_URI).mock(return_value=httpx.Response(401, json={"error": "unauthorized_client"}))
    source = ServiceAccountCredentials(key_file(tmp_path), "o@x.example", outbound, now=Clock().seconds, live=True)
    with pytest.raises(NeedsReconnect, match=r"GOOGLE_CALENDAR_SUBJECT.*calendar\.events"):
        await source.access_token(None)


async def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path, outbound: Outbound) -> None:
    foreign = key_file(tmp_path, token_uri="http://127.0.0.1:3010/token")
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    for path in (foreign, empty):
        with pytest.raises(SettingsError, match="GOOGLE_CALENDAR_SERVICE_ACCOUNT_PATH"):
            ServiceAccountCredentials(path, None, outbound, now=Clock().seconds, live=True)
