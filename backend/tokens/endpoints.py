"""What the MCP servers fetch to check call tokens. Open to all: public keys, and ids of calls that are over."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from backend.tokens.revocation import Revocations
from backend.tokens.service import CallTokens
from contracts.broker import JWKS_PATH, REVOKED_CALLS_PATH
from contracts.calls import RevokedCalls

KEYS_MAX_AGE = 300
REVOKED_MAX_AGE = 5

router = APIRouter(tags=["tokens"])


def tokens(request: Request) -> CallTokens:
    """The call tokens of this app."""
    return request.app.state.call_tokens


def revocations(request: Request) -> Revocations:
    """The revocations of this app."""
    return request.app.state.revocations


@router.get(JWKS_PATH)
async def jwks(response: Response, call_tokens: Annotated[CallTokens, Depends(tokens)]) -> dict[str, Any]:
    """The public keys of call tokens (RFC 7517)."""
    response.headers["cache-control"] = f"public, max-age={KEYS_MAX_AGE}"
    return call_tokens.keys.jwks()


@router.get(REVOKED_CALLS_PATH)
async def revoked_calls(response: Response, revoked: Annotated[Revocations, Depends(revocations)]) -> RevokedCalls:
    """The calls that ended so lately that their tokens have not expired yet."""
    response.headers["cache-control"] = f"public, max-age={REVOKED_MAX_AGE}"
    return await revoked.current()
