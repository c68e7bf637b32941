"""Long work in steps: a generator that yields wherever others may have a turn.

Knows: generators. Does not know: who takes the steps, an event loop or a plain loop, and how often.
"""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Steps of a few milliseconds each, and what they come to."""


def one_step(result: T) -> Steps[T]:
    """Give what took no time worth a second step."""
    yield from ()
    return result
