"""How long HubSpot takes, as people measured it, or as somebody wants it.

Knows: operations and sizes. Does not know: clocks; it says seconds, and others wait.
"""

from random import Random

from msgspec import Struct

FIRST_CALL = 0.8
"""Seconds of a token's first call."""
READS = (0.012, 0.042)
WRITES = (0.090, 0.125)
METADATA = (0.200, 0.350)
READ_INPUT = 0.0003
WRITE_INPUT = 0.001
"""Seconds that each input adds: batches of a thousand take part of a second to seconds."""

READING = frozenset({"read", "list", "objects", "search"})
WRITING = frozenset(
    {"create", "default", "archive", "archive_labels", "put", "put_default", "delete"}
)


class Latency(Struct):
    """A model of server-side delay: none, HubSpot's, or evenly spread between two bounds."""

    model: str = "none"
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Latency":
        """``none``, ``hubspot``, or two numbers of milliseconds such as ``20-400``.

        Raises ``ValueError`` for anything else.
        """
        if text in ("none", "hubspot"):
            return cls(text)
        low, dash, high = text.partition("-")
        try:
            found = cls("uniform", float(low) / 1000, float(high if dash else low) / 1000)
        except ValueError:
            found = cls("uniform", 1.0, 0.0)
        if not 0 <= found.low <= found.high:
            raise ValueError(f"latency is none, hubspot or milliseconds as in 20-400: {text!r}")
        return found

    def seconds(self, operation: str, inputs: int, *, first: bool, random: Random) -> float:
        """How long a request takes."""
        if self.model == "none":
            return 0.0
        if self.model == "uniform":
            return random.uniform(self.low, self.high)
        if operation in READING:
            bounds, each = READS, READ_INPUT
        elif operation in WRITING:
            bounds, each = WRITES, WRITE_INPUT
        else:
            bounds, each = METADATA, 0.0
        return random.uniform(*bounds) + each * inputs + (FIRST_CALL if first else 0.0)
