"""Numbers of a job as time goes by, for its report.

Knows: which numbers. Does not know: what is made of them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.journal import Journal

_EVERY: Final = 1.0  # seconds between two samples at first
_OF_ALL: Final = 400  # later a 400th of the run so far: some 2,000 samples in a day


class Sample(Struct, kw_only=True, frozen=True):
    """Where one run of a job stands: all but the last two are totals of the run so far."""

    at: float = 0.0
    """Seconds since 1970."""
    run: float
    """When the run began, seconds since 1970."""
    done: int
    """Ids or pairs that are committed, in earlier runs too."""
    failed: int
    requests: int
    retries: int
    rate_limited: int
    batches: int = 0
    inputs: int
    answered: int
    waited: float
    """Seconds that answers took, added up."""
    in_flight: int
    quota_share: float

    @property
    def others(self) -> int:
        """Requests that are no batches: those draw on another quota."""
        return self.requests - self.batches


class Counted(Protocol):
    """The progress of a job, as far as it is sampled."""

    @property
    def done(self) -> int: ...
    @property
    def failed(self) -> int: ...


class Sampler:
    """Samples one run of a job into its journal until it is cancelled."""

    def __init__(
        self, journal: Journal, client: AssociationsClient, progress: Callable[[], Counted]
    ) -> None:
        self._journal = journal
        self._client = client
        self._progress = progress
        self._started = time.time()

    async def run(self) -> None:
        """Sample about once a second, and more seldom the longer it lasts."""
        while True:
            self._sample()
            await asyncio.sleep(max(_EVERY, (time.time() - self._started) / _OF_ALL))

    def end(self) -> None:
        """Sample once more, durably."""
        self._sample()
        self._journal.commit(self._journal.mark)

    def _sample(self) -> None:
        counters, now = self._client.counters, self._progress()
        sample = Sample(
            run=self._started,
            done=now.done,
            failed=now.failed,
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            batches=counters.batches,
            inputs=counters.inputs,
            answered=counters.answered,
            waited=round(counters.waited, 3),
            in_flight=counters.in_flight,
            quota_share=round(self._client.quota_share, 3),
        )
        numbers = msgspec.structs.asdict(sample)
        del numbers["at"]
        self._journal.sample(numbers)


def samples(path: Path) -> Iterator[Sample]:
    """Read the samples in a journal, oldest first; it may be in use."""
    with closing(connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        for at, numbers in connection.execute("SELECT at, numbers FROM samples ORDER BY at"):
            yield msgspec.structs.replace(msgspec.json.decode(numbers, type=Sample), at=at)
