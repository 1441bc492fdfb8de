"""The ways into Zapier beside its hooks, and which of them the credential at hand opens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from mcp_servers.shared.calls import Call
from mcp_servers.shared.credentials import Broker, Credential, NotConnected
from mcp_servers.shared.errors import NeedsReconnect, ServerError
from mcp_servers.zapier.hooks import HookSource


@dataclass(frozen=True)
class Zap:
    """One Zap of the account.

    Args:
        id: in the API.
        number: in its runs and in Zapier's editor; None when Zapier does not say.
        title: as the owner named it.
        enabled: whether it is on.
    """

    id: str
    number: int | None
    title: str
    enabled: bool


@dataclass(frozen=True)
class ZapRun:
    """One run of a Zap."""

    id: str
    zap_number: int | None
    title: str
    status: str
    started_at: str | None


@dataclass(frozen=True)
class FoundAction:
    """One action of an app.

    Args:
        action_type: ``app/kind/key``, which names it for good; Zapier's own ids of actions change.
        title: as Zapier shows it.
        app: its app's name.
    """

    action_type: str
    title: str
    app: str


@dataclass(frozen=True)
class ActionField:
    """One input of an action."""

    name: str
    title: str
    required: bool


@dataclass(frozen=True)
class ActionRun:
    """What became of an action's run.

    Args:
        id: the run's.
        status: ``waiting`` until it is known.
        results: what the action answered.
        problem: Zapier's code of what went wrong.
        delay: seconds to wait, when the app asks for it.
    """

    id: str
    status: Literal["waiting", "success", "error"]
    results: list[dict[str, Any]]
    problem: str | None = None
    delay: float | None = None


class ManagesZaps(Protocol):
    """A way that sees and changes the account's Zaps."""

    async def list_zaps(self) -> list[Zap]:
        """Every Zap that the credential may see."""
        ...

    async def runs(self, *, zap_number: int | None, status: str | None, search: str | None, most: int) -> list[ZapRun]:
        """Runs of the last 30 days, the newest that Zapier gives first."""
        ...

    async def set_enabled(self, zap_id: str, *, enabled: bool) -> Zap:
        """Turn a Zap on or off."""
        ...

    async def create_zap(self, title: str, steps: list[dict[str, Any]]) -> Zap:
        """Make a Zap, which is on from then."""
        ...


class RunsActions(Protocol):
    """A way that runs single actions of apps."""

    async def find_actions(self, app: str) -> list[FoundAction]:
        """The actions of the apps that a word finds."""
        ...

    async def fields(self, action_type: str) -> list[ActionField]:
        """What an action takes."""
        ...

    async def start(self, action_type: str, inputs: dict[str, Any]) -> str:
        """Start an action; the run's id."""
        ...

    async def outcome(self, run_id: str) -> ActionRun:
        """What became of a run."""
        ...


WORKFLOW_NEEDED = "a Workflow API token of a published integration (ZAPIER_API_KEY, or connected by the owner)"
ACTIONS_NEEDED = f"client credentials (ZAPIER_CREDENTIALS_CLIENT_ID and _SECRET, or connected), or {WORKFLOW_NEEDED}"
ZAP_WAYS = ("oauth", "api_key")
ACTION_WAYS = ("client_credentials", *ZAP_WAYS)
"""How an owner may have connected Zapier, as the manifest names it; any user can have client credentials, so they come first."""


class WorkflowWay(ManagesZaps, RunsActions, Protocol):
    """A way to both."""


class WaySource(Protocol):
    """Says what a call's credential opens."""

    @property
    def lacks_for_zaps(self) -> str | None:
        """What this server lacks for Zaps, whoever calls."""
        ...

    @property
    def lacks_for_actions(self) -> str | None:
        """The same for single actions."""
        ...

    async def to_zaps(self, call: Call) -> ManagesZaps:
        """The way to the Zaps.

        Raises:
            NeedsReconnect: the credential opens none; says what would, and what works without.
            ServerError: the credential cannot be had.
        """
        ...

    async def to_actions(self, call: Call) -> RunsActions:
        """The way to single actions; raises the same."""
        ...


@dataclass(frozen=True)
class OwnWays:
    """The ways of a server that runs alone: the same for every call.

    Args:
        zaps: the way to the Zaps; None when the settings open none.
        actions: the way to single actions; None the same.
        hooks: names of the hooks that are configured, which always work.
    """

    zaps: ManagesZaps | None
    actions: RunsActions | None
    hooks: tuple[str, ...] = ()

    @property
    def lacks_for_zaps(self) -> str | None:
        """The token, when there is none."""
        return WORKFLOW_NEEDED if self.zaps is None else None

    @property
    def lacks_for_actions(self) -> str | None:
        """Client credentials, or the token."""
        return ACTIONS_NEEDED if self.actions is None else None

    async def to_zaps(self, call: Call) -> ManagesZaps:
        """By the Workflow API token."""
        del call
        if self.zaps is None:
            raise NeedsReconnect(missing(WORKFLOW_NEEDED, self.hooks))
        return self.zaps

    async def to_actions(self, call: Call) -> RunsActions:
        """By client credentials, else by the token."""
        del call
        if self.actions is None:
            raise NeedsReconnect(missing(ACTIONS_NEEDED, self.hooks))
        return self.actions


@dataclass(frozen=True)
class BrokeredWays:
    """The ways of the workspace that calls, by what its owner connected.

    Args:
        broker: gives the workspace's token for a live call.
        hooks: the workspace's, which work without a token.
        workflow: opens the Workflow API with a token.
        single_actions: opens the Actions API with one.
    """

    broker: Broker
    hooks: HookSource
    workflow: Callable[[SecretStr], WorkflowWay]
    single_actions: Callable[[SecretStr], RunsActions]
    lacks_for_zaps: None = None
    lacks_for_actions: None = None
    """What is lacking differs from workspace to workspace."""

    async def to_zaps(self, call: Call) -> ManagesZaps:
        """By OAuth or a key."""
        return self.workflow((await self._credential(call, ZAP_WAYS, WORKFLOW_NEEDED)).token)

    async def to_actions(self, call: Call) -> RunsActions:
        """By client credentials, else as the Zaps."""
        credential = await self._credential(call, ACTION_WAYS, ACTIONS_NEEDED)
        by_client = credential.way == "client_credentials"
        return self.single_actions(credential.token) if by_client else self.workflow(credential.token)

    async def _credential(self, call: Call, ways: Sequence[str], needed: str) -> Credential:
        try:
            return await self.broker.credential(call, ways=ways)
        except NotConnected:
            raise NeedsReconnect(missing(needed, await self._hook_names(call))) from None

    async def _hook_names(self, call: Call) -> Sequence[str]:
        try:
            return sorted((await self.hooks.of_call(call)).by_name)
        except ServerError:
            return ()


def missing(needed: str, hooks: Sequence[str]) -> str:
    """What is missing, as an answer."""
    return f"not available with this credential: it needs {needed}; these hooks are configured here: {', '.join(hooks) or 'none'}"
