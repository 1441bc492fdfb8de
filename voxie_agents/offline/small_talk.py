"""What is said beside the matter: greetings, thanks, goodbyes, and questions about the business."""

from collections.abc import Mapping

from voxie_agents.offline.hearing import about
from voxie_agents.offline.moves import Say
from voxie_agents.offline.wording import HELP, MORE

UNKNOWN = "I'm sorry, I don't know that."


def small_talk(wanted: str | None, *, idle: bool, unbooked: str) -> Say | None:
    """The answer to a turn that is about no booking; None when it is not small talk.

    Args:
        wanted: the turn's intent.
        idle: nothing is being asked, so that a greeting or thanks is nothing else.
        unbooked: said before a goodbye, when a booking was talked about and not made.
    """
    match wanted:
        case "human":
            return Say(f"I'm sorry, I can't put you through to a person on this call. {HELP}")
        case "bye":
            return Say(f"{unbooked} Thank you for calling. Goodbye!".strip(), ends=True)
        case "thanks" if idle:
            return Say(f"You're welcome. {MORE}", "more")
        case "hello" if idle:
            return Say(f"Hello! {HELP}")
        case _:
            return None


def told(facts: Mapping[str, str], words: str, wanted: str) -> str | None:
    """What the business says of itself that answers a question; None when it says nothing."""
    key = "hours" if wanted == "hours" else next((topic for topic in facts if about(words, topic)), "")
    return facts.get(key)
