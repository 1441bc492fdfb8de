"""What dialogues are judged by: claims in a line; and how a number is read back."""

import pytest

from contracts.spoken import spoken_phone
from tests.voxie_agents.talk import claims


@pytest.mark.parametrize("line", ["It's booked: Maria.", "I've cancelled it.", "Your table is reserved!"])
def test_the_checker_of_claims_sees_claims(line: str) -> None:
    assert claims(line)


@pytest.mark.parametrize(
    "line", ["So nothing has been booked.", "Shall I cancel it?", "The notification has not been sent."]
)
def test_the_checker_of_claims_lets_the_truth_pass(line: str) -> None:
    assert not claims(line)


@pytest.mark.parametrize(
    ("number", "said"),
    [("5550100", "555 0100"), ("+34612345678", "+34 61 234 5678"), ("612 345 678", "612 345 678"), ("6123456789", "612 345 6789")],
)  # fmt: skip
def test_a_phone_number_is_read_back_in_groups(number: str, said: str) -> None:
    assert spoken_phone(number).replace(" ", "") == said.replace(" ", "")
    assert all(len(group) <= 4 for group in spoken_phone(number).lstrip("+").split())
