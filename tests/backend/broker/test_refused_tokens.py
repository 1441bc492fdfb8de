"""Call tokens that the broker refuses."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from backend.tokens.keys import key_ring
from backend.tokens.service import CallTokens, TokenGrant
from contracts.broker import (
    ACCESS_TOKEN_TYPE,
)
from contracts.meta import Role
from tests.backend.broker.exchanges import CALENDAR, SEED, ZAPIER, call_token, exchange, exchanged, refusal
from tests.backend.connections.conftest import Shop
from tests.backend.served import ISSUER, MCP_SERVICE_TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_service_token_alone_gets_nothing(lasting_shop: Shop) -> None:
    for subject in (None, "", MCP_SERVICE_TOKEN, "not.a.token"):
        assert refusal(await exchange(lasting_shop.backend, "", subject_token=subject)).error == "invalid_grant"


@pytest.mark.parametrize("bearer", [None, "wrong", "a-service-token-for-tests"])
async def test_a_call_token_without_the_servers_own_gets_nothing(lasting_shop: Shop, bearer: str | None) -> None:
    answer = await exchange(lasting_shop.backend, await call_token(lasting_shop.backend), bearer=bearer)
    assert (answer.status_code, refusal(answer).error) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def forged(kind: str, good: str) -> str:
    """A token that is wrong in one way."""
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    claims.update(caller="user:owner", role="owner")
    match kind:
        case "other key":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
        case "alg none":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": header["kid"]})
        case "HS256 with the public key":
            public = key_ring(SecretStr(SEED)).signing.jwk()["x"]
            return jwt.encode(claims, public, algorithm="HS256", headers={"kid": header["kid"]})
        case "another kind of ours":
            ours = key_ring(SecretStr(SEED)).signing.private
            # As true as it was, but said to be something else.
            claims = jwt.decode(good, options={"verify_signature": False})
            return jwt.encode(claims, ours, algorithm="EdDSA", headers={**header, "typ": "voxie-deferred+jwt"})
        case "unknown kid":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "unknown"})
        case "no kid":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")
        case "changed payload":
            head, _, signature = good.split(".")
            payload = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA").split(".")[1]
            return f"{head}.{payload}.{signature}"
    raise AssertionError(kind)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "kind",
    [
        "other key",
        "alg none",
        "HS256 with the public key",
        "another kind of ours",
        "unknown kid",
        "no kid",
        "changed payload",
    ],
)
async def test_a_forged_call_token_is_refused(lasting_shop: Shop, kind: str) -> None:
    answer = await exchange(lasting_shop.backend, forged(kind, await call_token(lasting_shop.backend)))
    assert (answer.status_code, refusal(answer).error) == (400, "invalid_grant")


def issued(**changed: Any) -> str:
    """A token signed by the backend's own key, with claims of the test's choice."""
    grant: dict[str, Any] = {
        "workspace": "demo", "agent": "restaurant", "call": "none", "caller": None,
        "role": Role.PUBLIC, "resource": CALENDAR, "tools": (),
    }  # fmt: skip
    issuer, now = changed.pop("issuer", ISSUER), changed.pop("now")
    return (
        CallTokens(key_ring(SecretStr(SEED)), issuer=issuer, now=now)
        .issue(TokenGrant(**(grant | changed)))[0]
        .get_secret_value()
    )


async def test_a_token_for_another_server_or_issuer_or_workspace_or_agent_is_refused(lasting_shop: Shop) -> None:
    call, now = await lasting_shop.backend.start_call(), lasting_shop.backend.clock.now
    assert (await exchange(lasting_shop.backend, issued(call=call, now=now))).status_code == 200
    for changed in (
        {"resource": ZAPIER},
        {"issuer": "http://elsewhere.test"},
        {"workspace": "another"},
        {"agent": "another"},
        {"call": "another"},
    ):
        answer = await exchange(lasting_shop.backend, issued(**{"call": call, "now": now, **changed}))
        assert refusal(answer).error == "invalid_grant", changed


async def test_an_expired_call_token_is_refused(lasting_shop: Shop) -> None:
    token = await call_token(lasting_shop.backend)
    lasting_shop.backend.clock.advance(minutes=9, seconds=59)
    await exchanged(lasting_shop.backend, token)
    lasting_shop.backend.clock.advance(seconds=1)
    assert refusal(await exchange(lasting_shop.backend, token)).error == "invalid_grant"


async def test_once_the_call_has_ended_its_token_gets_nothing(lasting_shop: Shop) -> None:
    call = await lasting_shop.backend.start_call()
    token = await call_token(lasting_shop.backend, call=call)
    await exchanged(lasting_shop.backend, token)
    await lasting_shop.backend.post(f"/api/calls/{call}/end")
    assert refusal(await exchange(lasting_shop.backend, token)).error == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"grant_type": "client_credentials"},
        {"subject_token_type": ACCESS_TOKEN_TYPE},
        {"resource": "http://169.254.169.254/mcp"},
        {"resource": None},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
    ],
)
async def test_a_wrong_form_is_refused_by_name(lasting_shop: Shop, changed: dict[str, str | None]) -> None:
    answer = await exchange(lasting_shop.backend, await call_token(lasting_shop.backend), **changed)
    assert (answer.status_code, refusal(answer).error) == (400, "invalid_request")
