"""A request on its way to what answers it.

Knows: what every operation is given. Does not know: operations.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from hubassoc_async.emulator.calls import Asked
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import ApiVersion

if TYPE_CHECKING:
    from hubassoc_async.emulator.portal import Portal


class Call(Struct):
    """A request that has passed token, limit and scope."""

    portal: "Portal"
    asked: Asked
    version: ApiVersion
    types: list[str]
    """The object types of the path, from and to, by their one name."""
    started: str
    """Its moment, as ``startedAt`` has it."""
    fault: str = ""
    """A fault that the answer itself has to show."""


Handler: TypeAlias = Callable[[Call], Response]
