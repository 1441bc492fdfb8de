"""An integration is one folder, tried on a copy of the checkout.

1. Without the Zapier integration, its tests and its sandbox part, every test that is not marked as needing it passes.
2. With a copy of the template under another name, the command line and the backend know it without another edit.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "contracts",
    "mcp_servers",
    "voxie_agents",
    "spawner",
    "backend",
    "sandbox",
    "cli",
    "storage",
    "tracing",
    "process",
    "tests",
    "scripts",
)
FILES = ("pyproject.toml", "README.md", ".env.example", "docker-compose.mcp.yml")
REMOVED = ("mcp_servers/zapier", "sandbox/zapier")
# The tests of the rooms that an integration reaches: all of them would take the gate's time twice.
TESTS = (
    "tests/e2e",
    "tests/integration",
    "tests/backend/test_agents.py",
    "tests/backend/test_calls_and_agents.py",
    "tests/mcp_servers/test_template.py",
)
# As `make unit` does it: two at once, the tests of a file in one process.
SPREAD = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def main() -> int:
    """Try both; the exit status of the first that fails."""
    with tempfile.TemporaryDirectory(prefix="voxie-one-folder-") as folder:
        return without_zapier(_copy(Path(folder) / "without")) or with_a_copy(_copy(Path(folder) / "with"))


def without_zapier(copy: Path) -> int:
    """Remove an integration and run what remains."""
    for removed in REMOVED:
        shutil.rmtree(copy / removed)
    shutil.rmtree(copy / "tests/mcp_servers/zapier")
    for twin in copy.glob("tests/**/test_zapier*.py"):
        twin.unlink()
    tests = [test for test in TESTS if (copy / test).exists()]
    marked = "not needs_zapier and not soak and not needs_postgres"
    return _run(copy, "-m", "pytest", *SPREAD, "-m", marked, "-x", *tests)


def with_a_copy(copy: Path) -> int:
    """Copy the template and look for it."""
    folder = copy / "mcp_servers" / "copied"
    shutil.copytree(copy / "mcp_servers" / "_template", folder)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        text = path.read_text()
        path.write_text(text.replace("mcp_servers._template", "mcp_servers.copied").replace('"template"', '"copied"'))
    return _run(copy, "scripts/look_for_copied.py")


def _copy(target: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)
    return target


def _run(copy: Path, *arguments: str) -> int:
    # The installed distribution points at the real checkout; the copy must come first.
    environment = {**os.environ, "PYTHONPATH": str(copy), "VOXIE_STATE": str(copy / "state")}
    return subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
