"""Each guard is taken out, in a copy of the checkout; the tests that judge it must turn red there.

A test that cannot fail proves nothing. The long runs only (``make soak``): each mutant takes seconds.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]
COPIED = (
    "contracts",
    "mcp_servers",
    "voxie_agents",
    "spawner",
    "backend",
    "sandbox",
    "cli",
    "process",
    "storage",
    "tracing",
    "tests",
)
HERE = "tests/mcp_servers/google_calendar"
RACE = f"{HERE}/test_race.py"
CUTS = f"{HERE}/test_ordeal.py"
STRANGERS = f"{HERE}/test_strangers.py"
ISO = f"{HERE}/test_iso_times.py"
WORDS = "tests/voxie_agents/test_when_generated.py"
TABLE = "tests/voxie_agents/test_when.py"
RESERVATIONS = "mcp_servers/shared/ledger/reservations.py"
OPERATIONS = "mcp_servers/shared/ledger/operations.py"
EVENTS = "mcp_servers/google_calendar/events.py"
TIMES = "mcp_servers/google_calendar/times.py"
PASSED, FAILED = 0, 1
"""Exit codes of pytest; any other means that the copy does not run."""


@dataclass(frozen=True)
class Mutant:
    """One guard, taken out.

    Args:
        file: where it is.
        guard: its code, which must be there exactly once.
        without: what stands there instead.
        tests: that must turn red.
    """

    file: str
    guard: str
    without: str
    tests: str


MUTANTS = {
    "no reservation row": Mutant(
        RESERVATIONS, "await connection.execute(sa.insert(reservations).values(**values))", "del values", RACE
    ),
    "nobody is ahead, and no promise is refused": Mutant(RESERVATIONS, "            reservations.c.starts_at < span[1],", "            sa.false(),", RACE),
    "an event id that does not come from the operation": Mutant(
        EVENTS, 'return f"vo{operation_id}"', 'return f"vo{__import__(\'secrets\').token_hex(20)}"', CUTS
    ),
    "an operation that is another each time it is asked for": Mutant(
        OPERATIONS, 'f"{workspace}|{tool}|{key}".encode()', "__import__('os').urandom(20)", CUTS
    ),
    "everybody may read everything": Mutant(
        EVENTS, "return call.is_owner or event.private.get(PERSON) == self.person(call) or self._has_code(event, code)",
        "return True", STRANGERS,
    ),
    "a number alone cancels": Mutant(EVENTS, "return same_call or ", "return same_call or bool(call.caller) or ", STRANGERS),
    "a time that comes twice is taken as the first": Mutant(
        TIMES, "if first.utcoffset() == second.utcoffset():", "if first.utcoffset() == second.utcoffset() or True:", ISO
    ),
    "naive means UTC": Mutant(TIMES, "naive.replace(tzinfo=zone, fold=0)", "naive.replace(tzinfo=UTC, fold=0)", ISO),
    "words that leave the time open are taken as it": Mutant("voxie_agents/when_doubts.py", "if found is not None:\n        return found", "del found", WORDS),
    "a clock that comes twice is taken as the first": Mutant(
        "voxie_agents/when.py", "if first.utcoffset() == second.utcoffset():", "if first.utcoffset() == second.utcoffset() or True:", WORDS
    ),
    "next friday is the nearest": Mutant(
        "voxie_agents/when_days.py", "return [coming, coming + timedelta(weeks=1)] if same_week else [coming]",
        "del same_week\n    return [coming]", WORDS,
    ),
    "what alters a time and is not understood is overlooked": Mutant(
        "voxie_agents/when_reading.py", "if alters_a_time(left) or counts_weeks(left)", "if counts_weeks(left)", TABLE
    ),
    "a time of day need not be in the words": Mutant(
        "voxie_agents/when_reading.py", "if not all(tells(found.body, value) for value in values):", "if False:", TABLE
    ),
    "the half of the day that an engine left out is not asked for": Mutant(
        "voxie_agents/when_reading.py", "for clock in both_halves(found.body, value)", "for clock in (value.time(),)", TABLE
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_without_its_guard_a_judge_turns_red(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    copy = _copy(tmp_path / "copy")
    path = copy / mutant.file
    source = path.read_text()
    assert source.count(mutant.guard) == 1, f"{mutant.file} has changed: name the guard anew"
    path.write_text(source.replace(mutant.guard, mutant.without))
    assert _run(copy, mutant.tests) == FAILED


@pytest.mark.parametrize("tests", [RACE, CUTS, STRANGERS, ISO, WORDS, TABLE])
def test_with_all_guards_the_judges_are_green_in_a_copy(tests: str, tmp_path: Path) -> None:
    """So that a red one is red for the guard, and not for the copying."""
    assert _run(_copy(tmp_path / "copy"), tests) == PASSED


def _copy(target: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def _run(copy: Path, tests: str) -> int:
    # The installed distribution points at the real checkout; the copy must come first.
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy), "VOXIE_STATE": str(copy / "state")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-x",
        "--timeout=300",
        "-m",
        "not soak and not needs_postgres",
        tests,
    ]
    done = subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True, text=True, timeout=600)
    assert "Timeout" not in done.stdout, "a test that only waits says nothing about the guard"
    return done.returncode
