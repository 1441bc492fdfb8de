"""The named hooks of whoever calls, and what may be sent to each."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from pydantic import SecretStr
from referencing import Registry
from referencing.exceptions import Unresolvable

from contracts.broker import BrokeredHook
from mcp_servers.shared.calls import Call
from mcp_servers.shared.credentials import Broker, Credential, NotConnected
from mcp_servers.shared.errors import BadRequest, NotFound, Unavailable
from mcp_servers.zapier.delivery import Delivery
from mcp_servers.zapier.settings import Hook

OWN_CONNECTION = "settings"
PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Zapier's own limit for a catch hook (docs.zapier.com, operating constraints)."""
NOT_SENT = "The notification has not been sent."
ONLY_ON_FILE = "I can only send that to the contact we already have on file, so it has not been sent."

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
NUMBER_WORDS = "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple"
ENDINGS = "com|net|org|info|edu|gov|io|biz|app|dev"
COUNTRIES = "uk|de|fr|es|eu|ch|nl|se|dk|pl|pt|ca|au|nz|mx|br|jp"
BRACKETED = re.compile(r"[(\[{<]\s*(at|dot|@|\.)\s*[)\]}>]", re.IGNORECASE)
ADDRESSES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\S@\S",
        r"\bat\b\s+[\w-]+\s+(?:dot|point|punkt|punto)\s+\w+",
        rf"\b[\w-]+\s+dot\s+(?:{ENDINGS}|{COUNTRIES})\b",
        rf"\b[\w-]+\.(?:{ENDINGS})\b",
        r"\bat\s+(?:g\s?mail|hotmail|outlook|yahoo|icloud|proton(?:\s?mail)?)\b",
        r"\bat\b\s+[\w-]+\.(?:com|net|org|[a-z]{2})\b",
        r"\b(?:https?://|www\.)\S+",
        r"(?:\d[\s().+/-]*){7,}",
        rf"(?:\b(?:{NUMBER_WORDS})\b\W*){{7,}}",
    )
)
"""E-mail addresses, links and telephone numbers, written or as a caller dictates them."""
INSTANT = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\w)")


@dataclass(frozen=True)
class Hooks:
    """Hooks by name, and whose they are."""

    connection: str
    by_name: Mapping[str, Hook]
    deferred: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])
    """By hook: what gets it again after the call's end."""

    def named(self, name: str) -> Hook:
        """The hook of a name.

        Raises:
            NotFound: there is none.
        """
        hook = self.by_name.get(name)
        if hook is None:
            known = ", ".join(sorted(self.by_name)) or "none"
            raise NotFound(f"zap_id: no hook of this name; configured: {known}", field="zap_id", speech=NOT_SENT)
        return hook


class HookSource(Protocol):
    """Where hooks come from."""

    async def of_call(self, call: Call) -> Hooks:
        """The hooks that a call may use.

        Raises:
            ServerError: they cannot be had.
        """
        ...

    async def of_delivery(self, delivery: Delivery) -> Hook:
        """Where a delivery goes, which an earlier call may have left.

        Raises:
            NotFound: there is no such hook (any more).
            GrantEnded: what stood for the call is not good any more.
            ServerError: any other kind means that it cannot be had now.
        """
        ...


class OwnHooks:
    """The hooks of a server that runs alone."""

    def __init__(self, hooks: Mapping[str, Hook]) -> None:
        self._hooks = hooks

    async def of_call(self, call: Call) -> Hooks:
        """Every caller's are the same."""
        del call
        return Hooks(OWN_CONNECTION, self._hooks)

    async def of_delivery(self, delivery: Delivery) -> Hook:
        """The settings' hook."""
        if delivery.connection != OWN_CONNECTION:
            raise Unavailable("this delivery's hook comes from the backend")
        return Hooks(OWN_CONNECTION, self._hooks).named(delivery.hook)


