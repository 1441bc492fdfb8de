"""What a model says is checked sentence by sentence: a claim that something was done passes only with a receipt that agrees."""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass

from livekit.agents import FlushSentinel, llm

from contracts.results import Action

_PLACE = r"\b(?:reservation|booking|appointment|table|spot|slot|seats?)\b"
_CLAIMS: tuple[tuple[frozenset[Action], re.Pattern[str], str], ...] = (
    (
        frozenset({Action.BOOKED, Action.MOVED, Action.CHANGED}),
        re.compile(
            r"\b(?:booked|reserved|confirmed|scheduled|secured|arranged|all set|set up|in the (?:book|calendar|diary|system))\b"
            r"|\byou(?:'re| are) (?:in|on the list|down for)\b|\b(?:see you|expect(?:ing)? you|look forward to)\b"
            rf"|{_PLACE}.*\b(?:is|are|has been|have been) (?:now )?"
            r"(?:made|placed|done|ready|saved|yours|complete|set|locked in|in place|waiting|guaranteed)\b"
            rf"|{_PLACE}.*\b(?:went|has gone|is) through\b|\byou now have\b.*{_PLACE}|\b(?:we|i) have you (?:down|in)\b"
            rf"|\bi(?:'ve| have) (?:gone ahead and )?(?:made|put|placed|added|saved|got)\b.*(?:{_PLACE}|\byou\b)"
            rf"|\bi (?:just |went ahead and )?(?:made|placed|saved)\b.*{_PLACE}"
        ),
        "To be clear, nothing has been booked so far.",
    ),
    (
        frozenset({Action.CANCELLED}),
        re.compile(
            r"\b(?:cancel+ed|called off|removed|deleted)\b|\b(?:cancellation)\b.*\b(?:done|complete|through)\b"
            rf"|{_PLACE}.*\b(?:is|has been) (?:gone|withdrawn)\b|\btaken (?:you|it|that) off\b"
        ),
        "To be clear, nothing has been cancelled so far.",
    ),
    (
        frozenset({Action.MOVED, Action.CHANGED}),
        re.compile(r"\b(?:moved|rescheduled|changed|updated|switched|shifted)\b|\bi(?:'ve| have) pushed\b"),
        "To be clear, nothing has been changed so far.",
    ),
    (
        frozenset({Action.SENT, Action.QUEUED}),
        re.compile(
            r"\b(?:sent|notified|e-?mailed|texted|messaged|alerted|forwarded|informed)\b|\blet the \w+ know\b"
            r"|\b(?:has|have) been told\b|\bpassed (?:it|that|this|your \w+) on\b"
        ),
        "To be clear, no message has been sent so far.",
    ),
    (
        frozenset(Action),
        re.compile(
            r"^(?:all )?done\b|\b(?:it|that|everything)(?:'s| is| has been) (?:all |now )?(?:done|sorted|handled|taken care of)\b"
            r"|\bgood to go\b"
        ),
        "To be clear, nothing has been done so far.",
    ),
)
_NO_CLAIM = re.compile(
    r"\b(?:not|nothing|never|no one|haven't|hasn't|isn't|wasn't|couldn't|can't|cannot|won't|before i|once|until|if|would you|shall i"
    r"|should i|do you|did you|can i|may i|could i|already taken|fully booked)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?:\s+|$)")
_CONJUNCTION = re.compile(r",? (?:but|(?<!ahead )and|so|because|although)\b|[,;:] ")
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
_DETAIL = re.compile(
    rf"\b(?:\d+|{'|'.join(_NUMBERS)}|noon|midnight|today|tonight|tomorrow|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|january|february|march|april|june|july|august|september|october|november|december)(?=st\b|nd\b|rd\b|th\b|\b|[ap]m)"
)
_HALF = re.compile(
    rf"(?:\d|\b(?:{'|'.join(_NUMBERS)}|fifteen|thirty|forty-five|o'clock)) ?(?P<letter>[ap])\.? ?m\b"
    r"|(?<!good )\b(?P<part>morning|afternoon|evening)\b"
)
_FULL_HOUR = "00"
_UNDER = re.compile(r"\bunder (?:the name (?:of )?)?((?:[A-Z][\w'-]*\b ?)+)")


