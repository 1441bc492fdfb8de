"""``/oauth/token``: the token exchange."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backend.broker.service import Broker, Refused
from backend.settings import BackendSettings
from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    DEFERRED_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    TOKEN_PATH,
    ExchangedToken,
    ExchangeError,
    ExchangeRefusal,
)

FORM_FIELDS = 16
STATUS = {ExchangeError.INVALID_CLIENT: 401, ExchangeError.TEMPORARILY_UNAVAILABLE: 503}

FORM = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "properties": {
                    "grant_type": {"const": TOKEN_EXCHANGE_GRANT},
                    "subject_token": {"type": "string", "description": "The call token, or a hook's deferred grant"},
                    "subject_token_type": {"enum": [SUBJECT_TOKEN_TYPE, DEFERRED_TOKEN_TYPE]},
                    "resource": {"type": "string", "description": "The server's resource id"},
                    "requested_token_type": {"enum": [ACCESS_TOKEN_TYPE, HOOKS_TOKEN_TYPE]},
                    "refused_token": {"type": "string", "description": "A token that the vendor just refused"},
                    "ways": {"type": "string", "description": "Ways to connect that are of use, the best first"},
                },
                "required": ["grant_type", "subject_token", "subject_token_type", "resource"],
            }
        }
    },
}
"""Read by hand: what is wrong with it is answered as RFC 6749 has it, not as the rest of the API does."""

router = APIRouter(tags=["broker"])
_bearer = HTTPBearer(auto_error=False, description="The MCP servers' service token", scheme_name="McpService")


def broker(request: Request) -> Broker:
    """The broker of this app."""
    return request.app.state.broker


@router.post(
    TOKEN_PATH,
    response_model=ExchangedToken,
    responses={status: {"model": ExchangeRefusal} for status in (400, 401, 503)},
    openapi_extra={"requestBody": FORM},
)
async def exchange_token(
    request: Request,
    exchanges: Annotated[Broker, Depends(broker)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Response:
    """Exchange a live call token for the vendor's credential (RFC 8693). The service token alone gets nothing."""
    try:
        _check_client(request.app.state.settings, credentials)
        async with request.form(max_fields=FORM_FIELDS, max_files=0) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        answer = await exchanges.exchange(fields)
    except Refused as refused:
        return _refusal(refused)
    return Response(answer.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


def _check_client(settings: BackendSettings, credentials: HTTPAuthorizationCredentials | None) -> None:
    expected = settings.mcp_service_token.get_secret_value() if settings.mcp_service_token else ""
    given = credentials.credentials if credentials else ""
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refused(ExchangeError.INVALID_CLIENT, "send MCP_SERVICE_TOKEN as a bearer")


def _refusal(refused: Refused) -> Response:
    body = ExchangeRefusal(error=refused.error, error_description=str(refused), error_uri=refused.uri)
    headers = {"cache-control": "no-store"}
    if refused.error is ExchangeError.INVALID_CLIENT:
        headers["www-authenticate"] = "Bearer"
    if refused.retry_after is not None:
        headers["retry-after"] = str(refused.retry_after)
    return Response(
        body.model_dump_json(), STATUS.get(refused.error, 400), media_type="application/json", headers=headers
    )