class BrokeredHooks:
    """The hooks of the workspace that calls, from the backend's broker.

    Args:
        broker: gives them for a live call.
        check: refuses a hook that the mode does not allow; raises ``ValueError``.
    """

    def __init__(self, broker: Broker, check: "HookCheck") -> None:
        self._broker = broker
        self._check = check

    async def of_call(self, call: Call) -> Hooks:
        """What the call's connection has."""
        credential = await self._broker.credential(call, "hooks")
        deferred = {name: hook.deferred for name, hook in credential.hooks.items() if hook.deferred}
        return Hooks(credential.connection, self._hooks(credential), deferred)

    async def of_delivery(self, delivery: Delivery) -> Hook:
        """What a live call brought lately, else what the delivery's own grant brings."""
        try:
            held = self._hooks(self._broker.of_connection(delivery.workspace, delivery.connection, "hooks"))
        except Unavailable:
            held = {}
        if delivery.hook in held:
            return held[delivery.hook]
        if delivery.deferred is None:
            raise Unavailable("no live call has brought this delivery's hook")
        try:
            credential = await self._broker.deferred(delivery.workspace, delivery.deferred)
        except NotConnected:
            raise NotFound("the owner has disconnected the hook") from None
        return Hooks(credential.connection, self._hooks(credential)).named(delivery.hook)

    def _hooks(self, credential: Credential) -> dict[str, Hook]:
        hooks = {name: _own(hook) for name, hook in credential.hooks.items()}
        return {name: hook for name, hook in hooks.items() if self._check(hook)}


def _own(hook: BrokeredHook) -> Hook:
    return Hook.model_validate(hook.model_dump(exclude={"deferred"}))


class HookCheck(Protocol):
    """Says whether a hook's URL may be sent to in this mode."""

    def __call__(self, hook: Hook) -> bool:
        """Whether it may."""
        ...


def account_of(hook: Hook) -> str:
    """What Zapier's rate limit counts by: the account in the hook's path; the hook itself in the old form of the URL."""
    parts = urlsplit(hook.url.get_secret_value()).path.strip("/").split("/")
    return parts[2] if len(parts) >= 4 else f"hook:{parts[-1][:100]}"


def check_payload(hook: Hook, payload: Mapping[str, Any]) -> None:
    """Refuse what must not be sent to a hook.

    Raises:
        BadRequest: it is too large, does not fit the hook's schema, or names an address where only a reference may go;
            the field is named, its value is not.
    """
    if len(json.dumps(payload, ensure_ascii=False).encode()) > PAYLOAD_LIMIT:
        raise BadRequest("payload: larger than the 10 MB that Zapier takes", field="payload", speech=NOT_SENT)
    if hook.payload_schema is not None:
        _check_schema(hook.payload_schema, payload)
    if hook.contact_on_file is not None:
        _check_addresses(hook.contact_on_file, payload)


def _check_schema(schema: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    # An empty registry: references resolve within the schema, and nothing is fetched for one.
    validator = Draft202012Validator(schema, registry=Registry())
    try:
        problems = sorted(validator.iter_errors(dict(payload)), key=lambda found: list(found.path))
    except (Unresolvable, RecursionError, ValueError):
        raise Unavailable(
            "the hook's payload_schema refers to something that is not in it, or to itself without end", speech=NOT_SENT
        ) from None
    if problems:
        found = problems[0]
        where = ".".join(["payload", *(str(part) for part in found.absolute_path)])
        # The library's message repeats the value, which a caller said.
        wanted = json.dumps(found.validator_value, ensure_ascii=False)[:200]
        raise BadRequest(f"{where}: does not fit the hook's schema: {found.validator} {wanted}", field=where)


def _check_addresses(reference: str, payload: Mapping[str, Any]) -> None:
    value = payload.get(reference)
    if not isinstance(value, str) or not REFERENCE.match(value):
        raise BadRequest(
            f"payload.{reference}: needed, as the reference of somebody on file: letters, digits and ._:-",
            field=f"payload.{reference}",
        )
    for where, text in _texts(payload, "payload"):
        if where != f"payload.{reference}" and _looks_like_an_address(text):
            raise BadRequest(
                f"{where}: holds an address; this hook sends only to the contact on file, by {reference}",
                field=where,
                speech=ONLY_ON_FILE,
            )


def _looks_like_an_address(text: str) -> bool:
    # Full-width and other forms of the same characters, and what stands in brackets to hide it.
    plain = BRACKETED.sub(r" \1 ", unicodedata.normalize("NFKC", text))
    without_instants = INSTANT.sub(" ", plain).replace(" @ ", "@")
    return any(pattern.search(without_instants) for pattern in ADDRESSES)


def _texts(node: object, where: str) -> Iterator[tuple[str, str]]:
    """Every text and number of a JSON value, names of fields included, with where it stands."""
    if isinstance(node, Mapping):
        for name, value in cast("Mapping[str, object]", node).items():
            yield where, str(name)
            yield from _texts(value, f"{where}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(cast("list[object]", node)):
            yield from _texts(value, f"{where}.{index}")
    elif isinstance(node, str | int | float) and not isinstance(node, bool):
        yield where, str(node)
