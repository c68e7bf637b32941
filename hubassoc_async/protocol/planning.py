"""What a write would take, without sending anything.

Knows: links and batches. Does not know: the portal, time, who would send.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from hubassoc_async.model import Failure, LinkGiven, WriteOperation
from hubassoc_async.protocol.intake import WriteSettings
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.protocol.writing import Writing


class WritePlan(Struct, frozen=True, kw_only=True):
    """What a write would take."""

    links: int
    """Links given."""
    pairs: int
    """Distinct pairs that would be written."""
    failures: tuple[Failure, ...]
    """Links that would be refused before anything is sent."""
    unchecked: tuple[str, ...]
    """Names and ids of types that only the portal knows, and that were taken on trust."""
    definitions: int
    """Requests for the portal's label definitions."""
    reads: int
    """Requests to read labels before, or pairs after; more where a record has many pages."""
    writes: int
    """Requests that write."""
    seconds: float
    """At the quota; 0 without one."""
    daily_share: float
    """Share of the day's quota of association requests."""

    @property
    def requests(self) -> int:
        """All requests."""
        return self.definitions + self.reads + self.writes


def plan(
    version: ApiVersion,
    operation: WriteOperation,
    label_types: LabelTypes,
    links: Iterable[LinkGiven],
    settings: WriteSettings,
    *,
    quota: tuple[int, float] | None,
    daily: int,
    definitions: int = 0,
) -> WritePlan:
    """Count what a write of these links would take; all of them are held in memory.

    ``quota``: requests and seconds. ``daily``: requests a day. ``definitions``: requests for
    those that are yet to be read.

    Raises ``UsageError`` for what the version cannot do.
    """
    gathered = msgspec.structs.replace(settings, gather=True, strict=False)
    ends = label_types.from_object_type, label_types.to_object_type
    writing = Writing(version, operation, *ends, label_types, gathered)
    outcomes = writing.feed(links)
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Failure))
    pairs = len(writing.unwritten)
    reads, writes = writing.drain()
    requests = definitions + reads + writes
    limit, seconds = quota or (1, 0.0)
    return WritePlan(
        links=writing.fed,
        pairs=pairs,
        failures=failures,
        unchecked=tuple(sorted(label_types.unchecked)),
        definitions=definitions,
        reads=reads,
        writes=writes,
        seconds=requests * seconds / limit,
        daily_share=requests / daily,
    )
