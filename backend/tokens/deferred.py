"""Grants with which a server finishes, after a call has ended, the deliveries that were accepted during it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from pydantic import SecretStr

from backend.tokens.keys import KeyRing

ALGORITHM = "EdDSA"
TOKEN_TYPE = "voxie-deferred+jwt"  # noqa: S105 - a media type: nobody takes a call token for one, or one for a call token
LIFETIME = timedelta(days=30)
"""Longer than a server tries by itself, so that a person can still replay what it gave up."""


class GrantRefused(Exception):
    """A grant is not good for what is asked. The message never holds it."""


@dataclass(frozen=True)
class DeferredGrant:
    """What a grant opens: one hook of a workspace, to one server.

    Args:
        workspace: whose hook it is.
        resource: the server that may have it.
        hook: its name.
    """

    workspace: str
    resource: str
    hook: str


class DeferredGrants:
    """Signs them and reads those that come back.

    Args:
        keys: what signs them.
        issuer: the backend's own name, and the only one who reads them.
        now: the current instant, aware.
    """

    def __init__(self, keys: KeyRing, *, issuer: str, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._now = now

    def issue(self, grant: DeferredGrant) -> SecretStr:
        """A grant as a token."""
        now = self._now()
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": grant.hook,
            "workspace": grant.workspace,
            "resource": grant.resource,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
        }
        signing = self._keys.signing
        headers = {"kid": signing.id, "typ": TOKEN_TYPE}
        return SecretStr(jwt.encode(claims, signing.private, algorithm=ALGORITHM, headers=headers))

    def read(self, token: str, *, resource: str) -> DeferredGrant:
        """What a token opens to a server now.

        Raises:
            GrantRefused: it is not ours, not that server's, or expired.
        """
        try:
            header = jwt.get_unverified_header(token)
            public = self._keys.public_key(str(header.get("kid")))
            if public is None or header.get("typ") != TOKEN_TYPE:
                raise GrantRefused("this is no grant of ours")
            claims = jwt.decode(
                token,
                public,
                algorithms=[ALGORITHM],
                audience=self._issuer,
                issuer=self._issuer,
                # Time is ours to compare, with the injected clock.
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError:
            raise GrantRefused("this is no grant of ours") from None
        if claims.get("resource") != resource:
            raise GrantRefused("the grant is another server's")
        if float(claims["exp"]) <= self._now().timestamp():
            raise GrantRefused("the grant has expired")
        return DeferredGrant(str(claims["workspace"]), resource, str(claims["sub"]))
