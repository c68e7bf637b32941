"""When something goes wrong: by number, by what is asked, or by chance from a seed.

Knows: rules and their order. Does not know: what a fault does.
"""

from collections.abc import Callable, Iterable
from random import Random

from msgspec import Struct

from hubassoc_async.emulator.calls import Asked
from hubassoc_async.emulator.faults import KINDS, Fault
from hubassoc_async.protocol.message import Response


class Rule(Struct):
    """When a fault happens."""

    fault: Fault
    operation: str | None = None
    nth: frozenset[int] | None = None
    """Which matching requests since the rule was made, counted from 1."""
    when: Callable[[Asked], bool] | None = None
    probability: float = 1.0
    times: int | None = None
    """How often it may still happen."""
    seen: int = 0

    def meets(self, asked: Asked, random: Random) -> bool:
        """Whether this request is spoilt. Counts it."""
        if self.times == 0 or self.operation not in (None, asked.operation):
            return False
        if self.when is not None and not self.when(asked):
            return False
        self.seen += 1
        if self.nth is not None and self.seen not in self.nth:
            return False
        if self.probability < 1.0 and random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Script:
    """Every rule of one portal; the first that meets a request decides."""

    def __init__(self, seed: int) -> None:
        self.rules: list[Rule] = []
        self._random = Random(seed)  # noqa: S311  chance has to be repeatable here

    def add(
        self,
        fault: "Fault | Response | str",
        *,
        nth: int | Iterable[int] | None = None,
        when: Callable[[Asked], bool] | None = None,
        operation: str | None = None,
        probability: float = 1.0,
        times: int | None = None,
    ) -> Rule:
        """Add a rule. Raises ``ValueError`` for an unknown kind of fault."""
        numbers = None if nth is None else frozenset([nth] if isinstance(nth, int) else nth)
        rule = Rule(as_fault(fault), operation, numbers, when, probability, times)
        self.rules.append(rule)
        return rule

    def choose(self, asked: Asked) -> Fault | None:
        """The fault this request meets."""
        for rule in self.rules:
            if rule.meets(asked, self._random):
                return rule.fault
        return None


def as_fault(fault: "Fault | Response | str") -> Fault:
    """A fault from its short forms: a name, or a whole answer."""
    if isinstance(fault, Response):
        return Fault("response", response=fault)
    made = Fault(fault) if isinstance(fault, str) else fault
    if made.kind not in KINDS:
        raise ValueError(f"unknown fault {made.kind!r}: use one of {', '.join(sorted(KINDS))}")
    if made.kind == "response" and made.response is None:
        raise ValueError("a fault of kind 'response' is given as a Response")
    return made
