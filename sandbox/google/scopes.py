"""Scopes: which there are, what they are called on the consent page, and which of them a method needs."""

from collections.abc import Iterable

from sandbox.google import discovery

OPENID = "openid"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
PROFILE = "https://www.googleapis.com/auth/userinfo.profile"
SHORT = {"email": EMAIL, "profile": PROFILE}
IDENTITY = {
    OPENID: "Associate you with your personal info on Google",
    EMAIL: "See your primary Google Account email address",
    PROFILE: "See your personal info, including any personal info you've made publicly available",
}
"""Granted without a box to untick, as at Google."""


def known_scopes() -> dict[str, str]:
    """Every scope, with what it is called."""
    calendar = discovery.document()["auth"]["oauth2"]["scopes"]
    return {**IDENTITY, **{name: entry["description"] for name, entry in calendar.items()}}


def read_scopes(text: str) -> frozenset[str]:
    """A scope parameter, with Google's long names."""
    return frozenset(SHORT.get(name, name) for name in text.split())


def suffices(method: str, granted: Iterable[str]) -> bool:
    """Whether a method may be used; one scope of its list is enough."""
    needed = discovery.method(method).get("scopes")
    return needed is None or not set(needed).isdisjoint(granted)
