"""Party size, phone, name, yes and no in a caller's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxie_agents.answers import yes_or_no
from voxie_agents.slots import party_size, person_name, phone


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("a table for four", 4),
        ("table for 4 please", 4),
        ("I'd like a table for four tomorrow at 7 pm", 4),
        ("for two at eight", 2),
        ("two people", 2),
        ("there are six of us", 6),
        ("there will be three of us", 3),
        ("we're five", 5),
        ("we are 12", 12),
        ("a party of ten", 10),
        ("it's for three", 3),
        ("a couple of people, for two", 2),
        ("half a dozen people", 6),
        ("a dozen guests", 12),
        ("just me", 1),
        ("only me", 1),
        ("a table for one", 1),
        ("tomorrow at seven for 4", 4),
        ("7 for 4", 4),
        ("dinner for two tomorrow at eight", 2),
        ("Saturday at eight, party of 5", 5),
        ("four adults", 4),
        ("for four, no, five people", 5),
        ("for four, sorry, for six", 6),
        ("tomorrow at seven for four, no, five", 5),
        ("no, five people", 5),
        ("make it five people", 5),
        ("two adults and two kids", 4),
        ("two adults and one child", 3),
        ("four of us and a baby", 5),
        ("me and my wife", 2),
        ("my wife and me", 2),
        ("my husband and I", 2),
        ("eight people at eight", 8),
        ("table for 8 at 8", 8),
    ],
)
def test_the_party_size_is_heard(words: str, size: int) -> None:
    assert party_size(words) == size


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("four", 4), ("4", 4), ("just two", 2), ("um, four please", 4), ("four in total", 4), ("make it five", 5),
        ("actually six", 6), ("we'll be seven", 7), ("four or so", None), ("two or three", None), ("eleven", 11),
        ("twenty", 20), ("a couple", 2), ("just me", 1), ("myself", 1), ("lots", None), ("tomorrow at four", None),
        ("Maria", None), ("twenty-five", 25), ("thirty", 30), ("there'll be four", 4), ("I think four", 4), ("four, I think", 4),
        ("it will be 3", 3), ("okay 8 then", 8), ("then four", 4), ("yes, four", 4), ("just my wife", 2), ("0", None), ("zero", None), ("4.", 4), ("four people.", 4), ("party of four.", 4),
    ],
)  # fmt: skip
def test_an_answer_to_how_many_is_heard(words: str, size: int | None) -> None:
    assert party_size(words, expected=True) == size


@pytest.mark.parametrize(
    "words",
    [
        "tomorrow at 7", "for tomorrow", "at eight", "seven", "555 0100", "my name is Maria", "for 7 pm", "for 7:30",
        "for two hours", "for three nights", "it's 8 pm", "it's eight o'clock", "", "it's for my boss, Mr Smith", "my wife, Anna, will call", "we're closed", "for Maria",
    ],
)  # fmt: skip
def test_other_numbers_are_no_party(words: str) -> None:
    assert party_size(words) is None


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("555 0100", "555 0100"),
        ("my number is 555-0100", "555-0100"),
        ("+34 612 345 678", "+34 612 345 678"),
        ("it's (555) 010-0123", "(555) 010-0123"),
        ("five five five oh one hundred", None),
        ("five five five zero one zero zero", "5550100"),
        ("five five five, oh one oh oh", "5550100"),
        ("5 5 5 0 1 0 0", "5550100"),
        ("double five five oh one double oh", "5550100"),
        ("triple five oh one oh oh", "5550100"),
        ("call me at 6123456789 please", "6123456789"),
        ("0034612345678", "0034612345678"),
        ("555 01", None),
        ("12345", None),
        ("my number", None),
        ("1234567890123456", None),
        ("555 0100, no sorry, 555 0199", "555 0199"),
        ("it is 555 0100 extension 4", "555 0100"),
    ],
)
def test_a_phone_number_is_heard(words: str, number: str | None) -> None:
    heard = phone(words)
    if number is None or heard is None:
        assert heard is number
    else:
        assert [c for c in heard if c.isdigit()] == [c for c in number if c.isdigit()]
        assert heard.startswith("+") == number.startswith("+")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Maria Garcia", "Maria Garcia"),
        ("maria garcia", "Maria Garcia"),
        ("My name is Maria Garcia", "Maria Garcia"),
        ("it's under Garcia", "Garcia"),
        ("under the name of Jean-Luc Picard please", "Jean-Luc Picard"),
        ("the name's Bond", "Bond"),
        ("I'm Tom Baker", "Tom Baker"),
        ("this is Tom Baker speaking", "Tom Baker"),
        ("um, Tom", "Tom"),
        ("it's Tom", "Tom"),
        ("put it under O'Brien", "O'Brien"),
        ("Ana María de la Cruz", "Ana María de la Cruz"),
        ("Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("Garcia, Maria", "Garcia"),
        ("Maria Garcia, phone 555 0100", "Maria Garcia"),
        ("Tom Baker and my number is 555 0100", "Tom Baker"),
        ("Nguyễn", "Nguyễn"),
        ("Mr Smith", "Mr Smith"),
        ("Mr. Smith", "Mr Smith"),
        ("J. R. Tolkien", "J R Tolkien"),
        ("Maria Garcia. Thanks.", "Maria Garcia"),
        ("it's for my boss, Mrs. Smith-Jones", "Mrs Smith-Jones"),
        ("change the name to Joseph Smith please", "Joseph Smith"),
        ("Underwood", "Underwood"),
        ("Yes, Maria", "Maria"),
        ("Maria.", "Maria"),
        ("no, it's Marta Garcia", "Marta Garcia"),
        ("actually Marta", "Marta"),
        ("April May", "April May"),
        ("sorry, my name is Marta", "Marta"),
        ("Maria García-López", "María García-López".replace("María", "Maria")),
    ],
)
def test_a_name_is_heard_when_it_was_asked_for(words: str, name: str) -> None:
    assert person_name(words, expected=True) == name


@pytest.mark.parametrize(
    "words",
    [
        "", "yes", "no", "what?", "hello", "I want to cancel", "tomorrow at seven", "555 0100", "cancel", "why do you need it",
        "I don't know", "goodbye", "thank you", "can I speak to a human", "what are your opening hours", "for four people",
        "never mind", "hold on a second", "say again", "pardon", "sorry", "could you repeat that", "1234", "...", "???",
    ],
)  # fmt: skip
def test_what_is_no_name_is_not_taken_for_one(words: str) -> None:
    assert person_name(words, expected=True) is None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("I'd like a table for four tomorrow at 7, my name is Maria Garcia", "Maria Garcia"),
        ("this is Tom Baker, can I book a table", "Tom Baker"),
        ("a table for two under Garcia", "Garcia"),
        ("I'm looking for a table", None),
        ("I am in a hurry", None),
        ("this is ridiculous", None),
        ("Maria Garcia", None),
        ("a table in the name of Baker, please", "Baker"),
    ],
)
def test_a_name_in_a_longer_sentence_needs_an_introduction(words: str, name: str | None) -> None:
    assert person_name(words, expected=False) == name


YES = [
    "y", "hell yes", "cool", "excellent, thanks", "spot on",
    "yes", "Yes.", "yes please", "yeah", "yep", "sure", "that's right", "correct", "Yes, that's correct.", "go ahead",
    "sounds good", "perfect, thank you", "ok", "okay great", "absolutely", "please do", "yes yes yes", "um, yes", "yes, book it",
    "exactly", "that is fine", "that works", "of course", "right", "uh yeah sure", "yes it is", "yes I do", "that's perfect",
    "all right", "alright", "yes, go ahead please", "uh-huh", "that's it", "yes that's right", "yes, that is all correct",
    "si", "yup thanks", "I confirm", "confirmed", "you got it", "sounds right",
]  # fmt: skip
NO = [
    "no", "No.", "nope", "no thanks", "no, that's wrong", "not really", "don't", "do not book it", "never mind", "stop",
    "wrong", "that's not right", "no no no", "uh, no", "sorry, no", "forget it", "no I don't want it", "nah", "wait, no",
    "that's wrong", "not quite", "hold on, no", "incorrect", "that is not correct", "please don't", "n", "hell no", "I changed my mind, no",
]  # fmt: skip
NEITHER = [
    "", "yes but make it five", "yes, but at eight", "yes at nine", "maybe", "hmm", "what?", "yes or no", "I don't know",
    "tomorrow", "five people", "can you repeat that", "yes and no", "yesterday", "who are you", "yes if it's outside",
    "is it right", "ok so what about nine", "yes for five", "right, but not at eight", "sure, once my wife agrees", "okay wait",
    "thanks", "thank you", "please", "hello", "um", "yes, wait", "good question", "not sure",
    "bloody hell", "fuck",
]  # fmt: skip


@pytest.mark.parametrize("words", YES)
def test_a_plain_yes_is_a_yes(words: str) -> None:
    assert yes_or_no(words) is True


@pytest.mark.parametrize("words", NO)
def test_a_no_is_a_no(words: str) -> None:
    assert yes_or_no(words) is False


@pytest.mark.parametrize("words", NEITHER)
def test_a_yes_with_a_condition_is_no_yes(words: str) -> None:
    assert yes_or_no(words) is not True


@given(st.text(max_size=80))
def test_any_text_is_heard_without_a_crash(words: str) -> None:
    size = party_size(words, expected=True)
    assert size is None or size > 0
    number = phone(words)
    assert number is None or 6 <= sum(c.isdigit() for c in number) <= 15
    name = person_name(words, expected=True)
    assert name is None or name.strip() == name != ""
    yes_or_no(words)
