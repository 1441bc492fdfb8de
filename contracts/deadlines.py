"""How long a call waits for something else, above all for a tool: for the client that waits and the server that works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deadlines:
    """Seconds. A caller on the phone is waiting.

    Args:
        read: of one call of a tool that only reads, all its requests together.
        write: of one call of a tool that changes something.
        listing: that a turn waits for servers that have not been listed yet; a dead one must not cost silence.
        discovery: that a server is given to list its tools, while nobody waits for it.
        intent: that a write waits until the backend knows of its flow.
        silence: after which a caller who has stopped speaking hears that something goes on.
        answer: that a caller waits for the next words of the model.
    """

    read: float = 2.5
    write: float = 5.0
    listing: float = 0.3
    discovery: float = 5.0
    intent: float = 1.0
    silence: float = 1.0
    answer: float = 12.0

    def of(self, *, reads: bool) -> float:
        """Seconds that the client waits and the server takes at most."""
        return self.read if reads else self.write

    @property
    def vendor_read(self) -> float:
        """What a vendor may take of a read, so that its silence can still be told in time."""
        return self.read * 0.96

    @property
    def vendor_write(self) -> float:
        """What a vendor may take of a write."""
        return self.write * 0.9

    @property
    def credential(self) -> float:
        """What may pass until a credential, or the keys to check one, is there: asked for on the way, before the vendor."""
        return self.read * 0.8
