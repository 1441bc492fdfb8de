"""Making and checking call tokens."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr, ValidationError

from backend.tokens.keys import KeyRing
from contracts.calls import CallTokenClaims
from contracts.meta import Role

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068)
LIFETIME = timedelta(minutes=10)


class TokenRefused(Exception):
    """A call token is not good for what is asked. The message never holds the token."""


@dataclass(frozen=True)
class TokenGrant:
    """What a call token says.

    Args:
        workspace: whose call it is.
        agent: its agent's id.
        call: its id.
        caller: the verified number or signed-in user, if any.
        role: who the caller is.
        resource: the one server it is good for.
        tools: the tools it opens there.
    """

    workspace: str
    agent: str
    call: str
    caller: str | None
    role: Role
    resource: str
    tools: Sequence[str]


class CallTokens:
    """Signs call tokens and checks those that come back.

    Args:
        keys: what signs them.
        issuer: the backend's own name, as verifiers know it.
        now: the current instant, aware.
    """

    def __init__(self, keys: KeyRing, *, issuer: str, now: Callable[[], datetime]) -> None:
        self.keys = keys
        self.issuer = issuer
        self._now = now

    def issue(self, grant: TokenGrant) -> tuple[SecretStr, datetime]:
        """A token for one server, and when it expires."""
        issued = int(self._now().timestamp())
        expires = issued + int(LIFETIME.total_seconds())
        claims = CallTokenClaims(
            iss=self.issuer,
            sub=grant.agent,
            aud=grant.resource,
            workspace=grant.workspace,
            call=grant.call,
            caller=grant.caller,
            role=grant.role,
            scope=" ".join(grant.tools),
            iat=issued,
            exp=expires,
            jti=secrets.token_hex(16),
        )
        signing = self.keys.signing
        token = jwt.encode(
            claims.model_dump(mode="json", exclude_none=True),
            signing.private,
            algorithm=ALGORITHM,
            headers={"kid": signing.id, "typ": TOKEN_TYPE},
        )
        return SecretStr(token), datetime.fromtimestamp(expires, UTC)

    def read(self, token: str, *, resource: str) -> CallTokenClaims:
        """The claims of a token that is good for a server now.

        Raises:
            TokenRefused: it is not ours, not for that server, or expired.
        """
        try:
            header = jwt.get_unverified_header(token)
            public = self.keys.public_key(str(header.get("kid")))
            # Our keys sign more than call tokens.
            if public is None or header.get("typ") != TOKEN_TYPE:
                raise TokenRefused("the call token is signed by no key of ours")
            payload = jwt.decode(
                token,
                public,
                algorithms=[ALGORITHM],
                audience=resource,
                issuer=self.issuer,
                # Time is ours to compare, with the injected clock.
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "aud", "iss", "sub"]},
            )
            claims = CallTokenClaims.model_validate(payload)
        except (jwt.PyJWTError, ValidationError):
            raise TokenRefused("the call token is not ours, or is for another server") from None
        if claims.exp <= self._now().timestamp():
            raise TokenRefused("the call token has expired")
        return claims
