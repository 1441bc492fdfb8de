"""The ways into Zapier beside its hooks, and which of them the credential at hand opens."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from mcp_servers.shared.calls import Call
from mcp_servers.shared.credentials import Broker
from mcp_servers.shared.errors import NeedsReconnect


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


WORKFLOW_NEEDED = "a Workflow API token of a published integration (ZAPIER_API_KEY)"
ACTIONS_NEEDED = f"ZAPIER_CREDENTIALS_CLIENT_ID and ZAPIER_CREDENTIALS_CLIENT_SECRET, or {WORKFLOW_NEEDED}"


@dataclass(frozen=True)
class Ways:
    """The ways that a credential opens.

    Args:
        zaps: the way to the Zaps; None when the credential opens none.
        actions: the way to single actions; None the same.
        hooks: names of the hooks that are configured, which always work.
    """

    zaps: ManagesZaps | None
    actions: RunsActions | None
    hooks: tuple[str, ...] = ()

    def to_zaps(self) -> ManagesZaps:
        """The way to the Zaps.

        Raises:
            NeedsReconnect: the credential opens none; says what would, and what works without.
        """
        if self.zaps is None:
            raise NeedsReconnect(self.missing(WORKFLOW_NEEDED))
        return self.zaps

    def to_actions(self) -> RunsActions:
        """The way to single actions.

        Raises:
            NeedsReconnect: the credential opens none.
        """
        if self.actions is None:
            raise NeedsReconnect(self.missing(ACTIONS_NEEDED))
        return self.actions

    def missing(self, needed: str) -> str:
        """What is missing, as an answer."""
        hooks = ", ".join(self.hooks) or "none"
        return f"not available with this credential: it needs {needed}; these hooks are configured here: {hooks}"


class WaySource(Protocol):
    """Says what a call's credential opens."""

    async def of_call(self, call: Call) -> Ways:
        """The ways of a call.

        Raises:
            ServerError: the credential cannot be had.
        """
        ...


class OwnWays:
    """The ways of a server that runs alone."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    async def of_call(self, call: Call) -> Ways:
        """The same for every call."""
        del call
        return self._ways


class BrokeredWays:
    """The ways of the workspace that calls.

    Args:
        broker: gives the workspace's token for a live call.
        open_workflow: the Workflow API with a token.
    """

    def __init__(self, broker: Broker, open_workflow: "OpenWorkflow") -> None:
        self._broker = broker
        self._open_workflow = open_workflow

    async def of_call(self, call: Call) -> Ways:
        """What the call's connection opens."""
        way = self._open_workflow((await self._broker.credential(call)).token)
        return Ways(way, way)


class WorkflowWay(ManagesZaps, RunsActions, Protocol):
    """A way to both."""


class OpenWorkflow(Protocol):
    """Opens the Workflow API with a token."""

    def __call__(self, token: SecretStr) -> WorkflowWay:
        """The way."""
        ...
