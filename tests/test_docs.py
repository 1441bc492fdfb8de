"""What the documents say is there, is there."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic_settings import BaseSettings

from backend.settings import BackendSettings
from cli.main import app
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from mcp_servers.shared.settings import ServerSettings
from mcp_servers.zapier.settings import ZapierSettings
from sandbox.settings import SandboxSettings
from voxie_agents.settings import AgentSettings

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "mcp_servers", "sandbox", "tests", "benchmarks")


def documents() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*.md") if "node_modules" not in path.parts)


@pytest.mark.parametrize("path", list(documents()), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_of_a_document_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())
    broken = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    # The way to an integration that was removed to show that it can be.
    assert [target for target in broken if "zapier" not in target] == []


@pytest.mark.parametrize("path", list(documents()), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_test_that_a_document_names_as_proof_exists(path: Path) -> None:
    proofs = re.findall(r"\]\(([^)#\s]+\.py)#(\w+)\)", path.read_text())
    missing = [(file, name) for file, name in proofs if name not in functions_of((path.parent / file).resolve())]
    assert [proof for proof in missing if "zapier" not in proof[0]] == []


@functools.cache
def functions_of(path: Path) -> set[str]:
    """The functions of a file; none when it was removed to show that it can be."""
    if not path.exists():
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)}


def test_the_readme_begins_with_the_two_commands_and_lists_each_command_of_voxie() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme.index("make up") < readme.index("make test") < 600
    listed = set(re.findall(r"^\| `voxie ([a-z-]+)", readme, re.MULTILINE))
    assert listed == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


SETTINGS = [BackendSettings, SandboxSettings, AgentSettings, ServerSettings, GoogleCalendarSettings, ZapierSettings]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_example_of_the_environment_documents_each_setting(settings: type[BaseSettings]) -> None:
    example = (ROOT / ".env.example").read_text()
    prefix = str(settings.model_config.get("env_prefix") or "")
    names = [str(field.validation_alias or prefix + name).upper() for name, field in settings.model_fields.items()]
    assert [name for name in names if not re.search(rf"^#?{name}=", example, re.MULTILINE)] == []


def test_no_two_decisions_have_one_number() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert all(number.isdigit() for number in numbers)
    assert len(set(numbers)) == len(numbers)
