"""One write from a file of links, that says how far it is and loses nothing when it stops.

However a write stops (an error, the daily quota, a cancellation), the links that have no outcome
become a list that can be written next.

Knows: sources of links, the client. Does not know: terminals, exit codes, HTTP.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from msgspec import UNSET, Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.feed import Feed
from hubassoc_async.jobs.pairs import PairSource
from hubassoc_async.jobs.remains import UNWRITTEN, Remains
from hubassoc_async.jobs.sinks import FailureSink
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.model import (
    Failure,
    LabelsMode,
    Link,
    Unchanged,
    WriteOperation,
    WriteOutcome,
)
from hubassoc_async.write_stream import WriteStream


class WriteOrder(Struct, frozen=True, kw_only=True):
    """What is to be written, and how."""

    operation: WriteOperation
    from_object_type: str
    to_object_type: str
    labels: LabelsMode = "replace"
    verify: bool = False
    strict: bool = False
    remove_all_labels: bool = False

    def origin(self, api_version: str) -> Origin:
        """Say what its failures come from."""
        return Origin(
            operation=self.operation,
            from_object_type=self.from_object_type,
            to_object_type=self.to_object_type,
            api_version=api_version,
            labels=self.labels if self.operation == "create" else UNSET,
            remove_all_labels=self.remove_all_labels or UNSET,
        )

    def stream(
        self, client: AssociationsClient, links: "Feed[Link] | Iterator[Link]"
    ) -> WriteStream:
        """Ask a client for it. Raises ``UsageError``."""
        ends = self.from_object_type, self.to_object_type
        strict, verify = self.strict, self.verify
        if self.operation == "create":
            return client.stream_create(
                *ends, links, labels=self.labels, verify=verify, strict=strict
            )
        if self.operation == "create_default":
            return client.stream_create_default(*ends, links, verify=verify, strict=strict)
        if self.operation == "archive":
            return client.stream_archive(*ends, links, verify=verify, strict=strict)
        return client.stream_archive_labels(
            *ends,
            links,
            remove_all_labels=self.remove_all_labels,
            verify=verify,
            strict=strict,
        )


class WriteProgress(Struct, frozen=True, kw_only=True):
    """How far a write is. At its end, its summary."""

    total: int | None
    """Links in all; None when that cannot be told."""
    exact: bool
    """Whether ``total`` is counted rather than estimated from how much of the file is read."""
    written: int
    unchanged: int
    failed: int
    requests: int
    retries: int
    rate_limited: int
    """Answers that said 429."""
    quota_share: float
    """Share of the quota in use now, 0 to 1."""
    seconds: float

    @property
    def done(self) -> int:
        """Links done: written, unchanged and failed."""
        return self.written + self.unchanged + self.failed


class WriteJob:
    """Writes every link of a source."""

    def __init__(
        self,
        client: AssociationsClient,
        order: WriteOrder,
        source: PairSource,
        *,
        failures: FailureSink,
        unwritten: Path | None = None,
    ) -> None:
        """``unwritten`` is where the links that remain are listed if the write stops.

        Raises ``UsageError`` for what cannot be written so.
        """
        self._client = client
        self._source = source
        self._strict = order.strict
        self._failures = failures
        self._unwritten = unwritten
        self._links = iter(source)
        self._feed = Feed(self._give()) if source.blocks else None
        self._stream = order.stream(client, self._feed or self._give())
        self._exhausted = False
        self._source_error: SourceError | None = None
        self._written = self._unchanged = self._failed = 0
        self._started = time.monotonic()
        self._seconds: float | None = None
        self.failures: Path | None = None
        """The file of failures that is there now, if there is one."""
        self.unwritten: Remains | None = None
        """The list of links that remain, if the write stopped and it was wanted."""
        self.complete = False
        """Whether every link has its outcome and the files are there."""

    async def run(self) -> None:
        """Write until the source ends.

        Raises what stopped it, after failures and what remains have been put into files:
        ``UsageError`` where all links have to be valid and are not, ``DailyQuotaSpent`` and other
        ``HubAssocError`` from HubSpot, ``SourceError`` from the source, ``CancelledError``, and
        ``OSError`` when a file cannot be written.
        """
        self._started = time.monotonic()
        try:
            try:
                await self._write()
            except (Exception, asyncio.CancelledError) as stop:
                await self._keep(stop)
                raise
            self.failures = self._failures.commit()
            self.complete = True
        finally:
            self._seconds = time.monotonic() - self._started
            self._failures.abort()

    def progress(self) -> WriteProgress:
        """How far it is now."""
        counters = self._client.counters
        total, exact = self._total()
        seconds = self._seconds
        return WriteProgress(
            total=total,
            exact=exact,
            written=self._written,
            unchanged=self._unchanged,
            failed=self._failed,
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=time.monotonic() - self._started if seconds is None else seconds,
        )

    def _total(self) -> tuple[int | None, bool]:
        taken = self._stream.counts.taken
        if self._exhausted and (self._feed is None or self._feed.ended):
            return taken, True
        fraction = self._source.fraction
        return (int(taken / fraction) if fraction else None), False

    async def _write(self) -> None:
        async with self._stream:
            async for batch in self._stream.batches():
                self._take(batch)
        if self._source_error is not None:
            raise self._source_error

    def _take(self, batch: list[WriteOutcome]) -> None:
        failed = [one for one in batch if isinstance(one, Failure)]
        unchanged = sum(1 for one in batch if isinstance(one, Unchanged))
        self._failed += len(failed)
        self._unchanged += unchanged
        self._written += len(batch) - len(failed) - unchanged
        if failed:
            self._failures.write(failed)

    def _give(self) -> Iterator[Link]:
        """The links of the source. Where it breaks off they end; what came before is written."""
        try:
            # not `yield from`: that would close the source together with this generator
            for link in self._links:  # noqa: UP028
                yield link
        except SourceError as error:
            if self._strict:
                raise
            self._source_error = error
        self._exhausted = True

    async def _keep(self, stop: BaseException) -> None:
        """Put the failures, and the links without an outcome, into files of their own."""
        if self._failed:
            with suppress(OSError):  # what stopped it is more, and the links are yet to be listed
                self.failures = self._failures.commit(complete=False)
        if self._unwritten is None:
            return
        if not (self._written or self._unchanged or self._source.blocks):
            return  # the source is still what remains
        known = chain(self._stream.unwritten, () if self._feed is not None else self._give())
        # whoever stopped the write will not wait for the end of a pipe
        wait = not isinstance(stop, asyncio.CancelledError)
        self.unwritten = await UNWRITTEN.keep(self._unwritten, known, self._feed, wait=wait)
