"""Asking the broker as an MCP server does."""

import httpx

from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    TOKEN_PATH,
    ExchangedToken,
    ExchangeRefusal,
)
from tests.backend.served import MCP_SERVICE_TOKEN, Backend

CALENDAR, ZAPIER = "http://127.0.0.1:3002/mcp", "http://127.0.0.1:3001/mcp"
SEED = "eUMxJmpmcV8wVXlSZ2hPZ0V4QXN0dDRZcm5TUVJxSDE"


async def exchange(
    backend: Backend, token: str, *, bearer: str | None = MCP_SERVICE_TOKEN, **changed: str | None
) -> httpx.Response:
    """Ask as the calendar's server, unless changed."""
    form = {
        "grant_type": TOKEN_EXCHANGE_GRANT,
        "subject_token": token,
        "subject_token_type": SUBJECT_TOKEN_TYPE,
        "resource": CALENDAR,
        "requested_token_type": ACCESS_TOKEN_TYPE,
        **changed,
    }
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    async with httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30) as server:
        return await server.post(TOKEN_PATH, data={k: v for k, v in form.items() if v is not None}, headers=headers)


async def exchanged(backend: Backend, token: str, **changed: str | None) -> ExchangedToken:
    answer = await exchange(backend, token, **changed)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return ExchangedToken.model_validate_json(answer.content)


def refusal(answer: httpx.Response) -> ExchangeRefusal:
    assert answer.status_code >= 400, answer.text
    assert "canary" not in answer.text
    return ExchangeRefusal.model_validate_json(answer.content)


async def call_token(backend: Backend, *, server: str = "google-calendar", call: str | None = None) -> str:
    return (await backend.access(call or await backend.start_call()))[server]["token"]
