"""What one caller turn says, as the offline brain hears it; and the tools as it sees them."""

from typing import Any

import pytest
from livekit.agents import function_tool

from contracts.meta import CONSENT, PURPOSE, SLOTS
from voxie_agents.business.reservation import take_schema
from voxie_agents.offline.hearing import code, heard, intent, picked, time_words
from voxie_agents.offline.tool_view import ToolView, views

pytestmark = pytest.mark.needs_duckling


async def nothing(raw_arguments: dict[str, object]) -> str:
    return str(raw_arguments)


def view(schema: dict[str, Any]) -> ToolView:
    (found,) = views([function_tool(nothing, raw_schema=schema)]).values()
    return found


BOOK = view(take_schema(8))


def test_a_tool_is_seen_by_its_purpose_with_what_it_asks_for() -> None:
    assert BOOK.purpose == "book"
    assert BOOK.required == ("party_size", "when", "name", "phone")
    assert BOOK.question("party_size") == "For how many people?"
    assert BOOK.argument_of("phone") == "phone"
    assert BOOK.consent


def test_a_tool_without_a_purpose_is_of_no_use_to_the_brain() -> None:
    assert views([function_tool(nothing, raw_schema={"name": "x", "parameters": {"type": "object"}})]) == {}


def test_a_tool_that_brings_no_question_is_asked_for_by_the_name_of_its_argument() -> None:
    schema = {
        "name": "book_visit",
        "parameters": {"type": "object", "required": ["insurance_number"], "properties": {}},
        "meta": {PURPOSE: "book", SLOTS: {}, CONSENT: False},
    }
    assert view(schema).question("insurance_number") == "What is the insurance number?"
    assert view(schema).kind("insurance_number") == "text"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (
            "I'd like a table for four tomorrow at 7 pm, my name is Maria Garcia and my number is 555 0100",
            {"party_size": 4, "when": "tomorrow at 7 pm", "name": "Maria Garcia", "phone": "555 0100"},
        ),
        ("a table for two", {"party_size": 2}),
        ("tomorrow at eight", {"when": "tomorrow at eight"}),
        ("this is Tom Baker, a table for six on Friday at half past eight", {"party_size": 6, "name": "Tom Baker"}),
        ("my number is 555 0100", {"phone": "555 0100"}),
        ("hello", {}),
        ("", {}),
        ("what are your opening hours", {}),
        ("I want to cancel", {}),
    ],
)
def test_all_that_a_turn_gives_is_heard(words: str, arguments: dict[str, object]) -> None:
    found = heard(words, BOOK, None)
    assert {key: found.get(key) for key in arguments} == arguments
    if not arguments:
        assert found == {}


@pytest.mark.parametrize(
    ("asked", "words", "value"),
    [
        ("party_size", "four", 4),
        ("name", "Maria Garcia", "Maria Garcia"),
        ("phone", "555 0100", "555 0100"),
        ("phone", "612 345 678", "612 345 678"),
        ("when", "seven", "seven"),
        ("when", "tomorrow", "tomorrow"),
    ],
)
def test_an_answer_is_heard_for_what_was_asked(asked: str, words: str, value: object) -> None:
    assert heard(words, BOOK, asked) == {asked: value}


def test_an_answer_may_give_more_than_was_asked() -> None:
    assert heard("four, tomorrow at seven", BOOK, "party_size")["when"] == "tomorrow at seven"


@pytest.mark.parametrize(
    "words",
    [
        "tomorrow at seven or eight",
        "between seven and eight tomorrow",
        "tomorrow at seven, no, eight",
        "not tomorrow at eight",
        "every Friday at eight",
        "after eight tomorrow",
    ],
)
def test_what_makes_a_time_doubtful_is_passed_on_with_it(words: str) -> None:
    assert time_words(words, expected=False) == words


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("I want to cancel my booking", "cancel"), ("cancel it", "cancel"), ("what are my bookings?", "list"),
        ("do I have a reservation", "list"), ("when do you close", "hours"), ("what time do you open", "hours"),
        ("are you open on Sundays", "hours"), ("can I speak to a human", "human"), ("pardon?", "repeat"),
        ("bye", "bye"), ("thank you, goodbye", "bye"), ("that's all, thanks", "bye"), ("hello", "hello"), ("thanks", "thanks"),
        ("can I book a table", "book"), ("blue", None), ("", None), ("where are you", "fact"), ("what's your address", "fact"),
    ],
)  # fmt: skip
def test_what_the_caller_wants(words: str, meant: str | None) -> None:
    assert intent(words) == meant


@pytest.mark.parametrize(
    ("words", "count", "index"),
    [
        ("the first one", 3, 0), ("the second", 3, 1), ("the last one please", 3, 2), ("the earlier one", 2, 0),
        ("the third", 2, None), ("that one", 1, 0), ("that one", 2, None), ("eight", 2, None), ("", 1, None),
    ],
)  # fmt: skip
def test_an_offer_is_picked_by_its_place(words: str, count: int, index: int | None) -> None:
    assert picked(words, count) == index


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        ("ABC234", "ABC234"), ("a b c 2 3 4", "ABC234"), ("my code is ABC234", "ABC234"), ("it's A-B-C 2-3-4.", "ABC234"),
        ("sure, it's A B C two three four, thank you", "ABC234"),
        ("no", None), ("x", None), ("I don't have the code at hand right now", None),
    ],
)  # fmt: skip
def test_a_code_is_heard(words: str, spelled: str | None) -> None:
    assert code(words) == spelled
