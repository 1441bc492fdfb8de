"""The spawner's start."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / ".tools/bin/livekit-server"
KEY, SECRET = "a-key", "a-secret-of-these-tests-of-32-characters"
LIVEKIT = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
SERVICE_TOKEN = "the-service-token-of-these-tests"
LONG = 45.0
GOOD = {"LIVEKIT_URL": "ws://127.0.0.1:9", **LIVEKIT, "BACKEND_SERVICE_TOKEN": SERVICE_TOKEN}


def clean(**changes: str) -> dict[str, str]:
    """An environment of its own: nothing of this machine's settings reaches the processes."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), **changes}


@pytest.mark.parametrize(
    ("missing", "wrong", "said"),
    [
        ("LIVEKIT_URL", None, "spawner: LIVEKIT_URL is missing: set it to a LiveKit server"),
        ("LIVEKIT_API_KEY", None, "spawner: LIVEKIT_API_KEY is missing: set it to the key"),
        ("LIVEKIT_API_SECRET", None, "spawner: LIVEKIT_API_SECRET is missing: set it to the secret"),
        ("BACKEND_SERVICE_TOKEN", None, "spawner: BACKEND_SERVICE_TOKEN is missing"),
        ("LIVEKIT_URL", "127.0.0.1:7880", "spawner: LIVEKIT_URL is wrong"),
    ],
)
def test_what_is_missing_is_one_line_that_names_it(tmp_path: Path, missing: str, wrong: str | None, said: str) -> None:
    environment = {key: value for key, value in GOOD.items() if key != missing} | ({missing: wrong} if wrong else {})
    done = subprocess.run(
        [sys.executable, "-m", "spawner"],
        env=clean(**environment),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1
