"""A yes that is bound to exactly what was read back. Kept by code, so that no model can do without it."""

from collections.abc import Hashable
from dataclasses import dataclass

from livekit.agents import llm

from voxie_agents.answers import yes_or_no
from voxie_agents.mcp_consent import last_exchange
from voxie_agents.slots import phone
from voxie_agents.truth import details


@dataclass(frozen=True)
class Asked:
    """What a caller is asked to agree to.

    Args:
        arguments: all that the write would be made of.
        read_back: the question.
        name: in it, as written.
        phone: in it, as digits in groups.
    """

    arguments: Hashable
    read_back: str
    name: str
    phone: str


class Consent:
    """One call's consent to one kind of write."""

    def __init__(self) -> None:
        self._asked: Hashable | None = None
        self._used: tuple[Hashable, str] | None = None

    def given(self, asked: Asked, history: llm.ChatContext) -> bool:
        """Whether the caller's last turn says yes, and nothing else, to exactly this, after hearing it.

        When it does not, this is what has to be read back next; whatever was asked before is void.

        Args:
            asked: with the arguments of this very write.
            history: of the call. A turn is in it once it is final; of the agent's lines, what was heard of them.
        """
        heard, answer = last_exchange(history)
        if answer is not None and (asked.arguments, answer.id) == self._used:
            # The model calls twice in one turn; the ledger makes one write of it.
            return True
        known, self._asked = self._asked, asked.arguments
        agreed = answer is not None and yes_or_no(answer.text_content or "") is True
        if answer is None or known != asked.arguments or not agreed or not _says(heard, asked):
            return False
        self._asked, self._used = None, (asked.arguments, answer.id)
        return True


def _says(heard: str, asked: Asked) -> bool:
    """Whether what was heard holds every detail of the question, in whatever words; a line that was cut off may not."""
    wanted = details(asked.read_back.replace(asked.phone, ""))
    digits = "".join(filter(str.isdigit, phone(heard) or ""))
    return (
        wanted <= details(heard)
        and " ".join(asked.name.casefold().split()) in " ".join(heard.casefold().split())
        and digits == "".join(filter(str.isdigit, asked.phone))
    )
