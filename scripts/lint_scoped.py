"""Every row belongs to a workspace, and every query is bound to one. What leaves that is listed here, with a reason."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "backend"

GLOBAL_TABLES = {
    "WorkspaceRow": "the workspaces themselves",
    "LoginFailureRow": "nobody is signed in yet",
}
"""Tables without a workspace."""

MAY_LEAVE = {
    "backend/agents/doors.py": "a publishable key or a dialled number tells whose it is",
    "backend/workspaces/repository.py": "chores are done for every workspace",
    "backend/access/service.py": "a key or a session tells whose it is",
    "backend/users/logins.py": "nobody is signed in yet",
    "backend/users/service.py": "nobody is signed in yet",
    "backend/workspaces/service.py": "the operator sees every workspace's name",
    "backend/calls/service.py": "a worker's job names the call alone",
    "backend/connections/probe.py": "the probe tries the connections of every workspace",
    "backend/registry/health.py": "the registry lists the servers of every workspace",
    "backend/vault/rotation.py": "keys are rotated for every workspace",
    "backend/tokens/revocation.py": "servers serve every workspace",
}
"""Files that may open a session over all workspaces."""

DATABASE = "backend/db.py"
RAW = {"text", "create_engine", "create_async_engine", "insert"}


def problems(path: Path) -> list[str]:
    """What is wrong in one file."""
    name = str(path.relative_to(ROOT))
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            found += [f"{name}:{node.lineno} {problem}" for problem in _of_table(node)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and name != DATABASE:
            found += [f"{name}:{node.lineno} {problem}" for problem in _of_call(node, node.func, name)]
        if isinstance(node, ast.Attribute) and node.attr == "__table__":
            found.append(f"{name}:{node.lineno} __table__ is not scoped: query the class")
    return found


def _of_table(node: ast.ClassDef) -> list[str]:
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    if "Base" not in bases or "Owned" in bases or node.name in GLOBAL_TABLES:
        return []
    return [f"{node.name} belongs to no workspace: make it Owned"]


def _of_call(call: ast.Call, function: ast.Attribute, name: str) -> list[str]:
    if function.attr == "unscoped":
        reason = call.args[0] if call.args else None
        if not (isinstance(reason, ast.Constant) and isinstance(reason.value, str) and reason.value):
            return ["unscoped() needs its reason as a text"]
        return [] if name in MAY_LEAVE else ["this file may not leave its workspace: use Database.scoped"]
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner == "sa" and function.attr in RAW:
        return [f"sa.{function.attr} is not scoped: add rows or query classes; see backend/db.py"]
    return []


def main() -> int:
    """Look at every file of the backend."""
    files = [path for path in BACKEND.rglob("*.py") if "migrations" not in path.parts]
    found = [problem for path in files for problem in problems(path)]
    unused = [name for name in MAY_LEAVE if ".unscoped(" not in (ROOT / name).read_text()]
    found += [f"scripts/lint_scoped.py: {name} needs its exception no more" for name in unused]
    print("\n".join(found) or "every query of the backend is bound to a workspace")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
