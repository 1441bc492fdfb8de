"""Runs chores on DBOS: each run once, whatever the number of replicas; a run that a crash cut is done when its replica is back."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS

from backend.chores.chore import Chores, ChoreSettings
from backend.chores.sealed import ChoreFailed, SealedJson
from backend.vault.vault import Vault

log = structlog.get_logger()

VERSION = "1"
"""Of the workflow below, not of Voxie: replicas of two releases do each other's chores. It changes when its steps do."""
WORKFLOW = "do_chore"
TIDY = "tidy_chores"
"""The chore that removes what DBOS keeps of old runs."""
KEPT = timedelta(days=3)
AT_ONCE = 500
THREADS = 16


def ignore_outcome(_name: str, _outcome: str) -> None:
    """Nobody counts."""


class DurableChores:
    """Chores on their schedules. DBOS is one per process, so only one of these runs at a time.

    Args:
        chores: what is done.
        settings: how.
        vault: seals what is stored of it.
        count: told of each run: the chore's name, and ``done``, ``failed`` or ``unknown``.
    """

    def __init__(
        self,
        chores: Chores,
        settings: ChoreSettings,
        *,
        vault: Vault,
        count: Callable[[str, str], None] = ignore_outcome,
    ) -> None:
        self._chores = chores
        self._settings = settings
        self._vault = vault
        self._count = count
        self._running: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Take up what this replica left, and begin."""
        if TIDY not in self._chores:
            self._chores.add(TIDY, "0 17 3 * * *", self._tidy)
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._launch)

    async def aclose(self) -> None:
        """Stop. A run that is cut is done again after the next start."""
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    def _launch(self) -> None:
        # In a thread without a loop, so that DBOS keeps to a loop and threads of its own; only the chores themselves run on
        # the app's loop, where its database connections are.
        _keep_its_log_with_ours()
        DBOS(
            config={
                "name": "voxie",
                "system_database_url": self._settings.database.get_secret_value(),
                "executor_id": self._settings.executor,
                "application_version": VERSION,
                "serializer": SealedJson(self._vault),
                "enable_otlp": False,
                "log_level": "WARNING",
                "max_executor_threads": THREADS,
            }
        )

        @DBOS.workflow(name=WORKFLOW)
        async def workflow(_at: datetime, name: Any) -> None:
            await DBOS.run_step_async({"name": "do"}, self._on_the_apps_loop, str(name))

        DBOS.launch()
        names = {chore.name for chore in self._chores}
        for schedule in DBOS.list_schedules():
            if schedule["schedule_name"] not in names:
                DBOS.delete_schedule(schedule["schedule_name"])
        DBOS.apply_schedules(
            [
                {"schedule_name": c.name, "workflow_fn": workflow, "schedule": c.schedule, "context": c.name}
                for c in self._chores
            ]
        )

    async def _on_the_apps_loop(self, name: str) -> int:
        assert self._loop is not None, "set at the start"
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(name), self._loop))

    async def _do(self, name: str) -> int:
        """One run. While one goes on here no other is begun beside it: it finds the same work."""
        if name in self._running:
            return 0
        if name not in self._chores:
            # Of a newer release, that runs beside this one: its own replicas do the next. Or it could not be opened.
            self._count("unknown", "unknown")
            return 0
        self._running.add(name)
        try:
            done = await self._chores.run(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next run comes
            self._count(name, "failed")
            log.warning("chore failed", chore=name, error_type=type(error).__name__)
            raise ChoreFailed(type(error).__name__) from None
        finally:
            self._running.discard(name)
        self._count(name, "done")
        return done

    async def _tidy(self) -> int:
        return await asyncio.to_thread(_remove_old_runs, datetime.now(UTC) - KEPT)


def _remove_old_runs(before: datetime) -> int:
    """Also those that a replica which never came back left half done: their schedules did the work since."""
    removed = 0
    while True:
        old = DBOS.list_workflows(end_time=before.isoformat(), limit=AT_ONCE, load_input=False, load_output=False)
        if not old:
            return removed
        ids = [run.workflow_id for run in old]
        DBOS.cancel_workflows([run.workflow_id for run in old if run.status in {"PENDING", "ENQUEUED"}])
        DBOS.delete_workflows(ids)
        removed += len(ids)


def _keep_its_log_with_ours() -> None:
    """DBOS prints by itself, texts of exceptions too, unless its logger has a handler already."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
