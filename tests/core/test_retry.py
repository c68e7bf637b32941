"""Backoff arithmetic and the retry budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.errors import ServerError, UsageError
from hubassoc_async.protocol.problem import Problem, Remedy
from hubassoc_async.protocol.retry import RetryBudget, RetryPolicy, Silence


def problem(remedy: Remedy, wait: float = 0.0) -> Problem:
    return Problem(remedy=remedy, error=ServerError, category="X", message="x", wait=wait)


@given(
    attempt=st.integers(1, 2000),
    elapsed=st.floats(0, 400),
    jitter=st.floats(0, 1, exclude_max=True),
    wait=st.floats(0, 90),
    remedy=st.sampled_from(Remedy),
    inputs=st.integers(1, 1000),
)
def test_a_delay_is_within_every_bound(
    attempt: int, elapsed: float, jitter: float, wait: float, remedy: Remedy, inputs: int
) -> None:
    """Full jitter over a doubling that is capped; never less than asked for; never past total."""
    policy = RetryPolicy()
    delay = policy.delay(
        problem(remedy, wait), attempt=attempt, elapsed=elapsed, inputs=inputs, jitter=jitter
    )
    if remedy in (Remedy.NARROW, Remedy.STOP) or attempt >= policy.attempts:
        assert delay is None
    if delay is not None:
        assert wait <= delay <= wait + min(policy.cap, policy.base * 2 ** (attempt - 1))
        assert elapsed + delay <= policy.total


def test_delays_double_and_then_stay() -> None:
    """At the top of the jitter: 0.5, 1, 2, … 30, 30."""
    policy = RetryPolicy()
    tops = [
        policy.delay(problem(Remedy.WAIT), attempt=n, elapsed=0, inputs=1, jitter=1.0)
        for n in range(1, 11)
    ]
    assert tops == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, None]


def test_a_batch_is_halved_sooner_than_a_single_input_fails() -> None:
    """Several inputs give up after ``halve_after``; one goes on to ``attempts``."""
    policy = RetryPolicy()
    one, many = (
        policy.delay(problem(Remedy.RETRY), attempt=3, elapsed=0, inputs=inputs, jitter=0.5)
        for inputs in (1, 2)
    )
    assert one is not None
    assert many is None


def test_the_budget_stops_a_storm_but_not_a_steady_share_of_failures() -> None:
    """In an outage repeats fall to one a second; one failure in three goes on at full speed."""
    budget = RetryBudget(RetryPolicy())
    waits = [budget.spend(0.0) for _ in range(60)]
    assert waits[:20] == [0.0] * 20
    assert waits[20:] == [float(n) for n in range(1, 41)]
    steady = RetryBudget(RetryPolicy())
    for _ in range(1000):
        steady.earn()
        steady.earn()
        assert steady.spend(0.0) == 0.0


def test_a_policy_that_cannot_be_is_refused() -> None:
    """Before anything is sent."""
    for wrong in ({"attempts": 0}, {"total": -1}, {"budget_per_second": 0}, {"halve_after": 0}):
        with pytest.raises(UsageError):
            RetryPolicy(**wrong)


def test_silence_is_counted_only_while_somebody_asks() -> None:
    """Neither idle hours nor a slow consumer between two questions make an outage."""
    silence = Silence()
    silence.begin(0)
    silence.failed(10)
    silence.end(20)
    silence.begin(1_000)
    assert silence.seconds(1_005) == 15
    silence.broken()
    assert silence.seconds(2_000) == 0
