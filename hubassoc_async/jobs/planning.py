"""What a read would take, before anything is sent, and how far off that was.

Knows: ids and arithmetic. Does not know: HubSpot, who would send.
"""

from collections.abc import Iterable

from msgspec import Struct

from hubassoc_async.pacing import Quotas


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

    @classmethod
    def of(cls, ids: int, quotas: Quotas, *, batch: int, repeated: int = 0) -> "ReadPlan":
        """Plan a read of so many distinct ids, of which ``batch`` fit into a request."""
        requests = -(-ids // batch)
        quota = quotas.associations
        return cls(
            ids=ids,
            repeated=repeated,
            requests=requests,
            seconds=requests * quota.seconds / quota.limit,
            daily_share=requests / quotas.daily,
        )

    def off_by(self, requests: int, seconds: float) -> tuple[float, float]:
        """How much more it took, in requests and in time: 0.1 is a tenth more than planned."""
        return _more(requests, self.requests), _more(seconds, self.seconds)


def plan_read(ids: Iterable[str], quotas: Quotas, *, batch: int) -> ReadPlan:
    """Count what a read of these ids would take; each distinct id is held in memory.

    ``batch``: ids a request.
    """
    distinct: set[str] = set()
    given = 0
    for object_id in ids:
        distinct.add(object_id)
        given += 1
    return ReadPlan.of(len(distinct), quotas, batch=batch, repeated=given - len(distinct))


def _more(was: float, planned: float) -> float:
    return was / planned - 1 if planned else 0.0
