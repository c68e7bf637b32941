"""An answer, and how it is brought: at once, late, in drops, in part or not at all.

Knows: nothing but bytes and seconds. Does not know: who carries it.
"""

from typing import Literal

from msgspec import Struct

from hubassoc_async.protocol.message import Response


class Delivery(Struct, frozen=True):
    """How the bytes of an answer reach the client."""

    how: Literal["whole", "reset", "truncated", "dripped"] = "whole"
    """``reset`` breaks the connection, ``truncated`` closes it in order before the end."""
    share: float = 0.0
    """How much of the body goes out before a break, 0 to 1. A reset at 0 sends not even headers."""
    chunk: int = 1024
    """Bytes in one drop."""
    pause: float = 0.1
    """Seconds between drops."""


WHOLE = Delivery()


class Reply(Struct, frozen=True):
    """What the portal does about a request."""

    response: Response
    delay: float = 0.0
    """Seconds before the first byte."""
    delivery: Delivery = WHOLE
