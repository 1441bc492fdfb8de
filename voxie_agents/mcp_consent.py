"""Tools that ask first: each call of one needs the caller's yes, and a yes is good for one exact call. Kept by code, not by a model."""

from collections.abc import Hashable

from livekit.agents import llm

from contracts.results import ToolAnswer
from voxie_agents.answers import yes_or_no

ASKS_FIRST = (
    "Asks first: tell the caller in a question what you are going to do, and call it when their answer is a clear yes. "
    "Another argument needs another yes."
)
NOT_CONFIRMED = {
    "success": False,
    "state": "not confirmed",
    "speech": "Before I do that, I need a clear yes. Shall I go ahead?",
}


class CallerConsent:
    """What the caller of one call has agreed to."""

    def __init__(self) -> None:
        self._proposed: Hashable | None = None
        self._agreed: Hashable | None = None
        self._turn: str | None = None
        """The caller's turn whose yes has been used."""
        self._needs_more = False

    def given(self, wanted: Hashable, history: llm.ChatContext, *, cancels: bool, repeatable: bool) -> bool:
        """Whether the caller's last turn says yes, and nothing else, to a question, and was not a yes to another call.

        When it does not, this very call is what the next yes is to.

        Args:
            wanted: the call: the tool and all that makes it another one.
            history: of the conversation.
            cancels: whether words such as "cancel it" say yes to it.
            repeatable: whether its server knows a repetition, so that one in the same turn does no harm.
        """
        heard, answer = last_exchange(history)
        said = None if answer is None else yes_or_no(answer.text_content or "", cancels=cancels)
        if answer is None or said is False:
            self._agreed, self._proposed = None, wanted
            return False
        if wanted == self._agreed and (self._needs_more or answer.id == self._turn):
            return True
        if said is None or answer.id == self._turn or "?" not in heard or self._proposed not in {None, wanted}:
            self._agreed, self._proposed = None, wanted
            return False
        self._agreed, self._proposed, self._turn = wanted if repeatable else None, None, answer.id
        return True

    def came_of_it(self, answer: ToolAnswer) -> None:
        """What the agreed call brought: one that lacks an argument, such as a proof of who calls, is still agreed to with it."""
        self._needs_more = answer.failure is not None and answer.failure.field is not None


def last_exchange(history: llm.ChatContext) -> tuple[str, llm.ChatMessage | None]:
    """What the caller heard before their last turn, and that turn.

    Args:
        history: of the call. A turn is in it once it is final; of the agent's lines, what was heard of them.
    """
    messages = [item for item in history.items if item.type == "message" and item.role in {"user", "assistant"}]
    turns = [index for index, message in enumerate(messages) if message.role == "user"]
    if not turns:
        return "", None
    before = messages[turns[-2] + 1 if len(turns) > 1 else 0 : turns[-1]]
    return " ".join(message.text_content or "" for message in before), messages[turns[-1]]
