"""What a read would take, before anything is sent, and how far off that was.

Knows: ids and arithmetic. Does not know: HubSpot, who would send.
"""

from collections.abc import Iterable

from msgspec import Struct

from hubassoc_async.pacing import Quota, Quotas


class ReadPlan(Struct, frozen=True, kw_only=True):
    """What a read would take at the least."""

    ids: int
    """Distinct ids."""
    repeated: int
    """Ids that are there once more: they are asked for once."""
    requests: int
    """Full batches. Records of more associations than a page holds take more."""
    seconds: float
    """At the quota, once it is full."""
    daily_share: float
    """Share of the day's quota of association requests."""

    def off_by(self, requests: int, seconds: float) -> tuple[float, float]:
        """How much more it took, in requests and in time: 0.1 is a tenth more than planned."""
        return _more(requests, self.requests), _more(seconds, self.seconds)


def plan_read(
    ids: Iterable[str], quota: Quota, *, batch: int, daily: int = Quotas().daily
) -> ReadPlan:
    """Count what a read of these ids would take; each distinct id is held in memory.

    ``batch``: ids a request. ``daily``: association requests that the account has a day.
    """
    distinct: set[str] = set()
    given = 0
    for object_id in ids:
        distinct.add(object_id)
        given += 1
    requests = -(-len(distinct) // batch)
    return ReadPlan(
        ids=len(distinct),
        repeated=given - len(distinct),
        requests=requests,
        seconds=requests * quota.seconds / quota.limit,
        daily_share=requests / daily,
    )


def _more(was: float, planned: float) -> float:
    return was / planned - 1 if planned else 0.0
