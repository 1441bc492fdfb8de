"""What the owner does at Zapier: see Zaps and runs, turn them on and off, make them, run single actions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.meta import Role
from contracts.results import Action, Receipt
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NeedsReconnect, OutcomeUnknown, ServerError, TryLater
from mcp_servers.shared.ledger import Done, Operation, Operations, Writer
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.shared.words import plain
from mcp_servers.zapier.models import (
    Actions,
    ActionView,
    CreateZap,
    FieldView,
    FindActions,
    GetRuns,
    Ran,
    RunAction,
    Runs,
    RunView,
    SetZapEnabled,
    ZapChanged,
    ZapView,
)
from mcp_servers.zapier.queue import HOLD_SECONDS
from mcp_servers.zapier.ways import ActionRun, ManagesZaps, RunsActions, WaySource, Zap

LOOKS = 3
"""How often a started action is asked about before the answer says that it still runs."""
STILL_RUNS = "It has been started, and hasn't finished yet."


@dataclass(frozen=True)
class OwnerTools:
    """The owner's tools.

    Args:
        ways: what the credential opens.
        writer: runs what must not happen twice.
        operations: names writes.
        demo: whether receipts are of the sandbox.
        now: seconds since 1970.
        changed: told that a Zap has changed.
        pause: waits between two looks at an action's run.
    """

    ways: WaySource
    writer: Writer
    operations: Operations
    demo: bool
    now: Callable[[], float]
    changed: Callable[[], None]
    pause: Callable[[], Any]

    def specs(self) -> Sequence[ToolSpec[Any]]:
        """What the server registers."""
        owner = frozenset({Role.OWNER})
        zaps_need, actions_need = self.ways.lacks_for_zaps, self.ways.lacks_for_actions
        return (
            ToolSpec(
                name="zapier_get_runs", title="Runs of Zaps", description="Latest runs of the Zaps and how they ended.",
                arguments=GetRuns, result=Runs, run=self.get_runs, roles=owner, grant_argument="zap_number", needs=zaps_need,
            ),
            ToolSpec(
                name="zapier_set_zap_enabled", title="Turn a Zap on or off", description="Turn a Zap on or off.",
                arguments=SetZapEnabled, result=ZapChanged, run=self.set_zap_enabled, effect="destroy", roles=owner,
                grant_argument="zap_id", needs=zaps_need,
            ),
            ToolSpec(
                name="zapier_create_zap", title="Make a Zap",
                description="Make a Zap, on at once. Zapier makes none that begins with a webhook this way.",
                arguments=CreateZap, result=ZapChanged, run=self.create_zap, effect="destroy", roles=owner,
                needs=zaps_need,
            ),
            ToolSpec(
                name="zapier_find_actions", title="Find actions",
                description="Actions of an app; with action_type, that action's fields instead.",
                arguments=FindActions, result=Actions, run=self.find_actions, roles=owner, grant_argument="action_type",
                needs=actions_need,
            ),
            ToolSpec(
                name="zapier_run_action", title="Run an action",
                description="Run one action of an app now, once. Say the answer's speech and no more.",
                arguments=RunAction, result=Ran, run=self.run_action, effect="destroy", roles=owner,
                grant_argument="action_type", needs=actions_need,
            ),
        )  # fmt: skip

    async def get_runs(self, args: GetRuns, call: Call) -> Runs:
        """The latest runs."""
        way = await self.ways.to_zaps(call)
        runs = await way.runs(zap_number=args.zap_number, status=args.status, search=None, most=args.most)
        views = [
            RunView(id=run.id, zap_number=run.zap_number, title=run.title, status=run.status, started_at=run.started_at)
            for run in runs
        ]
        bad = sum(run.status in {"error", "halted", "held"} for run in runs)
        return Runs(speech=f"There are {len(runs)} runs; {bad} of them had trouble.", runs=views)

    async def set_zap_enabled(self, args: SetZapEnabled, call: Call) -> ZapChanged:
        """Harmless to repeat, so it needs no row in the ledger."""
        zap = await (await self.ways.to_zaps(call)).set_enabled(args.zap_id, enabled=args.enabled)
        self.changed()
        operation_id = self.operations.operation_id(call.key(zap=args.zap_id, enabled=args.enabled), 0)
        speech = f"{_named(zap.title)} is {'on' if zap.enabled else 'off'} now."
        receipt = self._receipt(operation_id, call.tool, zap.id, speech, Action.CHANGED)
        return ZapChanged(speech=speech, zap=_view(zap), receipt=receipt)

    async def create_zap(self, args: CreateZap, call: Call) -> ZapChanged:
        """Once for the same title and steps."""
        way = await self.ways.to_zaps(call)
        steps = [step.model_dump() for step in args.steps]
        done = await self.writer.run(
            NewZap(self, way, args.title, steps),
            call,
            key=call.key(title=args.title, steps=steps),
            request={"title": args.title},
            hold_seconds=HOLD_SECONDS,
        )
        self.changed()
        view = ZapView(id=done.resource_id, title=args.title, enabled=True)
        return ZapChanged(speech=done.receipt.speech, zap=view, receipt=done.receipt)

    async def find_actions(self, args: FindActions, call: Call) -> Actions:
        """What can be run."""
        way = await self.ways.to_actions(call)
        if args.action_type is not None:
            fields = [
                FieldView(name=field.name, title=field.title, required=field.required)
                for field in await way.fields(args.action_type)
            ]
            return Actions(speech=f"It has {len(fields)} fields.", actions=[], fields=fields)
        found = [
            ActionView(action_type=item.action_type, title=item.title, app=item.app)
            for item in await way.find_actions(args.app)
        ]
        speech = f"I found {len(found)} actions." if found else "I found no action of that app."
        return Actions(speech=speech, actions=found, fields=[])

    async def run_action(self, args: RunAction, call: Call) -> Ran:
        """Once for the same inputs."""
        way = await self.ways.to_actions(call)
        done = await self.writer.run(
            StartedAction(self, way, args.action_type, args.params),
            call,
            key=call.key(action_type=args.action_type, params=args.params),
            request={"action_type": args.action_type},
            hold_seconds=HOLD_SECONDS,
        )
        waiting = done.receipt.action is Action.QUEUED
        return Ran(
            speech=done.receipt.speech,
            run_id=done.resource_id,
            status="waiting" if waiting else "success",
            results_untrusted=list(done.details.get("results", ())),
            receipt=done.receipt,
        )

    def _receipt(self, operation_id: str, tool: str, resource_id: str, speech: str, action: Action) -> Receipt:
        return Receipt(
            operation_id=operation_id,
            action=action,
            tool=tool,
            resource_id=resource_id,
            made_at=datetime.fromtimestamp(self.now(), UTC),
            demo=self.demo,
            speech=speech,
        )

    def receipt_of(self, operation: Operation, resource_id: str, speech: str, action: Action) -> Receipt:
        """Proof of a write on the ledger."""
        return self._receipt(operation.id, operation.tool, resource_id, speech, action)


class _Blind:
    """A write that cannot be read back: what is unknown stays so and is not repeated."""

    async def settle(self, operation: Operation) -> Done | None:
        """Zapier cannot be asked what became of it."""
        del operation
        raise OutcomeUnknown("whether Zapier did this cannot be found out; it is not repeated")

    async def abandon(self, operation: Operation) -> None:
        """Nothing was promised for it."""


@dataclass(frozen=True)
class NewZap(_Blind):
    """Making a Zap."""

    tools: OwnerTools
    way: ManagesZaps
    title: str
    steps: list[dict[str, Any]]

    async def send(self, operation: Operation) -> Done:
        """Make it."""
        zap = await self.way.create_zap(self.title, self.steps)
        return self._done(operation, zap.id)

    async def replay(self, operation: Operation) -> Done:
        """What was made before."""
        return self._done(operation, operation.resource_id or "")

    def _done(self, operation: Operation, zap_id: str) -> Done:
        speech = f"{_named(self.title)} is made and on."
        return Done(zap_id, self.tools.receipt_of(operation, zap_id, speech, Action.CHANGED), {})


@dataclass(frozen=True)
class StartedAction(_Blind):
    """Running one action."""

    tools: OwnerTools
    way: RunsActions
    action_type: str
    inputs: dict[str, Any]

    async def send(self, operation: Operation) -> Done:
        """Start it, and look a few times whether it is over."""
        run_id = await self.way.start(self.action_type, self.inputs)
        return self._done(operation, await self._look(run_id))

    async def replay(self, operation: Operation) -> Done:
        """What has become of it meanwhile."""
        return self._done(operation, await self._look(operation.resource_id or "", looks=1))

    async def _look(self, run_id: str, *, looks: int = LOOKS) -> ActionRun:
        """It has been started: that it cannot be asked about does not undo that."""
        run = ActionRun(run_id, "waiting", [])
        for look in range(looks):
            if look:
                await self.tools.pause()
            try:
                run = await self.way.outcome(run_id)
            except ServerError:
                continue
            if run.status != "waiting":
                break
        return run

    def _done(self, operation: Operation, run: ActionRun) -> Done:
        if run.status == "error":
            raise _failed(run)
        over = run.status == "success"
        speech, action = ("It's done.", Action.SENT) if over else (STILL_RUNS, Action.QUEUED)
        return Done(run.id, self.tools.receipt_of(operation, run.id, speech, action), {"results": run.results})


def _failed(run: ActionRun) -> ServerError:
    """An action that failed, by Zapier's code. Its own words are third parties' and are not repeated."""
    match run.problem:
        case "user" | "hydration":
            return BadRequest(f"the app refused the action's fields (run {run.id})", field="params")
        case "authentication":
            return NeedsReconnect(f"the app's connection at Zapier must be made again (run {run.id})")
        case "throttled" | "system_throttled":
            return TryLater(f"the app asks for patience (run {run.id})", retry_after=run.delay)
        case _:
            return OutcomeUnknown(f"the app failed during the action (run {run.id}); look there before repeating it")


def _named(title: str) -> str:
    return plain(title) or "The Zap"


def _view(zap: Zap) -> ZapView:
    return ZapView(id=zap.id, number=zap.number, title=zap.title, enabled=zap.enabled)
