"""How the demo brain treats callers: it keeps what it was told, takes nothing for a time that is none, and answers what was asked."""

import pytest

from tests.voxie_agents.talk import Talk, talking
from tests.world import World

pytestmark = [pytest.mark.needs_duckling, pytest.mark.asyncio(loop_scope="module")]

ASK = "I'd like a table for four tomorrow at 7 pm"
MARIA = (ASK, "Maria Garcia", "555 0100")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


LINES: dict[str, tuple[tuple[str, ...], str]] = {
    "too short a number is no time of day": (
        (ASK, "Maria Garcia", "123", "555 0100"),
        "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Maria Garcia, phone number 555 0100. Is that right?"),
    "and it is said what is wrong with it": (
        (ASK, "Maria Garcia", "one two three"), "That's too short for a phone number. And what phone number can we reach you on?"),
    "a boss is no holiday": (
        (ASK, "it's for my boss, Mr. Smith", "555 0100"),
        "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Mr Smith, phone number 555 0100. Is that right?"),
    "a name is changed in one breath": (
        (*MARIA, "no, change the name to Marta"),
        "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Marta, phone number 555 0100. Is that right?"),
    "what nobody books without": (
        (ASK, "Maria Garcia", "I don't have a phone"),
        "I'm sorry, I can't make the booking without that. And what phone number can we reach you on?"),
    "someone who looks something up is waited for": ((ASK, "hold on, let me check"), "Of course, take your time."),
    "and the question stands": ((ASK, "one moment please", "Maria Garcia"), "And what phone number can we reach you on?"),
    "a question that is open is asked again as it was": (
        ("a table tomorrow", "just me"), "All right. At what time on Tuesday, November 24th?"),
    "opening hours beside the wish": (
        ("are you open on Sundays and can I book a table for two on Sunday at one",),
        "Sunday, November 29th at 1 PM is free. What name should I put it under?"),
    "a smaller party": (("a table for 40 tomorrow at 7 pm", "okay 8 then"),
        "Tomorrow, Tuesday, November 24th at 7 PM is free. What name should I put it under?"),
    "a question about the booking changes nothing of it": (
        (*MARIA, "what was the date again?"),
        "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Maria Garcia, phone number 555 0100. Is that right?"),
    "a second wish keeps the first": (
        (f"{ASK}, my wife is allergic to peanuts and we like it quiet", *MARIA[1:], "also it's our anniversary"),
        ("So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Maria Garcia, phone number 555 0100, "
         "with the note: allergic to peanuts, our anniversary. Is that right?")),
    "a name in a row of things": (
        (f"{ASK}, Maria de la Cruz, 555 0100",),
        "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Maria de la Cruz, phone number 555 0100. Is that right?"),
    "a feast in a row of things is no name": (
        ("a table for two, Christmas Eve, at 7 pm",), "Thursday, December 24th at 7 PM is free. What name should I put it under?"),
    "who asks hears that it is no person": (
        (ASK, "are you a robot?"), "I'm an automated assistant, not a person. What name should I put it under?"),
    "another language": (
        ("Hola, quisiera reservar una mesa para dos",),
        "I'm sorry, I understand English only. I can check a time, make a booking, tell you your bookings, or cancel one. What would you like?"),
    "who wants to think about it has booked nothing": (
        (ASK, "I'll think about it and call back"), "All right, nothing has been booked. Is there anything else I can do for you?"),
    "an unknown time of day keeps none that was agreed": (
        (*MARIA, "no, make it Wednesday, first thing"), "At what time on Wednesday, November 25th?"),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
async def test_a_caller_hears(world: World, name: str) -> None:
    turns, line = LINES[name]
    async with talking(world) as caller:
        assert await caller.says(*turns) == line
    assert await world.events() == []


@pytest.mark.parametrize("words", ["what did you book for me?", "what have you booked", "do I have a table?"])
async def test_what_was_booked_is_told_and_nothing_new_begun(world: World, words: str) -> None:
    async with talking(world) as caller:
        line = await caller.says(*MARIA, "yes", words)
    assert line.startswith("I found Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM.")


async def test_one_of_several_offers_is_asked_for_and_what_is_told_meanwhile_is_kept(world: World) -> None:
    async with talking(world) as maria, talking(world) as tom:
        await maria.says(*MARIA, "yes")
        await tom.says("a table for two tomorrow at 7 pm")
        assert await tom.says("yes") == "Which one would you like?"
        line = await tom.says("my number is 555 0199")
        assert line == "All right. That day I could offer 4, 5:30 or 8:30 PM. Would one of those suit you?"
        await tom.says("the last one", "Tom Baker")
    assert "8:30 PM, under Tom Baker, phone number 555 0199" in tom.line


async def spelled(world: World, maria: Talk) -> str:
    """Maria books and hangs up; her booking's code."""
    line = await maria.says(*MARIA, "yes")
    return line.split("code is ")[1].split(".")[0]


@pytest.mark.parametrize("named", [True, False])
async def test_who_rings_back_from_another_number_cancels_with_the_code(world: World, named: bool) -> None:
    async with talking(world, caller="tel:+15550100") as maria:
        code = await spelled(world, maria)
    async with talking(world) as again:
        if named:
            line = await again.says(f"I'd like to cancel my booking, the code is {code}")
        else:
            told = await again.says("please cancel my booking")
            assert told == "I found no booking of yours here. If you have a booking code, please tell me."
            line = await again.says(f"it's {code}, thank you")
        assert line == "That is Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM. Shall I cancel it?"
        assert (await again.says("yes")).startswith("That's cancelled")
    assert await world.events() == []


async def test_a_wrong_code_finds_nothing_and_can_be_said_again(world: World) -> None:
    async with talking(world, caller="tel:+15550100") as maria:
        code = await spelled(world, maria)
    async with talking(world) as again:
        line = await again.says("cancel my booking, my code is X X X X X X")
        assert line == "I found no booking with that code. If you have a booking code, please tell me."
        assert "Shall I cancel it?" in await again.says(code)
        assert "it stays as it is" in await again.says("no")
        assert "Shall I cancel it?" in await again.says("cancel my booking", f"it is {code}")
    assert len(await world.events()) == 1


async def test_a_code_that_was_given_with_the_wish_to_move_is_not_asked_for_again(world: World) -> None:
    async with talking(world, caller="tel:+15550100") as maria:
        code = await spelled(world, maria)
    async with talking(world) as again:
        assert "can't move" in await again.says(f"move my booking to 8 pm please, the code is {code}")
        assert "Shall I cancel it?" in await again.says("yes")


async def test_who_has_the_code_is_asked_to_spell_it_and_may_book_instead(world: World) -> None:
    async with talking(world) as caller:
        assert await caller.says("cancel my booking", "yes") == "Please spell it for me."
        assert await caller.says("then book me a table", "four people") == "For which day and time?"


@pytest.mark.parametrize("words", ["no", "I lost it", "I don't have one"])
async def test_who_has_no_code_is_not_asked_again(world: World, words: str) -> None:
    async with talking(world) as caller:
        line = await caller.says("what are my bookings?", words)
    assert line == "All right. Is there anything else I can do for you?"


async def test_a_booking_is_looked_up_by_its_code(world: World) -> None:
    async with talking(world, caller="tel:+15550100") as maria:
        code = await spelled(world, maria)
    async with talking(world) as again:
        assert "I found Maria Garcia, party of 4" in await again.says(f"when is my booking? The code is {code}")


async def test_a_booking_of_next_year_is_among_the_callers_own(world: World) -> None:
    async with talking(world) as caller:
        await caller.says("a table for two on March 5th at 8 pm, my name is Maria Garcia, my number is 555 0100", "yes")
        assert "I found Maria Garcia" in await caller.says("what are my bookings?")


@pytest.mark.parametrize("words", ["move my booking to 8 pm please", "I need to reschedule"])
async def test_who_wants_to_move_a_booking_hears_what_can_be_done(world: World, words: str) -> None:
    async with talking(world) as caller:
        assert "can't move a booking" in await caller.says(words)
