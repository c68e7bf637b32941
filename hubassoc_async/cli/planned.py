"""How a plan is said, and how far off it was.

Knows: words. Does not know: arguments, files, how it is counted.
"""

from collections.abc import Iterator

from hubassoc_async.cli.display import counted, duration
from hubassoc_async.jobs.planning import ReadPlan
from hubassoc_async.pacing import Quotas


def ids_line(planned: ReadPlan) -> str:
    """Say how many ids there are."""
    repeated = f" ({planned.repeated:,} repeated)" if planned.repeated else ""
    return counted(planned.ids, "id") + repeated


def plan_lines(requests: int, seconds: float, daily_share: float, quotas: Quotas) -> Iterator[str]:
    """Say what something will take."""
    yield f"  at least {counted(requests, 'request')}"
    yield f"  at least {duration(seconds)} at {quotas.associations}"
    yield f"  {daily_share:.3%} of a daily quota of {quotas.daily:,} requests"


def off_line(planned: ReadPlan, requests: int, seconds: float) -> str:
    """Say how far off a plan was."""
    more_requests, more_seconds = planned.off_by(requests, seconds)
    return (
        f"  planned: {counted(planned.requests, 'request')}, {duration(planned.seconds)};"
        f" it took {counted(requests, 'request')} ({more_requests:+.1%}),"
        f" {duration(seconds)} ({more_seconds:+.1%})"
    )