@dataclass(frozen=True)
class Proof:
    """What a receipt says was done. Models see receipts without their operation ids.

    Args:
        action: what kind of write it was.
        speech: how it is told.
    """

    action: Action
    speech: str


def receipts_of(chat_ctx: llm.ChatContext) -> list[Proof]:
    """The receipts that the tools of a conversation brought."""
    found: list[Proof] = []
    for item in chat_ctx.items:
        if item.type == "function_call_output" and not item.is_error:
            found += _receipts(item.output)
    return found


def _receipts(output: str) -> list[Proof]:
    try:
        data = json.loads(output)
        raw = [data[key] for key in ("receipt", "notification_receipt") if data.get(key)]
        return [Proof(Action(receipt["action"]), str(receipt["speech"])) for receipt in raw]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def truthful(sentence: str, receipts: Sequence[Proof]) -> str:
    """A sentence as it may be said.

    Args:
        sentence: of the agent.
        receipts: of the call so far.

    Returns:
        The sentence, or what is true in place of a claim that no receipt agrees with.
    """
    text = " ".join(sentence.replace("’", "'").split())
    if any(text in " ".join(receipt.speech.split()) for receipt in receipts):
        return sentence
    for clause in _CONJUNCTION.split(text) if not text.endswith("?") else ():
        for actions, pattern, truth in _CLAIMS:
            agrees = any(r.action in actions and _agrees(text, r.speech) for r in receipts)
            if pattern.search(clause.lower()) and not _NO_CLAIM.search(clause.lower()) and not agrees:
                return _truth(actions, receipts) or truth
    return sentence


def _truth(actions: frozenset[Action], receipts: Sequence[Proof]) -> str | None:
    """The receipt of that kind that there is: what was claimed differs from it."""
    last = [receipt.speech for receipt in receipts if receipt.action in actions]
    return last[-1] if last else None


def _agrees(text: str, proof: str) -> bool:
    """Whether a claim names nothing that its proof does not: no other number, day, half of the day, or name."""
    names = {name.casefold() for found in _UNDER.findall(text) for name in found.split()}
    return details(text) <= details(proof) and names <= set(re.findall(r"[\w'-]+", proof.casefold()))


def details(text: str) -> set[str]:
    """The numbers, days, months and halves of the day (``am``, ``pm``) that a text names."""
    lowered = text.lower()
    named = {_NUMBERS.get(str(word), str(word)) for word in _DETAIL.findall(lowered)} - {_FULL_HOUR}
    return named | {_half(found) for found in _HALF.finditer(lowered)}


def _half(found: re.Match[str]) -> str:
    """Seven in the evening is not seven in the morning, though the numbers are the same."""
    return f"{found['letter']}m" if found["letter"] else "am" if found["part"] == "morning" else "pm"


async def truthful_stream(
    chunks: AsyncIterable[llm.ChatChunk | str | FlushSentinel], receipts: Sequence[Proof]
) -> AsyncIterator[llm.ChatChunk | str | FlushSentinel]:
    """What a model says, held back until each sentence is whole and checked. Tool calls pass as they are.

    Args:
        chunks: from the model.
        receipts: of the call so far.
    """
    held, gap = "", ""
    async for chunk in chunks:
        text = chunk if isinstance(chunk, str) else _content(chunk)
        if text is None:
            yield chunk
            continue
        held += text
        *whole, held = _SENTENCE_END.split(held)
        for sentence in whole:
            yield gap + truthful(sentence, receipts)
            gap = " "
        if isinstance(chunk, llm.ChatChunk) and chunk.delta is not None and chunk.delta.tool_calls:
            yield chunk.model_copy(update={"delta": chunk.delta.model_copy(update={"content": None})})
    if held.strip():
        yield gap + truthful(held, receipts)


def _content(chunk: llm.ChatChunk | FlushSentinel) -> str | None:
    if not isinstance(chunk, llm.ChatChunk) or chunk.delta is None:
        return None
    return chunk.delta.content
