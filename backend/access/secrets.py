"""Tokens that we hand out, and what is kept of them."""

import hashlib
import hmac
import secrets

API_KEY_PREFIX = "vxk_"


def new_token(prefix: str = "") -> str:
    """A token that nobody can guess."""
    return prefix + secrets.token_urlsafe(32)


def new_id(prefix: str) -> str:
    """An id, telling by its prefix what of."""
    return f"{prefix}_{secrets.token_hex(12)}"


def hash_token(token: str) -> str:
    """What is kept of a token. It is long and random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token(session_token: str) -> str:
    """What a page of ours sends beside the cookie, and a page of others cannot know."""
    return hmac.new(session_token.encode(), b"csrf", hashlib.sha256).hexdigest()
