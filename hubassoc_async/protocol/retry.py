"""When to ask again: how often, how long, and never in a storm.

Knows: attempts, seconds, kinds of problem. Does not know: the clock and the random source, which
are arguments.
"""

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.protocol.problem import Problem, Remedy


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How a request without a usable answer is repeated: exponential backoff, full jitter.

    Durations are seconds. A request gives up when either bound is reached; a batch of more than
    one input that gives up on a problem of its own is halved, and the halves start anew.
    """

    attempts: int = 10
    """Most sendings of one request."""
    total: float = 300.0
    """Most time for one request, from its first sending. Also how long HubSpot may answer
    nothing at all to any request before the work stops instead of halving on."""
    base: float = 0.5
    """Most wait before the first repeat; it doubles from one repeat to the next."""
    cap: float = 30.0
    """Most wait before any repeat, unless HubSpot asks for more."""
    halve_after: int = 3
    """Sendings of a batch of several inputs before it is halved."""
    budget: int = 20
    """Repeats that may run ahead of the budget's income."""
    budget_per_success: float = 0.5
    """Repeats that each answered request earns: a third of all requests may fail for ever."""
    budget_per_second: float = 1.0
    """Repeats that each second earns: what is left when nothing is answered."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.halve_after < 1 or self.budget < 1:
            raise UsageError("RetryPolicy: attempts, halve_after and budget must be at least 1")
        if min(self.total, self.base, self.cap, self.budget_per_success) < 0:
            raise UsageError("RetryPolicy: durations and earnings cannot be negative")
        if self.budget_per_second <= 0:
            raise UsageError("RetryPolicy: budget_per_second must be more than 0")

    def delay(
        self, problem: Problem, *, attempt: int, elapsed: float, inputs: int, jitter: float
    ) -> float | None:
        """Seconds to wait before attempt ``attempt + 1``, or None to give up.

        ``attempt`` sendings failed, the last with ``problem``, ``elapsed`` seconds after the
        first began. ``jitter`` is uniform in [0, 1).
        """
        if problem.remedy in (Remedy.NARROW, Remedy.STOP) or attempt >= self.attempts:
            return None
        if problem.remedy is Remedy.RETRY and inputs > 1 and attempt >= self.halve_after:
            return None
        # 2.0 ** 1024 overflows, and sixty doublings are more than any cap
        backoff = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        wait = problem.wait + backoff * jitter
        return None if elapsed + wait > self.total else wait


class RetryBudget:
    """Repeats earned by successes and by time, so that an outage does not multiply the load."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._level = float(policy.budget)
        self._at: float | None = None

    def earn(self) -> None:
        """Note an answered request."""
        self._level = min(self._policy.budget, self._level + self._policy.budget_per_success)

    def spend(self, now: float) -> float:
        """Take one repeat; returns how many seconds from ``now`` it is earned by."""
        if self._at is not None:
            income = (now - self._at) * self._policy.budget_per_second
            self._level = min(self._policy.budget, self._level + income)
        self._at = now
        self._level -= 1
        return max(0.0, -self._level / self._policy.budget_per_second)


class Silence:
    """How long questions have gone without an answer. Time without a question does not count."""

    def __init__(self) -> None:
        self._asking = 0
        self._idle_at = 0.0
        self._since: float | None = None

    def begin(self, now: float) -> None:
        """Note that somebody begins to ask."""
        if self._asking == 0 and self._since is not None:
            self._since += now - self._idle_at
        self._asking += 1

    def end(self, now: float) -> None:
        """Note that somebody stops asking, for whatever reason."""
        self._asking -= 1
        self._idle_at = now

    def failed(self, now: float) -> None:
        """Note a question without an answer."""
        if self._since is None:
            self._since = now

    def broken(self) -> None:
        """Note an answer."""
        self._since = None

    def seconds(self, now: float) -> float:
        """Seconds since the first question that has no answer after it."""
        return 0.0 if self._since is None else now - self._since
