"""The programs of others that the tests run by Node: pinned here, installed once for each lock file, then offline.

Node itself is one of them: what a system brings is often older than the 22 that they need. Zapier's SDK stays at 0.67: the
release after it depends on ``@zapier/kitcore``, which npm could not get.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PINS = ("package.json", "package-lock.json", ".npmrc")
# Those that a package with Node's binary exists for.
PLATFORMS = {(system, machine) for system in ("Linux", "Darwin") for machine in ("x86_64", "aarch64", "arm64")}


@dataclass(frozen=True)
class NodePackages:
    """What is installed.

    Args:
        folder: where ``node_modules`` is.
    """

    folder: Path

    @property
    def node(self) -> Path:
        """Node's binary."""
        return self.folder / "node_modules/.bin/node"

    @property
    def environment(self) -> dict[str, str]:
        """All that its processes need of one: compiled once, they start in half the time."""
        return {"NODE_COMPILE_CACHE": str(self.folder / "compiled")}

    @property
    def conformance(self) -> Path:
        """MCP's conformance suite."""
        return self.folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"

    @property
    def zapier_sdk(self) -> Path:
        """Zapier's SDK."""
        return self.folder / "node_modules/@zapier/zapier-sdk/dist/index.mjs"


def missing() -> str | None:
    """Why the packages cannot be had on this machine; None when they can."""
    if shutil.which("npm") is None:
        return "npm is not installed (apt-get install npm): MCP's conformance suite and Zapier's SDK are left out"
    if (platform.system(), platform.machine()) not in PLATFORMS:
        return f"npm has no Node for {platform.system()} on {platform.machine()}"
    return None


def install() -> NodePackages:
    """Install the pinned packages unless they are; other processes wait.

    Raises:
        RuntimeError: npm could not.
    """
    home = ROOT / ".tools" / "node"
    home.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()[:16]
    folder = home / digest
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            for older in home.iterdir():
                if older.is_dir():
                    shutil.rmtree(older)
            _npm_ci(folder)
            (folder / "ready").touch()
    return NodePackages(folder)


def _npm_ci(folder: Path) -> None:
    folder.mkdir()
    for name in PINS:
        shutil.copy(HERE / name, folder / name)
    command = ["npm", "ci", "--no-progress", "--loglevel=error", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    # npm takes a package of the platform that it could not get for one that is not wanted.
    if done.returncode or not NodePackages(folder).node.exists():
        raise RuntimeError(f"npm ci did not install tests/node/package-lock.json:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    if missing() is None:
        try:
            install()
        except RuntimeError as error:
            sys.exit(str(error))
