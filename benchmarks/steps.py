"""Work in steps, done in one go, as where there is no event loop that others need a turn of.

Knows: the protocol's steps. Does not know: what they do.
"""

from typing import TypeVar

from hubassoc_async.protocol.steps import Steps

T = TypeVar("T")


def at_once(steps: Steps[T]) -> T:
    """Take all the steps; returns what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
