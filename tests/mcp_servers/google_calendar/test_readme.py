"""What the folder's README claims of the server is shown by tests; ``tests/test_docs.py`` sees that those exist."""

import re
from pathlib import Path

README = Path(__file__).parents[3] / "mcp_servers" / "google_calendar" / "README.md"
PROOF = re.compile(r"\]\([^)#\s]+\.py#test_\w+\)")


def rows(after: str) -> list[list[str]]:
    """The cells of the first table after a text, without its head."""
    lines = README.read_text().split(after, 1)[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = lines[first : next((n for n, line in enumerate(lines[first:], first) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_each_of_our_cells_in_the_comparison_leads_to_a_test() -> None:
    compared = rows("## Beside the two that are used most")
    assert len(compared) >= 30
    for point, ours, *theirs in compared:
        assert PROOF.search(ours), point
        assert all(theirs), point
        assert len(theirs) == 2, point


def test_each_of_the_ten_defects_leads_to_a_test_of_the_right_behaviour() -> None:
    defects = rows("Ten defects that were measured in them")
    assert [number for number, _, _ in defects] == [str(number) for number in range(1, 11)]
    for number, theirs, ours in defects:
        assert theirs, number
        assert PROOF.search(ours), number
