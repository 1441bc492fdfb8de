"""Our own lint sees a query that leaves its workspace."""

from pathlib import Path

import pytest

from scripts import lint_scoped

WRONG = {
    "a table of nobody": "class XRow(Base):\n    pass\n",
    "an unlisted file": 'database.unscoped("because")\n',
    "raw SQL": 'session.execute(sa.text("select * from calls"))\n',
    "an insert statement": "session.execute(sa.insert(CallRow))\n",
    "a bare table": "sa.select(CallRow.__table__)\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the lint takes for the repository."""
    monkeypatch.setattr(lint_scoped, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", WRONG)
def test_it_is_found(folder: Path, what: str) -> None:
    path = folder / "wrong.py"
    path.write_text(WRONG[what])
    assert len(lint_scoped.problems(path)) == 1


def test_the_backend_is_clean() -> None:
    assert lint_scoped.main() == 0
